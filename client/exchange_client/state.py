"""What the exchange has told us, kept up to date from its frames. Pure: no sockets, no clock.

    state = State()
    socket.send(frame of state.hello(token, markets=[1]))
    for data in socket: state.feed(pb.ServerFrame.FromString(data))

Reading rules (comments of StreamPosition and SnapshotBegin in exchange.proto): a stream's piece is applied if it
continues where we stand, dropped if we heard it before, and passed over if something before it is missing; then a
snapshot or the missing pieces come. A snapshot takes effect at its end, all at once.

Views keep their identity: a book taken from here stays that market's book through snapshots and reconnects.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from google.protobuf.message import Message

from exchange_client import exchange_pb2 as pb
from exchange_client.views import MarketView, Portfolio, PublicView, View

PUBLIC = "public"
DOUBTS_MAX = 2  # UpToDate comes every 5 s, and a snapshot that fills a gap within a second or two
MARKS = {"stream_position", "snapshot_begin", "snapshot_end", "up_to_date"}
BIRTHS = {"account_created", "market_created"}
SESSION = {"refused", "authenticated", "acting_as", "subscribed", "unsubscribed"}  # of no stream, with or without an id


class Update(NamedTuple):
    """One message of a stream, after the state took it in. A SnapshotEnd says: all of the stream's state is new."""

    stream: str
    seq: int
    body: Message


@dataclass(slots=True)
class _Stream:
    view: View
    seq: int = 0  # where we stand
    missed: int = 0  # the highest seq that came while something before it was missing
    doubts: int = 0  # times that the exchange said "you have everything" since

    @property
    def whole(self) -> bool:
        return self.seq >= self.missed


@dataclass(slots=True)
class _Snapshot:
    stream: str
    bodies: list[Message] = field(default_factory=list)


@dataclass(slots=True)
class _Piece:
    """Where the messages go that follow a StreamPosition."""

    stream: str
    seq: int
    view: View


def market_stream(market_id: int) -> str:
    return f"market.{market_id}"


def account_stream(account_id: int) -> str:
    return f"account.{account_id}"


def _kind(stream: str) -> str:
    return stream.partition(".")[0]


def is_reply(message: pb.ServerMessage, kind: str) -> bool:
    """Replies carry their request's id and the time it was read; messages of streams neither."""
    return kind in SESSION or bool(message.request_id or message.received_us)


class State:
    """The session (`account_id` acted as, ...), `public`, `markets` and `portfolios` that are heard.

    `ready` is true from the end of a connection's first snapshots on; `gaps` counts pieces that could not be applied.
    """

    def __init__(self) -> None:
        self.user_id = 0
        self.own_account_id = 0
        self.account_id = 0
        self.epoch = 0
        self.ready = False
        self.gaps = 0
        self.public = PublicView()
        self.markets: dict[int, MarketView] = {}
        self.portfolios: dict[int, Portfolio] = {}
        self._streams: dict[str, _Stream] = {}
        self._complete = False  # every stream that this epoch's session consists of is known
        self._floors: dict[str, int] = {}  # kind of stream -> where we stand on those we do not know, after resuming
        self._stale: set[str] = set()  # known from before, not yet heard in a session that began anew
        self._snapshot: _Snapshot | None = None
        self._target: _Snapshot | _Piece | None = None

    # --- Asking

    def market(self, market_id: int) -> pb.Market | None:
        """A market's definition and status, from its own stream if that is heard."""
        view = self.markets.get(market_id)
        return view.market if view and view.market.name else self.public.markets.get(market_id)

    def heard(self, stream: str) -> int | None:
        """Everything of the stream up to this seq is in the state; None: the stream is not heard."""
        known = self._streams.get(stream)
        return known.seq if known else None

    @property
    def stuck(self) -> bool:
        """The exchange does not know of a gap that we have. What helps is a new connection, which then starts anew."""
        return any(stream.doubts >= DOUBTS_MAX for stream in self._streams.values())

    def hello(
        self,
        token: str,
        *,
        act_as: int = 0,
        markets: Iterable[int] = (),
        all_markets: bool = False,
        frames_per_second: int = 0,
    ) -> pb.Authenticate:
        """Begins a connection: the Authenticate that goes on where this state stands, or starts anew.

        Every hello follows all markets, or none does; so it is known which markets are new since the last one.
        """
        self._complete = self._complete and not self.stuck
        self.ready = False
        self._snapshot = self._target = None
        hello = pb.Authenticate(token=token, act_as=act_as, frames_per_second=frames_per_second)
        hello.subscriptions.extend(pb.Subscription(market_id=market_id) for market_id in markets)
        if all_markets:
            hello.subscriptions.add(all_markets=True)
        if self._complete:
            self._resume(hello)
        else:
            self._stale, self._floors = set(self._streams), {}
        return hello

    def _resume(self, hello: pb.Authenticate) -> None:
        """What we do not know by then was made later, so of its stream we have heard everything too."""
        market_streams = {name for name in self._streams if name.startswith("market.")}
        hello.epoch = self.epoch
        hello.from_seq = self._heard_by_all(self._streams.keys() - market_streams)
        self._floors = {"account": hello.from_seq}
        for subscription in hello.subscriptions:
            if subscription.all_markets:
                # Without any market yet: all that there are will be made after this.
                subscription.from_seq = self._heard_by_all(market_streams or {PUBLIC})
                self._floors["market"] = subscription.from_seq
            else:
                subscription.from_seq = self.heard(market_stream(subscription.market_id)) or 0
        if "market" in self._floors:  # unsubscribed from, or its first snapshot was lost with the connection
            unheard = [id for id in self.public.markets if market_stream(id) not in market_streams]
            hello.subscriptions.extend(pb.Subscription(market_id=id) for id in unheard)

    def _heard_by_all(self, streams: Iterable[str]) -> int:
        return min((self.heard(name) or 0 for name in streams), default=0)

    # --- Reading

    def feed(self, frame: pb.ServerFrame) -> list[Update]:
        """Take in one frame. Returns what happened on the streams, in order."""
        updates: list[Update] = []
        self._target = self._snapshot  # one that did not end in the frame before goes on
        for message in frame.messages:
            kind = message.WhichOneof("message")
            if kind is None:
                continue  # from a newer exchange
            body: Message = getattr(message, kind)
            if is_reply(message, kind):
                self._target = self._snapshot
                self._replied(body)
            elif kind in MARKS:
                self._marked(body, updates)
            else:
                self._take(message.seq, kind, body, updates)
        return updates

    def _replied(self, body: Message) -> None:
        match body:
            case pb.Authenticated():
                self._authenticated(body)
            case pb.ActingAs():
                self._acting_as(body)
            case pb.Unsubscribed():
                for stream in body.streams:
                    self._forget(stream)

    def _authenticated(self, body: pb.Authenticated) -> None:
        self.user_id = body.user_id
        self.own_account_id = body.account_id
        if body.epoch != self.epoch or body.anew:
            self.epoch = body.epoch
            self._complete = False
            self._stale, self._floors = set(self._streams), {}

    def _acting_as(self, body: pb.ActingAs) -> None:
        self.account_id = body.account_id
        if not self.ready:
            self.ready = self._complete = True
            self._floors.pop("market", None)
            for stream in self._stale:
                self._forget(stream)
            self._stale = set()

    def _marked(self, body: Message, updates: list[Update]) -> None:
        match body:
            case pb.StreamPosition():
                self._target = self._continue(body)
            case pb.SnapshotBegin():
                self._target = self._snapshot = _Snapshot(body.stream)
            case pb.SnapshotEnd():
                self._replace(body, updates)
            case pb.UpToDate():
                self._up_to_date(body)

    def _take(self, seq: int, kind: str, body: Message, updates: list[Update]) -> None:
        target = self._target
        if isinstance(target, _Piece):
            target.view.apply(body)
            if kind in BIRTHS:
                self._meet(body, target.seq)
            updates.append(Update(target.stream, seq or target.seq, body))
        elif target is not None:
            target.bodies.append(body)

    def _continue(self, position: pb.StreamPosition) -> _Piece | None:
        """Where a piece goes that stands at this position; None: nowhere."""
        known = self.heard(position.stream)
        stand = self._floors.get(_kind(position.stream), 0) if known is None else known
        if position.seq <= stand:
            return None
        if position.prev_seq > stand:
            self._miss(position)
            return None
        stream = self._stream(position.stream)
        if stream is None:
            return None
        stream.seq = position.seq
        return _Piece(position.stream, position.seq, stream.view)

    def _up_to_date(self, body: pb.UpToDate) -> None:
        if body.epoch != self.epoch:
            return
        for stream in self._streams.values():
            if stream.whole:
                stream.seq, stream.doubts = max(stream.seq, body.seq), 0
            else:
                stream.doubts += 1

    def _miss(self, position: pb.StreamPosition) -> None:
        self.gaps += 1
        if position.stream in self._streams:
            self._streams[position.stream].missed = position.seq

    def _replace(self, end: pb.SnapshotEnd, updates: list[Update]) -> None:
        snapshot, self._snapshot, self._target = self._snapshot, None, None
        stream = self._stream(snapshot.stream) if snapshot else None
        if snapshot is None or stream is None:
            return
        stream.view.clear()
        for body in snapshot.bodies:
            stream.view.apply(body)
        stream.seq, stream.missed, stream.doubts = end.seq, 0, 0
        self._stale.discard(snapshot.stream)
        for body in snapshot.bodies:
            self._meet(body, end.seq)
        updates.append(Update(snapshot.stream, end.seq, end))

    def _meet(self, body: Message, seq: int) -> None:
        """A new account of ours, or a new market when we follow all: its stream is ours too and begins here.

        Live, a snapshot of it comes as well; but not if it was made while we were away and nobody has used it since.
        """
        match body:
            case pb.AccountCreated() if body.owners:
                self._begin(account_stream(body.account.id), seq, body)
            case pb.MarketCreated():
                self._meet_market(body.market)
            case pb.Markets():
                for market in body.markets:
                    self._meet_market(market)

    def _meet_market(self, market: pb.Market) -> None:
        if "market" in self._floors:
            self._begin(market_stream(market.id), self._floors["market"], pb.MarketUpdated(market=market))

    def _begin(self, name: str, seq: int, body: Message) -> None:
        stream = None if name in self._streams else self._stream(name)
        if stream is not None:
            stream.seq = seq
            stream.view.apply(body)

    # --- Streams by name

    def _stream(self, name: str) -> _Stream | None:
        """None for a kind of stream that this client does not know."""
        if name not in self._streams:
            view = self._view(name)
            if view is None:
                return None
            self._streams[name] = _Stream(view)
        return self._streams[name]

    def _view(self, name: str) -> View | None:
        kind, number = _kind(name), name.partition(".")[2]
        if name == PUBLIC:
            return self.public
        if kind == "market" and number.isdecimal():
            return self.markets.setdefault(int(number), MarketView(int(number)))
        if kind == "account" and number.isdecimal():
            return self.portfolios.setdefault(int(number), Portfolio(int(number)))
        return None

    def _forget(self, name: str) -> None:
        stream = self._streams.pop(name, None)
        if stream is None:
            return
        stream.view.clear()
        match stream.view:
            case MarketView(id=market_id):
                del self.markets[market_id]
            case Portfolio(id=account_id):
                del self.portfolios[account_id]
