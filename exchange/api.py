"""What needs no sign-in: the time, the status, the API's description and exchange.proto."""

import asyncio
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import Error, connections
from django.db.models import Max
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.rest.bodies import written
from accounts.rest.fields import Id, Moment
from accounts.rest.schema import operation
from accounts.rest.views import ExchangeView
from markets.models import JournalEntry
from realtime import gateway
from realtime.errors import busy

EXCHANGE = "exchange"
DATABASE_SECONDS_MAX = 3.0  # how long the status waits for the database
HEAD_SECONDS = 0.1  # how old the seq in a status may be
_STARTED = time.monotonic()


class ClockReadSerializer(serializers.Serializer[Any]):
    at = Moment(source="at_us")
    at_us = Id(help_text="The same, in microseconds since 1970.")


class StatusReadSerializer(serializers.Serializer[Any]):
    """answering: whether the matcher sent a beat in the last seconds. While it is false, requests get BUSY."""

    version = serializers.CharField()
    answering = serializers.BooleanField()
    problems = serializers.ListField(
        child=serializers.ChoiceField(choices=("database", "matcher")),
        help_text="Which parts do not answer. Empty if all do.",
    )
    seq = Id(help_text="The newest entry of the journal. While the database does not answer, the newest known one.")
    at = serializers.DateTimeField()
    up_since = serializers.DateTimeField(help_text="When the process that answers started.")


class HealthReadSerializer(serializers.Serializer[Any]):
    answering = serializers.BooleanField(help_text="Always true; else the answer is 503.")


class JournalHead:
    """Reads the newest seq on a thread of its own, so that a status does not wait long for a database that is away.

    Requests share a read that is on its way, or that began less than HEAD_SECONDS ago and succeeded.
    """

    def __init__(self) -> None:
        self.seq = 0  # the newest that was read
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="status")
        self._reading: Future[bool] | None = None
        self._began = 0.0  # time.monotonic() of the last read

    async def refresh(self) -> bool:
        """Reads the seq. Returns False if the database did not answer in DATABASE_SECONDS_MAX."""
        now, reading = time.monotonic(), self._reading
        if reading is not None and reading.done() and reading.result() and now - self._began < HEAD_SECONDS:
            return True
        if reading is None or reading.done():
            self._began = now
            reading = self._reading = self._executor.submit(self._read)
        done, _ = await asyncio.wait([asyncio.wrap_future(reading)], timeout=DATABASE_SECONDS_MAX)
        return bool(done) and reading.result()

    def _read(self) -> bool:
        """Whether the database answered."""
        try:
            self.seq = JournalEntry.objects.aggregate(head=Max("seq"))["head"] or 0
        except Error:
            return False
        finally:
            connections.close_all()
        return True


_head = JournalHead()
_describing = threading.Lock()


class Time(ExchangeView):
    open = True

    @operation("get_time", "The exchange's clock", ClockReadSerializer, tag=EXCHANGE)
    async def get(self, request: Request) -> Response:
        """The time in UTC."""
        return Response(written(ClockReadSerializer, {"at_us": time.time_ns() // 1_000}))


class Status(ExchangeView):
    open = True
    authentication_classes = ()  # a token or a session would be looked up in the database

    @operation("get_status", "The exchange's status", StatusReadSerializer, tag=EXCHANGE)
    async def get(self, request: Request) -> Response:
        """Also answers while the exchange is starting, and while the database is away."""
        now = timezone.now()
        answering = gateway.is_answering()
        parts = {"database": await _head.refresh(), "matcher": answering}
        fields = {
            "version": settings.VERSION,
            "answering": answering,
            "problems": [part for part, well in parts.items() if not well],
            "seq": _head.seq,
            "at": now,
            "up_since": now - timedelta(seconds=time.monotonic() - _STARTED),
        }
        return Response(written(StatusReadSerializer, fields))


class Health(ExchangeView):
    open = True
    counted = False
    authentication_classes = ()

    @operation("get_health", "Whether this process can serve", HealthReadSerializer, tag=EXCHANGE)
    async def get(self, request: Request) -> Response:
        """For load balancers: 200 if the process that answers hears the matcher, else 503. Asks no other service."""
        if not gateway.is_answering():
            raise busy("This process does not hear the matcher.")
        return Response(written(HealthReadSerializer, {"answering": True}))


class Schema(ExchangeView):
    """The OpenAPI description, as JSON."""

    open = True

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(description())


class UnknownAddress(ExchangeView):
    """Answers 404 at every other address under /api/."""

    open = True

    async def begin(self, request: Request) -> None:
        await super().begin(request)
        raise Http404


def description() -> dict[str, Any]:
    """The OpenAPI description. It is the same for everybody; each process generates it once.

    Requests that come meanwhile wait: the generator is slow, and not made for several threads.
    """
    with _describing:
        return _description()


@cache
def _description() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


@require_safe
@ensure_csrf_cookie
def docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI. Its script sends the CSRF cookie's token with changes, as the session's requests need it."""
    return render(request, "api/docs.html", {"csrf_cookie": settings.CSRF_COOKIE_NAME})


@require_safe
def contract(request: HttpRequest) -> FileResponse:
    """Serves proto/exchange.proto to people who write their own client."""
    file = (settings.BASE_DIR / "proto" / "exchange.proto").open("rb")
    return FileResponse(file, content_type="text/plain; charset=utf-8", filename="exchange.proto")
