"""The whole past of a market, a page at a time: its trades, the changes of its orders, and the positions now.

Plain functions over a connection, for any thread that may wait for the database. They check no rights and mask no ids:
the caller does both (matching/history_requests.py for sockets, rest/ for REST). The caller also leaves out every
client_order_id (rules, section 4, Histories).

A page does not change while trading goes on, because trades and journal entries are only added at the end.
"""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper

from markets.engine.events import Event, OrderCancelled, OrderCreated, Traded
from markets.journal.entries import EVENTS_WITHOUT_MARKET, market_outcomes
from markets.journal.tables import TRADE_COLUMNS, fetch

ROWS_DEFAULT = 1_000  # rows of a page
ROWS_MAX = 10_000  # rows of a page
# Rows or journal entries per query: to decode them holds the interpreter lock for less than a millisecond.
FETCHED_ROWS = 200
# A change's number is seq * this + its place among the changes of the entry. No command makes so many changes.
CHANGES_OF_ENTRY = 1 << 24

R = TypeVar("R")


class Page(NamedTuple, Generic[R]):
    """Rows, each with its number, which is the `after` of the page behind it. `more`: whether rows follow."""

    rows: list[tuple[int, R]]
    more: bool


class MarketEvents(NamedTuple):
    """The events of one accepted command in one market. `at_us` is in UTC microseconds."""

    seq: int
    at_us: int
    events: list[Event]


class Change(NamedTuple):
    """A command changed the size of an order: `open` (1/100) is left, `cause` is the event that says why."""

    seq: int
    at_us: int
    order: int
    open: int
    cause: OrderCreated | Traded | OrderCancelled


class Position(NamedTuple):
    """An account's position in 1/100, negative for a short one. Account 0 stands for all others together."""

    account: int
    position: int


def bound_rows(limit: int) -> int:
    """The largest number of rows of a page for the limit that was asked for; 0 or less asks for the default."""
    return min(limit, ROWS_MAX) if limit > 0 else ROWS_DEFAULT


def read_head(connection: BaseDatabaseWrapper) -> int:
    """The seq of the last journal entry; the tables hold everything up to it."""
    ((seq,),) = fetch(connection, "SELECT coalesce(max(seq), 0) FROM markets_journalentry")
    return int(seq)


def read_trades(connection: BaseDatabaseWrapper, market: int, after: int = 0, limit: int = 0) -> Page[Traded]:
    """The market's trades, oldest first. A trade's number is its id."""
    return _page(((trade.trade, trade) for trade in _trades(connection, market, after)), limit)


def read_orders(connection: BaseDatabaseWrapper, market: int, after: int = 0, limit: int = 0) -> Page[Change]:
    """Every change of every accepted order's size, oldest first.

    An order's first change has its whole size open. Its last one has 0, unless the order still rests.
    """
    return _page(_changes(connection, market, after), limit)


def read_positions(
    connection: BaseDatabaseWrapper, market: int, after: int = 0, limit: int = 0, only: Collection[int] | None = None
) -> Page[Position]:
    """The positions that are not 0, by account id. A row's number is the account id plus 1.

    With `only`: the positions of these accounts, after the sum of all others.
    """
    if only is None:
        held = fetch(
            connection,
            "SELECT account_id, position FROM markets_exposure WHERE market_id = %s AND position <> 0"
            " AND account_id >= %s ORDER BY account_id LIMIT %s",
            market,
            after,
            bound_rows(limit) + 1,
        )
    else:
        held = [row for row in _own_and_others(connection, market, only) if row[0] >= after]
    return _page(((account + 1, Position(account, position)) for account, position in held), limit)


def _own_and_others(connection: BaseDatabaseWrapper, market: int, own: Collection[int]) -> list[tuple[int, int]]:
    """(account id, position) with account 0 for all others. One statement, so that all figures are of one moment."""
    named = ", ".join(["%s"] * (len(own) + 1))
    sums = fetch(
        connection,
        f"SELECT who, CAST(sum(position) AS bigint) FROM (SELECT position, CASE WHEN account_id IN ({named})"  # noqa: S608
        " THEN account_id ELSE 0 END AS who FROM markets_exposure WHERE market_id = %s AND position <> 0) AS held"
        " GROUP BY who",
        0,
        *own,
        market,
    )
    return sorted(({0: 0} | dict(sums)).items())


def read_events(
    connection: BaseDatabaseWrapper, market: int, after: int = 0, limit: int = ROWS_DEFAULT
) -> list[MarketEvents]:
    """The market's events of its next `limit` entries after the seq `after`, oldest first."""
    outcomes = market_outcomes(connection, market, after, limit)
    return [MarketEvents(outcome.seq, outcome.at_us, _of_market(market, outcome.events)) for outcome in outcomes]


def _page(numbered: Iterator[tuple[int, R]], limit: int) -> Page[R]:
    most = bound_rows(limit)
    rows = list(islice(numbered, most + 1))
    return Page(rows[:most], len(rows) > most)


def _trades(connection: BaseDatabaseWrapper, market: int, after: int) -> Iterator[Traded]:
    while found := fetch(
        connection,
        f"SELECT {TRADE_COLUMNS} FROM markets_trade WHERE market_id = %s AND id > %s ORDER BY id LIMIT %s",  # noqa: S608
        market,
        after,
        FETCHED_ROWS,
    ):
        yield from map(Traded._make, found)
        after = found[-1][0]


def _changes(connection: BaseDatabaseWrapper, market: int, after: int) -> Iterator[tuple[int, Change]]:
    seq = after // CHANGES_OF_ENTRY - 1  # begins with the entry of the last change: it may have more of them
    while found := read_events(connection, market, seq, FETCHED_ROWS):
        for entry in found:
            for place, change in enumerate(_changes_of(entry), 1):
                number = entry.seq * CHANGES_OF_ENTRY + place
                if number > after:
                    yield number, change
        seq = found[-1].seq


def _changes_of(entry: MarketEvents) -> Iterator[Change]:
    """OrderCreated is the last event of its command; its change comes first, before the trades of the order."""
    seq, at_us, events = entry
    if events and type(last := events[-1]) is OrderCreated:
        yield Change(seq, at_us, last.order, last.size, last)
    for event in events:
        if type(event) is Traded:
            yield Change(seq, at_us, event.maker_order, event.maker_open, event)
            yield Change(seq, at_us, event.taker_order, event.taker_open, event)
        elif type(event) is OrderCancelled:
            yield Change(seq, at_us, event.order, event.open, event)


def _of_market(market: int, events: list[Event]) -> list[Event]:
    """The events of this market: one command may cancel orders in several markets."""
    return [event for event in events if not isinstance(event, EVENTS_WITHOUT_MARKET) and event.market == market]
