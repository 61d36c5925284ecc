"""The ASGI application: routes HTTP to REST and Django, sockets to ClientConsumer, which asks accounts who signs in."""

from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

django = get_asgi_application()  # sets up Django, so it precedes every import of a model

from accounts.authentication import authenticate  # noqa: E402
from accounts.remembered import revoked  # noqa: E402
from accounts.sudo import may_sudo  # noqa: E402
from exchange.handler import Handler  # noqa: E402
from exchange.rest import RestHandler, needs_session  # noqa: E402
from realtime.hub import Hub  # noqa: E402
from realtime.routing import Receive, Send, websocket  # noqa: E402

hub = Hub(revoked, may_sudo)
pages, rest = Handler(), RestHandler()


async def http(scope: Any, receive: Receive, send: Send) -> None:
    if not scope["path"].startswith("/api/"):
        handler: Any = pages
    elif not scope["path"].startswith("/api/v1/") or needs_session(scope["headers"]):
        handler = django
    else:
        handler = rest
    await handler(scope, receive, send)


application = ProtocolTypeRouter({"http": http, "websocket": websocket(hub, authenticate)})
