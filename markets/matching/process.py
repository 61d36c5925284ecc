"""What a process of the exchange is made of, by role: sockets and pages (web), the matcher, or all in one.

The parts are coroutines that the server (realtime/server.py) runs on its loop beside what it serves.
"""

import gc
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from channels.layers import BaseChannelLayer
from channels.worker import Worker
from django.conf import settings

from markets.journal.journal import Journal
from markets.matching.consumers import MatchingConsumer
from markets.matching.matcher import Matcher
from markets.matching.quarantine import Quarantine
from realtime.groups import MATCHING

# How long a thread may keep the interpreter when another wants it. The journal's thread and the loop's hand it to and
# fro at every statement; the default of 5 ms would be most of a commit.
SWITCH_SECONDS = 0.0005


def load_matcher(layer: BaseChannelLayer, journal: Journal) -> Matcher:
    """The matcher as its database left it. Needs the lock (markets/journal/lock.py)."""
    engine = journal.load()
    matcher = Matcher(engine, journal, layer, settings.RATES, Quarantine(settings.VAR_DIR / "crash"))
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.set_threshold(20_000, 20, 20)  # a batch allocates by the thousand, and hardly any of it in cycles
    gc.freeze()  # what was loaded stays: the collector need not walk over it again and again
    return matcher


def matching(matcher: Matcher, layer: BaseChannelLayer) -> list[Callable[[], Coroutine[Any, Any, None]]]:
    """The matcher, and the worker that reads the channel "matching" for it. If one ends, the process must."""
    worker = _Worker(MatchingConsumer.as_asgi(matcher=matcher), [MATCHING], layer)

    async def match() -> None:
        await matcher.found()
        await matcher.run()

    return [match, worker.arun]


class _Worker(Worker):
    async def application_exception(self, exception: BaseException, application_details: Any) -> None:
        """The stock worker logs it, loses what was queued and goes on with a new consumer."""
        raise exception
