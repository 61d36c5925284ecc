"""ClientConsumer: one WebSocket of a client. It reads frames, adds who sent them, and puts them into the queue.

It knows no rule of the exchange and uses no database. The hub (hub.py) writes the replies; they do not pass through
the consumer.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.conf import settings
from django.http import parse_cookie
from django.http.request import split_domain_port, validate_host

from proto import exchange_pb2 as wire
from realtime import frames, limits
from realtime.addresses import client, network
from realtime.errors import CloseCode, RequestFailed
from realtime.frames import encoded
from realtime.hub import Hub
from realtime.messages import SocketControl
from realtime.outbox import OUTLET_EXTENSION, Outlet, SendOutlet
from realtime.sockets import Principal, Socket

logger = logging.getLogger(__name__)

# These stand for a kind of subscription among the market ids that a socket has subscribed to.
ALL_MARKETS = 0
SUMMARIES = -1
SESSION_MEMBERS = frozenset({"authenticate", "act_as", "set_sudo", "subscribe", "unsubscribe"})
HISTORY_MEMBERS = frozenset({"get_full_trade_history", "get_full_order_history", "get_market_positions"})
ORIGIN_CHARACTERS_SHOWN = 200
REFUSALS_CLASS: limits.RateClass = "mutate"  # the rate class that pays for refused messages

# Takes the cookies and the token of a request. The cookies are empty unless the request comes from an allowed origin.
# Returns None if they sign nobody in.
Authenticate = Callable[[Mapping[str, str], str], Awaitable[Principal | None]]


class FailedSignIns:
    """The failed sign-ins of each address in this process. They never keep a good token or session out."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}  # time.monotonic() of the newest; who failed last comes last

    def add(self, address: str) -> int:
        """Counts one. Returns 0, or if there were too many the milliseconds until the address has fewer."""
        now = time.monotonic()
        since = now - settings.SIGN_IN_FAILURES_SECONDS
        while self._times and (first := next(iter(self._times))) and self._times[first][-1] < since:
            del self._times[first]
        times = self._times.pop(address, None) or deque(maxlen=settings.SIGN_IN_FAILURES_PER_ADDRESS_MAX)
        while times and times[0] < since:
            times.popleft()
        too_many = len(times) == times.maxlen
        times.append(now)
        self._times[address] = times
        return max(1, int((times[0] - since) * 1_000)) if too_many else 0


class ClientConsumer(AsyncConsumer):
    """One socket. Its client has 10 s to sign in, then sends commands. A refused message gets a reply and changes
    nothing else."""

    socket: Socket

    def __init__(self, hub: Hub, authenticate: Authenticate, failed_sign_ins: FailedSignIns) -> None:
        self._hub = hub
        self._authenticate = authenticate
        self._failed_sign_ins = failed_sign_ins
        self._headers: dict[bytes, bytes] = {}
        self._address = ""
        self._sign_in_timeout: asyncio.Timeout | None = None
        self._refusals = 0  # since _refusals_at
        self._refusals_at = 0.0  # time.monotonic()
        self._uncharged = 0  # refusals of the current frame

    async def __call__(
        self, scope: Mapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Runs the socket. Unlike AsyncConsumer, it opens no layer channel and does not switch to a thread before each
        message."""
        self._headers = dict(scope["headers"])
        self._address = client(scope)
        await receive()  # websocket.connect, which daphne always sends first
        await send({"type": "websocket.accept"})
        outlet: Outlet = scope.get("extensions", {}).get(OUTLET_EXTENSION) or SendOutlet(send)
        self.socket = self._hub.open_socket(outlet)
        self._admitted = outlet.admitted
        try:
            await self._converse(receive)
        except StopConsumer:
            pass
        finally:
            self.socket.lost()
            self._hub.sign_out(self.socket)
            if isinstance(outlet, SendOutlet):
                outlet.abandon()

    async def _converse(self, receive: Callable[[], Awaitable[Any]]) -> None:
        if not self._origin_is_allowed(missing=True):
            origin = self._headers[b"origin"].decode("latin1")[:ORIGIN_CHARACTERS_SHOWN]
            logger.warning("A socket from %s was refused: its origin %r is not allowed.", self._address, origin)
            text = f"The origin {origin!r} is not allowed. Its operators can add it to CSRF_TRUSTED_ORIGINS."
            self._end(CloseCode.ORIGIN_REFUSED, wire.NOT_ALLOWED, text)
        try:
            async with asyncio.timeout(limits.AUTHENTICATE_SECONDS_MAX) as self._sign_in_timeout:
                while not self.socket.ready:
                    await self.dispatch(await receive())
        except TimeoutError:
            self._end(CloseCode.NOT_AUTHENTICATED, wire.NOT_AUTHENTICATED, "No sign-in in time.")
        else:
            self._admitted()
        while True:
            await self.dispatch(await receive())

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handles one event of the socket. Raises only StopConsumer: a frame that fails gets a refusal, and the socket
        stays open."""
        if message["type"] == "websocket.disconnect":
            raise StopConsumer
        if self.socket.closed:
            return  # the client may not know yet that we have closed the socket
        try:
            await self._on_frame(message.get("bytes"))
        except RequestFailed as failure:
            self._refuse("", failure)
        except Exception:
            logger.exception("A frame could not be handled.")
            self._refuse("", RequestFailed(wire.INTERNAL, "Internal error."))
        await self._charge_refusals()
        if self._refusals > limits.REFUSALS_MAX:
            await asyncio.sleep(limits.REFUSALS_PAUSE_SECONDS)

    # --- Frames ------------------------------------------------------------------------------------------------------

    async def _on_frame(self, data: bytes | None) -> None:
        """Splits a frame into layer messages. Consecutive commands share one. A session message goes alone, and the
        messages after it wait for its reply. A history request goes alone too, but nothing waits for it."""
        received_us = time.time_ns() // 1000
        if data is None:
            raise RequestFailed(wire.INVALID_FRAME, "Frames are binary.")
        commands: list[wire.ClientMessage] = []
        read = frames.read(data)
        for message in read:
            if isinstance(message, frames.Refusal):
                self._refuse(message.request_id, message.failure)
            elif message.WhichOneof("message") in SESSION_MEMBERS:
                await self._send_commands(commands, received_us)
                commands = []
                await self._on_session(message, received_us)
            elif self.socket.ready and message.WhichOneof("message") in HISTORY_MEMBERS:
                await self._send_commands(commands, received_us)
                commands = []
                await self._send_history(message, received_us)
            elif self.socket.ready:
                commands.append(message)
            else:
                self._refuse(message.request_id, _not_signed_in())
        await self._send_commands(commands, received_us, data if len(commands) == len(read) else None)

    async def _send_commands(
        self, commands: list[wire.ClientMessage], received_us: int, data: bytes | None = None
    ) -> None:
        """Sends the commands as one layer message. `data` is their encoded frame, if the frame holds nothing else."""
        if not commands:
            return
        await self.socket.room(len(commands))
        await self._hub.send(self.socket, "command", commands, received_us, data)

    async def _send_history(self, message: wire.ClientMessage, received_us: int) -> None:
        await self.socket.caught_up()  # a client that does not read gets no second history
        await self.socket.room(1)
        await self._hub.send(self.socket, "history", [message], received_us)

    async def _charge_refusals(self) -> None:
        """Charges the person's rates for this frame's refusals. The matcher never sees refused messages, but it keeps
        the rates."""
        count, self._uncharged = self._uncharged, 0
        if count and (person := self.socket.person) is not None:
            await self._hub.gateway.charge(person.user, self.socket.sudo, REFUSALS_CLASS, count)

    def _refuse(self, request_id: str, failure: RequestFailed) -> None:
        """Replies with the refusal and counts it. dispatch() reads a client with many refusals more slowly."""
        self.socket.push(encoded(failure.reply(request_id)))
        now = time.monotonic()
        if now - self._refusals_at > limits.REFUSALS_SECONDS:
            self._refusals_at = now
            self._refusals = 0
        self._refusals += 1
        self._uncharged += 1

    # --- The session -------------------------------------------------------------------------------------------------

    async def _on_session(self, message: wire.ClientMessage, received_us: int) -> None:
        member = message.WhichOneof("message")
        try:
            if member == "authenticate":
                await self._sign_in(message, received_us)
            elif not self.socket.ready:
                raise _not_signed_in()
            elif member == "subscribe":
                wanted = self._wanted(message.subscribe.subscriptions)
                if await self._ask(message, received_us) is not None:
                    self.socket.subscribed |= wanted
            else:
                if message.set_sudo.on:
                    await self._check_sudo()
                await self._ask(message, received_us)
                self.socket.subscribed -= _markets(message.unsubscribe.subscriptions)
        except RequestFailed as failure:
            self._refuse(message.request_id, failure)

    async def _check_sudo(self) -> None:
        """Raises RequestFailed if an operator's sign-in does not allow sudo now. The matcher refuses everybody else."""
        socket = self.socket
        if socket.rights.operator and socket.credential not in await self._hub.may_sudo({socket.credential}):
            raise RequestFailed(
                wire.SUDO_REQUIRED,
                "Turn on sudo on the website first, with your password. A token needs the scope sudo.",
            )

    async def _sign_in(self, message: wire.ClientMessage, received_us: int) -> None:
        if self.socket.ready:
            raise RequestFailed(wire.INVALID_FRAME, "Already signed in.")
        assert self._sign_in_timeout is not None
        self._sign_in_timeout.reschedule(None)  # the time that we take does not count
        try:
            principal = await self._principal(message.authenticate.token, message.request_id)
            if principal is not None:
                await self._admit(principal, message, received_us)
        finally:
            if not self.socket.ready:
                self._hub.sign_out(self.socket)
                self._sign_in_timeout.reschedule(asyncio.get_running_loop().time() + limits.AUTHENTICATE_SECONDS_MAX)

    async def _admit(self, principal: Principal, message: wire.ClientMessage, received_us: int) -> None:
        """Makes the socket this person's and has the matcher admit it. Too many sockets of one person: closes it."""
        socket = self.socket
        request = message.authenticate
        try:
            self._hub.sign_in(socket, principal, settings.SOCKETS_MAX)
        except RequestFailed as failure:
            self._end(CloseCode.TOO_MANY_SOCKETS, failure.reason, failure.message, message.request_id)
            return
        wanted = self._wanted(request.subscriptions)
        request.token = ""  # a secret that the matcher does not need
        socket.set_pace(request.frames_per_second)
        if await self._ask(message, received_us) is not None:
            socket.subscribed = wanted

    async def _principal(self, token: str, request_id: str) -> Principal | None:
        """Returns who signs in. If nobody does, closes the socket and returns None."""
        sent = self._headers.get(b"cookie", b"") if self._origin_is_allowed(missing=False) else b""
        cookies = parse_cookie(sent.decode("latin1"))
        principal = await self._authenticate(cookies, token)
        if principal is None:
            self._refuse_sign_in(token, bool(token or cookies.get(settings.SESSION_COOKIE_NAME)), request_id)
        return principal

    def _refuse_sign_in(self, token: str, counts: bool, request_id: str) -> None:
        """Closes the socket of a client that nobody knows. `counts`: it sent a credential, which is not good."""
        wait_ms = self._failed_sign_ins.add(network(self._address)) if counts else 0
        text = "The token is not valid." if token else "Sign in first, or send a token."
        if wait_ms:
            most, seconds = settings.SIGN_IN_FAILURES_PER_ADDRESS_MAX, settings.SIGN_IN_FAILURES_SECONDS
            text += (
                f" More than {most} sign-ins from your address failed in {seconds} s. A valid one gets in at any time."
            )
        else:
            logger.info("A sign-in from %s failed.", self._address)
        reason = wire.RATE_LIMITED if wait_ms else wire.NOT_AUTHENTICATED
        self._end(CloseCode.NOT_AUTHENTICATED, reason, text, request_id, wait_ms)

    def _wanted(self, subscriptions: Sequence[wire.Subscription]) -> set[int]:
        """Returns the subscriptions as market ids. Raises RequestFailed if the person would then have too many, counted
        over all their sockets in this process."""
        wanted = _markets(subscriptions)
        assert self.socket.person is not None
        count = self.socket.person.subscribed + len(wanted - self.socket.subscribed)
        if count > settings.SUBSCRIPTIONS_MAX:
            raise RequestFailed(wire.RATE_LIMITED, f"At most {settings.SUBSCRIPTIONS_MAX} subscriptions per person.")
        return wanted

    async def _ask(self, message: wire.ClientMessage, received_us: int) -> SocketControl | None:
        """Sends a session message and waits until the hub has applied its reply. Returns None if it was refused."""
        await self.socket.caught_up()  # a client that asks for snapshots but does not read must not fill our memory
        await self.socket.room(1)
        done: asyncio.Future[SocketControl | None] = asyncio.get_running_loop().create_future()
        await self._hub.send(self.socket, "session", [message], received_us, done=done)
        return await done

    def _end(
        self, code: CloseCode, reason: "wire.Reason.ValueType", message: str, request_id: str = "", wait_ms: int = 0
    ) -> None:
        self.socket.push(encoded(RequestFailed(reason, message, wait_ms).reply(request_id)))
        self.socket.close(code)

    def _origin_is_allowed(self, *, missing: bool) -> bool:
        """Whether the Origin header is the origin that the request was sent to, or one of CSRF_TRUSTED_ORIGINS. Returns
        `missing` if there is no such header."""
        origin = self._headers.get(b"origin")
        if origin is None:
            return missing
        host = self._headers.get(b"host", b"").decode("latin1").lower()
        scheme = "https" if settings.HTTPS else "http"
        named_host, _ = split_domain_port(host)
        own = validate_host(named_host, settings.ALLOWED_HOSTS) and origin.decode("latin1") == f"{scheme}://{host}"
        return own or origin.decode("latin1") in settings.CSRF_TRUSTED_ORIGINS


def _not_signed_in() -> RequestFailed:
    return RequestFailed(wire.NOT_AUTHENTICATED, "Sign in first.")


def _markets(subscriptions: Sequence[wire.Subscription]) -> set[int]:
    return {
        ALL_MARKETS if one.all_markets else SUMMARIES if one.market_summary else one.market_id for one in subscriptions
    }
