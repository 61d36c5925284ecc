"""The ASGI application: routes HTTP to Django, and sockets to ClientConsumer with authentication by accounts."""

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

django = get_asgi_application()  # sets up Django, so it precedes every import of a model

from accounts.authentication import authenticate, revoked  # noqa: E402
from accounts.sudo import may_sudo  # noqa: E402
from realtime.hub import Hub  # noqa: E402
from realtime.routing import websocket  # noqa: E402

hub = Hub(revoked, may_sudo)
application = ProtocolTypeRouter({"http": django, "websocket": websocket(hub, authenticate)})
