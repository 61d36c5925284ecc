"""A background task that fails ends its process, so that the supervisor starts it again."""

import asyncio
import subprocess
from collections.abc import Callable

import pytest

from tests.live.exchange import LiveExchange, SplitExchange
from tests.live.raw_socket import signed_in
from tests.patience import STEP_SECONDS_MAX

END_SECONDS = STEP_SECONDS_MAX
FAULTY = "tests.live.settings.planted_fault"
OF_MATCHER = ("beat", "batches", "worker", "consumer")
OF_HUB = ("receive", "membership", "tick", "revoked")


async def ends(live: LiveExchange, process: "subprocess.Popen[str]") -> None:
    """The process runs, and ends when the fault comes."""
    assert process.poll() is None
    async with signed_in(live.ws_url, live.token("alice")):
        pass  # the consumer starts at the first message
    await asyncio.to_thread((live.folder / "fault").touch)
    assert await asyncio.to_thread(process.wait, END_SECONDS) == 1
    assert "PlantedFaultError" in live.log.read_text()
    assert not await asyncio.to_thread((live.folder / "crash").exists)


@pytest.mark.parametrize("task", OF_MATCHER + OF_HUB)
async def test_a_task_that_fails_ends_the_exchange(start_exchange: Callable[..., LiveExchange], task: str) -> None:
    live = start_exchange(DJANGO_SETTINGS_MODULE=FAULTY, PLANTED_FAULT=task)
    assert live.process is not None
    await ends(live, live.process)


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize("task", OF_MATCHER)
async def test_a_task_that_fails_ends_the_matchers_process(
    start_split: Callable[..., SplitExchange], task: str
) -> None:
    live = start_split(DJANGO_SETTINGS_MODULE=FAULTY, PLANTED_FAULT=task)
    await ends(live, live.matcher)
    assert live.process is not None
    assert live.process.poll() is None
