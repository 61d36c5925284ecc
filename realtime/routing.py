"""Routes WebSockets. /ws is the only path."""

from collections.abc import Awaitable, Callable
from typing import Any

from realtime.consumers import Authenticate, ClientConsumer, FailedSignIns
from realtime.hub import Hub

SOCKET_PATH = "/ws"

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]


def websocket(hub: Hub, authenticate: Authenticate) -> Application:
    """Returns the ASGI application for WebSockets."""
    client: Application = ClientConsumer.as_asgi(hub=hub, authenticate=authenticate, failed_sign_ins=FailedSignIns())

    async def route(scope: Any, receive: Receive, send: Send) -> None:
        if scope["path"] == SOCKET_PATH:
            await client(scope, receive, send)
        else:
            await send({"type": "websocket.close"})  # closing before the accept answers HTTP 403

    return route
