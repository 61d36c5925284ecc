"""The ASGI application: routes HTTP to Django, and sockets to ClientConsumer with authentication by accounts."""

from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

rest = get_asgi_application()  # sets up Django, so it precedes every import of a model

from accounts.authentication import authenticate, revoked  # noqa: E402
from accounts.sudo import may_sudo  # noqa: E402
from exchange.handler import Handler  # noqa: E402
from realtime.hub import Hub  # noqa: E402
from realtime.routing import Receive, Send, websocket  # noqa: E402

hub = Hub(revoked, may_sudo)
pages = Handler()


async def http(scope: Any, receive: Receive, send: Send) -> None:
    await (rest if scope["path"].startswith("/api/") else pages)(scope, receive, send)


application = ProtocolTypeRouter({"http": http, "websocket": websocket(hub, authenticate)})
