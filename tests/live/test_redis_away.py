"""Redis stops and starts again under a trickle of orders. The exchange answers again and denies nothing."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence

import pytest

from proto import exchange_pb2 as pb
from tests.live.exchange import SplitExchange
from tests.live.load import Person, acknowledged_are_there_once, ask_again, sockets_of, two_markets
from tests.live.raw_socket import WAIT_SECONDS, RawSocket
from tests.live.redis_server import RedisServer
from tests.live.tables import Tables
from tests.live.trickle import Trickle

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

NAMES = ("alice", "bob", "carol")
STATUS_SECONDS = 3.5  # an outage longer than BEAT_SECONDS_MAX shows in the status


class SteadyTrickle(Trickle):
    """Over one socket each."""

    def __init__(self, people: Sequence[Person], sockets: Sequence[RawSocket], markets: Sequence[int]) -> None:
        super().__init__(people, markets)
        self._sockets = sockets

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for person, socket in zip(self.people, self._sockets):
                tasks.create_task(self.send(person, socket))
                tasks.create_task(self.read(person, socket))


async def until_status_says(live: SplitExchange, answering: bool) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            page = await asyncio.to_thread(live.browser().get, "/api/v1/status")
            assert page.status == 200, page.text
            if f'"answering":{str(answering).lower()}' in page.text.replace(" ", ""):
                return


@pytest.mark.parametrize("seconds", [0.2, 1.0, 6.0])
async def test_redis_is_away_for(
    start_split: Callable[..., SplitExchange], redis_server: RedisServer, seconds: float
) -> None:
    live = await asyncio.to_thread(start_split)
    people = [Person(name, random.Random(name)) for name in NAMES]
    async with sockets_of(live, people) as sockets:
        trickle = SteadyTrickle(people, sockets, await two_markets(sockets[0]))
        running = asyncio.create_task(trickle.run())
        await trickle.until_answered(time.monotonic())
        await asyncio.to_thread(redis_server.stop)
        away = asyncio.create_task(asyncio.sleep(seconds))
        if seconds > STATUS_SECONDS:
            await until_status_says(live, False)
        await away
        await asyncio.to_thread(redis_server.start)
        took = await trickle.until_answered(time.monotonic())
        print(f"away for {seconds:g} s; answers again {took:.1f} s after its return")
        await until_status_says(live, True)
        assert not running.done()
        running.cancel()
        await asyncio.wait([running])
    await everything_is_answered(live, people)
    assert live.process is not None
    assert (live.process.poll(), live.matcher.poll()) == (None, None)
    assert not (await asyncio.to_thread((live.folder / "crash").exists))
    await asyncio.to_thread(live.verify)


async def everything_is_answered(live: SplitExchange, people: Sequence[Person]) -> None:
    """What was acknowledged is in the journal once. What got no answer is asked again, and then it is too."""
    acknowledged_are_there_once(Tables(live.env), people)
    happened = 0
    async with sockets_of(live, people) as sockets:
        for person, socket in zip(people, sockets):
            unknown = [key for key in person.asked if key not in person.acknowledged and key not in person.refused]
            again = await ask_again(person, socket, unknown) if unknown else []
            assert pb.QUARANTINED not in {reply.refused.code for reply in again}
            happened += sum(reply.replayed for reply in again)
    acknowledged_are_there_once(Tables(live.env), people)
    count = sum(len(person.acknowledged) for person in people)
    print(f"{count} acknowledged, {happened} of them done without an answer")


async def test_an_exchange_that_starts_before_redis_waits_for_it(
    start_split: Callable[..., SplitExchange], redis_server: RedisServer
) -> None:
    live = await asyncio.to_thread(start_split)
    assert live.process is not None
    redis_server.stop()
    live.matcher.terminate()  # both stop in an orderly way without Redis
    live.process.terminate()
    assert await asyncio.to_thread(live.matcher.wait, WAIT_SECONDS) == 0
    assert await asyncio.to_thread(live.process.wait, WAIT_SECONDS) == 0
    live.launch()
    while live.log.read_text().count("Redis does not answer") < 2:  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.05)
    await asyncio.to_thread(redis_server.start)
    await asyncio.to_thread(live.until_served)
    await until_status_says(live, True)
    person = Person("alice", random.Random(0))
    async with sockets_of(live, [person]) as (socket,):
        await two_markets(socket)
