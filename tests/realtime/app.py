"""A server process for live tests: `python -m tests.realtime.app [part ...]` prints its port and serves.

/ws is the hub with the matching side of world.py. The other paths are applications that behave badly. Parts: `fails`
and `ends` (a background task that does so), `busy=PORT` (the port to listen on).
"""

import asyncio
import sys
from typing import Any

from channels.layers import channel_layers
from django.conf import settings

from realtime.server import serve
from tests.realtime.world import World

# Only the settings that the transport reads. Without the Django apps the process starts in a third of the time.
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    CSRF_TRUSTED_ORIGINS=[],
    HTTPS=False,
    TRUSTED_PROXY_COUNT=0,
    SOCKETS_MAX=20,
    SUBSCRIPTIONS_MAX=200,
    SESSION_COOKIE_NAME="sessionid",
    SIGN_IN_FAILURES_PER_ADDRESS_MAX=300,
    SIGN_IN_FAILURES_SECONDS=300,
    WAITING_CONNECTIONS_MAX=1_000,
)

BEAT_SECONDS = 0.2
SLOW_SECONDS = 0.01  # that /slow takes for a message
BLIND_FRAMES = 1_000
BLIND_BYTES = 64 * 1024
REQUEST_SECONDS = 0.5

world = World()
channel_layers.set("default", world.matching.layer)
taken = 0  # messages that /slow has read


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await _http(scope, send)
    elif scope["path"] in SOCKETS:
        await receive()
        await send({"type": "websocket.accept"})
        await SOCKETS[scope["path"]](receive, send)
    else:
        await world.application(scope, receive, send)


async def _http(scope: Any, send: Any) -> None:
    if scope["path"] == "/wait":
        await asyncio.sleep(REQUEST_SECONDS)
    if scope["path"] == "/publish":
        await world.matching.publish("market.1", padding=int(scope["query_string"]))
        world.matching.published.clear()  # the tests measure the server's memory, not the fake matcher's
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(taken).encode()})


async def _echo(receive: Any, send: Any) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": message["bytes"]})


async def _slow(receive: Any, send: Any) -> None:
    global taken
    while (await receive())["type"] == "websocket.receive":
        taken += 1
        await asyncio.sleep(SLOW_SECONDS)


async def _blind(receive: Any, send: Any) -> None:
    """Writes without checking whether the client reads."""
    for _ in range(BLIND_FRAMES):
        await send({"type": "websocket.send", "bytes": bytes(BLIND_BYTES)})
        await asyncio.sleep(0)
    await receive()


async def _stubborn(receive: Any, send: Any) -> None:
    """Goes on after its socket has closed, until it is cancelled."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.2)
            raise


SOCKETS = {"/echo": _echo, "/slow": _slow, "/blind": _blind, "/stubborn": _stubborn}


async def beat() -> None:
    while True:
        await world.matching.beat()
        await asyncio.sleep(BEAT_SECONDS)


async def fails() -> None:
    await asyncio.sleep(0.5)
    raise ArithmeticError("the books do not balance")


async def ends() -> None:
    await asyncio.sleep(0.5)


async def drain() -> None:
    """Drains as the exchange does: the last batch, then the hub."""
    await world.matching.publish("market.1")
    await world.hub.drain()


def main(parts: list[str]) -> int:
    background = [world.hub.run, world.matching.run, beat]
    background += [part for part in (fails, ends) if part.__name__ in parts]
    port = next((int(part.removeprefix("busy=")) for part in parts if part.startswith("busy=")), 0)
    return serve(
        application,
        "127.0.0.1",
        port,
        background=background,
        ready=world.hub.ready,
        drain=drain,
        on_ready=lambda chosen: print(chosen, flush=True),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
