"""The streams that are followed, and the views that show them. Pure: no sockets, no clock.

A market's book comes on one of two streams, its forms: without the account ids that the market hides, or with them (in
sudo). Both feed the same view.
"""

from collections.abc import Iterable
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


class Piece(NamedTuple):
    """Where the messages go that follow a StreamPosition."""

    name: str
    seq: int
    stream: Stream


class Followed:
    """`public`, `markets`, `summaries` and `portfolios`: the views, by id.

    `gaps` counts pieces that could not be applied because something before them is missing. `lost`: ids of the markets
    whose books the exchange ended by itself, because they are no longer visible.
    """

    def __init__(self) -> None:
        self.gaps = 0
        self.public = PublicView()
        self.markets: dict[int, MarketView] = {}
        self.summaries: dict[int, pb.MarketSummary] = {}
        self.portfolios: dict[int, Portfolio] = {}
        self.lost: set[int] = set()
        self._books: dict[int, MarketView] = {}  # also those that are not followed now: they stay the same objects
        self._streams: dict[str, Stream] = {}  # of a book one form at most
        self._stale: set[str] = set()  # followed before, and perhaps not any more
        # After resuming, by kind of stream: everything up to this seq is known of streams that are not here.
        self._floors: dict[str, int] = {}

    # --- Reading

    def market(self, market_id: int) -> pb.Market | None:
        """The newest definition of a market on any stream; None if no stream has one."""
        forms = [market_stream(market_id), other_form(market_stream(market_id)), market_stream(market_id, SUMMARY)]
        found: list[Definition] = []
        for name in (*forms, PUBLIC, *map(account_stream, self.portfolios)):
            stream = self._streams.get(name or "")
            if stream and market_id in stream.definitions.by_id:
                found.append(stream.definitions.by_id[market_id])
        return max(found, key=lambda it: (it.seq, it.market.volume)).market if found else None

    def market_ids(self) -> set[int]:
        """Of every market with a definition on any stream."""
        return {id for stream in self._streams.values() for id in stream.definitions.by_id}

    def heard(self, stream: str) -> int | None:
        """Everything of the stream up to this seq is in its view; None: the stream is not followed."""
        known = self._streams.get(stream)
        return known.seq if known else None

    def follows(self, stream: str) -> bool:
        """Whether the stream is followed now; a book in either form."""
        return any(name in self._streams and name not in self._stale for name in (stream, other_form(stream)))

    @property
    def stuck(self) -> bool:
        """There is a gap that the exchange does not know of."""
        return any(stream.doubts >= DOUBTS_MAX for stream in self._streams.values())

    @property
    def uncertain(self) -> bool:
        """Some streams may not be followed any more."""
        return bool(self._stale)

    # --- A new connection

    def start_anew(self) -> None:
        """Snapshots of everything follow. What gets none by then is not followed any more: drop_stale()."""
        self._stale, self._floors = set(self._streams), {}

    def resume(self, hello: pb.Authenticate) -> None:
        """Fills in where each subscription continues, and adds markets that are not followed yet.

        A stream that is not here by then belongs to an account or a market that was made later.
        """
        books = {name for name in self._streams if other_form(name)}
        hello.from_seq = self._heard_by_all([PUBLIC, *map(account_stream, self.portfolios)])
        self._floors = {ACCOUNT: hello.from_seq}
        for subscription in hello.subscriptions:
            if subscription.all_markets:
                # Without any market yet: every market will be made after this.
                subscription.from_seq = self._heard_by_all(books or {PUBLIC})
                self._floors[MARKET] = subscription.from_seq
            elif subscription.market_id:
                subscription.from_seq = self.heard(market_stream(subscription.market_id)) or 0
        if MARKET in self._floors:  # unsubscribed from, or its first snapshot was lost with the connection
            missing = sorted(id for id in self.market_ids() if market_stream(id) not in books)
            hello.subscriptions.extend(pb.Subscription(market_id=id) for id in missing)

    def resumed(self) -> None:
        """Everything that was resumed is here: a market that is made from now on comes with a snapshot."""
        self._floors.pop(MARKET, None)

    def _heard_by_all(self, streams: Iterable[str]) -> int:
        return min((self.heard(name) or 0 for name in streams), default=0)

    # --- The end of streams

    def end(self, name: str, *, keeps_form: bool) -> None:
        """The exchange ended a stream by itself. `keeps_form`: if it is a book, the other form may follow."""
        if other_form(name) and name in self._streams and keeps_form:
            self._stale.add(name)
        else:
            self._lose(name)

    def drop_stale(self) -> None:
        stale, self._stale = self._stale, set()
        for name in stale:
            self._lose(name)

    def _lose(self, name: str) -> None:
        self.forget(name)
        stream = named(name)
        if stream and stream.is_book and stream.id not in self.markets:
            self.lost.add(stream.id)

    def forget(self, name: str) -> None:
        """The stream is not followed any more: its view is emptied and taken away."""
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

    # --- What the streams say

    def place_of(self, position: pb.StreamPosition) -> Piece | None:
        """Where a piece at this position goes. None: it is old, not followed, or something before it is missing."""
        name, known = named(position.stream), self.heard(position.stream)
        if name is None or (known is None and self.follows(position.stream)):  # a book that continues in its other form
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
        return Piece(position.stream, position.seq, stream)

    def _miss(self, position: pb.StreamPosition) -> None:
        self.gaps += 1
        if position.stream in self._streams:
            self._streams[position.stream].missed = position.seq

    def replace(self, name: str, seq: int, bodies: Iterable[Message]) -> bool:
        """A snapshot made at `seq`. Returns whether this client knows the stream's kind."""
        parts = named(name)
        if parts is None:
            return False
        other = other_form(name)
        if other is not None:  # the same view continues in this form
            self._streams.pop(other, None)
            self.lost.discard(parts.id)
        self._stale -= {name, other}
        stream = self._stream(name)
        stream.begin(seq)
        for body in bodies:
            stream.apply(body, seq)
        for body in bodies:
            self.meet(name, body, seq)
        return True

    def up_to_date(self, seq: int) -> None:
        """The exchange says that there is nothing more up to `seq`, on any stream."""
        for stream in self._streams.values():
            stream.up_to_date(seq)

    def meet(self, name: str, body: Message, seq: int) -> None:
        """A new account of one's own, or a new market while all are followed: its stream begins here.

        A snapshot of it comes as well, but not if it was made while we were away and has not been used since.
        """
        match body:
            case pb.AccountCreated() if body.owners:
                self._begin(account_stream(body.account.id), seq, body)
            case pb.MarketCreated() if name == PUBLIC:  # on other streams it may be a market whose book is not visible
                self._meet_market(body.market)
            case pb.Markets() if name == PUBLIC:
                for market in body.markets:
                    self._meet_market(market)

    def _meet_market(self, market: pb.Market) -> None:
        if MARKET in self._floors:
            self._begin(market_stream(market.id), self._floors[MARKET], pb.MarketUpdated(market=market))

    def _begin(self, name: str, seq: int, body: Message) -> None:
        if name not in self._streams and not self.follows(name):
            stream = self._stream(name)
            stream.seq = seq
            stream.apply(body, seq)

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
