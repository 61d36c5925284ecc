"""The strategies, as the functions they are; then the trader around them, and the house as a process."""

import asyncio
import json
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from exchange_client import Backoff, Exchange, Refused, Request
from exchange_client import exchange_pb2 as pb
from exchange_client.bots import house, trader
from exchange_client.bots.market_maker import LEVELS, MarketMaker
from exchange_client.bots.momentum_trader import SLOW_TRADES, MomentumTrader, trend
from exchange_client.bots.noise_trader import RESTING_MAX, NoiseTrader
from exchange_client.bots.trader import Bot, Trader, on_tick, size_for
from exchange_client.views import MarketView, Portfolio

from tests.client.script import OWN, FakeExchange, Socket, cancelled, order, piece, say, trade

CASH = 100_000 * 10_000


class Desk:
    """One market as a bot sees it, whose wishes all come true and do not trade."""

    def __init__(
        self, *, low: int = 0, high: int = 10_000, tick: int = 10, smallest: int = 100, masked: bool = False
    ) -> None:
        self.view = MarketView(1)
        self.view.market = pb.Market(
            id=1, min_settlement=low, max_settlement=high, tick_size=tick, smallest_size=smallest, status=pb.OPEN
        )
        self.portfolio = Portfolio(OWN)
        self.portfolio.cash = CASH
        self._masked = masked
        self._orders = 100

    def step(self, bot: Bot) -> list[Request[Any]]:
        wishes = bot.step(self.view, self.portfolio)
        for body in (wish.body for wish in wishes):
            if isinstance(body, pb.CancelOrder):
                self._tell(cancelled((body.order_id, 0)))
            elif isinstance(body, pb.CreateOrder) and body.time_in_force == pb.GTC:
                self._orders += 1
                self._tell(pb.OrderCreated(order=order(self._orders, body.side, body.price, body.size, account=OWN)))
        return wishes

    def others(self, number: int, side: pb.Side.ValueType, price: int, size: int = 1000) -> None:
        self.view.apply(pb.OrderCreated(order=order(number, side, price, size)))

    def holds(self, position: int) -> None:
        self.portfolio.apply(pb.PortfolioUpdated(cash=CASH, exposures=[pb.Exposure(market_id=1, position=position)]))

    def prices(self, *prices: int) -> None:
        self.view.apply(pb.Trades(trades=[trade(1, price, 1, 0, 0) for price in prices]))

    def _tell(self, body: pb.OrderCreated | pb.OrdersCancelled) -> None:
        self.portfolio.apply(body)
        if self._masked and isinstance(body, pb.OrderCreated):
            body.order.account_id = 0
        self.view.apply(body)


def placed(wishes: list[Request[Any]]) -> list[pb.CreateOrder]:
    return [wish.body for wish in wishes if isinstance(wish.body, pb.CreateOrder)]


@pytest.mark.parametrize(
    "desk", [Desk(), Desk(low=300, high=1800, tick=1), Desk(low=-2000, high=4000), Desk(low=0, high=100, tick=50)]
)
def test_the_maker_quotes_levels_on_both_sides_of_the_middle_first(desk: Desk) -> None:
    orders = placed(desk.step(MarketMaker(random.Random(1))))
    market = desk.view.market
    middle, width = (market.min_settlement + market.max_settlement) // 2, market.max_settlement - market.min_settlement
    assert all(order.post_only and order.price % market.tick_size == 0 for order in orders)
    assert all(abs(order.price - middle) <= max(width // 20, 3 * market.tick_size) for order in orders)
    bids = {order.price for order in orders if order.side == pb.BID}
    offers = {order.price for order in orders if order.side == pb.OFFER}
    assert max(bids) < min(offers)
    assert 1 <= len(bids) <= LEVELS
    assert 1 <= len(offers) <= LEVELS


def test_the_maker_replaces_only_what_is_wrong_and_cancels_first() -> None:
    desk, bot = Desk(), MarketMaker(random.Random(1))
    assert len(desk.step(bot)) == 2 * LEVELS
    most = 0
    for _ in range(100):
        wishes = desk.step(bot)
        kinds = [type(wish.body) for wish in wishes]
        assert kinds == sorted(kinds, key=lambda kind: kind is pb.CreateOrder)
        assert len(desk.portfolio.orders) == 2 * LEVELS
        most = max(most, len(wishes))
    assert 0 < most <= 8


def test_the_maker_leans_against_its_position_and_stops_at_its_limit() -> None:
    def best_bid(position: int) -> int | None:
        desk = Desk()
        desk.holds(position)
        desk.step(MarketMaker(random.Random(1)))
        return desk.view.book.best_bid.price if desk.view.book.best_bid else None

    flat, long, short, full = best_bid(0), best_bid(4000), best_bid(-4000), best_bid(10**6)
    assert flat is not None
    assert long is not None
    assert short is not None
    assert long < flat < short
    assert full is None


def test_the_maker_never_reaches_what_others_quote() -> None:
    desk = Desk()
    desk.others(1, pb.OFFER, 4800)  # below what it believes
    orders = placed(desk.step(MarketMaker(random.Random(1))))
    assert max(order.price for order in orders if order.side == pb.BID) == 4790


def test_the_maker_follows_what_is_traded() -> None:
    desk, bot = Desk(), MarketMaker(random.Random(1))
    desk.prices(8000)
    desk.portfolio.cash = CASH
    desk.step(bot)
    desk.prices(2000)
    for _ in range(60):
        desk.step(bot)
    best = desk.view.book.best_bid
    assert best is not None
    assert 1500 < best.price < 2500


def test_the_noise_trader_stays_within_the_market_and_its_number_of_orders() -> None:
    desk, bot = Desk(), NoiseTrader(random.Random(1))
    sides = set()
    for _ in range(500):
        for body in placed(desk.step(bot)):
            sides.add(body.side)
            assert 0 <= body.price <= 10_000
            assert body.price % 10 == 0
            assert body.size % 100 == 0
            assert body.size > 0
        assert len(desk.portfolio.orders) <= RESTING_MAX
    assert sides == {pb.BID, pb.OFFER}


@pytest.mark.parametrize("kind", [MarketMaker, NoiseTrader, MomentumTrader])
def test_where_account_ids_are_hidden_they_do_the_same(kind: type[Bot]) -> None:
    """Their own orders they know by id, from their account's stream."""

    def day(*, masked: bool) -> list[tuple[int, int, int]]:
        desk, bot, others = Desk(masked=masked), kind(random.Random(1)), random.Random(2)
        done: list[tuple[int, int, int]] = []
        for number in range(200):
            wishes = desk.step(bot)
            done += [(body.side, body.price, body.size) for body in placed(wishes)]
            done += [(0, wish.body.order_id, 0) for wish in wishes if isinstance(wish.body, pb.CancelOrder)]
            desk.prices(5000 + 10 * number)
            side = others.choice((pb.BID, pb.OFFER))
            desk.others(10_000 + number, side, 5000 + others.randrange(500, 3000) * (1 if side == pb.OFFER else -1))
        return done

    assert day(masked=True) == day(masked=False) != []


def test_the_maker_stands_beside_its_own_quotes_where_ids_are_hidden() -> None:
    """Taken for somebody else's, they would drive it away from itself."""
    desk, bot = Desk(masked=True), MarketMaker(random.Random(1))
    for _ in range(50):
        desk.step(bot)
    bid, offer = desk.view.book.best_bid, desk.view.book.best_offer
    assert bid is not None
    assert offer is not None
    assert offer.price - bid.price == 2 * 50
    assert {resting.account_id for resting in desk.view.book.bids} == {0}


@pytest.mark.parametrize(("position", "side"), [(10**6, pb.OFFER), (-(10**6), pb.BID)])
def test_the_noise_trader_trades_back_what_is_too_much(position: int, side: int) -> None:
    desk, bot = Desk(), NoiseTrader(random.Random(1))
    desk.holds(position)
    assert {body.side for _ in range(50) for body in placed(desk.step(bot))} == {side}


def test_a_trend_needs_trades_and_a_difference() -> None:
    desk = Desk()
    desk.prices(*range(5000, 5000 + 100 * (SLOW_TRADES - 1), 100))
    assert trend(desk.view) == 0
    desk.prices(5000 + 100 * SLOW_TRADES)
    assert trend(desk.view) == 1
    desk.prices(*range(8000, 5000, -100))
    assert trend(desk.view) == -1
    desk.prices(*[5000] * SLOW_TRADES)
    assert trend(desk.view) == 0


def momentum(desk: Desk) -> list[pb.CreateOrder]:
    bot = MomentumTrader(random.Random(1))
    return [body for _ in range(20) for body in placed(desk.step(bot))]


def test_the_momentum_trader_takes_with_the_trend_and_goes_back_to_flat_without() -> None:
    desk = Desk()
    desk.others(1, pb.OFFER, 6000)
    desk.others(2, pb.BID, 4000)
    assert momentum(desk) == []
    desk.prices(*range(5000, 8000, 100))
    assert {(body.side, body.price, body.time_in_force) for body in momentum(desk)} == {(pb.BID, 6000, pb.IOC)}
    desk.holds(100)
    desk.prices(*[5000] * SLOW_TRADES)
    assert {(body.side, body.price, body.size) for body in momentum(desk)} == {(pb.OFFER, 4000, 100)}


def test_the_momentum_trader_buys_nothing_that_nobody_offers() -> None:
    desk = Desk()
    desk.prices(*range(5000, 8000, 100))
    assert momentum(desk) == []


def test_the_same_seed_does_the_same() -> None:
    def day(seed: int) -> list[tuple[int, int, int]]:
        desk, bot = Desk(), NoiseTrader(random.Random(seed))
        return [(body.side, body.price, body.size) for _ in range(50) for body in placed(desk.step(bot))]

    assert day(1) == day(1) != day(2)


def test_prices_go_on_the_tick_within_the_bounds_and_sizes_are_at_least_the_smallest() -> None:
    market = Desk(low=-100, high=200, tick=10, smallest=50).view.market
    assert [on_tick(price, market) for price in (-500, -11, 19, 500)] == [-100, -20, 10, 200]
    assert [size_for(value, 300, market) for value in (0, 300 * 120, 10**6)] == [50, 100, 3300]


# --- The trader


@pytest.fixture
def short_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts below do not answer the last Out."""
    monkeypatch.setattr(trader, "FAREWELL_SECONDS", 0.05)


@asynccontextmanager
async def trading(server: FakeExchange, bot: Bot) -> AsyncIterator[tuple[asyncio.Task[None], Socket]]:
    async def welcome() -> Socket:
        socket = await server.accept()
        await socket.welcome()
        return socket

    opening = asyncio.create_task(welcome())
    backoff = Backoff(first=0.01, most=0.01, attempts=3)
    async with Exchange.connect(server.url, "secret", markets=[1], backoff=backoff) as x:
        task = asyncio.create_task(Trader(x, bot, random.Random(1), interval=0.01).run())
        yield task, await opening
        task.cancel()
        await asyncio.wait([task])


class Wants:
    """A bot that asks for an order at each step, and remembers where."""

    name = "Wants"

    def __init__(self, rng: random.Random) -> None:
        self.markets: list[int] = []

    def step(self, view: MarketView, portfolio: Portfolio) -> list[Request[Any]]:
        self.markets.append(view.id)
        return [Request.of(pb.CreateOrder(market_id=view.id, side=pb.BID, price=1, size=1), pb.OrderCreated)]


@pytest.mark.usefixtures("short_farewell")
async def test_the_trader_takes_open_markets_in_turn_and_new_ones_too(server: FakeExchange) -> None:
    bot = Wants(random.Random(1))
    async with trading(server, bot) as (_, socket):
        await socket.reply(await socket.request(), pb.Refused(code=pb.MARKET_PAUSED))
        closed = pb.MarketUpdated(market=pb.Market(id=2, name="Hail", status=pb.PAUSED))
        opened = pb.MarketUpdated(market=pb.Market(id=3, name="Snow", status=pb.OPEN))
        await socket.send(*piece("market.2", 0, 11, closed), *piece("market.3", 0, 12, opened))
        for _ in range(4):
            await socket.reply(await socket.request(), pb.Refused(code=pb.MARKET_PAUSED))
    assert bot.markets[-4:] in ([1, 3, 1, 3], [3, 1, 3, 1])
    assert 2 not in bot.markets


@pytest.mark.usefixtures("short_farewell")
async def test_the_trader_begins_afresh_when_it_runs_out_of_money(server: FakeExchange) -> None:
    async with trading(server, Wants(random.Random(1))) as (_, socket):
        await socket.reply(await socket.request(), pb.Refused(code=pb.INSUFFICIENT_FUNDS))
        out = await socket.request()
        assert out.out.market_id == 1
        await socket.reply(out, pb.OrdersCancelled())
        assert (await socket.request()).HasField("create_order")


@pytest.mark.usefixtures("short_farewell")
async def test_the_trader_waits_as_long_as_the_exchange_asks(server: FakeExchange) -> None:
    async with trading(server, Wants(random.Random(1))) as (_, socket):
        await socket.reply(await socket.request(), pb.Refused(code=pb.RATE_LIMITED, retry_after_ms=300))
        begun = asyncio.get_running_loop().time()
        await socket.request()
        assert asyncio.get_running_loop().time() - begun >= 0.25


@pytest.mark.usefixtures("short_farewell")
async def test_the_trader_goes_on_after_a_lost_connection(server: FakeExchange) -> None:
    async with trading(server, Wants(random.Random(1))) as (_, socket):
        first = await socket.request()
        socket.cut()
        socket = await server.accept()
        await socket.welcome()
        again = await socket.request()
        assert again == first
        await socket.reply(again, pb.OrderCreated(order=order(5, pb.BID, 1, 1)), seq=9)
        assert (await socket.request()).create_order.client_order_id != first.create_order.client_order_id


async def test_the_trader_takes_back_its_orders_when_it_is_stopped(server: FakeExchange) -> None:
    async with trading(server, Wants(random.Random(1))) as (task, socket):
        await socket.request()
        task.cancel()
        out = await socket.request()
        assert (out.HasField("out"), out.out.market_id) == (True, 0)
        await socket.reply(out, pb.OrdersCancelled())
        await asyncio.wait([task], timeout=1)
        assert task.cancelled()


async def test_the_trader_ends_when_its_token_is_revoked(server: FakeExchange) -> None:
    async with trading(server, Wants(random.Random(1))) as (task, socket):
        await socket.send(say(pb.Refused(code=pb.NOT_AUTHENTICATED, message="You have been signed out.")))
        await socket.close(4001)
        socket = await server.accept()
        await socket.reply(await socket.request(), pb.Refused(code=pb.NOT_AUTHENTICATED, message="unknown token"))
        await asyncio.wait([task], timeout=2)
        assert isinstance(task.exception(), Refused)


# --- The house


async def test_the_house_runs_its_bots_and_ends_cleanly_on_sigterm(server: FakeExchange, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.json"
    tokens.write_text(json.dumps({"maker": "m", "noise": "n", "momentum": "t"}), encoding="utf-8")
    command = [sys.executable, "-m", "exchange_client.bots.house", "--url", server.url, "--tokens-file", str(tokens)]
    process = await asyncio.create_subprocess_exec(*command, "--with-parent")
    sockets = [await server.accept() for _ in range(3)]
    hellos = [await socket.welcome() for socket in sockets]
    assert {hello.token for hello in hellos} == {"m", "n", "t"}
    assert all(hello.subscriptions[0].all_markets for hello in hellos)
    maker = sockets[[hello.token for hello in hellos].index("m")]
    assert {request.create_order.market_id for request in await maker.receive()} == {1}
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await process.wait() == 0


async def test_one_bot_that_cannot_go_on_does_not_stop_the_others_but_the_last_does(
    server: FakeExchange, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.json"
    tokens.write_text(json.dumps({"maker": "m", "noise": "n"}), encoding="utf-8")
    command = [sys.executable, "-m", "exchange_client.bots.house", "--url", server.url, "--tokens-file", str(tokens)]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    first, second = await server.accept(), await server.accept()
    refused = pb.Refused(code=pb.NOT_AUTHENTICATED, message="unknown token")
    await first.reply(await first.request(), refused)
    await second.welcome()
    assert await second.receive()
    await second.close(1011)
    again = await server.accept()
    await again.reply(await again.request(), refused)
    async with asyncio.timeout(10):
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.count(b"unknown token") == 2


@pytest.mark.parametrize("text", ["[]", "{}", '{"maker": 1}', '{"maker": "m", "taker": "t"}', "no json"])
def test_a_file_of_something_else_is_said_to_be_wrong(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = tmp_path / "tokens.json"
    tokens.write_text(text, encoding="utf-8")
    assert house.main(["--url", "ws://127.0.0.1:1/ws", "--tokens-file", str(tokens)]) == house.EXIT_USAGE
    assert str(tokens) in capsys.readouterr().err


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing.json"
    assert house.main(["--url", "ws://127.0.0.1:1/ws", "--tokens-file", str(missing)]) == house.EXIT_USAGE
    assert "No such file" in capsys.readouterr().err
