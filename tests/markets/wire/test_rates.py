"""The token buckets of docs/rules.md, section 9: every class, with sudo and without. The test sets the clock."""

from pathlib import Path
from typing import Any, Literal

import pytest
from django.conf import settings

from markets.engine import commands as c
from markets.engine.engine import Engine
from markets.engine.errors import Reason, Rejected
from markets.matching import sessions
from markets.matching.matcher import Matcher
from markets.matching.quarantine import Quarantine
from markets.wire import rates
from markets.wire.rates import HEAVY_READ_COST, Buckets
from markets.wire.requests import REQUESTS
from proto import exchange_pb2 as pb
from realtime.layers import LocalLayer
from realtime.limits import RateClass
from realtime.messages import (
    SocketSubscriptions,
    charge_message,
    command_message,
    message_layer,
    session_message,
)
from tests.markets.requests import request

SECOND = 1_000_000
BEGIN = 1_700_000_000 * SECOND
MINUTES = 10
ALICE, BOB, OPERATOR = 1, 2, 3

# (class, sudo) -> (tokens a minute, burst), as in the rules
TABLE: dict[tuple[RateClass, bool], tuple[int, int]] = {
    ("expensive", False): (180, 180),
    ("expensive", True): (1_800, 1_800),
    ("mutate", False): (6_000, 1_000),
    ("mutate", True): (60_000, 10_000),
    ("cancel", False): (12_000, 2_000),
    ("cancel", True): (120_000, 20_000),
    ("read", False): (3_000, 500),
    ("read", True): (30_000, 5_000),
}
every_bucket = pytest.mark.parametrize(("rate_class", "sudo"), TABLE)


@pytest.fixture
def buckets() -> Buckets:
    return Buckets(settings.RATES)


def refusal(buckets: Buckets, rate_class: RateClass, sudo: bool, now_us: int, user: int = ALICE, cost: int = 1) -> Any:
    """The refusal, or None if the charge was accepted."""
    try:
        buckets.charge(user, rate_class, sudo, now_us, cost)
    except Rejected as rejected:
        return rejected
    return None


def let_through(buckets: Buckets, rate_class: RateClass, sudo: bool, now_us: int, tries: int, cost: int = 1) -> int:
    return sum(refusal(buckets, rate_class, sudo, now_us, cost=cost) is None for _ in range(tries))


class TestBuckets:
    def test_they_are_those_of_the_rules(self) -> None:
        assert settings.RATE_FACTOR == 1
        configured = {
            (rate_class, mode == "sudo"): (per_second * 60, burst)
            for rate_class, modes in settings.RATES.items()
            for mode, (per_second, burst) in modes.items()
        }
        assert configured == TABLE

    @every_bucket
    def test_the_burst_is_exact(self, buckets: Buckets, rate_class: RateClass, sudo: bool) -> None:
        _, burst = TABLE[rate_class, sudo]
        assert let_through(buckets, rate_class, sudo, BEGIN, burst + 50) == burst

    @every_bucket
    def test_a_bucket_that_was_left_alone_is_full_and_no_fuller(
        self, buckets: Buckets, rate_class: RateClass, sudo: bool
    ) -> None:
        _, burst = TABLE[rate_class, sudo]
        for day in range(1, 4):
            assert let_through(buckets, rate_class, sudo, BEGIN + day * 86_400 * SECOND, burst + 50) == burst

    @every_bucket
    @pytest.mark.parametrize("step_us", [SECOND // 20, SECOND, 7 * SECOND // 3])
    def test_it_refills_as_told(self, buckets: Buckets, rate_class: RateClass, sudo: bool, step_us: int) -> None:
        """Within 2 % over 10 minutes, however often somebody asks."""
        minute, burst = TABLE[rate_class, sudo]
        assert let_through(buckets, rate_class, sudo, BEGIN, burst) == burst
        tries = minute * step_us // (60 * SECOND) + 2  # at each step: more than the bucket can hold
        times = range(BEGIN + step_us, BEGIN + MINUTES * 60 * SECOND + 1, step_us)
        through = sum(let_through(buckets, rate_class, sudo, now_us, tries) for now_us in times)
        assert through == pytest.approx(minute * MINUTES, rel=0.02)

    @every_bucket
    @pytest.mark.parametrize("cost", [1, HEAVY_READ_COST])
    def test_waiting_as_long_as_told_suffices_and_less_does_not(
        self, buckets: Buckets, rate_class: RateClass, sudo: bool, cost: int
    ) -> None:
        now_us = BEGIN
        let_through(buckets, rate_class, sudo, now_us, TABLE[rate_class, sudo][1])
        for _ in range(20):
            refused = refusal(buckets, rate_class, sudo, now_us, cost=cost)
            assert refused is not None
            assert refused.reason == Reason.RATE_LIMITED
            assert refused.retry_after_ms > 0
            assert f"Wait {refused.retry_after_ms} ms." in refused.message
            assert f"at most {TABLE[rate_class, sudo][0]} a minute" in refused.message
            less = now_us + (refused.retry_after_ms - 1) * 1_000 - 1
            assert refusal(buckets, rate_class, sudo, less, cost=cost) is not None
            now_us += refused.retry_after_ms * 1_000
            assert refusal(buckets, rate_class, sudo, now_us, cost=cost) is None
            let_through(buckets, rate_class, sudo, now_us, 2)  # what else the last millisecond may have added

    def test_a_refusal_takes_nothing(self, buckets: Buckets) -> None:
        let_through(buckets, "mutate", False, BEGIN, 1_000)
        first = refusal(buckets, "mutate", False, BEGIN)
        assert {refusal(buckets, "mutate", False, BEGIN).retry_after_ms for _ in range(100)} == {first.retry_after_ms}

    def test_heavy_reads_cost_as_many(self, buckets: Buckets) -> None:
        assert HEAVY_READ_COST == 20
        assert let_through(buckets, "read", False, BEGIN, 100, cost=20) == 500 // 20
        assert let_through(buckets, "read", False, BEGIN + SECOND, 100, cost=20) == 2  # 50 tokens were added
        assert let_through(buckets, "read", False, BEGIN + SECOND, 100) == 10

    def test_each_person_class_and_mode_has_its_own(self, buckets: Buckets) -> None:
        let_through(buckets, "mutate", False, BEGIN, 2_000)
        assert refusal(buckets, "mutate", False, BEGIN) is not None
        assert refusal(buckets, "mutate", True, BEGIN) is None
        assert refusal(buckets, "mutate", False, BEGIN, user=BOB) is None
        others: tuple[RateClass, ...] = ("expensive", "cancel", "read")
        for rate_class in others:
            assert refusal(buckets, rate_class, False, BEGIN) is None

    def test_draining_takes_what_is_there_and_leaves_no_debt(self, buckets: Buckets) -> None:
        buckets.drain(ALICE, "mutate", False, BEGIN, 400)
        assert let_through(buckets, "mutate", False, BEGIN, 1_000) == 600
        buckets.drain(ALICE, "mutate", False, BEGIN, 5_000)
        assert refusal(buckets, "mutate", False, BEGIN).retry_after_ms == 11  # 10 ms are one token
        assert let_through(buckets, "mutate", False, BEGIN + SECOND, 1_000) == 100

    def test_buckets_that_are_full_again_are_forgotten(self, buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rates, "IDLE_BUCKETS_MAX", 10)
        let_through(buckets, "mutate", False, BEGIN, 1_000)
        for user in range(100, 120):
            assert refusal(buckets, "read", False, BEGIN + SECOND, user=user) is None
            buckets.drain(user, "cancel", False, BEGIN + SECOND, 1)
        assert let_through(buckets, "mutate", False, BEGIN + 2 * SECOND, 1_000) == 200  # in use: kept
        for user in range(200, 220):
            assert refusal(buckets, "read", False, BEGIN + 90 * SECOND, user=user) is None
        assert len(buckets._full_at) <= 30


class Desk:
    """A matcher without a journal: refusals need none. The clock stands until the test moves it."""

    def __init__(self, folder: Path) -> None:
        engine = Engine()
        engine.apply(c.CreateHouse(0, 0, True, ""), 1)
        for user, name in ((ALICE, "Alice"), (BOB, "Bob"), (OPERATOR, "Olga")):
            engine.apply(c.CreateUserAccount(user, 0, False, "", name, 0), 1)
        engine.take_changed()
        layer = LocalLayer(capacity=100_000)
        self.layer = message_layer(layer)
        self.now_us = BEGIN
        journal: Any = None
        quarantine = Quarantine(folder)
        self.matcher = Matcher(engine, journal, layer, settings.RATES, quarantine, lambda: self.now_us)
        self._number = 0

    async def ask(
        self,
        user: int,
        *requests: pb.ClientMessage,
        sudo: bool = False,
        kind: Literal["command", "session"] = "command",
    ) -> list[int]:
        """The codes of the answers. No request may change the state, because there is no journal."""
        self._number += 1
        asked = request(
            *requests,
            origin="desk",
            number=self._number,
            reply="desk",
            user=user,
            received_us=self.now_us,
            sudo=sudo,
        )
        nothing: SocketSubscriptions = {"streams": [], "left": [], "all_markets": False, "all_summaries": False}
        await self.matcher.step([command_message(asked) if kind == "command" else session_message(asked, nothing)])
        replies = await self.layer.receive("desk")
        assert replies["type"] == "replies"
        ((_, _, frames, _),) = replies["items"]
        answers = pb.ServerFrame.FromString(b"".join(frames)).messages
        return [answer.refused.code for answer in answers if answer.request_id]

    async def charge(self, user: int, cost: int, sudo: bool = False, rate_class: RateClass = "mutate") -> None:
        await self.matcher.offer(charge_message(user, sudo, rate_class, cost))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def order() -> pb.ClientMessage:
    return pb.ClientMessage(request_id="o", create_order=pb.CreateOrder(market_id=1, side=pb.BID, price=1, size=1))


def cancel() -> pb.ClientMessage:
    return pb.ClientMessage(request_id="c", cancel_order=pb.CancelOrder(order_id=9))


class TestMatcher:
    async def test_an_empty_bucket_of_orders_does_not_stop_cancels(self, desk: Desk) -> None:
        codes = await desk.ask(ALICE, *[order()] * 1_001)
        assert codes == [pb.MARKET_NOT_FOUND] * 1_000 + [pb.RATE_LIMITED]
        codes = await desk.ask(ALICE, order(), *[cancel()] * 2_001)
        assert codes == [pb.RATE_LIMITED] + [pb.ORDER_NOT_FOUND] * 2_000 + [pb.RATE_LIMITED]
        assert await desk.ask(BOB, order(), cancel()) == [pb.MARKET_NOT_FOUND, pb.ORDER_NOT_FOUND]

    async def test_sudo_has_a_bucket_of_its_own(self, desk: Desk) -> None:
        await desk.ask(OPERATOR, *[order()] * 1_001)
        assert await desk.ask(OPERATOR, order()) == [pb.RATE_LIMITED]
        codes = await desk.ask(OPERATOR, *[order()] * 10_001, sudo=True)
        assert codes == [pb.MARKET_NOT_FOUND] * 10_000 + [pb.RATE_LIMITED]

    async def test_subscriptions_to_everything_are_heavy(self, desk: Desk) -> None:
        everything = pb.Subscription(all_markets=True)
        heavy = pb.ClientMessage(request_id="s", subscribe=pb.Subscribe(subscriptions=[everything]))
        light = pb.ClientMessage(request_id="s", act_as=pb.ActAs(account_id=77))
        codes = [(await desk.ask(ALICE, heavy, kind="session"))[0] for _ in range(26)]
        assert codes == [0] * 25 + [pb.RATE_LIMITED]
        resumed = pb.Subscription(market_id=1, from_seq=1)
        resume = pb.ClientMessage(request_id="s", subscribe=pb.Subscribe(subscriptions=[resumed]))
        codes = [(await desk.ask(BOB, resume, kind="session"))[0] for _ in range(24)]
        codes += [(await desk.ask(BOB, light, kind="session"))[0] for _ in range(21)]
        assert codes == [pb.MARKET_NOT_FOUND] * 24 + [pb.ACCOUNT_NOT_FOUND] * 20 + [pb.RATE_LIMITED]

    async def test_what_is_refused_for_a_missing_scope_costs_too(self, desk: Desk) -> None:
        """Session requests are charged before their rights are checked, as commands are."""
        set_sudo = pb.ClientMessage(request_id="s", set_sudo=pb.SetSudo(on=True))
        codes = [(await desk.ask(ALICE, set_sudo, kind="session"))[0] for _ in range(501)]
        assert codes == [pb.NOT_ALLOWED] * 500 + [pb.RATE_LIMITED]

    async def test_all_books_and_resuming_cost_20(self, desk: Desk) -> None:
        """The bucket begins with 500 tokens. A summary is small, so it is not heavy."""
        for cost, subscription in (
            (1, pb.Subscription(market_summary=True)),
            (20, pb.Subscription(all_markets=True)),
            (20, pb.Subscription(market_summary=True, from_seq=1)),
        ):
            before = desk.matcher.rates.left(ALICE, "read", False, desk.now_us).remaining
            ask = pb.ClientMessage(request_id="s", subscribe=pb.Subscribe(subscriptions=[subscription]))
            assert await desk.ask(ALICE, ask, kind="session") == [0]
            assert before - desk.matcher.rates.left(ALICE, "read", False, desk.now_us).remaining == cost, subscription

    async def test_to_sign_in_where_one_left_off_costs_20(self, desk: Desk) -> None:
        for cost, authenticate in ((1, pb.Authenticate()), (20, pb.Authenticate(from_seq=1, epoch=desk.matcher.epoch))):
            before = desk.matcher.rates.left(ALICE, "read", False, desk.now_us).remaining
            assert (
                await desk.ask(ALICE, pb.ClientMessage(request_id="s", authenticate=authenticate), kind="session") != []
            )
            assert before - desk.matcher.rates.left(ALICE, "read", False, desk.now_us).remaining == cost

    async def test_large_snapshots_are_paid_for(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        """They are made each time. Otherwise somebody with many open orders could have them made all day."""
        monkeypatch.setattr(sessions, "SNAPSHOT_BYTES_A_TOKEN", 16)
        await desk.ask(ALICE, pb.ClientMessage(request_id="s", authenticate=pb.Authenticate()), kind="session")
        assert desk.matcher.rates.left(ALICE, "read", False, desk.now_us).remaining < 495

    async def test_what_others_refused_is_charged(self, desk: Desk) -> None:
        await desk.charge(ALICE, 700)
        codes = await desk.ask(ALICE, *[order()] * 301)
        assert codes == [pb.MARKET_NOT_FOUND] * 300 + [pb.RATE_LIMITED]
        await desk.charge(ALICE, 10_000)
        assert await desk.ask(ALICE, order(), cancel()) == [pb.RATE_LIMITED, pb.ORDER_NOT_FOUND]
        desk.now_us += SECOND
        codes = await desk.ask(ALICE, *[order()] * 101)
        assert codes == [pb.MARKET_NOT_FOUND] * 100 + [pb.RATE_LIMITED]

    async def test_a_charge_is_no_part_of_a_batch(self, desk: Desk) -> None:
        await desk.charge(ALICE, 3)
        assert not desk.matcher._inbox
        assert not desk.matcher._wake.is_set()


def test_every_request_of_the_contract_has_a_class() -> None:
    members = {field.name for field in pb.ClientMessage.DESCRIPTOR.oneofs_by_name["message"].fields}
    assert REQUESTS.keys() == members
    assert {name for name, request in REQUESTS.items() if request.rate_class == "expensive"} == {
        "create_market",
        "get_full_trade_history",
        "get_full_order_history",
        "get_market_positions",
        "create_auction",
        "edit_auction",
        "withdraw_auction",
        "buy_auction",
        "settle_auction",
    }
    assert {name for name, request in REQUESTS.items() if request.rate_class == "cancel"} == {"cancel_order", "out"}
