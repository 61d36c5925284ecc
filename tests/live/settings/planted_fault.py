"""An exchange in which one background task fails, chosen by PLANTED_FAULT, as soon as the file of that name exists.

The file is `fault` in EXCHANGE_VAR. Each fault is an exception that nobody expects.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

from django.apps import AppConfig

from exchange.settings import *  # noqa: F403
from exchange.settings import INSTALLED_APPS, VAR_DIR

POLL_SECONDS = 0.05

# Task -> module, class and method of what it awaits again and again, or is called with.
TASKS = {
    "beat": ("markets.matching.publisher", "Publisher", "beat"),
    "batches": ("markets.matching.matcher", "Matcher", "_do_batches"),
    "worker": ("channels.worker", "Worker", "listener"),
    "consumer": ("markets.matching.consumers", "MatchingConsumer", "__call__"),
    "receive": ("realtime.hub", "Hub", "_receive"),
    "membership": ("realtime.membership", "Membership", "run"),
    "tick": ("realtime.hub", "Hub", "_tick"),
    "revoked": ("realtime.hub", "Hub", "_look_up_revoked"),
}


class PlantedFaultError(Exception):
    pass


def failing(run: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Coroutine[Any, Any, None]]:
    """The task as it is until the file exists, then its end by an exception."""

    async def until_fault() -> None:
        while not (VAR_DIR / "fault").exists():  # noqa: ASYNC110 - the test makes it from another process
            await asyncio.sleep(POLL_SECONDS)
        raise PlantedFaultError

    async def planted(*arguments: Any) -> None:
        running = asyncio.ensure_future(run(*arguments))
        try:
            await asyncio.wait([running, fault := asyncio.ensure_future(until_fault())], return_when="FIRST_COMPLETED")
            if fault.done():
                fault.result()
        finally:
            running.cancel()
        await running

    return planted


class PlantedFault(AppConfig):
    name = "tests.live.settings"
    label = "planted_fault"

    def ready(self) -> None:
        from importlib import import_module

        module, owner, method = TASKS[os.environ["PLANTED_FAULT"]]
        planted_in = getattr(import_module(module), owner)
        setattr(planted_in, method, failing(getattr(planted_in, method)))


INSTALLED_APPS = [*INSTALLED_APPS, "tests.live.settings.planted_fault.PlantedFault"]
