"""Services and matchers stop, hang and come back under load. The exchange answers again, and denies and loses nothing.

Two matchers, of which one is the standby, and two web processes run on a PostgreSQL and a Redis of the test's own.
"""

import asyncio
import json
import os
import random
import signal
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from websockets.exceptions import WebSocketException

from proto import exchange_pb2 as pb
from tests.live.cluster import Cluster
from tests.live.exchange import Template
from tests.live.load import Person, acknowledged_are_there_once, ask_again, sockets_of, two_markets
from tests.live.postgres_server import PostgresServer
from tests.live.raw_socket import WAIT_SECONDS, signed_in
from tests.live.redis_server import RedisServer
from tests.live.tables import Tables
from tests.live.trickle import Trickle
from tests.services import missing

pytestmark = pytest.mark.redis

NAMES = ("alice", "bob", "carol", "student0")
STATUS_SECONDS_MAX = 6.0  # for an answer of the status, whatever is away; it waits 3 s for the database
SHORT = ("redis 0.2", "kill", "redis frozen", "postgres", "redis 6", "freeze", "postgres frozen", "kill")
EACH_ROUND = ("redis 0.2", "redis 1", "redis 6", "redis frozen", "redis frozen long", "postgres", "kill")
LONG = EACH_ROUND * 4 + ("postgres", "postgres frozen", "kill", "freeze", "freeze")


class Crowd(Trickle):
    """Over a new socket whenever the last one is lost."""

    def __init__(self, live: Cluster, markets: Sequence[int], people: Sequence[Person]) -> None:
        super().__init__(people, markets)
        self._urls = (live.ws_url, live.second_ws_url)
        self._live = live

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number, person in enumerate(self.people):
                tasks.create_task(self._trade(person, self._urls[number % 2]))

    async def _trade(self, person: Person, url: str) -> None:
        while True:
            try:
                async with signed_in(url, self._live.token(person.name)) as socket, asyncio.TaskGroup() as tasks:
                    tasks.create_task(self.send(person, socket))
                    tasks.create_task(self.read(person, socket))
            except* (OSError, WebSocketException, AssertionError, StopIteration, RuntimeError):
                await asyncio.sleep(0.1)


class Services:
    """What may fail: each cause is a function that returns when it has ended."""

    def __init__(self, live: Cluster, postgres: PostgresServer, redis: RedisServer) -> None:
        self.live = live
        self.postgres = postgres
        self.redis = redis
        self.causes: dict[str, Callable[[], Awaitable[None]]] = {
            "redis 0.2": lambda: self._redis_away(0.2),
            "redis 1": lambda: self._redis_away(1),
            "redis 6": lambda: self._redis_away(6),
            "redis frozen": lambda: self._frozen(redis, 10),
            "redis frozen long": lambda: self._frozen(redis, 20),
            "postgres": self._postgres_restarts,
            "postgres frozen": lambda: self._frozen(postgres, 10),
            "kill": self._matcher_dies,
            "freeze": self._matcher_hangs,
        }

    async def _redis_away(self, seconds: float) -> None:
        await asyncio.to_thread(self.redis.stop)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.redis.start)

    async def _frozen(self, server: RedisServer | PostgresServer, seconds: float) -> None:
        server.freeze()
        try:
            await self._status_says_so(seconds)
        finally:
            server.thaw()

    async def _status_says_so(self, seconds: float) -> None:
        """The status answers in time while a service is frozen, and names what is wrong."""
        last = time.monotonic() + seconds
        problems: list[str] = []
        while time.monotonic() < last:
            began = time.monotonic()
            problems = (await asyncio.to_thread(status_of, self.live))["problems"]
            print(f"    the status says {problems} after {time.monotonic() - began:.1f} s")
            await asyncio.sleep(1)
        assert problems

    async def _postgres_restarts(self) -> None:
        await asyncio.to_thread(self.postgres.stop)
        assert (await asyncio.to_thread(status_of, self.live))["problems"]
        await asyncio.to_thread(self.postgres.start)

    async def _matcher_dies(self) -> None:
        await asyncio.to_thread(self.live.until_standby_waits)
        name = await asyncio.to_thread(self._active)
        self.live.processes[name].kill()
        assert await asyncio.to_thread(self._active, name) != name

    async def _matcher_hangs(self) -> None:
        """Ends when the standby has taken over. The matcher wakes under its successor, and ends by itself."""
        await asyncio.to_thread(self.live.until_standby_waits)
        name = await asyncio.to_thread(self._active)
        process = self.live.processes[name]
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        assert await asyncio.to_thread(self._active, name) != name
        print(f"    taken over {time.monotonic() - began:.1f} s after the matcher hung")
        await asyncio.sleep(random.uniform(0, 3))
        process.send_signal(signal.SIGCONT)
        assert await asyncio.to_thread(process.wait, WAIT_SECONDS) == 1

    def _active(self, other_than: str = "") -> str:
        """Waits for a matcher with the lock, with another name if one is given."""
        last = time.monotonic() + WAIT_SECONDS
        while (name := self.live.active) in ("", other_than):
            assert time.monotonic() < last, "nobody takes the lock"
            time.sleep(0.05)
        return name


def status_of(live: Cluster) -> dict[str, list[str]]:
    with urllib.request.urlopen(f"{live.url}/api/v1/status", timeout=STATUS_SECONDS_MAX) as answer:
        found: dict[str, list[str]] = json.load(answer)
    return found


@pytest.fixture
def services(tmp_path: Path, redis_server: RedisServer) -> Iterator[Services]:
    if not PostgresServer.is_installed():
        missing("initdb and pg_ctl of PostgreSQL", "install PostgreSQL, with its bin folder in PATH")
    postgres = PostgresServer()
    try:
        live = Cluster(
            Template(tmp_path / "template", postgres.url), tmp_path / "cluster", {"REDIS_URL": redis_server.url}
        )
        yield Services(live, postgres, redis_server)
        live.close()
    finally:
        postgres.close()


async def go_through(services: Services, causes: Sequence[str]) -> None:
    live = services.live
    people = [Person(name, random.Random(name)) for name in NAMES]
    async with sockets_of(live, people) as sockets:
        markets = await two_markets(sockets[0])
    crowd = Crowd(live, markets, people)
    running = asyncio.create_task(crowd.run())
    try:
        await crowd.until_answered(time.monotonic())
        for cause in causes:
            await services.causes[cause]()
            took = await crowd.until_answered(time.monotonic())
            print(f"{cause}: answers {took:.1f} s after its end")
            assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait([running])
    await everything_is_answered(live, people)
    webs = [(name, status) for name, status in live.ended if name.startswith("web")]
    assert webs == []
    assert not (await asyncio.to_thread((live.folder / "crash").exists))
    print(await asyncio.to_thread(live.verify))


async def everything_is_answered(live: Cluster, people: Sequence[Person]) -> None:
    """What was acknowledged is in the journal once. What got no answer is asked again, and then it is too."""
    acknowledged_are_there_once(Tables(live.env), people)
    happened = 0
    async with sockets_of(live, people) as sockets:
        for person, socket in zip(people, sockets):
            unknown = [key for key in person.asked if key not in person.acknowledged and key not in person.refused]
            happened += sum(reply.replayed for reply in await ask_again(person, socket, unknown)) if unknown else 0
    acknowledged_are_there_once(Tables(live.env), people)
    count = sum(len(person.acknowledged) for person in people)
    print(f"{count} acknowledged, {happened} of them done without an answer")
    assert pb.QUARANTINED not in {code for person in people for code in person.refused.values()}


async def test_nothing_is_lost_or_denied_by_one_outage_of_each_kind(services: Services) -> None:
    await go_through(services, SHORT)


@pytest.mark.soak
async def test_nothing_is_lost_or_denied_by_many_outages(services: Services) -> None:
    causes = list(LONG)
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"SEED={seed}")
    random.Random(seed).shuffle(causes)
    await go_through(services, causes)
