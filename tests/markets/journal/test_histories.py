"""A market's histories, compared with what an observer saw on the day: page by page, with and without masks."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from markets.engine import commands as c
from markets.engine.commands import Side
from markets.engine.engine import Engine
from markets.engine.events import OrderCancelled, OrderCreated, Traded
from markets.journal import histories
from markets.journal.histories import Change, MarketEvents, Page, Position
from markets.matching import history_requests
from markets.matching.history_requests import KINDS, Visibility
from proto import exchange_pb2 as pb
from realtime.limits import SERVER_FRAME_BYTES_MAX
from tests.markets.keeping import History, RandomDay, apply_all, commit_history, open_journal, random_history
from tests.scenario import Scenario, price

LENGTH = 600
Read = Callable[..., Page[Any]]


def read_all(read: Read, market: int, limit: int, **more: Any) -> list[Any]:
    """The rows of all pages, each of at most `limit` rows."""
    rows: list[Any] = []
    after = 0
    while True:
        page = read(connection, market, after, limit, **more)
        assert len(page.rows) <= limit
        assert len(page.rows) == limit or not page.more
        numbers = [number for number, _ in page.rows]
        assert numbers == sorted(set(numbers))
        assert not numbers or numbers[0] > after
        rows += [row for _, row in page.rows]
        if not page.more:
            return rows
        after = numbers[-1]


class Watched:
    """A day as an observer saw it: every trade, and the books after every command."""

    def __init__(self, history: History) -> None:
        self.engine = Engine()
        self.trades: dict[int, list[Traded]] = {}
        self.books: list[dict[int, dict[int, int]]] = []  # after each command: market -> order id -> open
        self.orders: dict[int, list[int]] = {}  # market -> ids of accepted orders
        for command, at_us in history:
            first = self.engine.next_order
            for event in self.engine.apply(command, at_us):
                if isinstance(event, Traded):
                    self.trades.setdefault(event.market, []).append(event)
            if isinstance(command, c.CreateOrder):
                self.orders.setdefault(command.market, []).append(first)
            self.books.append({id: self.book(id) for id in self.engine.markets})

    def book(self, market: int) -> dict[int, int]:
        sides = (self.engine.markets[market].bids, self.engine.markets[market].offers)
        return {order.id: order.open for side in sides for order in side}

    def holders(self, market: int) -> dict[int, int]:
        accounts = self.engine.accounts.values()
        held = {a.id: a.exposures[market].position for a in accounts if market in a.exposures}
        return {id: position for id, position in held.items() if position}


class BusyDay(RandomDay):
    """A random day on which markets stay open."""

    def _other(self) -> c.Command:
        return self._order()


@pytest.fixture
def watched(database: str) -> Watched:
    history = random_history(seed=3, length=LENGTH, markets=4)
    commit_history(history)
    return Watched(history)


def test_trades_are_all_there_oldest_first(watched: Watched) -> None:
    assert sum(map(len, watched.trades.values())) > 50
    for market in watched.engine.markets:
        for limit in (1, 7, 1_000):
            assert read_all(histories.read_trades, market, limit) == watched.trades.get(market, [])


def test_order_changes_lead_to_what_was_open_after_every_command(watched: Watched) -> None:
    for market in watched.engine.markets:
        changes: list[Change] = read_all(histories.read_orders, market, 50)
        assert [one.order for one in changes if isinstance(one.cause, OrderCreated)] == watched.orders.get(market, [])
        waiting = iter(changes)
        change = next(waiting, None)
        book: dict[int, int] = {}
        for seq, books in enumerate(watched.books, 1):
            while change is not None and change.seq == seq:
                book[change.order] = change.open
                change = next(waiting, None)
            assert {order: open for order, open in book.items() if open} == books.get(market, {})
        assert change is None


def test_every_step_of_an_order_is_accounted_for(watched: Watched) -> None:
    """An order starts with its size; each change is a trade's size or what was cancelled."""
    seen: Counter[str] = Counter()
    for market in watched.engine.markets:
        open: dict[int, int] = {}
        sides: Counter[int] = Counter()
        for change in read_all(histories.read_orders, market, 1_000):
            cause = change.cause
            seen[type(cause).__name__] += 1
            if isinstance(cause, OrderCreated):
                assert change.open == cause.size
            else:
                assert open[change.order] - change.open == cause.size > 0
                sides[cause.trade if isinstance(cause, Traded) else 0] += 1
            open[change.order] = change.open
        del sides[0]
        assert sides == dict.fromkeys((trade.trade for trade in watched.trades.get(market, [])), 2)
    assert min(seen.values()) > 50, seen
    assert len(seen) == 3


def test_one_command_may_be_cut_in_two(sqlite: str) -> None:
    day = Scenario(compare=False)
    day.people("alice", "bob", cash=1_000)
    day.market("GOLD", 0, 100)
    for at in (48, 49, 50):
        day.sell("bob", "GOLD", at)
    day.buy("alice", "GOLD", 50, size=4)
    commit_history(day.history)
    in_one, in_many = read_all(histories.read_orders, 1, 100), read_all(histories.read_orders, 1, 1)
    assert in_one == in_many
    taker = day.last_order
    assert [one.open for one in in_one if one.order == taker] == [price(4), price(3), price(2), price(1)]
    assert len({one.seq for one in in_one[-7:]}) == 1


def test_each_market_shows_only_its_own_part_of_an_out_everywhere(sqlite: str) -> None:
    day = Scenario(compare=False)
    day.people("alice", cash=1_000)
    for market in ("GOLD", "TIN"):
        day.market(market, 0, 100)
        day.buy("alice", market, 10)
    day.out("alice")
    commit_history(day.history)
    for id in (1, 2):  # the id of each market, and of the order in it
        last = read_all(histories.read_orders, id, 100)[-1]
        assert (last.order, last.open, type(last.cause)) == (id, 0, OrderCancelled)
        assert len(histories.read_events(connection, id, day.engine.seq - 1)[0].events) == 1


def test_positions_of_all_and_of_some(watched: Watched) -> None:
    some = [1, 2, 3, 5, 77]
    for market in watched.engine.markets:
        held = watched.holders(market)
        assert dict(read_all(histories.read_positions, market, 1)) == held
        assert [row.account for row in read_all(histories.read_positions, market, 2)] == sorted(held)
        for limit in (1, 2, 100):
            masked = read_all(histories.read_positions, market, limit, only=some)
            assert masked[0] == Position(0, -sum(held.get(id, 0) for id in some))
            assert dict(masked[1:]) == {id: position for id, position in held.items() if id in some}
    assert any(watched.holders(market) for market in watched.engine.markets)


def test_events_are_the_journals_of_that_market(watched: Watched) -> None:
    for market in watched.engine.markets:
        all_of_it = histories.read_events(connection, market, limit=LENGTH)
        assert [one.seq for one in all_of_it] == sorted({one.seq for one in all_of_it})
        assert {event.market for one in all_of_it for event in one.events} == {market}  # type: ignore[union-attr]
        middle = all_of_it[len(all_of_it) // 2].seq
        assert (
            histories.read_events(connection, market, middle, 5) == [one for one in all_of_it if one.seq > middle][:5]
        )


def test_a_market_without_a_past(sqlite: str) -> None:
    commit_history([(c.CreateHouse(0, 0, True, ""), 1)])
    for read in (histories.read_trades, histories.read_orders, histories.read_positions):
        assert read(connection, 1) == Page([], False)
    assert histories.read_positions(connection, 1, only=[2]) == Page([(1, Position(0, 0))], False)
    assert histories.read_events(connection, 1) == []
    assert histories.read_head(connection) == 1


def test_pages_stay_as_they_were_while_trading_goes_on(database: str) -> None:
    day = BusyDay(72, people=4, markets=1)
    with open_journal() as (journal, engine):

        def trade(commands: int) -> None:
            outcomes = apply_all(engine, [day.next() for _ in range(commands)])
            journal.commit_and_wait(engine, outcomes, engine.take_changed())

        def reading(read: Read) -> Iterator[list[Any]]:
            after, more = 0, True
            while more:
                page = read(connection, 1, after, 3)
                after, more = page.rows[-1][0], page.more
                yield [row for _, row in page.rows]

        trade(150)
        readings = {read: reading(read) for read in (histories.read_trades, histories.read_orders)}
        seen: dict[Read, list[Any]] = {read: [] for read in readings}
        for _ in range(8):
            for read, pages in readings.items():
                seen[read] += next(pages, [])
            trade(10)
        for read, pages in readings.items():
            for rows in pages:
                seen[read] += rows
            assert seen[read] == read_all(read, 1, 1_000)
        assert len(seen[histories.read_trades]) > 40


class TestFrames:
    """The encoded answers, as they leave the thread of histories."""

    @staticmethod
    def ask(kind: str, visibility: Visibility, after: int = 0, limit: int = 0) -> Any:
        bodies = {
            "get_full_trade_history": pb.GetFullTradeHistory,
            "get_full_order_history": pb.GetFullOrderHistory,
            "get_market_positions": pb.GetMarketPositions,
        }
        body = {kind: bodies[kind](market_id=1, after=after, limit=limit)}
        request = pb.ClientMessage(request_id="r", **body)  # type: ignore[arg-type]
        frame = history_requests.read(connection, request, visibility)
        assert len(frame) <= SERVER_FRAME_BYTES_MAX
        (message,) = pb.ServerFrame.FromString(frame).messages
        assert (message.request_id, message.seq) == ("r", histories.read_head(connection))
        page = getattr(message, KINDS[kind][0])
        assert page.market_id == 1
        return page

    def test_the_same_as_the_rows(self, watched: Watched) -> None:
        trades = self.ask("get_full_trade_history", Visibility(False, ())).trades
        assert [(t.id, t.buyer_id, t.seller_id, t.price, t.size, t.maker_open) for t in trades] == [
            (t.trade, t.buyer, t.seller, t.price, t.size, t.maker_open) for t in watched.trades[1]
        ]
        changes = self.ask("get_full_order_history", Visibility(False, ())).changes
        rows = read_all(histories.read_orders, 1, 1_000)
        assert [(one.seq, one.at_us, one.order_id, one.open) for one in changes] == [row[:4] for row in rows]
        for one, row in zip(changes, rows):
            match row.cause:
                case OrderCreated() as e:
                    assert (one.created.account_id, one.created.size, one.created.open) == (e.account, e.size, e.size)
                    assert (one.created.filled, one.created.price, one.created.side) == (0, e.price, e.side)
                case Traded() as e:
                    assert one.trade_id == e.trade
                case OrderCancelled() as e:
                    assert one.cancelled == e.cause

    def test_client_order_ids_are_left_out(self, watched: Watched) -> None:
        changes = self.ask("get_full_order_history", Visibility(False, ())).changes
        keyed = [row.cause for row in read_all(histories.read_orders, 1, 1_000) if isinstance(row.cause, OrderCreated)]
        assert any(cause.client_order_id for cause in keyed)
        assert not any(change.created.client_order_id for change in changes)

    def test_masked(self, watched: Watched) -> None:
        visibility = Visibility(True, (3, 4))
        trades = self.ask("get_full_trade_history", visibility).trades
        assert len(trades) == len(watched.trades[1])
        assert {(trade.buyer_id, trade.seller_id) for trade in trades} == {(0, 0)}
        changes = self.ask("get_full_order_history", visibility).changes
        assert {change.created.account_id for change in changes} == {0}
        held = watched.holders(1)
        rows = [(row.account_id, row.position) for row in self.ask("get_market_positions", visibility).positions]
        own = [(id, held[id]) for id in (3, 4) if id in held]
        assert rows == [(0, -sum(position for _, position in own)), *own]

    @pytest.mark.parametrize("kind", KINDS)
    def test_pages(self, watched: Watched, kind: str) -> None:
        visibility = Visibility(False, ())
        everything = getattr(self.ask(kind, visibility, limit=10_000), KINDS[kind][1])
        rows: list[Any] = []
        after, more = 0, True
        while more:
            page = self.ask(kind, visibility, after, 3)
            rows += getattr(page, KINDS[kind][1])
            after, more = page.next, page.more
        assert rows == list(everything)

    def test_a_frame_is_full_before_the_page_is(self, sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(history_requests, "PAGE_BYTES_MAX", 20_000)
        day = Scenario(compare=False)
        day.people("alice", "bob", cash=1_000_000)
        day.market("GOLD", 0, 100)
        for _ in range(1_000):
            day.sell("bob", "GOLD", 50, size="0.01")
            day.buy("alice", "GOLD", 50, size="0.01")
        commit_history(day.history, batch=500)
        for kind, count in (("get_full_trade_history", 1_000), ("get_full_order_history", 4_000)):
            ids: list[int] = []
            after, more, pages = 0, True, 0
            while more:
                page = self.ask(kind, Visibility(False, ()), after, 10_000)
                assert page.ByteSize() < 21_000
                ids += [getattr(row, "id", 0) or row.order_id for row in getattr(page, KINDS[kind][1])]
                after, more, pages = page.next, page.more, pages + 1
            assert len(ids) == count
            assert 1 < pages < 10, kind

    def test_after_and_limit_may_be_anything(self, watched: Watched) -> None:
        for kind in KINDS:
            for after in (-1, -(2**63), 2**63 - 1):
                page = self.ask(kind, Visibility(False, ()), after, 2**32 - 1)
                assert bool(getattr(page, KINDS[kind][1])) == (after < 0)


def test_a_history_says_which_side(sqlite: str) -> None:
    day = Scenario(compare=False)
    day.people("alice", "bob", cash=1_000)
    day.market("GOLD", 0, 100)
    day.sell("bob", "GOLD", 50, size=2)
    day.buy("alice", "GOLD", 60)
    commit_history(day.history)
    ((_, trade),) = histories.read_trades(connection, 1).rows
    assert (trade.price, trade.taker_side, trade.maker_open) == (price(50), Side.BID, price(1))
    first: MarketEvents = histories.read_events(connection, 1)[0]
    assert first.seq == 5
