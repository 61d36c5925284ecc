"""Another process locks the database. No lost command is acknowledged, and new commands are refused BUSY.

When the lock is gone the exchange continues, by itself or after a restart.
"""

import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from exchange.settings import SQLITE_OPTIONS
from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.load import NAMES, Person, acknowledged_are_there_once, ask_again, run_until, sockets_of, two_markets
from tests.live.raw_socket import RawSocket, signed_in
from tests.live.requests import bid, new_market
from tests.live.tables import Tables
from tests.patience import STEP_SECONDS_MAX

Start = Callable[..., LiveExchange]

LOCK = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("ROLLBACK")
"""
DATABASE = "exchange.sqlite3"
BUSY_AFTER_SECONDS = 1.5  # a commit that takes a second
END_SECONDS = STEP_SECONDS_MAX  # from the end of the wait to the end of the process


@contextmanager
def locked(live: LiveExchange, seconds: float) -> Iterator["subprocess.Popen[str]"]:
    """Locks the database from another process for so many seconds."""
    arguments = [sys.executable, "-c", LOCK, str(live.folder / DATABASE), str(seconds)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as locker:
        assert locker.stdout is not None
        assert locker.stdout.readline() == "locked\n"
        try:
            yield locker
        finally:
            locker.kill()


def is_locked(live: LiveExchange) -> bool:
    with closing(sqlite3.connect(live.folder / DATABASE, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.execute("ROLLBACK")
        return False


async def is_told_busy(socket: RawSocket, market: int) -> None:
    refused = await socket.ask(create_order=bid(market, 200, 100, client_order_id="meanwhile"))
    assert refused.refused.code == pb.BUSY
    assert refused.refused.retry_after_ms > 0


async def test_the_exchange_waits_for_a_short_lock(start_exchange: Start) -> None:
    live = start_exchange()
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        market = await new_market(alice)
        with locked(live, 5):
            await alice.send(pb.ClientMessage(request_id="waits", create_order=bid(market, 100, 100)))
            await asyncio.sleep(BUSY_AFTER_SECONDS)
            await is_told_busy(bob, market)
            read = await bob.ask(subscribe=pb.Subscribe(subscriptions=[pb.Subscription(market_id=market)]))
            assert read.refused.code in (0, pb.BUSY)
            # While the database is locked nobody learns of the order, not even the person who placed it.
            assert is_locked(live)
            assert not any(message.request_id == "waits" for message in alice.received)
            assert Tables(live.env).book(market)[pb.BID] == []
            placed = await alice.reply("waits")
        assert placed.order_created.order.open == 100
        assert [row[0] for row in Tables(live.env).book(market)[pb.BID]] == [placed.order_created.order.id]
        again = await bob.ask(create_order=bid(market, 200, 100, client_order_id="meanwhile"))
        assert again.HasField("order_created")
        assert not again.replayed
    live.verify()
    assert live.stop() == 0


async def lock_under_load(live: LiveExchange, seconds: float) -> None:
    """A lock longer than the exchange waits. It ends, is restarted as by a supervisor, and loses nothing."""
    people = [Person(name, random.Random(name)) for name in NAMES]
    assert live.process is not None
    began = time.monotonic()
    async with signed_in(live.ws_url, live.token("student9")) as watcher, sockets_of(live, people) as sockets:
        markets = await two_markets(sockets[0])
        load = asyncio.create_task(run_until(people, sockets, markets))
        await asyncio.sleep(0.5)
        with locked(live, seconds) as locker:
            head = await asyncio.to_thread(lambda: Tables(live.env).head)
            began = time.monotonic()
            await asyncio.sleep(BUSY_AFTER_SECONDS)
            await is_told_busy(watcher, markets[0])
            await load
            status = await asyncio.to_thread(live.process.wait, END_SECONDS)
            print(f"ended with {status} after {time.monotonic() - began:.1f} s")
            assert status == 1
            assert Tables(live.env).head == head
            acknowledged_are_there_once(Tables(live.env), people)
            still_locked = locker.poll() is None
            await asyncio.to_thread(live.start)
            await goes_on_when_it_can(live, people)
            print(f"locked still at its end: {still_locked}; went on after {time.monotonic() - began:.1f} s")
    live.verify()
    assert live.stop() == 0


async def goes_on_when_it_can(live: LiveExchange, people: list[Person]) -> None:
    """The first command waits for the lock once more. Then every request without an answer is sent again."""
    async with sockets_of(live, people) as sockets:
        for person, socket in zip(people, sockets):
            unanswered = [key for key in person.asked if key not in person.acknowledged and key not in person.refused]
            await ask_again(person, socket, unanswered)
    acknowledged_are_there_once(Tables(live.env), people)


async def test_a_longer_lock_ends_the_exchange_and_a_restart_recovers(start_exchange: Start) -> None:
    live = start_exchange(DJANGO_SETTINGS_MODULE="tests.live.settings.impatient", DATABASE_WAIT_SECONDS="3")
    await lock_under_load(live, 6)


@pytest.mark.soak
async def test_a_lock_of_40_seconds_ends_the_exchange_and_a_restart_recovers(start_exchange: Start) -> None:
    """With the exchange's own wait of 30 s."""
    await lock_under_load(start_exchange(), 40)


def test_the_exchange_waits_30_seconds_by_default() -> None:
    assert SQLITE_OPTIONS["timeout"] == 30
