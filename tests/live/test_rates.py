"""Rate limits over real sockets: which requests an empty bucket refuses, and which not."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import RawSocket, signed_in
from tests.live.requests import bid, new_market

FRAME = 250
BURST = 1_000  # orders
REFUSED_FRAME = 256


async def answers(socket: RawSocket, *requests: dict[str, Any]) -> list[pb.Refused]:
    """Sends the requests in one frame; the refusals in order, with code 0 for what was accepted."""
    await socket.send(*(pb.ClientMessage(request_id=f"r{n}", **request) for n, request in enumerate(requests)))
    replies: dict[str, pb.Refused] = {}
    while len(replies) < len(requests):
        for message in await socket.receive():
            if message.request_id:
                replies[message.request_id] = message.refused
    socket.received.clear()
    return list(replies.values())


async def codes(socket: RawSocket, *requests: dict[str, Any]) -> list[int]:
    return [answer.code for answer in await answers(socket, *requests)]


async def empty(socket: RawSocket, request: dict[str, Any]) -> Counter[int]:
    """Sends the request until it is RATE_LIMITED; counts the replies by code."""
    replies: Counter[int] = Counter()
    while not replies[pb.RATE_LIMITED]:
        replies.update(await codes(socket, *[request] * FRAME))
    return replies


async def test_too_many_orders_do_not_block_cancels(start_exchange: Callable[..., LiveExchange]) -> None:
    live = start_exchange(RATE_FACTOR="1")
    async with (
        signed_in(live.ws_url, live.token("alice")) as phone,
        signed_in(live.ws_url, live.token("alice")) as desk,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        market = await new_market(phone)
        order = {"create_order": bid(market, 1, 1)}
        resting = await phone.ask(create_order=bid(market, 1, 1))
        nowhere = {"create_order": bid(987_654, 1, 1)}
        replies = await empty(phone, nowhere)
        assert replies[pb.MARKET_NOT_FOUND] >= BURST - 1
        assert replies.keys() == {pb.MARKET_NOT_FOUND, pb.RATE_LIMITED}

        # All sockets of a person share a bucket. Cancels and other people pass.
        await empty(desk, nowhere)
        cancel = {"cancel_order": pb.CancelOrder(order_id=resting.order_created.order.id)}
        assert await codes(phone, cancel) == [0]
        assert await codes(phone, *[{"out": pb.Out(market_id=market)}] * FRAME) == [0] * FRAME
        assert await codes(bob, order) == [0]

        # The refusal says how long to wait, and that is enough.
        refused = (await answers(desk, *[nowhere] * FRAME))[-1]
        assert (refused.code, 0 < refused.retry_after_ms <= 11) == (pb.RATE_LIMITED, True)
        await asyncio.sleep(refused.retry_after_ms / 1_000)
        assert (await phone.ask(**order)).HasField("order_created")


async def test_unreadable_frames_use_up_the_bucket(start_exchange: Callable[..., LiveExchange]) -> None:
    """The matcher never sees them, but they leave their sender fewer orders."""
    live = start_exchange(RATE_FACTOR="1", DJANGO_SETTINGS_MODULE="tests.live.settings.thrifty")
    async with (
        signed_in(live.ws_url, live.token("alice")) as bad,
        signed_in(live.ws_url, live.token("alice")) as good,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        nowhere = {"create_order": bid(987_654, 1, 1)}
        assert await codes(good, nowhere) == [pb.MARKET_NOT_FOUND]
        await bad.send(*[pb.ClientMessage(request_id="empty")] * REFUSED_FRAME)
        received = 0
        while received < REFUSED_FRAME:
            received += sum(message.refused.code == pb.INVALID_FRAME for message in await bad.receive())
        replies = await codes(good, *[nowhere] * FRAME)
        assert replies.count(pb.RATE_LIMITED) > FRAME // 2, replies  # else 44 are left, and one comes back a second
        assert await codes(good, {"out": pb.Out()}) == [0]
        assert await codes(bob, nowhere) == [pb.MARKET_NOT_FOUND]
