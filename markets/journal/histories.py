"""The whole past of a market, a page at a time: its trades, what became of its orders, and who holds what now.

Plain functions over a connection, to be called from any thread that may wait for the database. They know nobody: who
may ask, and whether whose it was is left out, is up to the caller (matching/history_requests.py for sockets, REST). No
client_order_id is told in any of them.

A page is stable while trading goes on: trades and journal entries are only ever added, at the end.
"""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper

from markets.engine.events import Event, OrderCancelled, OrderCreated, Traded
from markets.journal.entries import OF_NO_MARKET, market_outcomes
from markets.journal.tables import TRADE_COLUMNS, fetch

ROWS_DEFAULT = 1_000
ROWS_MAX = 10_000  # of a page
# Rows and journal entries that are fetched at a time: decoding them holds the interpreter lock for under a millisecond.
FETCHED_ROWS = 200
CHANGES_OF_ENTRY = 1 << 24  # more than one command can bring about: a change's number is seq * this + its place

R = TypeVar("R")


class Page(NamedTuple, Generic[R]):
    """Rows, each with its number: `after` for what comes behind it. `more`: there is something."""

    rows: list[tuple[int, R]]
    more: bool


class Happened(NamedTuple):
    """What one accepted command brought about in a market."""

    seq: int
    at_us: int
    events: list[Event]


class Change(NamedTuple):
    """What a command did to the size of an order: `open` is left of it. `cause` is its own event."""

    seq: int
    at_us: int
    order: int
    open: int
    cause: OrderCreated | Traded | OrderCancelled


class Position(NamedTuple):
    """Size 1/100, negative for a short. Account 0: all others together."""

    account: int
    position: int


def rows_of(limit: int) -> int:
    """How many rows a page has at most when so many are asked for."""
    return min(limit, ROWS_MAX) if limit > 0 else ROWS_DEFAULT


def head(connection: BaseDatabaseWrapper) -> int:
    """The seq up to which the tables tell everything."""
    ((seq,),) = fetch(connection, "SELECT coalesce(max(seq), 0) FROM markets_journalentry")
    return int(seq)


def trades(connection: BaseDatabaseWrapper, market: int, after: int = 0, limit: int = 0) -> Page[Traded]:
    """Every trade, oldest first; a trade's number is its id."""
    return _page(((trade.trade, trade) for trade in _trades(connection, market, after)), limit)


def orders(connection: BaseDatabaseWrapper, market: int, after: int = 0, limit: int = 0) -> Page[Change]:
    """Every change of every accepted order's size, in the order in which they happened.

    An order begins with all of it open. It ends with 0, or it still rests.
    """
    return _page(_changes(connection, market, after), limit)


def positions(
    connection: BaseDatabaseWrapper, market: int, after: int = 0, limit: int = 0, only: Collection[int] | None = None
) -> Page[Position]:
    """Who holds something, by account id; an account's number is its id, plus 1.

    `only`: of these accounts, and the others in one sum, which comes first.
    """
    if only is None:
        held = fetch(
            connection,
            "SELECT account_id, position FROM markets_exposure WHERE market_id = %s AND position <> 0"
            " AND account_id >= %s ORDER BY account_id LIMIT %s",
            *(market, after, rows_of(limit) + 1),
        )
    else:
        held = [row for row in _own_and_others(connection, market, only) if row[0] >= after]
    return _page(((account + 1, Position(account, position)) for account, position in held), limit)


def _own_and_others(connection: BaseDatabaseWrapper, market: int, own: Collection[int]) -> list[tuple[int, int]]:
    """In one statement, so that the figures are of one moment."""
    named = ", ".join(["%s"] * (len(own) + 1))
    sums = fetch(
        connection,
        f"SELECT who, CAST(sum(position) AS bigint) FROM (SELECT position, CASE WHEN account_id IN ({named})"  # noqa: S608
        " THEN account_id ELSE 0 END AS who FROM markets_exposure WHERE market_id = %s AND position <> 0) AS held"
        " GROUP BY who",
        *(0, *own, market),
    )
    return sorted(({0: 0} | dict(sums)).items())


def events(connection: BaseDatabaseWrapper, market: int, after: int = 0, limit: int = ROWS_DEFAULT) -> list[Happened]:
    """What the market's next entries of the journal say of it, of those behind the seq `after`."""
    found = market_outcomes(connection, market, after, limit)
    return [Happened(outcome.seq, outcome.at_us, _of_market(market, outcome.events)) for outcome in found]


def _page(numbered: Iterator[tuple[int, R]], limit: int) -> Page[R]:
    most = rows_of(limit)
    rows = list(islice(numbered, most + 1))
    return Page(rows[:most], len(rows) > most)


def _trades(connection: BaseDatabaseWrapper, market: int, after: int) -> Iterator[Traded]:
    while found := fetch(
        connection,
        f"SELECT {TRADE_COLUMNS} FROM markets_trade WHERE market_id = %s AND id > %s ORDER BY id LIMIT %s",  # noqa: S608
        *(market, after, FETCHED_ROWS),
    ):
        yield from map(Traded._make, found)
        after = found[-1][0]


def _changes(connection: BaseDatabaseWrapper, market: int, after: int) -> Iterator[tuple[int, Change]]:
    seq = after // CHANGES_OF_ENTRY - 1  # the last entry may have brought about more than was told
    while found := events(connection, market, seq, FETCHED_ROWS):
        for happened in found:
            for place, change in enumerate(_changes_of(happened), 1):
                number = happened.seq * CHANGES_OF_ENTRY + place
                if number > after:
                    yield number, change
        seq = found[-1].seq


def _changes_of(happened: Happened) -> Iterator[Change]:
    """The event of an order that came in is the last of its command; here it comes first, before what it met."""
    seq, at_us, told = happened
    if told and type(last := told[-1]) is OrderCreated:
        yield Change(seq, at_us, last.order, last.size, last)
    for event in told:
        if type(event) is Traded:
            yield Change(seq, at_us, event.maker_order, event.maker_open, event)
            yield Change(seq, at_us, event.taker_order, event.taker_open, event)
        elif type(event) is OrderCancelled:
            yield Change(seq, at_us, event.order, event.open, event)


def _of_market(market: int, told: list[Event]) -> list[Event]:
    """One command may cancel orders in several."""
    return [event for event in told if not isinstance(event, OF_NO_MARKET) and event.market == market]
