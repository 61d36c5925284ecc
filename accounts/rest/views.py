"""The base of every REST view: it authenticates, charges, reads body and query, and adds the headers of every answer.

A read is charged to the person's bucket before the view looks anything up. The matcher charges, checks and executes a
command like one from a socket. A request changes the engine's state only by a command: views write none of its rows.

A request is handled on the event loop. Whatever takes the database, or much time, runs on a thread.
"""

import hashlib
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.functional import classproperty
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from accounts.rest import rates
from accounts.rest.authentication import Bearer, Session
from accounts.rest.bodies import JSONRenderer, StrictJSONParser, names_of, validated, written
from accounts.rest.callers import Caller, caller
from accounts.rest.errors import Refusal, refusal_of, unreadable
from accounts.rest.fields import KEY_PATTERN, Strict
from accounts.rest.rates import Rate
from accounts.services import ensure_user_account
from proto.exchange_pb2 import ClientMessage, Limits, ServerMessage
from realtime import gateway, limits
from realtime.errors import Outdated, RequestFailed, busy
from realtime.limits import MIB, REQUEST_BODY_BYTES_MAX, TOO_LONG_HEADER, RateClass
from realtime.rights import Scope

REQUEST_ID = re.compile(rf"[\w.:-]{{1,{limits.REQUEST_ID_CHARACTERS_MAX}}}", re.ASCII)
SAFE = ("GET", "HEAD")

T = TypeVar("T")


class ExchangeView(APIView):
    """`open`: needs no sign-in, and is charged to the address if it is `counted`. `keyed`: its changes take an
    Idempotency-Key. `queries`: the serializer of a method's query; a method that is not in it takes no parameters."""

    authentication_classes: Sequence[type[Bearer | Session]] = (Bearer, Session)
    permission_classes = ()
    parser_classes: Sequence[type[BaseParser]] = (StrictJSONParser,)
    renderer_classes = (JSONRenderer,)
    http_method_names = ["get", "head", "post", "patch", "delete"]

    open = False
    counted = True
    keyed = True
    queries: Mapping[str, type[Serializer[Any]]] = {}
    rate: Rate | None = None  # the bucket that was charged

    # --- What views use

    @cached_property
    def caller(self) -> Caller:
        return caller(self.request)

    def body(self, form: type[Serializer[Any]]) -> Any:
        """The body's fields. Raises ValidationError if the form does not accept them."""
        return validated(form, self.request.data)

    @cached_property
    def query(self) -> Any:
        """The query's parameters. Raises ValidationError if one is unknown or wrong, Refusal if it is given twice."""
        given = self.request.query_params
        twice = next((name for name, values in given.lists() if len(values) > 1), None)
        if twice is not None:
            raise unreadable("Parameter given twice.", twice)
        form = self.queries.get(str(self.request.method).replace("HEAD", "GET"), NoQuery)
        return validated(form, given.dict())

    @property
    def key(self) -> str:
        """The Idempotency-Key, or "". Raises Refusal 400 if it is malformed."""
        key = self.request.headers.get("Idempotency-Key")
        if key is None:
            return ""
        if re.fullmatch(KEY_PATTERN, key) is None:
            raise unreadable(
                f"A key must have 1 to {limits.KEY_CHARACTERS_MAX} visible ASCII characters.", "Idempotency-Key"
            )
        return key

    async def ask(self, message: ClientMessage) -> ServerMessage:
        """Sends a command for the caller and returns the reply. Raises RequestFailed."""
        opens = message.HasField("create_user_account")  # with the name that is asked for
        if not opens and not self.caller.signed_in.own:
            await sync_to_async(ensure_user_account)(self.caller.user)  # the first request opens it
        message.request_id = self.request_id

        def ask() -> Awaitable[ServerMessage]:
            who = self.caller
            account, as_of = who.wanted, who.signed_in.as_of
            return gateway.ask(
                who.user.pk, message, account=account, sudo=who.sudo, rights=who.rights, limits=True, as_of=as_of
            )

        reply = await self._up_to_date(ask)
        self.rate = rates.of_limits(reply.limits)
        return reply

    async def execute(
        self, serializer: type[Serializer[Any]], message: ClientMessage, status: int = 200, location: str = ""
    ) -> Response:
        """Sends a command and answers with the fields of its reply that the serializer names, and its seq.

        A replayed command gets the same answer, and X-Replayed. `location` is the address of the new object, in which
        {order.id} or the like is filled in from the answer. Raises RequestFailed.
        """
        reply = await self.ask(message)
        answer = getattr(reply, reply.WhichOneof("message") or "")
        fields = {name: getattr(answer, name) for name in names_of(serializer) if name != "seq"}
        headers = {"X-Replayed": "true"} if reply.replayed else {}
        if location:
            headers["Location"] = location.format(**fields)
        return Response(written(serializer, {"seq": reply.seq, **fields}), status, headers=headers)

    def cost(self) -> tuple[RateClass, int]:
        """The rate class of a read and how many tokens it costs."""
        return "read", 1

    # --- What happens around every request

    @classproperty
    def view_is_async(cls) -> bool:
        """True: dispatch() runs the methods that are no coroutines on a thread."""
        return True

    async def dispatch(  # type: ignore[override]  # a coroutine
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """APIView.dispatch() on the event loop. Methods that are coroutines stay there; others run on a thread."""
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            await self.begin(self.request)
            response = await self._answer(self.request, *args, **kwargs)
        except Exception as error:
            response = await self.refuse(error)
        self.response = self.finalize_response(self.request, response, *args, **kwargs)
        rendered: HttpResponse = self.response.render()
        return rendered

    async def _answer(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        name = str(request.method).lower()
        known = name in self.http_method_names
        method = getattr(self, name, self.http_method_not_allowed) if known else self.http_method_not_allowed
        called = method if iscoroutinefunction(method) else sync_to_async(method)
        response: Response = await called(request, *args, **kwargs)
        return response

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        asked = request.headers.get("X-Request-Id", "")
        self.request_id = asked if REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex
        return super().initialize_request(request, *args, **kwargs)

    async def begin(self, request: Request) -> None:
        """Checks size and sign-in, charges a read, then checks the query and the key. Raises a refusal."""
        await self._authenticate()
        self.format_kwarg = None
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        if TOO_LONG_HEADER in request.headers:
            most = REQUEST_BODY_BYTES_MAX // MIB
            raise Refusal(413, "INVALID_FRAME", f"The body is longer than {most} MiB. It was discarded.")
        if "HTTP_TRANSFER_ENCODING" in request.META and "CONTENT_LENGTH" not in request.META:
            # Our own server adds Content-Length to a body in chunks. Without it DRF would read an empty body.
            raise Refusal(411, "INVALID_FRAME", "Send the body's length in Content-Length.")
        if request.user.is_authenticated:
            if request.method in SAFE:
                rate_class, cost = self.cost()
                await self.charge(rate_class, cost)
                self.caller.check(Scope.READ)
        elif not self.open:
            raise NotAuthenticated("Send a token, or sign in to the pages.")
        else:
            self.rate = await rates.open_read(request) if self.counted else rates.full()
        if request.method in self.allowed_methods:
            _ = self.query, self.key

    async def _authenticate(self) -> None:
        """Has DRF find the sender, on a thread if that takes the database. Raises AuthenticationFailed, or BUSY if the
        database is away."""
        request = self.request
        look_up = self.perform_authentication
        ways = cast(list[Bearer | Session], request.authenticators)
        waits = [way.waits(request) for way in ways]
        try:
            if any(waits):
                await sync_to_async(look_up)(request)
            else:
                look_up(request)
        except (DatabaseError, InterfaceError) as error:
            # Else whoever reads the user looks it up again, on the loop.
            request._not_authenticated()  # type: ignore[attr-defined]
            raise busy("The database is not answering at the moment.") from error

    async def charge(self, rate_class: RateClass, cost: int = 1) -> None:
        """Takes tokens from the caller's bucket. Raises RequestFailed if it has too few."""

        def draw() -> Awaitable[Limits]:
            who = self.caller
            return gateway.draw(who.user.pk, rate_class, sudo=who.sudo, cost=cost, as_of=who.signed_in.as_of)

        try:
            limits = await self._up_to_date(draw)
        except RequestFailed as failed:
            wait, sudo = -(-failed.retry_after_ms // 1_000), self.caller.sudo
            self.rate = rates.of_limits(failed.limits) if failed.limits else rates.unknown(rate_class, sudo, wait)
            raise
        self.rate = rates.of_limits(limits)

    async def _up_to_date(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Asks the matcher for the caller. If the credential was remembered, and the matcher has heard of a revocation
        since, looks it up and asks again. Raises AuthenticationFailed if it is not good any more."""
        try:
            return await ask()
        except Outdated:
            self.request.user, self.request.auth = await sync_to_async(Bearer.look_up)(self.request)
            vars(self).pop("caller")
            return await ask()

    async def refuse(self, error: Exception) -> Response:
        """The answer to a request that failed with the error."""
        refusal = await self._charged(error, refusal_of(error))
        headers = dict(refusal.headers)
        if refusal.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if refusal.status == 405:
            headers["Allow"] = ", ".join(self.allowed_methods)
        response = Response(refusal.body(self.request_id), refusal.status, headers=headers)
        response.exception = True
        return response

    async def _charged(self, error: Exception, refusal: Refusal) -> Refusal:
        """Charges a refused request, if nothing charged it yet. Returns the refusal, or the one that the charge meets.

        A refusal by the matcher itself stays as it is.
        """
        if isinstance(error, RequestFailed):
            self.rate = rates.of_limits(error.limits) if error.limits else self.rate or self._unknown_rate()
        if self.rate is not None:
            return refusal
        try:
            if self.request.user.is_authenticated and not isinstance(error, AuthenticationFailed):
                await self._charge_refused(self.request.user.pk)
            else:
                self.rate = await rates.failed_sign_in(self.request, int(not isinstance(error, NotAuthenticated)))
        except RequestFailed as failed:
            if failed.limits:
                self.rate = rates.of_limits(failed.limits)
            return refusal_of(failed)
        return refusal

    async def _charge_refused(self, user: int) -> None:
        """Charges the person without sudo, because its header may be what is wrong."""
        self.rate = self._unknown_rate()
        rate_class: RateClass = "read" if self.request.method in SAFE else "mutate"
        self.rate = rates.of_limits(await gateway.draw(user, rate_class))

    def _unknown_rate(self) -> Rate:
        return rates.unknown("read" if self.request.method in SAFE else "mutate", False, 1)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["X-Request-Id"] = self.request_id
        if Session in self.authentication_classes and not request.headers.get("Authorization"):
            patch_vary_headers(response, ("Cookie",))
        response._has_been_logged = True  # Django would log every refusal; faults of ours are logged already
        response["Cache-Control"] = "private, no-cache"
        for name, value in self.rate.headers.items() if self.rate else ():
            response[name] = value
        if request.method in SAFE and response.status_code == 200 and isinstance(response, Response):
            response.add_post_render_callback(lambda rendered: with_etag(request._request, rendered))
        return response


class NoQuery(Strict):
    """A query without parameters."""


def with_etag(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Adds a digest of the body as ETag. Returns a 304 instead if the request names this ETag in If-None-Match."""
    for only_if in ("HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE"):  # reads ignore these
        request.META.pop(only_if, None)
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    response["ETag"] = etag
    answer = get_conditional_response(request, etag=etag, response=response) or response
    if answer is not response:
        for name, value in response.items():
            if name.startswith("X-"):
                answer[name] = value
    return answer
