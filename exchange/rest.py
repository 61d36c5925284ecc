"""The ASGI application of REST: Django's requests, addresses and views, without what only browsers need.

For one request Django's handler takes a thread two times, and each of its middlewares once or twice. RestHandler takes
none of its own. Requests that carry a session cookie and no token need the middlewares: Django's handler gets those
(asgi.py).
"""

from contextlib import closing
from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.handlers.exception import response_for_exception
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import get_resolver, set_script_prefix
from django.utils.module_loading import import_string


class RestHandler(ASGIHandler):
    """Runs settings.REST_MIDDLEWARE on the event loop, so they must not wait for anything."""

    def load_middleware(self, is_async: bool = False) -> None:
        chain: list[Any] = [import_string(path)(_no_answer) for path in settings.REST_MIDDLEWARE]
        self._before = [one.process_request for one in chain if hasattr(one, "process_request")]
        self._after = [one.process_response for one in reversed(chain) if hasattr(one, "process_response")]
        self._resolver = get_resolver(settings.ROOT_URLCONF)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with ThreadSensitiveContext() as context:
            try:
                await self.handle(scope, receive, send)
            finally:
                if context in SyncToAsync.context_to_thread_executor:  # the request has used a thread
                    await sync_to_async(close_old_connections)()

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with closing(body):
            set_script_prefix(get_script_prefix(scope))
            request, refusal = self.create_request(scope, body)
            if request is None:
                assert refusal is not None
                await self.send_response(refusal, send)
                return
            with closing(request):
                await self.send_response(await self._respond(request), send)

    async def _respond(self, request: ASGIRequest) -> HttpResponseBase:
        try:
            response = next((answer for hook in self._before if (answer := hook(request))), None)
            if response is None:
                response = await self._view(request)
            for hook in self._after:
                response = hook(request, response)
        except Exception as error:  # a wrong Host, for example; views answer for their own
            return response_for_exception(request, error)
        return response

    async def _view(self, request: ASGIRequest) -> HttpResponseBase:
        request.user = AnonymousUser()  # the view finds out who asks
        match = request.resolver_match = self._resolver.resolve(request.path_info)
        response: HttpResponseBase = await match.func(request, *match.args, **match.kwargs)
        return response


def needs_session(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a request carries a session cookie and no other credential."""
    if any(name == b"authorization" for name, _ in headers):
        return False
    session = f"{settings.SESSION_COOKIE_NAME}=".encode()
    return any(session in value for name, value in headers if name == b"cookie")


def _no_answer(request: HttpRequest) -> HttpResponse:
    """A middleware is made with the next one. RestHandler calls its hooks instead of it, so nothing calls this."""
    raise NotImplementedError
