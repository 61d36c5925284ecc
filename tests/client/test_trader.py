"""The trader that runs a strategy, and the house bots as a process."""

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
from exchange_client.bots.trader import Bot, Trader
from exchange_client.views import MarketView, Portfolio

from tests.client.script import FakeExchange, Socket, order, piece, say, snapshot
from tests.patience import STEP_SECONDS_MAX


@pytest.fixture
def short_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens a wait: the scripts below do not answer the last Out."""
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
    """A bot that places an order at each step and remembers the market."""

    name = "Wants"

    def __init__(self, rng: random.Random) -> None:
        self.markets: list[int] = []

    def step(self, view: MarketView, portfolio: Portfolio) -> list[Request[Any]]:
        self.markets.append(view.id)
        return [Request.of(pb.CreateOrder(market_id=view.id, side=pb.BID, price=1, size=1), pb.OrderCreated)]


@pytest.mark.usefixtures("short_farewell")
async def test_the_trader_visits_open_markets_in_turn_including_new_ones(server: FakeExchange) -> None:
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
async def test_the_trader_cancels_its_orders_when_it_runs_out_of_money(server: FakeExchange) -> None:
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


async def test_the_trader_cancels_its_orders_when_it_is_stopped(server: FakeExchange) -> None:
    async with trading(server, Wants(random.Random(1))) as (task, socket):
        await socket.request()
        task.cancel()
        out = await socket.request()
        assert (out.HasField("out"), out.out.market_id) == (True, 0)
        await socket.reply(out, pb.OrdersCancelled())
        await asyncio.wait([task], timeout=STEP_SECONDS_MAX)
        assert task.cancelled()


async def test_the_trader_ends_when_its_token_is_revoked(server: FakeExchange) -> None:
    async with trading(server, Wants(random.Random(1))) as (task, socket):
        await socket.send(say(pb.Refused(code=pb.NOT_AUTHENTICATED, message="You have been signed out.")))
        await socket.close(4001)
        socket = await server.accept()
        await socket.reply(await socket.request(), pb.Refused(code=pb.NOT_AUTHENTICATED, message="unknown token"))
        await asyncio.wait([task], timeout=STEP_SECONDS_MAX)
        assert isinstance(task.exception(), Refused)


@pytest.mark.usefixtures("short_farewell")
async def test_the_trader_skips_markets_that_its_account_may_not_trade_until_that_changes(
    server: FakeExchange,
) -> None:
    """A person may see a market through another of their accounts."""
    bot = Wants(random.Random(1))
    async with trading(server, bot) as (_, socket):
        other = pb.Markets(markets=[pb.Market(id=2, name="Theirs", status=pb.OPEN, restricted=True)])
        await socket.send(*snapshot("market.2", 11, other))
        asked = []
        for _ in range(8):
            request = await socket.request()
            asked.append(request.create_order.market_id)
            barred = request.create_order.market_id == 2
            await socket.reply(request, pb.Refused(code=pb.MARKET_NOT_FOUND if barred else pb.INVALID_PRICE))
        assert asked.count(2) == 1
        listed = pb.MarketUpdated(market=other.markets[0])
        await socket.send(*piece("market.2", 11, 12, listed))
        while (request := await socket.request()).create_order.market_id != 2:
            await socket.reply(request, pb.Refused(code=pb.INVALID_PRICE))


# --- The house


async def test_the_house_runs_its_bots_and_ends_cleanly_on_sigterm(server: FakeExchange, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.json"
    tokens.write_text(json.dumps({"maker": "m", "noise": "n", "momentum": "t"}), encoding="utf-8")
    command = [sys.executable, "-m", "exchange_client.bots.house", "--url", server.url, "--tokens-file", str(tokens)]
    process = await asyncio.create_subprocess_exec(*command, "--with-parent", "--market=1")
    sockets = [await server.accept() for _ in range(3)]
    hellos = [await socket.welcome() for socket in sockets]
    assert {hello.token for hello in hellos} == {"m", "n", "t"}
    assert all(hello.subscriptions[0].all_markets for hello in hellos)
    maker = sockets[[hello.token for hello in hellos].index("m")]
    assert {request.create_order.market_id for request in await maker.receive()} == {1}
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(STEP_SECONDS_MAX):
        assert await process.wait() == 0


async def test_a_failed_bot_does_not_stop_the_others_but_the_last_one_ends_the_house(
    server: FakeExchange, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.json"
    tokens.write_text(json.dumps({"maker": "m", "noise": "n"}), encoding="utf-8")
    command = [sys.executable, "-m", "exchange_client.bots.house", "--url", server.url, "--tokens-file", str(tokens)]
    process = await asyncio.create_subprocess_exec(*command, "--market=1", stderr=asyncio.subprocess.PIPE)
    first, second = await server.accept(), await server.accept()
    refused = pb.Refused(code=pb.NOT_AUTHENTICATED, message="unknown token")
    await first.reply(await first.request(), refused)
    await second.welcome()
    assert await second.receive()
    await second.close(1011)
    again = await server.accept()
    await again.reply(await again.request(), refused)
    async with asyncio.timeout(STEP_SECONDS_MAX):
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.count(b"unknown token") == 2


@pytest.mark.parametrize("text", ["[]", "{}", '{"maker": 1}', '{"maker": "m", "taker": "t"}', "no json"])
def test_a_wrong_file_gives_an_error_message(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokens = tmp_path / "tokens.json"
    tokens.write_text(text, encoding="utf-8")
    assert house.main(["--url", "ws://127.0.0.1:1/ws", "--tokens-file", str(tokens)]) == house.EXIT_USAGE
    assert str(tokens) in capsys.readouterr().err


def test_a_missing_file_gives_an_error_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing.json"
    assert house.main(["--url", "ws://127.0.0.1:1/ws", "--tokens-file", str(missing)]) == house.EXIT_USAGE
    assert "No such file" in capsys.readouterr().err
