"""Histories through the matcher. It decides who may have one when it is requested, and again when it is sent."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import pytest
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from markets.engine import commands as c
from markets.matching import history_requests
from markets.matching.history_requests import Visibility
from markets.matching.matcher import Matcher, utc_us
from markets.matching.quarantine import Quarantine
from proto import exchange_pb2 as pb
from realtime.layers import LocalLayer
from realtime.limits import BUSY_RETRY_MS
from realtime.messages import SocketControl, command_message, history_message, message_layer
from realtime.rights import Rights, Scope
from tests.markets.keeping import commit_history, open_journal
from tests.markets.requests import request
from tests.patience import STEP_SECONDS_MAX
from tests.scenario import OPERATOR, Scenario

WAIT_SECONDS = STEP_SECONDS_MAX
HOLD_SECONDS_MAX = 0.010  # of the event loop, or
HOLD_SHARE_MAX = 0.1  # of the reading, where the machine is slow or other programs run
ORDERS = 3_000

Kind = Literal["command", "history"]


class Desk:
    """A matcher on a journal of its own, and the hub that sends it requests and gets the answers."""

    def __init__(self, matcher: Matcher, layer: LocalLayer, day: Scenario) -> None:
        self.matcher = matcher
        self.layer = message_layer(layer)
        self.day = day
        self._number = 0
        self._answers: list[tuple[pb.ServerMessage, SocketControl | None]] = []

    async def ask(self, who: str, kind: Kind = "history", sudo: bool = False, **more: Any) -> int:
        """Sends a request. Returns its number, which is its request_id too."""
        rights = more.pop("rights", Rights())
        self._number += 1
        asked = request(
            pb.ClientMessage(request_id=str(self._number), **more),
            origin=who,
            number=self._number,
            reply="hub",
            user=self.day.users[who],
            received_us=utc_us(),
            sudo=sudo,
            rights=rights,
        )
        await self.matcher.offer(command_message(asked) if kind == "command" else history_message(asked))
        return self._number

    async def answer(self) -> tuple[pb.ServerMessage, SocketControl | None]:
        """The next answer, and its control part for the hub."""
        while not self._answers:
            async with asyncio.timeout(WAIT_SECONDS):
                replies = await self.layer.receive("hub")
            assert replies["type"] == "replies"
            for _, _, frames, control in replies["items"]:
                (message,) = pb.ServerFrame.FromString(b"".join(frames)).messages
                self._answers.append((message, control))
        return self._answers.pop(0)

    async def trades(self, who: str, **more: Any) -> tuple[pb.ServerMessage, SocketControl | None]:
        await self.ask(who, get_full_trade_history=pb.GetFullTradeHistory(market_id=1), **more)
        return await self.answer()


@pytest.fixture
def day() -> Scenario:
    """Alice has bought from Bob in GOLD."""
    scenario = Scenario(compare=False)
    scenario.people("alice", "bob", cash=1_000)
    scenario.market("GOLD", 0, 100, owner="alice")
    scenario.sell("bob", "GOLD", 50, size=3)
    scenario.buy("alice", "GOLD", 50)
    return scenario


@asynccontextmanager
async def at_work(day: Scenario, folder: Path) -> AsyncIterator[Desk]:
    commit_history(day.history, batch=500)
    layer = LocalLayer(capacity=1_000)
    with open_journal() as (journal, engine):
        matcher = Matcher(engine, journal, layer, settings.RATES, Quarantine(folder))
        running = asyncio.create_task(matcher.run())
        try:
            yield Desk(matcher, layer, day)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


class Held:
    """Holds finished readings back until the test releases them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self._go = threading.Semaphore(0)
        self._read = history_requests.read
        monkeypatch.setattr(history_requests, "read", self)

    def __call__(self, connection: BaseDatabaseWrapper, request: pb.ClientMessage, visibility: Visibility) -> bytes:
        frame = self._read(connection, request, visibility)
        self.begun += 1
        assert self._go.acquire(timeout=WAIT_SECONDS)
        return frame

    def let_go(self, readings: int = 1) -> None:
        self._go.release(readings)

    async def until_begun(self, readings: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while self.begun < readings:  # noqa: ASYNC110 - on another thread
                await asyncio.sleep(0.002)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


async def edit(desk: Desk, **changes: Any) -> None:
    number = await desk.ask(OPERATOR, "command", True, edit_market=pb.EditMarket(market_id=1, **changes))
    message, _ = await desk.answer()
    assert (message.request_id, message.WhichOneof("message")) == (str(number), "market_updated")


async def test_commands_that_come_later_are_answered_before_it(
    day: Scenario, database: str, tmp_path: Path, held: Held
) -> None:
    async with at_work(day, tmp_path) as desk:
        first = await desk.ask("alice", get_full_trade_history=pb.GetFullTradeHistory(market_id=1))
        await held.until_begun(1)
        await edit(desk, description="Shiny.")
        held.let_go()
        message, control = await desk.answer()
        assert (message.request_id, control) == (str(first), {})
        assert [trade.buyer_id for trade in message.trade_history.trades] == [day.ids["alice"]]
        assert message.seq == day.engine.seq  # the journal's head when the reading began


async def test_what_is_masked_meanwhile_is_read_again(day: Scenario, sqlite: str, tmp_path: Path, held: Held) -> None:
    async with at_work(day, tmp_path) as desk:
        await desk.ask("alice", get_full_trade_history=pb.GetFullTradeHistory(market_id=1))
        await held.until_begun(1)
        await edit(desk, hide_account_ids=True)
        held.let_go(2)
        message, _ = await desk.answer()
        assert [(trade.buyer_id, trade.seller_id) for trade in message.trade_history.trades] == [(0, 0)]
        assert held.begun == 2


@pytest.mark.parametrize("who", ["alice", "bob"])
async def test_what_is_hidden_meanwhile_is_not_sent(
    day: Scenario, sqlite: str, tmp_path: Path, held: Held, who: str
) -> None:
    """Alice owns the market and Bob has traded there, so both still know it. They no longer see its history."""
    async with at_work(day, tmp_path) as desk:
        await desk.ask(who, get_full_trade_history=pb.GetFullTradeHistory(market_id=1))
        await held.until_begun(1)
        await edit(desk, visible_to=pb.AccountIds(ids=[day.ids[OPERATOR]]))
        held.let_go()
        message, control = await desk.answer()
        assert (message.refused.code, message.refused.message) == (pb.MARKET_NOT_FOUND, "There is no market 1.")
        assert control is None
        assert (await desk.trades(who))[0].refused == message.refused
        held.let_go()
        assert (await desk.trades(OPERATOR, sudo=True))[0].trade_history.trades
        held.let_go()
        assert (await desk.trades(OPERATOR))[0].trade_history.trades  # the list names them


async def test_own_positions_are_shown_apart(day: Scenario, sqlite: str, tmp_path: Path, held: Held) -> None:
    """Own are the accounts that one may act as when the answer is sent; for a bound token, only its account."""
    day.do(c.EditMarket(*day.head(OPERATOR, "", ""), 1, None, None, hide_account_ids=True))
    day.out("bob")
    day.alt("bob", "Desk")
    day.pay("bob", "Desk", 100)
    day.sell("Desk", "GOLD", 60)
    day.buy("alice", "GOLD", 60)
    async with at_work(day, tmp_path) as desk:

        def rows(message: pb.ServerMessage) -> list[tuple[int, int]]:
            return [(row.account_id, row.position) for row in message.market_positions.positions]

        await desk.ask("bob", get_market_positions=pb.GetMarketPositions(market_id=1))
        await held.until_begun(1)
        await desk.ask("bob", "command", create_account=pb.CreateAccount(name="Second desk"))
        assert (await desk.answer())[0].HasField("account_created")
        held.let_go(2)
        assert rows((await desk.answer())[0]) == [(0, 200), (day.ids["bob"], -100), (day.ids["Desk"], -100)]
        assert held.begun == 2
        bound = Rights(bound=day.ids["Desk"])
        await desk.ask("bob", rights=bound, get_market_positions=pb.GetMarketPositions(market_id=1))
        held.let_go()
        assert rows((await desk.answer())[0]) == [(0, 100), (day.ids["Desk"], -100)]


async def test_sudo_that_ended_meanwhile_is_for_the_hub_to_see(day: Scenario, sqlite: str, tmp_path: Path) -> None:
    async with at_work(day, tmp_path) as desk:
        message, control = await desk.trades(OPERATOR, sudo=True)
        assert len(message.trade_history.trades) == 1
        assert control is not None
        (instead,) = pb.ServerFrame.FromString(b"".join(control["unless_sudo"])).messages
        assert (instead.request_id, instead.refused.code) == (message.request_id, pb.SUDO_REQUIRED)


async def test_who_may_not_read_is_refused(day: Scenario, sqlite: str, tmp_path: Path) -> None:
    async with at_work(day, tmp_path) as desk:
        message, _ = await desk.trades("alice", rights=Rights(scopes=int(Scope.TRADE)))
        assert (message.refused.code, "'read'" in message.refused.message) == (pb.NOT_ALLOWED, True)
        message, _ = await desk.trades("alice", rights=Rights(bound=day.ids["alice"]))
        assert message.HasField("trade_history")
        await desk.ask("alice", get_market_positions=pb.GetMarketPositions(market_id=2))
        assert (await desk.answer())[0].refused.code == pb.MARKET_NOT_FOUND


async def test_it_is_expensive(day: Scenario, sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_work(day, tmp_path) as desk:
        now_us = utc_us()
        monkeypatch.setattr(desk.matcher, "clock", lambda: now_us)  # nothing is refilled
        burst = settings.RATES["expensive"]["user"][1]
        for _ in range(burst):
            assert (await desk.trades("alice"))[0].HasField("trade_history")
        assert (await desk.trades("alice"))[0].refused.code == pb.RATE_LIMITED
        assert (await desk.trades("bob"))[0].HasField("trade_history")


async def test_only_so_many_wait(day: Scenario, sqlite: str, tmp_path: Path, held: Held) -> None:
    async with at_work(day, tmp_path) as desk:
        for _ in range(history_requests.WAITING_OF_PERSON_MAX + 1):
            await desk.ask("alice", get_full_trade_history=pb.GetFullTradeHistory(market_id=1))
        message, _ = await desk.answer()
        assert (message.refused.code, message.refused.retry_after_ms) == (pb.BUSY, BUSY_RETRY_MS)
        await desk.ask("bob", get_full_trade_history=pb.GetFullTradeHistory(market_id=1))
        held.let_go(history_requests.WAITING_OF_PERSON_MAX + 1)
        for _ in range(history_requests.WAITING_OF_PERSON_MAX + 1):
            assert (await desk.answer())[0].HasField("trade_history")
        held.let_go()
        assert (await desk.trades("alice"))[0].HasField("trade_history")
        assert desk.matcher.history_requests.waiting == 0


async def test_nor_more_of_all_together(
    day: Scenario, sqlite: str, tmp_path: Path, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_requests, "WAITING_MAX", 1)
    async with at_work(day, tmp_path) as desk:
        await desk.ask("alice", get_full_trade_history=pb.GetFullTradeHistory(market_id=1))
        assert (await desk.trades("bob"))[0].refused.code == pb.BUSY
        held.let_go()
        assert (await desk.answer())[0].HasField("trade_history")


async def test_a_reading_that_fails_is_answered_and_the_next_one_works(
    day: Scenario, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_work(day, tmp_path) as desk:

        def broken(connection: BaseDatabaseWrapper, *rest: object) -> bytes:
            with connection.cursor() as cursor:
                cursor.execute("SELECT nothing FROM nowhere")
            return b""

        with monkeypatch.context() as patch:
            patch.setattr(history_requests, "read", broken)
            assert (await desk.trades("alice"))[0].refused.code == pb.INTERNAL
        assert (await desk.trades("alice"))[0].HasField("trade_history")


async def test_who_resumes_does_not_wait_for_it(day: Scenario, sqlite: str, tmp_path: Path, held: Held) -> None:
    async with at_work(day, tmp_path) as desk:
        await desk.ask("alice", get_full_order_history=pb.GetFullOrderHistory(market_id=1))
        await held.until_begun(1)
        outcomes = await asyncio.wait_for(desk.matcher.journal.market_outcomes(1, 0, 100), WAIT_SECONDS)
        assert outcomes is not None
        assert len(outcomes) == 3
        held.let_go()
        await desk.answer()


async def test_the_end_waits_for_what_was_taken(day: Scenario, sqlite: str, tmp_path: Path, held: Held) -> None:
    async with at_work(day, tmp_path) as desk:
        await desk.ask("alice", get_full_trade_history=pb.GetFullTradeHistory(market_id=1))
        await held.until_begun(1)
        draining = asyncio.create_task(desk.matcher.drain())
        await asyncio.sleep(0.05)
        assert not draining.done()
        held.let_go()
        await asyncio.wait_for(draining, WAIT_SECONDS)
        assert (await desk.answer())[0].HasField("trade_history")


@pytest.mark.parametrize("kind", list(history_requests.KINDS))
async def test_the_loop_turns_while_a_long_page_is_read(kind: str, database: str) -> None:
    """Reads the longest page. On the loop it would hold the loop once, for as long as the reading takes."""
    day = Scenario(compare=False)
    day.people("alice", "bob", cash=1_000_000)
    day.market("GOLD", 0, 100)
    for _ in range(ORDERS // 2):
        day.sell("bob", "GOLD", 50, size="0.01")
        day.buy("alice", "GOLD", 50, size="0.01")
    commit_history(day.history, batch=500)
    message = pb.ClientMessage()
    body = getattr(message, kind)
    body.market_id, body.limit = 1, 10_000
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)  # as in markets/matching/process.py
    try:
        with open_journal() as (journal, _):
            turns = await turns_during(lambda: journal.history(history_requests.read, message, Visibility(False, ())))
    finally:
        sys.setswitchinterval(before)
    longest = turns[int(len(turns) * 0.95)]  # in the others, another process may have run
    assert longest < max(HOLD_SECONDS_MAX, HOLD_SHARE_MAX * sum(turns))


async def turns_during(begin: Callable[[], asyncio.Future[bytes]]) -> list[float]:
    """The seconds that each turn of the loop took until the future was done, shortest first."""
    turns = []
    future, last = begin(), time.perf_counter()
    while not future.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        turns.append(now - last)
        last = now
    assert future.result()
    return sorted(turns)
