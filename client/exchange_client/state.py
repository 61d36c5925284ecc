"""What the exchange has told us, kept up to date from its frames. Pure: no sockets, no clock.

    state = State()
    socket.send(frame of state.hello(token, markets=[1]))
    for data in socket: state.feed(pb.ServerFrame.FromString(data))

Reading rules (comments of StreamPosition and SnapshotBegin in exchange.proto): a stream's piece is applied if it
continues where we stand, dropped if we heard it before, and passed over if something before it is missing; then a
snapshot or the missing pieces come. A snapshot takes effect at its end, all at once.

Views keep their identity: a book taken from here stays that market's book through snapshots and reconnects, and when
the exchange goes on to tell it with the account ids that the market hides, or without.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from google.protobuf.message import Message

from exchange_client import exchange_pb2 as pb
from exchange_client.streams import (
    ACCOUNT,
    MARKET,
    PUBLIC,
    SUMMARY,
    Definition,
    Stream,
    account_stream,
    market_stream,
    named,
    other_form,
)
from exchange_client.views import MarketView, Portfolio, PublicView, SummaryView, View

DOUBTS_MAX = 2  # UpToDate comes every 5 s, and a snapshot that fills a gap within a second or two
MARKS = {"stream_position", "snapshot_begin", "snapshot_end", "up_to_date"}
BIRTHS = {"account_created", "market_created"}
# Of no stream, with or without an id.
SESSION = {"refused", "authenticated", "acting_as", "subscribed", "unsubscribed", "sudo_set"}


class Update(NamedTuple):
    """One message of a stream, after the state took it in. A SnapshotEnd says: all of the stream's state is new."""

    stream: str
    seq: int
    body: Message


@dataclass(slots=True)
class _Snapshot:
    stream: str
    bodies: list[Message] = field(default_factory=list)


class _Piece(NamedTuple):
    """Where the messages go that follow a StreamPosition."""

    name: str
    seq: int
    stream: Stream


def is_reply(message: pb.ServerMessage, kind: str) -> bool:
    """Replies carry their request's id and the time it was read; messages of streams neither."""
    return kind in SESSION or bool(message.request_id or message.received_us)


class State:
    """The session (`account_id` acted as, `sudo` ...); `public`, `markets`, `summaries`, `portfolios`: what is heard.

    `ready` is true from the end of a connection's first snapshots on; `gaps` counts pieces that could not be applied;
    `lost` are the markets whose books the exchange ended by itself: one may not see them any more.
    """

    def __init__(self) -> None:
        self.user_id = 0
        self.own_account_id = 0
        self.account_id = 0
        self.sudo = False
        self.epoch = 0
        self.ready = False
        self.gaps = 0
        self.public = PublicView()
        self.markets: dict[int, MarketView] = {}
        self.summaries: dict[int, pb.MarketSummary] = {}
        self.portfolios: dict[int, Portfolio] = {}
        self.lost: set[int] = set()
        self._books: dict[int, MarketView] = {}  # also those that are not heard now: they stay the same objects
        self._streams: dict[str, Stream] = {}  # of a book one form at most
        self._complete = False  # every stream that this epoch's session consists of is known
        self._floors: dict[str, int] = {}  # kind of stream -> where we stand on those we do not know, after resuming
        self._stale: set[str] = set()  # known from before, and perhaps not heard any more
        self._switching = False  # SetSudo is on its way
        self._snapshot: _Snapshot | None = None
        self._target: _Snapshot | _Piece | None = None

    # --- Asking

    def market(self, market_id: int) -> pb.Market | None:
        """A market's definition and status: the newest that a stream tells. None if none does."""
        forms = [market_stream(market_id), other_form(market_stream(market_id)), market_stream(market_id, SUMMARY)]
        told: list[Definition] = []
        for name in (*forms, PUBLIC, *map(account_stream, self.portfolios)):
            stream = self._streams.get(name or "")
            if stream and market_id in stream.definitions.by_id:
                told.append(stream.definitions.by_id[market_id])
        return max(told, key=lambda it: (it.seq, it.market.volume)).market if told else None

    def market_ids(self) -> set[int]:
        """Of every market that a stream tells of."""
        return {id for stream in self._streams.values() for id in stream.definitions.by_id}

    def heard(self, stream: str) -> int | None:
        """Everything of the stream up to this seq is in the state; None: the stream is not heard."""
        known = self._streams.get(stream)
        return known.seq if known else None

    def hears(self, stream: str) -> bool:
        """Whether the stream is heard now; of a book, in either form."""
        return any(name in self._streams and name not in self._stale for name in (stream, other_form(stream)))

    @property
    def stuck(self) -> bool:
        """The exchange does not know of a gap that we have. What helps is a new connection, which then starts anew."""
        return any(stream.doubts >= DOUBTS_MAX for stream in self._streams.values())

    # --- Saying

    def switch(self) -> None:
        """SetSudo is about to be sent: streams that end meanwhile may go on in another form, so their views stay."""
        self._switching = True

    def switched(self) -> None:
        """It is answered, in whatever way, and so is what was asked together with it."""
        self._switching = False
        if self.ready:
            self._drop_stale()

    def hello(
        self,
        token: str,
        *,
        act_as: int = 0,
        markets: Iterable[int] = (),
        all_markets: bool = False,
        summaries: bool = False,
        frames_per_second: int = 0,
    ) -> pb.Authenticate:
        """Begins a connection: the Authenticate that goes on where this state stands, or starts anew.

        Every hello follows all markets, or none does; so it is known which markets are new since the last one. What was
        heard in sudo is not resumed: at first nobody is in sudo.
        """
        self._complete = self._complete and not (self.stuck or self.sudo or self._switching or self._stale)
        self.ready = self.sudo = False
        self._snapshot = self._target = None
        hello = pb.Authenticate(token=token, act_as=act_as, frames_per_second=frames_per_second)
        hello.subscriptions.extend(pb.Subscription(market_id=market_id) for market_id in markets)
        if all_markets:
            hello.subscriptions.add(all_markets=True)
        if summaries:  # never resumed: a line is all that there is to say
            hello.subscriptions.add(market_summary=True)
        if self._complete:
            self._resume(hello)
        else:
            self._stale, self._floors = set(self._streams), {}
        return hello

    def _resume(self, hello: pb.Authenticate) -> None:
        """What we do not know by then was made later, so of its stream we have heard everything too."""
        books = {name for name in self._streams if other_form(name)}
        hello.epoch = self.epoch
        hello.from_seq = self._heard_by_all([PUBLIC, *map(account_stream, self.portfolios)])
        self._floors = {ACCOUNT: hello.from_seq}
        for subscription in hello.subscriptions:
            if subscription.all_markets:
                # Without any market yet: all that there are will be made after this.
                subscription.from_seq = self._heard_by_all(books or {PUBLIC})
                self._floors[MARKET] = subscription.from_seq
            elif subscription.market_id:
                subscription.from_seq = self.heard(market_stream(subscription.market_id)) or 0
        if MARKET in self._floors:  # unsubscribed from, or its first snapshot was lost with the connection
            unheard = sorted(id for id in self.market_ids() if market_stream(id) not in books)
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
                self._replied(body, asked=bool(message.request_id))
            elif kind in MARKS:
                self._marked(body, updates)
            else:
                self._take(message.seq, kind, body, updates)
        return updates

    def _replied(self, body: Message, *, asked: bool) -> None:
        match body:
            case pb.Authenticated():
                self._authenticated(body)
            case pb.ActingAs():
                self._acting_as(body)
            case pb.SudoSet():
                self.sudo = body.on
                if not self._switching:  # unasked
                    self._drop_stale()
            case pb.Unsubscribed():
                for stream in body.streams:
                    self._unsubscribed(stream, asked=asked)

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
            self._floors.pop(MARKET, None)
            if not self._switching:
                self._drop_stale()

    def _unsubscribed(self, name: str, *, asked: bool) -> None:
        """In sudo one may hear everything, so a book that ends by itself goes on in its other form."""
        if asked:
            self._forget(name)
        elif other_form(name) and name in self._streams and (self.sudo or self._switching):
            self._stale.add(name)
        else:
            self._lose(name)

    def _drop_stale(self) -> None:
        stale, self._stale = self._stale, set()
        for name in stale:
            self._lose(name)

    def _lose(self, name: str) -> None:
        self._forget(name)
        stream = named(name)
        if stream and stream.is_book and stream.id not in self.markets:
            self.lost.add(stream.id)

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
            target.stream.apply(body, seq or target.seq)
            if kind in BIRTHS:
                self._meet(target.name, body, target.seq)
            updates.append(Update(target.name, seq or target.seq, body))
        elif target is not None:
            target.bodies.append(body)

    def _continue(self, position: pb.StreamPosition) -> _Piece | None:
        """Where a piece goes that stands at this position; None: nowhere."""
        name, known = named(position.stream), self.heard(position.stream)
        if name is None or (known is None and self.hears(position.stream)):  # of a book that goes on in its other form
            return None
        floor = 0 if name.form else self._floors.get(name.kind, 0)
        stand = floor if known is None else known
        if position.seq <= stand:
            return None
        if position.prev_seq > stand:
            self._miss(position)
            return None
        stream = self._stream(position.stream)
        stream.seq = position.seq
        return _Piece(position.stream, position.seq, stream)

    def _up_to_date(self, body: pb.UpToDate) -> None:
        if body.epoch != self.epoch:
            return
        if self.ready and not self._switching:
            self._drop_stale()
        for stream in self._streams.values():
            stream.up_to_date(body.seq)

    def _miss(self, position: pb.StreamPosition) -> None:
        self.gaps += 1
        if position.stream in self._streams:
            self._streams[position.stream].missed = position.seq

    def _replace(self, end: pb.SnapshotEnd, updates: list[Update]) -> None:
        snapshot, self._snapshot, self._target = self._snapshot, None, None
        name = named(snapshot.stream) if snapshot else None
        if snapshot is None or name is None:
            return
        other = other_form(snapshot.stream)
        if other is not None:  # the same view goes on, in this form
            self._streams.pop(other, None)
            self.lost.discard(name.id)
        self._stale -= {snapshot.stream, other}
        stream = self._stream(snapshot.stream)
        stream.begin(end.seq)
        for body in snapshot.bodies:
            stream.apply(body, end.seq)
        for body in snapshot.bodies:
            self._meet(snapshot.stream, body, end.seq)
        updates.append(Update(snapshot.stream, end.seq, end))

    def _meet(self, told_on: str, body: Message, seq: int) -> None:
        """A new account of ours, or a new market when we follow all: its stream is ours too and begins here.

        Live, a snapshot of it comes as well; but not if it was made while we were away and nobody has used it since.
        """
        match body:
            case pb.AccountCreated() if body.owners:
                self._begin(account_stream(body.account.id), seq, body)
            case pb.MarketCreated() if told_on == PUBLIC:  # else one may know the market, and not see its book
                self._meet_market(body.market)
            case pb.Markets() if told_on == PUBLIC:
                for market in body.markets:
                    self._meet_market(market)

    def _meet_market(self, market: pb.Market) -> None:
        if MARKET in self._floors:
            self._begin(market_stream(market.id), self._floors[MARKET], pb.MarketUpdated(market=market))

    def _begin(self, name: str, seq: int, body: Message) -> None:
        if name not in self._streams and not self.hears(name):
            stream = self._stream(name)
            stream.seq = seq
            stream.apply(body, seq)

    # --- Streams by name

    def _stream(self, name: str) -> Stream:
        if name not in self._streams:
            self._streams[name] = Stream(self._view(name))
        return self._streams[name]

    def _view(self, name: str) -> View:
        kind, number, form = named(name) or (PUBLIC, 0, "")
        if form == SUMMARY:
            return SummaryView(number, self.summaries)
        if kind == MARKET:
            return self.markets.setdefault(number, self._books.setdefault(number, MarketView(number)))
        if kind == ACCOUNT:
            return self.portfolios.setdefault(number, Portfolio(number))
        return self.public

    def _forget(self, name: str) -> None:
        stream = self._streams.pop(name, None)
        self._stale.discard(name)
        if stream is None:
            return
        stream.view.clear()
        match stream.view:
            case MarketView(id=market_id):
                del self.markets[market_id]
            case Portfolio(id=account_id):
                del self.portfolios[account_id]
