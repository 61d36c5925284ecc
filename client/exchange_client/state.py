"""What the exchange says, kept up to date from its frames. Pure: no sockets, no clock.

    state = State()
    socket.send(frame of state.hello(token, markets=[1]))
    for data in socket: state.feed(pb.ServerFrame.FromString(data))

Reading rules (comments of StreamPosition and SnapshotBegin in exchange.proto): a stream's piece is applied if it
continues where the state stands, dropped if it is older, and passed over if something before it is missing; then a
snapshot or the missing pieces come. A snapshot takes effect at its end, all at once.

Views keep their identity: a book taken from here stays that market's book through snapshots and reconnects, and when
the exchange turns to sending it with the account ids that the market hides, or without.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from google.protobuf.message import Message

from exchange_client import exchange_pb2 as pb
from exchange_client.followed import Followed, Piece

MARKS = {"stream_position", "snapshot_begin", "snapshot_end", "up_to_date"}
BIRTHS = {"account_created", "market_created"}
# They belong to no stream, with or without a request id.
SESSION = {"refused", "authenticated", "acting_as", "subscribed", "unsubscribed", "sudo_set"}


class Update(NamedTuple):
    """One message of a stream, after the state applied it. SnapshotEnd: everything of the stream is new."""

    stream: str
    seq: int
    body: Message


@dataclass(slots=True)
class _Snapshot:
    stream: str
    bodies: list[Message] = field(default_factory=list)


def is_reply(message: pb.ServerMessage, kind: str) -> bool:
    """Replies carry their request's id and the time it was read; messages of streams neither."""
    return kind in SESSION or bool(message.request_id or message.received_us)


class State:
    """The session, and the views of the streams that are followed: `public`, `markets`, `summaries`, `portfolios`.

    `user_id`, `own_account_id`: who is signed in; `account_id`: the account acted as; `sudo`: an operator's rights are
    on; `epoch`: of the running exchange. `ready`: the connection's first snapshots are all here. `lost`: ids of the
    markets whose books the exchange ended by itself, because they are no longer visible.
    """

    def __init__(self) -> None:
        self.user_id = 0
        self.own_account_id = 0
        self.account_id = 0
        self.sudo = False
        self.epoch = 0
        self.ready = False
        self._followed = Followed()
        self.public = self._followed.public
        self.markets = self._followed.markets
        self.summaries = self._followed.summaries
        self.portfolios = self._followed.portfolios
        self.lost = self._followed.lost
        self._complete = False  # every stream that this epoch's session consists of is known
        self._switching = False  # SetSudo is on its way
        self._snapshot: _Snapshot | None = None
        self._target: _Snapshot | Piece | None = None  # where the next messages of a stream go

    # --- Reading

    def market(self, market_id: int) -> pb.Market | None:
        """A market's definition and status, the newest on any stream. None if no stream has it."""
        return self._followed.market(market_id)

    def market_ids(self) -> set[int]:
        """Ids of every market that has a definition here."""
        return self._followed.market_ids()

    def heard(self, stream: str) -> int | None:
        """Everything of the stream up to this seq is in the state. None: the stream is not followed."""
        return self._followed.heard(stream)

    def follows(self, stream: str) -> bool:
        """Whether the stream is followed now. A book is followed on "market.1" or on "market.1.unmasked"."""
        return self._followed.follows(stream)

    @property
    def gaps(self) -> int:
        """Pieces of streams that were not applied, because something before them is missing."""
        return self._followed.gaps

    @property
    def stuck(self) -> bool:
        """There is a gap that the exchange does not know of. What helps is a new connection, which then starts anew."""
        return self._followed.stuck

    # --- Opening a connection, and sudo

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
        """Begins a connection. Returns the Authenticate to send: it resumes where this state stands, or starts anew.

        Either every hello follows all markets or none does, because only then it is known which markets are new since
        the last one. Streams that were followed in sudo are not resumed: a connection begins without sudo.
        """
        doubtful = self.stuck or self.sudo or self._switching or self._followed.uncertain
        self._complete = self._complete and not doubtful
        self.ready = self.sudo = False
        self._snapshot = self._target = None
        hello = pb.Authenticate(token=token, act_as=act_as, frames_per_second=frames_per_second)
        hello.subscriptions.extend(pb.Subscription(market_id=market_id) for market_id in markets)
        if all_markets:
            hello.subscriptions.add(all_markets=True)
        if summaries:  # never resumed: the newest summary replaces all before
            hello.subscriptions.add(market_summary=True)
        if self._complete:
            hello.epoch = self.epoch
            self._followed.resume(hello)
        else:
            self._followed.start_anew()
        return hello

    def switch(self) -> None:
        """SetSudo is about to be sent. A book that ends meanwhile may continue in its other form, so its view stays."""
        self._switching = True

    def switched(self) -> None:
        """SetSudo is answered, in whatever way, and so is what was sent together with it."""
        self._switching = False
        if self.ready:
            self._followed.drop_stale()

    # --- Frames

    def feed(self, frame: pb.ServerFrame) -> list[Update]:
        """Applies one frame. Returns what happened on the streams, in order."""
        updates: list[Update] = []
        self._target = self._snapshot  # a snapshot may go on from frame to frame
        for message in frame.messages:
            kind = message.WhichOneof("message")
            if kind is None:
                continue  # from a newer exchange
            body: Message = getattr(message, kind)
            if is_reply(message, kind):
                self._target = self._snapshot
                self._apply_reply(body, asked=bool(message.request_id))
            elif kind in MARKS:
                self._apply_mark(body, updates)
            else:
                self._apply(message.seq, kind, body, updates)
        return updates

    def _apply_reply(self, body: Message, *, asked: bool) -> None:
        match body:
            case pb.Authenticated():
                self._authenticated(body)
            case pb.ActingAs():
                self._acting_as(body)
            case pb.SudoSet():
                self.sudo = body.on
                if not self._switching:  # the exchange ended it by itself
                    self._followed.drop_stale()
            case pb.Unsubscribed():
                for stream in body.streams:
                    if asked:
                        self._followed.forget(stream)
                    else:  # in sudo every book is visible, so one that ends continues in its other form
                        self._followed.end(stream, keeps_form=self.sudo or self._switching)

    def _authenticated(self, body: pb.Authenticated) -> None:
        self.user_id = body.user_id
        self.own_account_id = body.account_id
        if body.epoch != self.epoch or body.anew:
            self.epoch = body.epoch
            self._complete = False
            self._followed.start_anew()

    def _acting_as(self, body: pb.ActingAs) -> None:
        self.account_id = body.account_id
        if not self.ready:
            self.ready = self._complete = True
            self._followed.resumed()
            if not self._switching:
                self._followed.drop_stale()

    def _apply_mark(self, body: Message, updates: list[Update]) -> None:
        match body:
            case pb.StreamPosition():
                self._target = self._followed.place_of(body)
            case pb.SnapshotBegin():
                self._target = self._snapshot = _Snapshot(body.stream)
            case pb.SnapshotEnd():
                self._end_snapshot(body, updates)
            case pb.UpToDate() if body.epoch == self.epoch:
                if self.ready and not self._switching:
                    self._followed.drop_stale()
                self._followed.up_to_date(body.seq)

    def _end_snapshot(self, end: pb.SnapshotEnd, updates: list[Update]) -> None:
        snapshot, self._snapshot, self._target = self._snapshot, None, None
        if snapshot is not None and self._followed.replace(snapshot.stream, end.seq, snapshot.bodies):
            updates.append(Update(snapshot.stream, end.seq, end))

    def _apply(self, seq: int, kind: str, body: Message, updates: list[Update]) -> None:
        target = self._target
        if isinstance(target, Piece):
            target.stream.apply(body, seq or target.seq)
            if kind in BIRTHS:
                self._followed.meet(target.name, body, target.seq)
            updates.append(Update(target.name, seq or target.seq, body))
        elif target is not None:
            target.bodies.append(body)
