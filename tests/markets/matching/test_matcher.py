"""What the matcher sends, and when."""

import asyncio
import itertools
from pathlib import Path

from channels.layers import InMemoryChannelLayer
from django.conf import settings

from markets.engine import commands as c
from markets.engine.engine import Engine
from markets.matching.matcher import Matcher, utc_us
from markets.matching.quarantine import Quarantine
from proto import exchange_pb2 as pb
from realtime.groups import HUBS
from realtime.messages import (
    CommandMessage,
    DrawMessage,
    RevokedMessage,
    command_message,
    draw_message,
    revoked_message,
)
from tests.markets.requests import request
from tests.patience import STEP_SECONDS_MAX

HUB = "hub"
WAIT_SECONDS = STEP_SECONDS_MAX


class HeldJournal:
    """Its commit ends when the test sets `done`."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.done: asyncio.Future[dict[int, int]] = asyncio.get_running_loop().create_future()

    def commit(self, *batch: object) -> asyncio.Future[dict[int, int]]:
        self.begun.set()
        return self.done


def with_alice() -> Engine:
    engine = Engine()
    engine.apply(c.CreateHouse(0, 0, True, ""), 1)
    engine.apply(c.CreateUserAccount(1, 0, False, "", "Alice", 0), 1)
    engine.take_changed()
    return engine


async def test_a_beat_during_a_commit_shows_nothing_of_the_batch(tmp_path: Path) -> None:
    """Otherwise hubs would believe that they missed it, and once a second ask for every stream that trades."""
    engine = with_alice()
    layer, journal = InMemoryChannelLayer(), HeldJournal()
    await layer.group_add(HUBS, HUB)
    matcher = Matcher(engine, journal, layer, settings.RATES, Quarantine(tmp_path))  # type: ignore[arg-type]
    create = pb.ClientMessage(create_account=pb.CreateAccount(name="Desk"))
    message = command_message(request(create, origin="a", number=1, reply="asker", user=1, received_us=utc_us()))
    async with asyncio.timeout(WAIT_SECONDS):
        batch = asyncio.create_task(matcher.step([message]))
        await journal.begun.wait()
        beating = asyncio.create_task(matcher._publisher.beat())
        beat = await layer.receive(HUB)
        beating.cancel()
        assert (beat["type"], beat["head"], beat["streams"]) == ("beat", 2, {})
        assert (beat["entitlements"], beat["reaches"]) == ([], [])
        journal.done.set_result({})
        await batch
        assert [(await layer.receive(HUB))["type"] for _ in range(3)] == ["control", "private", "control"]
    assert matcher.streams.recent().keys() >= {"public", "account.2"}


async def test_requests_that_rely_on_what_was_before_a_revocation_are_not_carried_out(tmp_path: Path) -> None:
    engine = with_alice()
    layer = InMemoryChannelLayer()
    matcher = Matcher(engine, HeldJournal(), layer, settings.RATES, Quarantine(tmp_path))  # type: ignore[arg-type]
    numbers = itertools.count(1)

    def command(as_of: int | None) -> CommandMessage:
        out = pb.ClientMessage(out=pb.Out())
        number = next(numbers)
        return command_message(
            request(out, origin="a", number=number, reply="asker", user=1, received_us=utc_us()), as_of=as_of
        )

    def read(as_of: int | None) -> DrawMessage:
        number = next(numbers)
        return draw_message(
            origin="a", number=number, reply="asker", user=1, sudo=False, rate_class="read", cost=1, as_of=as_of
        )

    async def answered(message: CommandMessage | DrawMessage | RevokedMessage) -> bool:
        """Whether the answer has a frame."""
        await matcher.offer(message)
        async with asyncio.timeout(WAIT_SECONDS):
            ((_, number, frames, _),) = (await layer.receive("asker"))["items"]
        assert number == message["number"]
        return bool(frames)

    now = matcher._publisher.revocations
    assert await answered(read(None))
    assert await answered(read(now))
    await matcher.offer(command(now))
    assert len(matcher._inbox) == 1
    assert await answered(revoked_message(origin="a", number=next(numbers), reply="asker"))
    assert matcher._publisher.revocations == now + 1
    assert not await answered(read(now))
    assert not await answered(command(now))
    assert len(matcher._inbox) == 1
    await matcher.offer(command(None))
    await matcher.offer(command(now + 1))
    assert len(matcher._inbox) == 3
