"""What needs no sign-in: the time, the status, the API's description and exchange.proto."""

import time
from datetime import timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.rest.fields import Id, Moment
from accounts.rest.schema import operation
from accounts.rest.views import ExchangeView
from markets.models import JournalEntry
from realtime import gateway

EXCHANGE = "exchange"
_STARTED = time.monotonic()


class ClockReadSerializer(serializers.Serializer[Any]):
    at = Moment(source="at_us")
    at_us = Id(help_text="The same, in microseconds since 1970.")


class StatusReadSerializer(serializers.Serializer[Any]):
    """answering: whether the matcher sent a beat in the last seconds. While it is false, requests get BUSY."""

    version = serializers.CharField()
    answering = serializers.BooleanField()
    seq = Id(help_text="The newest entry of the journal.")
    at = serializers.DateTimeField()
    up_since = serializers.DateTimeField(help_text="When the process that answers started.")


class Time(ExchangeView):
    open = True

    @operation("get_time", "The exchange's clock", ClockReadSerializer, tag=EXCHANGE)
    def get(self, request: Request) -> Response:
        """The time in UTC."""
        return Response(ClockReadSerializer({"at_us": time.time_ns() // 1_000}).data)


class Status(ExchangeView):
    open = True

    @operation("get_status", "The exchange's status", StatusReadSerializer, tag=EXCHANGE)
    def get(self, request: Request) -> Response:
        """Also answers while the exchange is starting."""
        now = timezone.now()
        fields = {
            "version": settings.VERSION,
            "answering": gateway.is_answering(),
            "seq": JournalEntry.objects.aggregate(head=Max("seq"))["head"] or 0,
            "at": now,
            "up_since": now - timedelta(seconds=time.monotonic() - _STARTED),
        }
        return Response(StatusReadSerializer(fields).data)


class Schema(ExchangeView):
    """The OpenAPI description, as JSON."""

    open = True

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(description())


class UnknownAddress(ExchangeView):
    """Answers 404 at every other address under /api/."""

    open = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404


@cache
def description() -> dict[str, Any]:
    """The OpenAPI description. It is the same for everybody; each process generates it once."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "api/docs.html")


@require_safe
def contract(request: HttpRequest) -> FileResponse:
    """Serves proto/exchange.proto to people who write their own client."""
    file = (settings.BASE_DIR / "proto" / "exchange.proto").open("rb")
    return FileResponse(file, content_type="text/plain; charset=utf-8", filename="exchange.proto")
