"""Under another ASGI server everything is written through its `send`: slower, with the same result."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest_asyncio
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from proto import exchange_pb2 as wire
from realtime.errors import CloseCode
from tests.patience import STEP_SECONDS_MAX
from tests.realtime.world import World, authenticate, client_frame, order, until

MARKET = "market.1"
STOP_SECONDS_MAX = 10


@pytest_asyncio.fixture
async def port(world: World) -> AsyncIterator[int]:
    config = uvicorn.Config(
        world.application,
        lifespan="off",
        log_level="warning",
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=STOP_SECONDS_MAX,  # else it may wait for a connection for ever
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server._serve(sockets=[listening]))  # without its signal handlers
    await until(lambda: server.started)
    yield listening.getsockname()[1]
    server.should_exit = True
    await task


async def _messages(client: ClientConnection) -> list[wire.ServerMessage]:
    data = await asyncio.wait_for(client.recv(decode=False), STEP_SECONDS_MAX)
    return list(wire.ServerFrame.FromString(data).messages)


async def _sign_in(client: ClientConnection) -> None:
    await client.send(client_frame(authenticate(subscriptions=[wire.Subscription(market_id=1)])))
    while not any(message.HasField("acting_as") for message in await _messages(client)):
        pass


async def test_a_session(world: World, port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/ws") as client:
        await _sign_in(client)
        await client.send(client_frame(order("o1")))
        assert [message.request_id for message in await _messages(client)] == ["o1"]
        await world.settled()
        seq = await world.matching.publish(MARKET)
        assert (await _messages(client))[0].stream_position.seq == seq
    await until(lambda: MARKET not in world.groups)


async def test_the_code_of_a_close(world: World, port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/ws") as client:
        await client.send(client_frame(authenticate("guess")))
        assert (await _messages(client))[0].refused.code == wire.NOT_AUTHENTICATED
        await client.wait_closed()
        assert client.close_code == CloseCode.NOT_AUTHENTICATED


async def test_who_does_not_read_is_closed(world: World, port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/ws", max_queue=1) as client:
        await _sign_in(client)
        await world.settled()
        for _ in range(200):
            await world.matching.publish(MARKET, padding=200_000)
            await asyncio.sleep(0)
        with suppress(ConnectionClosed):
            while await asyncio.wait_for(client.recv(), STEP_SECONDS_MAX):
                pass
        assert client.close_code == CloseCode.SLOW_READER
