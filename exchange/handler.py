"""How Django answers everything but REST: a request runs from its first middleware to its last on one thread.

Django's own handler for ASGI starts a thread and opens a connection to the database for every request, and changes
threads at every middleware. That costs more than most pages.
"""

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import set_script_prefix

from exchange.csp import CSPMiddleware
from exchange.turns import TooMany, Turns
from realtime.addresses import client, network

# How many pages are made at a time. Their threads take turns with the event loop, which answers orders: more of them
# make no page faster, and every order wait longer.
PAGE_THREADS = 2
# Here a GET may wait for a provider, or read for long. It gets a thread of its own, like everything that changes
# something, so that no page waits for it.
OWN_THREAD = ("/admin/", "/sign-in/")


class Handler(ASGIHandler):
    """Calls middlewares and views as WSGI does. Asynchronous views work, but cost a change of threads."""

    def __init__(self) -> None:
        super().__init__()
        self._turns = Turns(PAGE_THREADS)
        self._pages = ThreadPoolExecutor(PAGE_THREADS, thread_name_prefix="pages", initializer=_keep_connection)
        # A refusal has the headers of a page, without its cost.
        self._refuse = SecurityMiddleware(CSPMiddleware(XFrameOptionsMiddleware(_too_many)))

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        set_script_prefix(get_script_prefix(scope))
        request, refusal = self.create_request(scope, body)
        if request is None:
            assert refusal is not None, "Django makes one or the other"
            await self.send_response(refusal, send)
            return
        response = await self._respond(request, body)
        try:
            await self.send_response(response, send)
        finally:
            if _is_sent_from_loop(response):
                await sync_to_async(response.close)()

    async def _respond(self, request: ASGIRequest, body: IO[bytes]) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD") or request.path_info.startswith(OWN_THREAD):
            return await sync_to_async(self._answer)(request, body)
        session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        try:
            async with self._turns.place(network(client(request.scope)), session):
                return await sync_to_async(self._answer, thread_sensitive=False, executor=self._pages)(request, body)
        except TooMany:
            body.close()
            return cast(HttpResponseBase, self._refuse(request))

    def _answer(self, request: ASGIRequest, body: IO[bytes]) -> HttpResponseBase:
        """The response. Unless the loop makes its content, all of it is there, and what it was made from is closed."""
        with body:
            signals.request_started.send(sender=self.__class__, scope=request.scope)
            response = self.get_response(request)
            response._handler_class = self.__class__  # type: ignore[attr-defined]
            if not _is_sent_from_loop(response):
                if isinstance(response, StreamingHttpResponse):
                    response.streaming_content = _each(list(cast(Iterator[bytes], response.streaming_content)))
                response.close()
        return response


def _too_many(request: HttpRequest) -> HttpResponse:
    text = "Too many pages at once. Wait a second and load this page again.\n"
    return HttpResponse(text, "text/plain", 429, headers={"Retry-After": "1"})


def _keep_connection() -> None:
    """Lets this thread keep its connection. SQLite's is dear to open; those of PostgreSQL come from a pool."""
    if connection.vendor == "sqlite":
        connection.settings_dict = {**connection.settings_dict, "CONN_MAX_AGE": None}


def _is_sent_from_loop(response: HttpResponseBase) -> bool:
    """Whether the response's content is made while it is sent, by an asynchronous iterator."""
    return isinstance(response, StreamingHttpResponse) and response.is_async and not response.closed


async def _each(parts: list[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
