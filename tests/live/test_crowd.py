"""50 clients do not read and 10 flood: memory stays bounded, and honest clients get answers."""

import asyncio
import json
import statistics
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from proto import exchange_pb2 as pb
from tests.live.exchange import ROOT, LiveExchange
from tests.live.raw_socket import RawSocket, raw_socket, signed_in
from tests.live.requests import bid, new_market, one_market
from tests.patience import PATIENCE, STEP_SECONDS_MAX

Start = Callable[..., LiveExchange]

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux, which tells who is connected")

MIB = 1024 * 1024
KERNEL_SOCKETS = Path("/proc/net/tcp")
ESTABLISHED = "01"
HONEST = ("alice", "bob", "carol", "operator")
FLOODERS = {
    "orders": [f"student{number}" for number in range(6)],
    "deaf": ["student6", "student7"],  # send orders too, but do not read
    "rubbish": ["student8", "student9"],
}
NON_READERS = [f"student{10 + number % 8}" for number in range(50)]
FLOOD_SECONDS = 12.0
PAUSE_SECONDS = 0.02  # of an honest client between two orders
STUCK_SECONDS_MAX = STEP_SECONDS_MAX
CLOSED_SECONDS_MAX = STEP_SECONDS_MAX  # 30 s of these until a stuck client is closed, 5 s for it to answer the close
BOOK_ORDERS = 950  # of each person who fills the book
SNAPSHOTS = 60  # of 190 KiB each: as many as a person may request over seven sockets; the kernel buffers about 5 MiB
# For each client that does not read: 1 MiB that waits, a frame, and 64 KiB in the transport. As much again for
# everything temporary. A run took about a fifth of this.
GROWTH_MIB_MAX = 200
LATENCY_SECONDS_MAX = 5.0 * PATIENCE
ALL = [pb.Subscription(all_markets=True)]


async def fill_book(live: LiveExchange, market: int) -> None:
    """Fills the book, so that snapshots are large."""
    for name in (*HONEST[:3], *NON_READERS[:8]):
        async with signed_in(live.ws_url, live.token(name)) as one:
            for begin in range(0, BOOK_ORDERS, 190):
                orders = [bid(market, 1 + number, 1) for number in range(begin, begin + 190)]
                await one.send(*(pb.ClientMessage(request_id=str(order.price), create_order=order) for order in orders))
                assert (await one.reply(str(orders[-1].price))).HasField("order_created")


@asynccontextmanager
async def who_does_not_read(live: LiveExchange, name: str) -> AsyncIterator[RawSocket]:
    """A socket that reads its first snapshots, requests more than the kernel buffers, and then stops reading."""
    async with raw_socket(live.ws_url, max_queue=1) as one:
        assert (await one.sign_in(live.token(name), subscriptions=ALL))[-1].HasField("acting_as")
        again = pb.ClientMessage(subscribe=pb.Subscribe(subscriptions=one_market(1)))
        for _ in range(SNAPSHOTS):
            await one.send(again)
        yield one


async def trade_honestly(live: LiveExchange, name: str, market: int, over: asyncio.Event) -> list[float]:
    """Places and cancels one bid after the other until it is over. Returns how many seconds each answer took."""
    taken = []
    async with signed_in(live.ws_url, live.token(name), subscriptions=ALL) as one:
        while not over.is_set():
            for request in ("bid", "out"):
                begin = time.monotonic()
                if request == "bid":
                    reply = await one.ask(create_order=bid(market, 1, 100))
                else:
                    reply = await one.ask(out=pb.Out(market_id=market))
                taken.append(time.monotonic() - begin)
                assert not reply.HasField("refused"), reply
            one.received.clear()
            await asyncio.sleep(PAUSE_SECONDS)
    return taken


async def highest_rss(live: LiveExchange) -> int:
    """Measures resident memory until cancelled; returns the peak in bytes."""
    highest = 0
    with suppress(asyncio.CancelledError):
        while True:
            highest = max(highest, live.rss_bytes())
            await asyncio.sleep(0.1)
    return highest


async def flood(live: LiveExchange, market: int) -> dict[str, int]:
    """Runs the flooders; returns how often those that read got each code."""
    arguments = ("-m", "tests.live.flood", live.ws_url, str(market), str(FLOOD_SECONDS))
    flooding = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdin=PIPE, stdout=PIPE)
    tokens = {kind: [live.token(name) for name in names] for kind, names in FLOODERS.items()}
    replies, _ = await flooding.communicate(json.dumps(tokens).encode())
    found: dict[str, int] = json.loads(replies)
    return found


async def everybody_at_once(
    live: LiveExchange, market: int, silent: list[RawSocket]
) -> tuple[list[float], dict[str, int]]:
    """The honest clients' answer times in seconds, sorted, and the flooders' replies.

    It is over when the flooders have ended and the server has closed the clients that do not read.
    """
    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        honest = [tasks.create_task(trade_honestly(live, name, market, over)) for name in HONEST]
        replies = await flood(live, market)
        await until_closed(live, silent)
        over.set()
    return sorted(seconds for task in honest for seconds in task.result()), replies


def unsent(live: LiveExchange) -> dict[int, int]:
    """Client port -> bytes that wait in the kernel, for each client that is still connected.

    A client that does not read learns only later that it was closed; after a full window this may take TCP minutes.
    So this asks the server's kernel.
    """
    port = urlsplit(live.ws_url).port
    found = {}
    for line in KERNEL_SOCKETS.read_text().splitlines()[1:]:
        _, local, remote, state, queues, *_ = line.split()
        if state == ESTABLISHED and int(local.rpartition(":")[2], 16) == port:
            found[int(remote.rpartition(":")[2], 16)] = int(queues.partition(":")[0], 16)
    return found


def ports_of(sockets: list[RawSocket]) -> set[int]:
    return {one.connection.local_address[1] for one in sockets}


async def until_stuck(live: LiveExchange, sockets: list[RawSocket]) -> None:
    """Waits until the kernel sends none of them anything more."""
    ports = ports_of(sockets)
    before: dict[int, int] = {}
    async with asyncio.timeout(STUCK_SECONDS_MAX):
        while not before or any(before.get(port) == 0 for port in ports) or before != unsent(live):
            before = unsent(live)
            await asyncio.sleep(1.0)


async def until_closed(live: LiveExchange, sockets: list[RawSocket]) -> None:
    """Waits until the server has closed them."""
    async with asyncio.timeout(CLOSED_SECONDS_MAX):
        while ports_of(sockets) & unsent(live).keys():  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.1)


async def test_memory_is_bounded_and_honest_clients_go_on(start_exchange: Start) -> None:
    live = start_exchange(RATE_FACTOR="1")
    async with AsyncExitStack() as stack:
        owner = await stack.enter_async_context(signed_in(live.ws_url, live.token("student19")))
        market = await new_market(owner)
        await fill_book(live, market)
        before = live.rss_bytes()
        silent = [await stack.enter_async_context(who_does_not_read(live, name)) for name in NON_READERS]
        watching = asyncio.create_task(highest_rss(live))
        await until_stuck(live, silent)
        taken, replies = await everybody_at_once(live, market, silent)
        watching.cancel()
        highest = await watching
    print(
        f"rss: {before / MIB:.0f} MiB before, {highest / MIB:.0f} MiB at most, {live.rss_bytes() / MIB:.0f} MiB after"
    )
    print(f"honest: {len(taken)} answers, median {statistics.median(taken) * 1e3:.1f} ms,", end=" ")
    print(f"p99 {taken[len(taken) * 99 // 100] * 1e3:.0f} ms, longest {taken[-1] * 1e3:.0f} ms")
    print(f"replies to flooders: {replies}")
    assert (highest - before) / MIB < GROWTH_MIB_MAX
    assert taken[-1] < LATENCY_SECONDS_MAX
    assert replies["RATE_LIMITED"] > replies["accepted"] > 1_000
    assert set(replies) <= {"accepted", "RATE_LIMITED", "TOO_MANY_ORDERS", "INSUFFICIENT_FUNDS"}
    live.verify()
    assert live.stop() == 0


async def test_a_client_with_more_than_1_mib_unread_is_closed_at_once(start_exchange: Start) -> None:
    """One person trades faster than rate limits would allow; a second one on the same market reads everything."""
    live = start_exchange(DJANGO_SETTINGS_MODULE="tests.live.settings.unstalled")
    async with (
        signed_in(live.ws_url, live.token("alice"), subscriptions=ALL) as alice,
        signed_in(live.ws_url, live.token("bob"), subscriptions=ALL) as bob,
    ):
        market = await new_market(alice)
        await fill_book(live, market)
        async with who_does_not_read(live, "carol") as carol:
            await until_stuck(live, [carol])
            await bob.ask(subscribe=pb.Subscribe(subscriptions=one_market(market)))  # Bob has read all of it
            bob.received.clear()
            order = pb.ClientMessage(request_id="order", create_order=bid(market, 9_000, 1))
            out = pb.ClientMessage(request_id="out", out=pb.Out(market_id=market))
            size = 0
            while size < 2 * MIB:
                await alice.send(*[order] * 200, out)
                seq = (await alice.reply("out")).seq
                await bob.until_received(f"market.{market}", seq)
                size += sum(message.ByteSize() for message in bob.received)
                bob.received.clear()
                alice.received.clear()
            await until_closed(live, [carol])
        assert (await bob.ask(create_order=bid(market, 1, 1))).HasField("order_created")
    assert live.stop() == 0
