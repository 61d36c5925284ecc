"""What the matcher sends, and when."""

import asyncio
from pathlib import Path

from channels.layers import InMemoryChannelLayer
from django.conf import settings

from markets.engine import commands as c
from markets.engine.engine import Engine
from markets.matching.matcher import Matcher, utc_us
from markets.matching.quarantine import Quarantine
from proto import exchange_pb2 as pb
from realtime.groups import HUBS
from realtime.messages import command_message
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


async def test_a_beat_during_a_commit_shows_nothing_of_the_batch(tmp_path: Path) -> None:
    """Otherwise hubs would believe that they missed it, and once a second ask for every stream that trades."""
    engine = Engine()
    engine.apply(c.CreateHouse(0, 0, True, ""), 1)
    engine.apply(c.CreateUserAccount(1, 0, False, "", "Alice", 0), 1)
    engine.take_changed()
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
