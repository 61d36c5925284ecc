"""The base of every view of the REST door: who asks, what it costs, what is said around every answer.

A read is charged to the person's bucket before anything is looked up; a command is charged by the matcher, which checks
and executes it like a socket's. What a request changes is always a command: views write no row.
"""

import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from rest_framework.exceptions import NotAuthenticated
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from accounts.rest import rates
from accounts.rest.authentication import Bearer, Session
from accounts.rest.bodies import JSONRenderer, StrictJSONParser
from accounts.rest.callers import Caller, caller
from accounts.rest.errors import Refusal, refusal_of, unreadable
from accounts.rest.fields import KEY_PATTERN, Strict
from accounts.rest.rates import Rate
from proto.exchange_pb2 import ClientMessage, ServerMessage
from realtime import gateway, limits
from realtime.errors import RequestFailed
from realtime.limits import MIB, REQUEST_BODY_BYTES_MAX, TOO_LONG_HEADER, RateClass
from realtime.rights import Scope

REQUEST_ID = re.compile(rf"[\w.:-]{{1,{limits.REQUEST_ID_CHARACTERS_MAX}}}", re.ASCII)
SAFE = ("GET", "HEAD")


class ExchangeView(APIView):
    """`open` to people who are not signed in. `keyed`: its changes take a key. `queries`: what a method reads of the
    query; nothing, if not here."""

    authentication_classes = (Bearer, Session)
    permission_classes = ()
    parser_classes: Sequence[type[BaseParser]] = (StrictJSONParser,)
    renderer_classes = (JSONRenderer,)
    http_method_names = ["get", "head", "post", "patch", "delete"]

    open = False
    keyed = True
    queries: Mapping[str, type[Serializer[Any]]] = {}
    rate: Rate | None = None  # of what was charged

    # --- For the views

    @cached_property
    def caller(self) -> Caller:
        return caller(self.request)

    def said(self, form: type[Serializer[Any]]) -> Any:
        """The body, read. ValidationError if it is not what the form asks for."""
        serializer = form(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    @cached_property
    def query(self) -> Any:
        """The query, read. ValidationError for a parameter that is unknown, or there twice."""
        given = self.request.query_params
        twice = next((name for name, values in given.lists() if len(values) > 1), None)
        if twice is not None:
            raise unreadable("This is there twice.", twice)
        form = self.queries.get(str(self.request.method).replace("HEAD", "GET"), Nothing)
        serializer = form(data=given.dict())
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    @property
    def key(self) -> str:
        """The Idempotency-Key, "" if there is none."""
        key = self.request.headers.get("Idempotency-Key")
        if key is None:
            return ""
        if re.fullmatch(KEY_PATTERN, key) is None:
            raise unreadable(
                f"A key has 1 to {limits.KEY_CHARACTERS_MAX} visible characters of ASCII.", "Idempotency-Key"
            )
        return key

    def ask(self, message: ClientMessage) -> ServerMessage:
        """Has the matcher execute it for the caller. Raises RequestFailed."""
        who = self.caller
        _ = who.own  # opened at the first visit
        message.request_id = self.request_id
        reply = gateway.ask_sync(
            who.user.pk, message, account=who.wanted, sudo=who.sudo, rights=who.rights, limits=True
        )
        self.rate = rates.of_limits(reply.limits)
        return reply

    def carried_out(
        self, told: type[Serializer[Any]], message: ClientMessage, status: int = 200, at: str = ""
    ) -> Response:
        """The command's answer: what `told` names of the reply, with its seq. A repeated one says the same, and in a
        header that it is repeated. `at`: where what was made can be read, {order.id} or the like from the answer."""
        reply = self.ask(message)
        said = getattr(reply, reply.WhichOneof("message") or "")
        fields = {name: getattr(said, name) for name in told().get_fields() if name != "seq"}
        headers = {"X-Replayed": "true"} if reply.replayed else {}
        if at:
            headers["Location"] = at.format(**fields)
        return Response(told({"seq": reply.seq, **fields}).data, status, headers=headers)

    def cost(self) -> tuple[RateClass, int]:
        """Class and number of tokens of a read."""
        return "read", 1

    # --- Around them

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        wished = request.headers.get("X-Request-Id", "")
        self.request_id = wished if REQUEST_ID.fullmatch(wished) else uuid.uuid4().hex
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Signed in? Charged, if it is a read. The headers, then the query are read."""
        super().initial(request, *args, **kwargs)
        if TOO_LONG_HEADER in request.headers:
            most = REQUEST_BODY_BYTES_MAX // MIB
            raise Refusal(413, "INVALID_FRAME", f"What you sent is longer than {most} MiB. Nothing was kept.")
        if "HTTP_TRANSFER_ENCODING" in request.META and "CONTENT_LENGTH" not in request.META:
            # Our own server says it of bodies in chunks, too. Of others DRF would read nothing.
            raise Refusal(411, "INVALID_FRAME", "Say how long the body is, in Content-Length.")
        if request.user.is_authenticated:
            if request.method in SAFE:
                rate_class, cost = self.cost()
                self.charge(rate_class, cost)
                self.caller.check(Scope.READ)
        elif not self.open:
            raise NotAuthenticated("Send a token, or sign in to the pages.")
        else:
            self.rate = rates.open_read(request)
        if request.method in self.allowed_methods:
            _ = self.query, self.key

    def charge(self, rate_class: RateClass, cost: int = 1) -> None:
        who = self.caller
        try:
            limits = gateway.draw_sync(who.user.pk, rate_class, sudo=who.sudo, cost=cost)
        except RequestFailed as failed:
            wait = -(-failed.retry_after_ms // 1_000)
            self.rate = rates.of_limits(failed.limits) if failed.limits else rates.unknown(rate_class, who.sudo, wait)
            raise
        self.rate = rates.of_limits(limits)

    def handle_exception(self, error: Exception) -> Response:
        refusal = self._charged(error, refusal_of(error))
        headers = dict(refusal.headers)
        if refusal.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if refusal.status == 405:
            headers["Allow"] = ", ".join(self.allowed_methods)
        response = Response(refusal.body(self.request_id), refusal.status, headers=headers)
        response.exception = True
        return response

    def _charged(self, error: Exception, refusal: Refusal) -> Refusal:
        """The refusal, or that of the charge for it: who is refused pays too. What the exchange itself said stands."""
        if isinstance(error, RequestFailed):
            self.rate = rates.of_limits(error.limits) if error.limits else self.rate or self._unknown_rate()
        if self.rate is not None:
            return refusal
        try:
            if self.request.user.is_authenticated:
                self._charge_refused(self.request.user.pk)
            else:
                self.rate = rates.failed_sign_in(self.request, int(not isinstance(error, NotAuthenticated)))
        except RequestFailed as failed:
            if failed.limits:
                self.rate = rates.of_limits(failed.limits)
            return refusal_of(failed)
        return refusal

    def _charge_refused(self, user: int) -> None:
        """Whatever is wrong with a request, its sender pays for it: as a person, whose sudo is not looked at."""
        self.rate = self._unknown_rate()
        rate_class: RateClass = "read" if self.request.method in SAFE else "mutate"
        self.rate = rates.of_limits(gateway.draw_sync(user, rate_class))

    def _unknown_rate(self) -> Rate:
        return rates.unknown("read" if self.request.method in SAFE else "mutate", False, 1)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["X-Request-Id"] = self.request_id
        response._has_been_logged = True  # a refusal is an answer; what is our fault has been logged
        response["Cache-Control"] = "private, no-cache"
        for name, value in self.rate.headers.items() if self.rate else ():
            response[name] = value
        if request.method in SAFE and response.status_code == 200 and isinstance(response, Response):
            response.add_post_render_callback(lambda done: tagged(request._request, done))
        return response


class Nothing(Strict):
    """A query without parameters."""


def tagged(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """With the digest of what it says, or 304 if the asker has that already."""
    for only_if in ("HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE"):  # reads do not look at these
        request.META.pop(only_if, None)
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    response["ETag"] = etag
    answer = get_conditional_response(request, etag=etag, response=response) or response
    if answer is not response:
        for name, value in response.items():
            if name.startswith("X-"):
                answer[name] = value
    return answer
