"""Builds the matcher and its worker for a process that runs them.

The parts are coroutines. The server (realtime/server.py) runs them on its loop beside what it serves.
"""

import gc
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from channels.layers import BaseChannelLayer
from channels.worker import Worker
from django.conf import settings

from markets.journal.following import Following
from markets.journal.journal import Journal
from markets.matching.consumers import MatchingConsumer
from markets.matching.matcher import Matcher, utc_us
from markets.matching.quarantine import Quarantine
from markets.matching.quota import DAY_US, DailyQuota
from realtime.groups import MATCHING

# How long a thread may keep the interpreter when another wants it. The threads of the journal and of the loop exchange
# it at every statement. The default of 5 ms would be most of a commit.
SWITCH_SECONDS = 0.0005


def load_matcher(layer: BaseChannelLayer, journal: Journal, following: Following | None = None) -> Matcher:
    """Loads the matcher from its database (Journal.load). The journal holds the lock."""
    engine = journal.load(following)
    now_us = max(utc_us(), engine.at_us)
    used = journal.bytes_since(now_us // DAY_US * DAY_US)
    quota = DailyQuota(settings.JOURNAL_BYTES_A_DAY, now_us, used)
    matcher = Matcher(engine, journal, layer, settings.RATES, Quarantine(settings.VAR_DIR / "crash"), quota=quota)
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.set_threshold(20_000, 20, 20)  # a batch allocates thousands of objects, hardly any in cycles
    gc.freeze()  # what was loaded stays: the collector need not visit it again
    return matcher


def matching(matcher: Matcher, layer: BaseChannelLayer) -> list[Callable[[], Coroutine[Any, Any, None]]]:
    """The matcher, and the worker that reads the channel "matching" for it. If one ends, the process must end."""
    worker = _Worker(MatchingConsumer.as_asgi(matcher=matcher), [MATCHING], layer)

    async def match() -> None:
        await matcher.create_house()
        await matcher.run()

    return [match, worker.arun]


class _Worker(Worker):
    async def application_exception(self, exception: BaseException, application_details: Any) -> None:
        """Ends the process. The stock worker logs the exception, loses what was queued and begins a new consumer."""
        raise exception
