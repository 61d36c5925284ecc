"""The hub: the process's only member of every group. It passes on what the matcher publishes to the sockets here.

A layer delivers at most once and does not report what it lost. So every message carries its position in its stream
(streams.py), and every beat the positions of all streams that published lately. The hub never waits: it puts a message
from the layer into the outboxes (outbox.py) at once, and leaves everything to be sent to the layer to membership.py.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Sequence
from typing import Literal, assert_never

from channels.layers import get_channel_layer

from proto import exchange_pb2 as wire
from realtime import gateway, limits
from realtime.errors import CloseCode, RequestFailed
from realtime.frames import encoded
from realtime.layers import LAYER_ERRORS
from realtime.membership import Membership
from realtime.messages import (
    AccessChanges,
    BeatMessage,
    MessageLayer,
    PrivateMessage,
    RepliesMessage,
    Request,
    RequestMessage,
    ResyncedMessage,
    SocketControl,
    ToHub,
    command_message,
    drained_message,
    history_message,
    message_layer,
    session_message,
)
from realtime.outbox import Outlet, Turn
from realtime.sockets import Person, Principal, Socket
from realtime.subscriptions import Subscriptions, forms_of, sign_off

logger = logging.getLogger(__name__)

RequestKind = Literal["command", "session", "history"]
Lookup = Callable[[set[Hashable]], Awaitable[set[Hashable]]]


class Hub:
    """Sockets, people and streams of this process. It passes credentials in use to two look-ups: `revoked` returns
    those that are no longer valid, `may_sudo` those with which an operator may have sudo on."""

    def __init__(self, revoked: Lookup, may_sudo: Lookup) -> None:
        self.gateway = gateway.Gateway()
        self.epoch = 0  # of the matcher; 0: no beat yet
        self.may_sudo = may_sudo
        self._revoked = revoked
        self._turn = Turn()
        self._origins = itertools.count(1)
        self._sockets: dict[str, Socket] = {}  # signed in, by origin
        self._people: dict[int, Person] = {}
        self._subscriptions = Subscriptions(self._people, self._check_stream)
        self._streams = self._subscriptions.streams
        self._beat_at = time.monotonic()
        self._membership: Membership | None = None  # None: run() has not started
        self._first_beat = asyncio.Event()
        self._drained = asyncio.Event()

    async def run(self) -> None:
        """Connects to the layer and reads it until cancelled."""
        layer = get_channel_layer()
        assert layer is not None, "CHANNEL_LAYERS has no default"
        channel = await layer.new_channel()
        self._membership = Membership(layer, channel, self._streams)
        self.gateway.open(layer, channel)
        gateway.attach(self.gateway)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(message_layer(layer), channel))
                tasks.create_task(self._membership.run())
                tasks.create_task(self._tick(self._membership))
                tasks.create_task(self._look_up_revoked())
        finally:
            gateway.detach(self.gateway)

    async def ready(self) -> None:
        """Returns at the matcher's first beat. Before that, requests are answered BUSY."""
        await self._first_beat.wait()

    async def drain(self) -> None:
        """Passes on what the layer still holds for this process, then closes its sockets (1012). Await it after the
        matcher's last batch and before the server stops."""
        if self.gateway.loop is not None:
            layer = get_channel_layer()
            assert layer is not None
            try:
                async with asyncio.timeout(limits.DRAIN_SECONDS_MAX):
                    await message_layer(layer).send(self.gateway.channel, drained_message())
                    await self._drained.wait()
            except LAYER_ERRORS as error:  # TimeoutError is one of them
                logger.warning("The channel layer did not empty in %g s: %r", limits.DRAIN_SECONDS_MAX, error)
        _close_all(self._sockets.values(), CloseCode.RESTART)

    # --- Sockets, from consumers.py ----------------------------------------------------------------------------------

    def open_socket(self, outlet: Outlet) -> Socket:
        """Returns a socket that nobody has signed in on yet. It gets no messages of streams."""
        return Socket(f"{self.gateway.process}.{next(self._origins)}", outlet, self._turn)

    def sign_in(self, socket: Socket, principal: Principal, sockets_max: int) -> None:
        """The socket becomes this person's. Raises RequestFailed if they have too many in this process."""
        person = self._people.setdefault(principal.user, Person(principal.user))
        if len(person.sockets) >= sockets_max:
            raise RequestFailed(wire.RATE_LIMITED, f"At most {sockets_max} connections per person.")
        person.sockets.add(socket)
        socket.person = person
        socket.credential = principal.credential
        socket.rights = principal.rights
        self._sockets[socket.origin] = socket

    def sign_out(self, socket: Socket) -> None:
        """Removes the socket: its connection is gone, or the matcher did not admit it."""
        for name in list(socket.streams):
            self._subscriptions.leave(socket, name)
        self._sockets.pop(socket.origin, None)
        socket.forget_pending()
        socket.ready = False
        if (person := socket.person) is not None:
            socket.person = None
            person.sockets.discard(socket)
            if not person.sockets:
                self._people.pop(person.user, None)

    async def send(
        self,
        socket: Socket,
        kind: RequestKind,
        requests: Sequence[wire.ClientMessage],
        received_us: int,
        data: bytes | None = None,
        done: asyncio.Future[SocketControl | None] | None = None,
    ) -> None:
        """Puts requests of the socket into the queue. `data` is their encoded frame, if the caller has it. `done` gets
        the control part of the reply. If the queue does not take the requests, the socket gets the refusals."""
        if socket.closed or socket.person is None:  # closed or signed out while the caller waited
            if done is not None:
                done.set_result(None)
            return
        if data is None:
            data = wire.ClientFrame(messages=requests).SerializeToString()
        number = socket.expect(data, len(requests), done)
        request: Request = {
            "origin": socket.origin,
            "number": number,
            "reply": self.gateway.channel,
            "user": socket.person.user,
            "account": socket.account,
            "sudo": socket.sudo,
            "rights": socket.rights,
            "received_us": received_us,
            "count": len(requests),
            "data": data,
        }
        try:
            await self.gateway.send(_message(kind, request, socket))
        except RequestFailed as failure:
            socket.settle(number)
            for one in requests:
                socket.push(encoded(failure.reply(one.request_id)))

    # --- Messages from the layer -------------------------------------------------------------------------------------

    async def _receive(self, layer: MessageLayer, channel: str) -> None:
        for count in itertools.count(1):
            message = await layer.receive(channel)
            try:
                self._handle(message)
            except Exception:  # one bad message must not stop the hub; what was lost shows as a gap
                logger.exception("A message from the layer could not be handled.")
            if count % limits.RECEIVE_MESSAGES_MAX == 0:
                await asyncio.sleep(0)  # receive() does not yield to the loop while messages are there

    def _handle(self, message: ToHub) -> None:
        """Handles one message. The most frequent kinds come first."""
        match message["type"]:
            case "stream":
                self._pass_on(message["stream"], message["prev_seq"], message["seq"], message["data"])
            case "private":
                self._on_private(message)
            case "replies":
                self._on_replies(message)
            case "resynced":
                self._on_resynced(message)
            case "control":
                self._apply(message)
            case "beat":
                self._on_beat(message)
            case "drained":
                self._drained.set()
            case unknown:
                assert_never(unknown)

    def _on_private(self, message: PrivateMessage) -> None:
        for item in message["items"]:
            self._pass_on(*item)

    def _pass_on(self, name: str, prev_seq: int, seq: int, data: bytes) -> None:
        stream = self._streams.get(name)
        if stream is not None:
            stream.deliver(prev_seq, seq, data)
            if stream.waiting:
                self._subscriptions.check(stream)

    def _on_resynced(self, message: ResyncedMessage) -> None:
        stream = self._streams.get(message["stream"])
        if stream is not None:
            stream.resynced(message["seq"], message["replace"], message["frames"])
            self._subscriptions.check(stream)

    def _on_replies(self, message: RepliesMessage) -> None:
        for origin, number, frames, control in message["items"]:
            if socket := self._sockets.get(origin):
                self._reply(socket, number, frames, control)
            elif origin.endswith(".ask"):
                self.gateway.answer(number, b"".join(frames))

    def _reply(self, socket: Socket, number: int, frames: list[bytes], control: SocketControl | None) -> None:
        if not socket.settle(number, control):
            return
        if control is None:
            for frame in frames:
                socket.push(frame)
            return
        socket.ready = True
        if not socket.sudo:
            frames = control.get("unless_sudo", frames)
        allowed = control.get("only", socket.streams)
        self._subscriptions.end(socket, [name for name in socket.streams if name not in allowed])
        socket.catch_up(frames)
        socket.account = control.get("account", socket.account)
        socket.sudo = control.get("sudo", socket.sudo)
        socket.all_markets = control.get("all_markets", socket.all_markets)
        socket.all_summaries = control.get("all_summaries", socket.all_summaries)
        socket.sudo_ends = socket.sudo_ends and "sudo" not in control
        for name in control.get("leave", ()):
            self._subscriptions.leave(socket, name)
            socket.left.update(forms_of(name))
        for name, seq in control.get("join", {}).items():
            self._subscriptions.join(socket, name, seq)
        if close := control.get("close"):
            socket.close(close)

    def _apply(self, changes: AccessChanges) -> None:
        for reach in changes["reaches"]:
            self._subscriptions.apply_reach(reach)
        for change in changes["visibilities"]:
            for socket in self._sockets.values():
                self._subscriptions.apply_visibility(socket, change)
        for entitlement in changes["entitlements"]:
            self._subscriptions.apply_entitlement(entitlement)

    def _on_beat(self, message: BeatMessage) -> None:
        self.gateway.beat(message["revocations"])
        self._first_beat.set()
        gap, self._beat_at = time.monotonic() - self._beat_at, time.monotonic()
        _settle_after_gap(gap, self._sockets.values())
        restarted = self.epoch not in (0, message["epoch"])
        if restarted:
            self.gateway.forget()
        if restarted or (
            gap > limits.BEAT_COVERS_SECONDS and self.epoch
        ):  # access changes may be lost; a client that reconnects gets them
            why = "was restarted" if restarted else "sent no beat for too long"
            _restart_all(self._sockets.values(), why)
        self.epoch = message["epoch"]
        self._apply(message)  # a beat repeats recent changes, in case the layer lost a control message
        behind = {name for name, stream in self._streams.items() if stream.waiting}
        behind.update(name for name, seq in message["streams"].items() if self._lags(name, seq))
        for name in behind:
            self._streams[name].waiting = True
            self._subscriptions.check(self._streams[name])
        self._send_up_to_date(message["head"], behind)

    def _lags(self, name: str, seq: int) -> bool:
        stream = self._streams.get(name)
        return stream is not None and stream.seq < seq

    def _send_up_to_date(self, head: int, behind: set[str]) -> None:
        """Tells sockets that are due that they have everything up to `head`, unless a stream of theirs is behind."""
        frame = encoded(wire.ServerMessage(up_to_date=wire.UpToDate(seq=head, epoch=self.epoch)))
        now = time.monotonic()
        for socket in self._sockets.values():
            due = socket.ready and now - socket.up_to_date_at >= limits.UP_TO_DATE_SECONDS
            if due and behind.isdisjoint(socket.streams):
                socket.up_to_date_at = now
                socket.push(frame)

    def _check_stream(self, name: str) -> None:
        if self._membership is not None:
            self._membership.check(name)

    # --- By the clock ------------------------------------------------------------------------------------------------

    async def _tick(self, membership: Membership) -> None:
        renewed_at = time.monotonic()
        while True:
            await asyncio.sleep(limits.TICK_SECONDS)
            for socket in list(self._sockets.values()):
                socket.tick()
            # The layer may have dropped our memberships. Then no beats come either.
            if self.gateway.silent or time.monotonic() - renewed_at > limits.MEMBERSHIP_RENEW_SECONDS:
                renewed_at = time.monotonic()
                membership.renew()

    async def _look_up_revoked(self) -> None:
        """Signs off sockets with a revoked credential, and turns sudo off where it has expired."""
        while True:
            await asyncio.sleep(limits.REVOKED_SECONDS)
            operating = {socket.credential for socket in self._sockets.values() if socket.sudo}
            try:
                revoked = await self._revoked({socket.credential for socket in self._sockets.values()})
                ended = operating - await self.may_sudo(operating) if operating else set()
            except Exception:  # the database may be down for a while; the sockets stay open
                logger.exception("Sessions could not be looked up.")
                continue
            for socket in list(self._sockets.values()):
                if socket.credential in revoked:
                    sign_off(socket)
                elif socket.sudo_ends or (socket.sudo and socket.credential in ended):
                    socket.sudo, socket.sudo_ends = False, True  # sudo_ends: until the matcher has replied
                    off = wire.ClientMessage(set_sudo=wire.SetSudo(on=False))
                    await self.send(socket, "session", [off], time.time_ns() // 1000)


def _message(kind: RequestKind, request: Request, socket: Socket) -> RequestMessage:
    match kind:
        case "command":
            return command_message(request)
        case "session":
            return session_message(request, socket.subscriptions)
        case "history":
            return history_message(request)


def _settle_after_gap(gap: float, sockets: Iterable[Socket]) -> None:
    """After an outage, in which replies may have been lost: what comes at all comes soon, and frees room for more."""
    if gap > limits.BEAT_LATE_SECONDS:
        for socket in sockets:
            socket.expect_within(limits.REPLY_AFTER_OUTAGE_SECONDS_MAX)


def _restart_all(sockets: Collection[Socket], why: str) -> None:
    logger.warning("The matcher %s; closing %d sockets.", why, len(sockets))
    _close_all(sockets, CloseCode.RESTART)


def _close_all(sockets: Iterable[Socket], code: CloseCode) -> None:
    for socket in sockets:
        socket.close(code)
