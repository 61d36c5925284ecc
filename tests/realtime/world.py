"""What surrounds the hub in tests: a fake matching side that keeps the contract, and sockets without a network."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, cast, overload

import pytest
from channels.layers import BaseChannelLayer, channel_layers

from proto import exchange_pb2 as wire
from realtime import limits
from realtime.groups import HUBS, MATCHING, PUBLIC, group_of
from realtime.hub import Hub
from realtime.layers import LocalLayer
from realtime.messages import (
    AccessChanges,
    ChargeMessage,
    CommandMessage,
    Entitlement,
    HistoryMessage,
    Reach,
    RequestMessage,
    ResyncMessage,
    SessionMessage,
    SocketControl,
    ToMatcher,
    beat_message,
    control_message,
    message_layer,
    private_message,
    replies_message,
    resynced_message,
    stream_message,
)
from realtime.outbox import OUTLET_EXTENSION
from realtime.rights import Rights
from realtime.routing import websocket
from realtime.sockets import Principal
from tests.patience import STEP_SECONDS_MAX

EPOCH = 7
WAIT_SECONDS = STEP_SECONDS_MAX  # the longest wait for an event that must happen
FAST_SECONDS = 0.05
QUIET_SECONDS = 0.05  # long enough for an event that must not happen


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not done():  # noqa: ASYNC110 - most conditions have no event to wait for
            await asyncio.sleep(0.002)


def encode(*messages: wire.ServerMessage) -> bytes:
    return wire.ServerFrame(messages=messages).SerializeToString()


def client_frame(*messages: wire.ClientMessage) -> bytes:
    return wire.ClientFrame(messages=messages).SerializeToString()


def order(request_id: str, price: int = 50) -> wire.ClientMessage:
    body = wire.CreateOrder(market_id=1, side=wire.BID, price=price, size=100)
    return wire.ClientMessage(request_id=request_id, create_order=body)


def authenticate(token: str = "alice", **more: Any) -> wire.ClientMessage:
    return wire.ClientMessage(request_id="hello", authenticate=wire.Authenticate(token=token, **more))


def subscribe(*markets: int, request_id: str = "sub") -> wire.ClientMessage:
    wanted = [
        wire.Subscription(market_id=market) if market else wire.Subscription(all_markets=True) for market in markets
    ]
    return wire.ClientMessage(request_id=request_id, subscribe=wire.Subscribe(subscriptions=wanted))


def position(stream: str, prev_seq: int, seq: int) -> wire.ServerMessage:
    return wire.ServerMessage(stream_position=wire.StreamPosition(stream=stream, prev_seq=prev_seq, seq=seq))


class Matching:
    """Reads the matching queue and answers. Every accepted command takes the next seq. A message of a stream is its
    StreamPosition and one message with its seq."""

    def __init__(self, layer: BaseChannelLayer) -> None:
        self.layer = layer
        self.messages = message_layer(layer)
        self.seq = 100
        self.epoch = EPOCH
        self.received: list[ToMatcher] = []
        self.silent = False  # answers nothing
        self.snapshots = False  # True: answers resyncs with a snapshot
        self.last: dict[str, int] = {}  # stream -> seq
        self.published: dict[str, list[tuple[int, bytes]]] = {}  # seq and data
        self.reply = ""

    async def run(self) -> None:
        while True:
            message = cast(ToMatcher, await self.messages.receive(MATCHING))
            self.received.append(message)
            if message["type"] != "charge":
                self.reply = message["reply"]
            if not self.silent:
                await self.answer(message)

    @overload
    def of(self, kind: Literal["command"]) -> list[CommandMessage]: ...
    @overload
    def of(self, kind: Literal["session"]) -> list[SessionMessage]: ...
    @overload
    def of(self, kind: Literal["history"]) -> list[HistoryMessage]: ...
    @overload
    def of(self, kind: Literal["resync"]) -> list[ResyncMessage]: ...
    @overload
    def of(self, kind: Literal["charge"]) -> list[ChargeMessage]: ...
    def of(self, kind: str) -> object:
        """Returns the messages of this kind that were received."""
        return [message for message in self.received if message["type"] == kind]

    async def answer(self, message: ToMatcher) -> None:
        match message["type"]:
            case "resync":
                for stream, seq in message["streams"].items():
                    await self.resynced(stream, seq)
            case "session":
                await self._session(message)
            case "command":
                requests = wire.ClientFrame.FromString(message["data"]).messages
                replies = [wire.ServerMessage(request_id=request.request_id, seq=self._next()) for request in requests]
                await self.replies(message, [encode(reply) for reply in replies])

    async def replies(self, message: RequestMessage, frames: list[bytes], control: SocketControl | None = None) -> None:
        reply = (message["origin"], message["number"], frames, control)
        await self.messages.send(message["reply"], replies_message([reply]))

    async def resynced(self, stream: str, seq: int) -> None:
        missed = [data for number, data in self.published.get(stream, []) if number > seq]
        frames = [self.snapshot(stream)] if self.snapshots else missed
        await self.messages.send(self.reply, resynced_message(stream, self.seq, self.snapshots, frames))

    def snapshot(self, stream: str) -> bytes:
        begin = wire.ServerMessage(snapshot_begin=wire.SnapshotBegin(stream=stream))
        end = wire.ServerMessage(snapshot_end=wire.SnapshotEnd(stream=stream, seq=self.seq))
        return encode(begin, end)

    async def publish(self, stream: str, *, lost: bool = False, padding: int = 0) -> int:
        """Accepts a command and publishes a message of this stream; the layer loses it if `lost`. Returns its seq."""
        prev_seq, seq = self.last.get(stream, 100), self._next()
        data = encode(position(stream, prev_seq, seq), wire.ServerMessage(seq=seq, request_id="x" * padding))
        self.last[stream] = seq
        self.published.setdefault(stream, []).append((seq, data))
        if lost:
            return seq
        if group_of(stream) == HUBS:
            await self.messages.group_send(HUBS, private_message([(stream, prev_seq, seq, data)]))
        else:
            await self.messages.group_send(stream, stream_message(stream, prev_seq, seq, data))
        return seq

    async def beat(self) -> None:
        nothing: AccessChanges = {"reaches": [], "visibilities": [], "entitlements": []}
        await self.messages.group_send(HUBS, beat_message(self.epoch, self.seq, dict(self.last), self.epoch, nothing))

    async def entitle(self, stream: str, users: list[int] | None, *, snapshot: bool = True) -> None:
        """Sends an entitlement to the stream. `users` None: everybody who follows all markets. `snapshot`: the message
        holds one."""
        frames = [self.snapshot(stream)] if snapshot else []
        entitlement: Entitlement = {"users": users, "stream": stream, "seq": self.seq, "frames": frames}
        await self.messages.group_send(HUBS, control_message(entitlements=[entitlement]))

    async def limit_reach(self, user: int, *streams: str) -> None:
        """Sends a reach: from now on the person may act only as their own account and as those of these streams."""
        acting_as = encode(wire.ServerMessage(acting_as=wire.ActingAs(account_id=user)))
        own = f"account.{user}"
        reach: Reach = {"user": user, "account": user, "streams": [own, *streams], "acting_as": acting_as}
        await self.messages.group_send(HUBS, control_message(reaches=[reach]))

    async def _session(self, message: SessionMessage) -> None:
        request = wire.ClientFrame.FromString(message["data"]).messages[0]
        reply = wire.ServerMessage(request_id=request.request_id, seq=self.seq)
        control: SocketControl = {}
        streams: list[str] = []
        match request.WhichOneof("message"):
            case "authenticate":
                reply.acting_as.account_id = message["user"]
                control = {"account": message["user"]}
                streams = [PUBLIC, f"account.{message['user']}", *_streams(request.authenticate.subscriptions)]
                control["all_markets"] = any(one.all_markets for one in request.authenticate.subscriptions)
            case "act_as":
                reply.acting_as.account_id = request.act_as.account_id
                control = {"account": request.act_as.account_id}
            case "subscribe":
                streams = _streams(request.subscribe.subscriptions)
                reply.subscribed.streams.extend(streams)
            case "unsubscribe":
                control = {"leave": _streams(request.unsubscribe.subscriptions)}
        if streams:
            control["join"] = dict.fromkeys(streams, self.seq)
        frames = [self.snapshot(stream) for stream in streams]
        await self.replies(message, [*frames, encode(reply)], control)

    def _next(self) -> int:
        self.seq += 1
        return self.seq


def _streams(subscriptions: Any) -> list[str]:
    return [f"market.{one.market_id}" for one in subscriptions if one.market_id]


class FakeOutlet:
    """Writes into a list. Set `writable` to False for a client that does not read; call drain() when it reads again."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.code: int | None = None
        self.writable = True
        self.on_drain: Callable[[], None] = lambda: None
        self.on_lost: Callable[[], None] = lambda: None

    def write(self, payload: bytes) -> None:
        self.frames.append(payload)

    def close(self, code: int) -> None:
        self.code = int(code)

    def admitted(self) -> None: ...

    def drain(self) -> None:
        self.writable = True
        self.on_drain()

    @property
    def messages(self) -> list[wire.ServerMessage]:
        return list(wire.ServerFrame.FromString(b"".join(self.frames)).messages)


class Client:
    """A client of the consumer. It hands over the events that daphne would."""

    def __init__(self, world: "World", headers: Mapping[str, str]) -> None:
        self.outlet = FakeOutlet()
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        scope = {
            "type": "websocket",
            "path": "/ws",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ["192.0.2.1", 5],
            "extensions": {OUTLET_EXTENSION: self.outlet},
        }
        self._events.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(self._run(world, scope))

    async def _run(self, world: "World", scope: dict[str, Any]) -> None:
        await world.application(scope, self._events.get, self._send)

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def send(self, *messages: wire.ClientMessage) -> None:
        self.send_bytes(client_frame(*messages))

    def send_bytes(self, data: bytes) -> None:
        self._events.put_nowait({"type": "websocket.receive", "bytes": data})

    def send_text(self, text: str) -> None:
        self._events.put_nowait({"type": "websocket.receive", "text": text})

    def leave(self) -> None:
        self.outlet.on_lost()
        self._events.put_nowait({"type": "websocket.disconnect", "code": 1006})

    @property
    def unread(self) -> int:
        """Returns the number of frames that the consumer has not read."""
        return self._events.qsize()

    def replies(self, request_id: str) -> list[wire.ServerMessage]:
        return [message for message in self.outlet.messages if message.request_id == request_id]

    async def reply(self, request_id: str) -> wire.ServerMessage:
        await until(lambda: self.replies(request_id))
        return self.replies(request_id)[0]

    async def refusal(self, request_id: str = "") -> "wire.Reason.ValueType":
        """Waits for the first refusal with this id and returns its code."""
        await until(lambda: any(message.HasField("refused") for message in self.replies(request_id)))
        return next(one.refused.code for one in self.replies(request_id) if one.HasField("refused"))

    def live_seqs(self, stream: str) -> list[int]:
        """Returns the seqs of the stream's live messages, in order."""
        positions = [one.stream_position for one in self.outlet.messages if one.HasField("stream_position")]
        return [one.seq for one in positions if one.stream == stream]

    def snapshots(self, stream: str) -> list[int]:
        ends = [one.snapshot_end for one in self.outlet.messages if one.HasField("snapshot_end")]
        return [one.seq for one in ends if one.stream == stream]


class World:
    """A hub with its matching side and clients. A token, or a session cookie, is a name of `people`."""

    def __init__(self, layer: BaseChannelLayer | None = None) -> None:
        self.matching = Matching(layer or LocalLayer(capacity=10_000))
        self.people = {"alice": 1, "bob": 2}
        self.revoked: set[Hashable] = set()  # credentials that were revoked
        self.operators: dict[Hashable, Rights] = {}  # by credential, who may have sudo on
        self.hub = Hub(self._revoked, self._may_sudo)
        self.look_up_fails = False
        self.application = websocket(self.hub, self._authenticate)
        self._clients: list[Client] = []

    async def _authenticate(self, cookies: Mapping[str, str], token: str) -> Principal | None:
        if self.look_up_fails:
            raise ConnectionError("no database")
        name = token or cookies.get("sessionid", "")
        user = self.people.get(name)
        return None if user is None else Principal(user, name, name, self.operators.get(name, Rights()))

    async def _revoked(self, credentials: set[Hashable]) -> set[Hashable]:
        return credentials & self.revoked

    async def _may_sudo(self, credentials: set[Hashable]) -> set[Hashable]:
        return credentials & set(self.operators)

    def client(self, **headers: str) -> Client:
        """Returns a client that is connected but not signed in."""
        client = Client(self, {"Host": "testserver", **headers})
        self._clients.append(client)
        return client

    async def signed_in(self, name: str = "alice", **more: Any) -> Client:
        client = self.client()
        client.send(authenticate(name, **more))
        assert (await client.reply("hello")).HasField("acting_as")
        return client

    async def market_reader(self, name: str = "alice", market: int = 1) -> Client:
        """Returns a client that is signed in and subscribed to one market. The hub is in the market's group."""
        client = await self.signed_in(name, subscriptions=[wire.Subscription(market_id=market)])
        await self.settled()
        return client

    @property
    def groups(self) -> dict[str, dict[str, float]]:
        """Returns the layer's groups, each with its member channels."""
        assert isinstance(self.matching.layer, LocalLayer)
        return self.matching.layer.groups

    async def settled(self) -> None:
        """Waits until messages in flight have arrived and the hub waits for no resync."""
        await asyncio.sleep(0.02)
        await until(lambda: not any(stream.waiting for stream in self.hub._streams.values()))
        await asyncio.sleep(0.02)

    def end_clients(self) -> list[asyncio.Task[None]]:
        tasks = [client.task for client in self._clients]
        for task in tasks:
            task.cancel()
        return tasks


@asynccontextmanager
async def running_world(patch: pytest.MonkeyPatch, layer: BaseChannelLayer | None = None) -> AsyncIterator[World]:
    """Runs a world; the hub has had its first beat. Resyncs and ticks come up to 20 times as often as usual, and
    look-ups of credentials 100 times."""
    for name in ("RESYNC_SECONDS", "TICK_SECONDS", "REVOKED_SECONDS"):
        patch.setattr(limits, name, FAST_SECONDS)
    world = World(layer)
    channel_layers.set("default", world.matching.layer)
    tasks = [asyncio.create_task(world.hub.run()), asyncio.create_task(world.matching.run())]
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while world.hub.gateway.silent:
                await world.matching.beat()
                await asyncio.sleep(0.01)
        yield world
    finally:
        tasks += world.end_clients()
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        channel_layers.backends.clear()
        for error in ended:
            assert error is None or isinstance(error, asyncio.CancelledError), error
