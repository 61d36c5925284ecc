"""`manage.py runexchange`: pages, sockets and matcher in one process, or in several over Redis (docs/operations.md)."""

import asyncio
import contextlib
import os
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from channels.layers import BaseChannelLayer, InMemoryChannelLayer, get_channel_layer
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils.module_loading import import_string

from markets import checks, demo, housekeeping
from markets.journal.following import Following
from markets.journal.journal import Journal
from markets.matching.process import load_matcher, matching
from markets.matching.standby import Standby
from realtime import limits
from realtime.addresses import is_loopback
from realtime.server import serve

ROLES = ("all", "web", "matcher")
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Command(BaseCommand):
    help = "Run the exchange. --role all needs nothing else; the roles web and matcher need Redis and PostgreSQL."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--role", choices=ROLES, default="all")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--standby",
            action="store_true",
            help="With --role matcher: if a matcher runs, wait for its end with a warm engine and take over. A matcher"
            " that hangs is replaced. Needs PostgreSQL.",
        )

    def handle(self, *args: Any, role: str, host: str, port: int, standby: bool, **options: Any) -> None:
        layer = get_channel_layer()
        _check_options(role, host, layer, standby)
        assert layer is not None
        os.environ["EXCHANGE_BIND"] = host
        self.check(tags=[checks.TAG], databases=["default"], include_deployment_checks=True)
        with _open_matcher(role, layer, standby) as (parts, drain_matcher):
            if role == "matcher":
                status = asyncio.run(_run_until_signal(parts, drain_matcher))
            else:
                status = self._serve(host, port, parts, drain_matcher)
        if status:
            sys.exit(status)

    def _serve(self, host: str, port: int, parts: list[Any], drain_matcher: Callable[[], Awaitable[None]]) -> int:
        trusted = demo.trusted_owners() if settings.DEMO else []
        hub = import_string(f"{settings.ASGI_APPLICATION.rpartition('.')[0]}.hub")

        with contextlib.ExitStack() as children:

            async def drain() -> None:
                await asyncio.to_thread(children.close)  # the house bots cancel their orders
                await drain_matcher()
                await hub.drain()

            def on_ready(bound: int) -> None:
                self.stdout.write(f"The exchange is at http://{host}:{bound}/")
                self.stdout.flush()
                if settings.DEMO:
                    children.enter_context(demo.run_house_bots(bound, trusted))

            application = import_string(settings.ASGI_APPLICATION)
            return serve(
                application,
                host,
                port,
                background=[hub.run, *parts],
                ready=hub.ready if parts else None,
                drain=drain,
                on_ready=on_ready,
            )


def _check_options(role: str, host: str, layer: BaseChannelLayer | None, standby: bool) -> None:
    """CommandError with EX_CONFIG for options that cannot work: the supervisor does not try again."""
    if settings.DEMO and not is_loopback(host):
        raise CommandError(
            f"DEMO=1 lets anybody in without a password, so --host must be a loopback address, not {host}.",
            returncode=os.EX_CONFIG,
        )
    if role != "all" and isinstance(layer, InMemoryChannelLayer):
        raise CommandError(
            f"--role {role} means several processes, which need Redis to talk to each other: set REDIS_URL.",
            returncode=os.EX_CONFIG,
        )
    if standby and (role != "matcher" or connection.vendor != "postgresql"):
        raise CommandError(
            "--standby needs --role matcher and PostgreSQL, whose lock can be taken from a matcher that hangs. With"
            " SQLite, let a supervisor start the exchange again.",
            returncode=os.EX_CONFIG,
        )


@contextlib.contextmanager
def _open_matcher(
    role: str, layer: BaseChannelLayer, standby: bool
) -> Iterator[tuple[list[Any], Callable[[], Awaitable[None]]]]:
    """The matcher's parts to run and its drain(), with the lock held and the journal open. No parts for --role web."""
    if role == "web":
        yield [], _do_nothing
        return
    with contextlib.closing(Journal()) as journal:
        matcher = load_matcher(layer, journal, _take_lock(journal, standby))
        yield [*matching(matcher, layer), housekeeping.keep_house], matcher.drain


def _take_lock(journal: Journal, standby: bool) -> Following | None:
    """Makes this process the matcher. A standby waits for that, until a signal ends it with status 0."""
    if not standby:
        journal.take_lock()
        return None
    waiting = Standby(journal)
    before = {number: signal.signal(number, _end) for number in STOP_SIGNALS}
    waiting.wait()
    for number, handler in before.items():
        signal.signal(number, handler)
    return waiting.following


def _end(*_: object) -> None:
    sys.exit(0)


async def _do_nothing() -> None: ...


async def _run_until_signal(parts: list[Any], drain: Callable[[], Awaitable[None]]) -> int:
    """Runs a matcher without a server (--role matcher). Returns 0 after a signal, 1 if a part ended by itself."""
    stopped = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    tasks = [asyncio.create_task(part()) for part in parts]
    signalled = asyncio.create_task(stopped.wait())
    await asyncio.wait([signalled, *tasks], return_when=asyncio.FIRST_COMPLETED)
    drained = await _drained(drain, tasks) if signalled.done() else True
    failed = [task for task in tasks if task.done()]
    for task in (*tasks, signalled):
        task.cancel()
    await asyncio.gather(*tasks, signalled, return_exceptions=True)
    for task in failed:
        task.result()
    return 1 if failed or not drained else 0


async def _drained(drain: Callable[[], Awaitable[None]], tasks: list[asyncio.Task[None]]) -> bool:
    """Awaits the drain. Returns False if it takes too long, or a part that it waits for ends."""
    draining = asyncio.ensure_future(drain())
    await asyncio.wait([draining, *tasks], timeout=limits.STOP_DRAIN_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
    done = draining.done()
    draining.cancel()
    return done
