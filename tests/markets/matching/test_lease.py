"""A matcher that does not know whether it holds its lock sends nothing; one that has lost it ends."""

import asyncio
from pathlib import Path
from typing import cast

import pytest
from channels.layers import BaseChannelLayer
from django.conf import settings

from markets.engine.engine import Engine
from markets.journal.journal import Journal, JournalUnavailable
from markets.matching import lease
from markets.matching.lease import Lease
from markets.matching.matcher import Matcher
from markets.matching.quarantine import Quarantine
from realtime.groups import HUBS
from realtime.layers import LocalLayer, Sender
from realtime.messages import drained_message

WAIT_SECONDS = 20.0


class LockedJournal:
    """A journal without a database. A check of its lock waits until the test allows it."""

    def __init__(self) -> None:
        self.lost = False
        self.checking = asyncio.Event()
        self.allowed = asyncio.Semaphore(0)

    async def check_lock(self) -> None:
        self.checking.set()
        await self.allowed.acquire()
        if self.lost:
            raise JournalUnavailable("The session that held the matcher's lock is gone.")


async def test_it_ends_with_a_check_that_takes_too_long_and_begins_again_with_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("markets.matching.lease.time.monotonic", lambda: now)
    monkeypatch.setattr(lease, "CHECK_SECONDS", 0)
    layer, journal = LocalLayer(capacity=10), LockedJournal()
    lasting = Lease(cast(Journal, journal))
    sender = Sender(layer, lasting.is_valid)
    keeping = asyncio.create_task(lasting.keep())
    async with asyncio.timeout(WAIT_SECONDS):
        await journal.checking.wait()
        now += lease.LEASE_SECONDS - 0.1
        assert await sender.send("hub", drained_message())
        now += 0.2
        assert not await sender.send("hub", drained_message())
        await layer.group_add(HUBS, "hub")
        assert not await sender.group_send(HUBS, drained_message())
        journal.allowed.release()  # the check began too long ago to prove anything
        journal.checking.clear()
        await journal.checking.wait()
        assert not await sender.send("hub", drained_message())
        journal.allowed.release()
        journal.checking.clear()
        await journal.checking.wait()
        assert await sender.send("hub", drained_message())
        journal.lost = True
        journal.allowed.release()
        with pytest.raises(JournalUnavailable):
            await keeping


async def test_a_matcher_that_is_cut_off_from_its_database_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "CUT_OFF_SECONDS", 0.01)
    with pytest.raises(JournalUnavailable, match="not answered"):
        async with asyncio.timeout(WAIT_SECONDS):
            await Lease(cast(Journal, LockedJournal())).keep()


async def test_a_matcher_that_has_lost_its_lock_ends(tmp_path: Path) -> None:
    journal = LockedJournal()
    journal.lost = True
    layer = cast(BaseChannelLayer, LocalLayer(capacity=10))
    matcher = Matcher(Engine(), cast(Journal, journal), layer, settings.RATES, Quarantine(tmp_path))
    journal.allowed.release()
    with pytest.raises(ExceptionGroup) as ended:
        async with asyncio.timeout(WAIT_SECONDS):
            await matcher.run()
    assert ended.group_contains(JournalUnavailable, match="lock is gone")


def test_it_is_over_before_another_may_take_the_lock() -> None:
    assert lease.LEASE_SECONDS < lease.HUNG_SECONDS
    assert lease.CHECK_SECONDS < lease.LEASE_SECONDS / 2
