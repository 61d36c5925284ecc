"""Sockets that resume from the journal hold up nobody: reading is bounded, and a snapshot does as well."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from markets.matching import streams as module
from markets.matching.streams import Streams
from markets.models import JournalMarket
from realtime.groups import stream_of_account, stream_of_market
from tests.markets.keeping import commit_history, open_journal, random_history

BOOK, ACCOUNT = stream_of_market(1), stream_of_account(2)
FIRST = 20  # a seq at which both exist


def resumed(monkeypatch: pytest.MonkeyPatch, at_most: int, ask: Callable[[Streams], Coroutine[Any, Any, None]]) -> None:
    """Asks an exchange that has published a whole journal in this epoch and keeps none of it in memory."""
    commit_history(random_history(seed=5, length=300))
    monkeypatch.setattr(module, "REPLAYED_ENTRIES_MAX", at_most)
    monkeypatch.setattr(module, "REPLAYED_ENTRIES_A_BEAT", at_most // 2)
    with open_journal() as (journal, engine):
        streams = Streams(engine, journal)
        streams.start_seq = 0
        streams.last = {BOOK: engine.seq, ACCOUNT: engine.seq}
        asyncio.run(ask(streams))


def test_what_is_read_is_counted(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(streams: Streams) -> None:
        assert await streams.resume(BOOK, FIRST)
        counted.append(1_000 - streams._replayable)
        assert await streams.resume(ACCOUNT, streams.engine.seq - 10)
        counted.append(1_000 - streams._replayable)

    counted: list[int] = []
    resumed(monkeypatch, 1_000, ask)
    missed = JournalMarket.objects.filter(market_id=1, seq__gt=FIRST).count()
    assert counted == [missed, missed + 10]


def test_beyond_that_a_snapshot_does(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(streams: Streams) -> None:
        near = streams.engine.seq - 30
        assert await streams.resume(ACCOUNT, near)
        assert await streams.resume(ACCOUNT, near) is None
        streams.next_beat()
        assert await streams.resume(ACCOUNT, near) is not None
        assert await streams.resume(BOOK, FIRST) is None, "a reading in vain costs as much"
        assert streams._replayable == 0
        assert await streams.resume(BOOK, streams.engine.seq) == [], "a socket that missed nothing needs nothing"

    resumed(monkeypatch, 40, ask)
