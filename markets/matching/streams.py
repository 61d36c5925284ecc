"""Keeps the numbered streams: their positions, recent messages and snapshots, and how a socket resumes.

Reads happen between two batches. So they show the state that was committed last, and carry its seq.
"""

import asyncio
from collections import deque
from collections.abc import Iterator

from markets.engine.book import Market
from markets.engine.engine import Engine
from markets.engine.state import Changed
from markets.engine.visibility import NOTHING, degree_of, masked
from markets.journal.journal import Journal
from markets.wire import snapshots
from markets.wire.audience import Publication
from markets.wire.frames import piece, position, positioned
from proto import exchange_pb2 as pb
from realtime.groups import ACCOUNT, MARKET, PUBLIC, SUMMARY, UNMASKED, named, stream_of_account, stream_of_market

BUFFERED_PER_STREAM = 1_000  # messages
BUFFERED_BYTES_MAX = 64 * 1024 * 1024  # of all streams together
RECENT_BEATS = 10  # how many beats repeat a change, in case a layer lost it
SUMMARY_PIECE = 100  # summaries made at a time
# How many journal entries all who resume may read at once, and how many more with each beat. More would hold up orders,
# and a snapshot does as well.
REPLAYED_ENTRIES_MAX = 10_000
REPLAYED_ENTRIES_A_BEAT = 2_000
REPLAY_PIECE = 100  # entries replayed at a time


class EncodedMessage:
    """One message of a stream. Its data becomes empty when it leaves the buffer."""

    __slots__ = ("data", "prev_seq", "seq", "stream")

    def __init__(self, stream: str, prev_seq: int, seq: int, data: bytes) -> None:
        self.stream = stream
        self.prev_seq = prev_seq
        self.seq = seq
        self.data = data

    @property
    def item(self) -> tuple[str, int, int, bytes]:
        """The form in which it is sent to hubs."""
        return self.stream, self.prev_seq, self.seq, self.data


class Streams:
    """All streams of one matcher in one epoch."""

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self.engine = engine
        self.journal = journal
        self.start_seq = engine.seq  # no position of this epoch is lower
        self._floor = 0  # visibility changed at this seq: who resumes from a lower one gets a snapshot
        self.last: dict[str, int] = {}  # stream -> seq of its last message
        self._recent: deque[dict[str, None]] = deque([{}], maxlen=RECENT_BEATS)
        self._buffers: dict[str, deque[EncodedMessage]] = {}  # by stream
        self._buffered: deque[EncodedMessage] = deque()  # of all streams, in order, with empty ones in between
        self._kept = 0  # those that are not empty
        self._buffered_bytes = 0
        self._books: dict[tuple[int, bool], list[bytes]] = {}  # (market, masked) -> encoded snapshot, until it changes
        self._replayable = REPLAYED_ENTRIES_MAX  # journal entries that may be read now
        self.summaries_wanted = False  # somebody has subscribed to summaries
        self._due: dict[int, bool] = {}  # market whose summary has changed -> whether its definition has too

    # --- Publishing

    def encode(self, publication: Publication) -> list[EncodedMessage]:
        """Encodes a batch, in the order in which it first wrote to each stream. Changes nothing until publish()."""
        return [
            EncodedMessage(stream, *part)
            for stream, frame in publication.frames.items()
            for part in positioned(stream, self.last.get(stream, self.start_seq), frame)
        ]

    def publish(self, messages: list[EncodedMessage], publication: Publication, changed: Changed) -> None:
        """Appends the messages of a committed batch to the streams, and drops what the batch made stale."""
        touched = {order.market for order in changed.orders.values()}
        for market in touched.union(changed.markets):
            self._books.pop((market, False), None)
            self._books.pop((market, True), None)
            if self.summaries_wanted:
                self._due[market] = self._due.get(market, False) or market in publication.defined
        if changed.visibility:
            self._drop_buffered()
        self._append(messages)

    @property
    def has_summaries_due(self) -> bool:
        return bool(self._due)

    def summaries(self) -> Iterator[list[EncodedMessage]]:
        """Yields a summary of every market that has changed since the last call, SUMMARY_PIECE at a time.

        The engine must not change until all are taken.
        """
        due, self._due = self._due, {}
        for some in snapshots.chunks(due.items(), SUMMARY_PIECE):
            messages = [self._summary(id, defined) for id, defined in some]
            self._append(messages)
            yield messages

    def _summary(self, id: int, defined: bool) -> EncodedMessage:
        stream = stream_of_market(id, SUMMARY)
        last = self.last.get(stream, self.start_seq)
        pieces = snapshots.summary_pieces(self.engine.markets[id], defined)
        data = position(stream, last, self.engine.seq) + b"".join(pieces)
        return EncodedMessage(stream, last, self.engine.seq, data)

    def _append(self, messages: list[EncodedMessage]) -> None:
        for message in messages:
            self.last[message.stream] = message.seq
            self._recent[-1][message.stream] = None
            self._buffer(message)

    def _drop_buffered(self) -> None:
        """Visibility changed: buffered messages may hold what a resuming socket may no longer see. Drop them. This is
        rare, and a snapshot does as well."""
        for message in self._buffered:
            message.data = b""
        self._buffered.clear()
        self._buffers.clear()
        self._kept = self._buffered_bytes = 0
        self._floor = self.engine.seq

    def _buffer(self, message: EncodedMessage) -> None:
        """Keeps the message for sockets that resume soon. Drops the oldest messages beyond the limits."""
        buffer = self._buffers.setdefault(message.stream, deque())
        buffer.append(message)
        self._buffered.append(message)
        self._kept += 1
        self._buffered_bytes += len(message.data)
        if len(buffer) > BUFFERED_PER_STREAM:
            self._empty(buffer.popleft())
        while self._buffered_bytes > BUFFERED_BYTES_MAX or not self._buffered[0].data:
            oldest = self._buffered.popleft()
            if oldest.data:
                self._buffers[oldest.stream].popleft()
                self._empty(oldest)
        if len(self._buffered) > 2 * self._kept + BUFFERED_PER_STREAM:  # a quiet stream's message comes before them
            self._buffered = deque(message for message in self._buffered if message.data)

    def _empty(self, message: EncodedMessage) -> None:
        self._kept -= 1
        self._buffered_bytes -= len(message.data)
        message.data = b""

    def recent(self) -> dict[str, int]:
        """The streams that published in the last RECENT_BEATS, each with the seq of its last message."""
        return {stream: self.last[stream] for streams in self._recent for stream in streams}

    def next_beat(self) -> None:
        self._recent.append({})
        self._replayable = min(REPLAYED_ENTRIES_MAX, self._replayable + REPLAYED_ENTRIES_A_BEAT)

    # --- Reading

    def exists(self, stream: str) -> bool:
        kind, id, form = named(stream)
        if kind == MARKET:
            return id in self.engine.markets and (form != UNMASKED or self.engine.markets[id].hide_account_ids)
        return kind == PUBLIC or id in self.engine.accounts

    async def snapshot(self, stream: str) -> list[bytes]:
        """Encodes a snapshot from SnapshotBegin to SnapshotEnd. Gives way to the loop after every piece."""
        seq = self.engine.seq
        begin = piece(snapshot_begin=pb.SnapshotBegin(stream=stream))
        end = piece(snapshot_end=pb.SnapshotEnd(stream=stream, seq=seq))
        kind, id, form = named(stream)
        if form == SUMMARY:
            return [begin, *snapshots.summary_pieces(self.engine.markets[id]), end]
        if kind == MARKET:
            return [begin, *await self._book(self.engine.markets[id], form), end]
        if kind == ACCOUNT:
            return [begin, *await _built(snapshots.account_pieces(self.engine, self.engine.accounts[id])), end]
        return [begin, *await _built(snapshots.public_pieces(self.engine)), end]

    async def _book(self, market: Market, form: str) -> list[bytes]:
        hidden = masked(market, sudo=form == UNMASKED)
        pieces = self._books.get((market.id, hidden))
        if pieces is None:
            pieces = self._books[market.id, hidden] = await _built(snapshots.market_pieces(market, hidden))
        return pieces

    async def resume(self, stream: str, from_seq: int) -> list[bytes] | None:
        """What the stream published after `from_seq`. None if it cannot be replayed: take a snapshot."""
        if from_seq < max(self.start_seq, self._floor, self._created_at(stream)):
            return None
        last = self.last.get(stream, self.start_seq)
        if from_seq >= last:
            return []
        buffer = self._buffers.get(stream)
        if buffer and buffer[0].prev_seq <= from_seq:
            return [message.data for message in buffer if message.seq > from_seq]
        return await self._from_journal(stream, from_seq, last)

    def _created_at(self, stream: str) -> int:
        """The seq of the command that created the stream's market or account. No position on the stream is lower."""
        kind, id, _ = named(stream)
        if kind == MARKET:
            return self.engine.markets[id].seq
        return self.engine.accounts[id].seq if kind == ACCOUNT else 0

    async def _from_journal(self, stream: str, from_seq: int, last: int) -> list[bytes] | None:
        kind, id, form = named(stream)
        entries_max = self._replayable
        if form == SUMMARY or not entries_max or (kind != MARKET and self.engine.seq - from_seq > entries_max):
            return None
        if kind == MARKET:
            outcomes = await self.journal.market_outcomes(id, from_seq, entries_max)
        else:
            outcomes = await self.journal.outcomes(from_seq, entries_max)
        self._replayable -= entries_max if outcomes is None else len(outcomes)  # a reading in vain costs all
        if outcomes is None:
            return None
        publication = Publication(self.engine)
        for number, outcome in enumerate(outcomes):
            publication.add(outcome.seq, outcome.events)
            if not number % REPLAY_PIECE:
                await asyncio.sleep(0)
        if kind == ACCOUNT:
            publication.add_portfolios(last, self._portfolio(id))
        frame = publication.frames.get(stream)
        return [] if frame is None else [data for _, _, data in positioned(stream, from_seq, frame)]

    def _portfolio(self, id: int) -> Changed:
        """The whole portfolio, as if a batch had changed all of it."""
        changed = Changed()
        account = self.engine.accounts[id]
        changed.accounts[id] = changed.owners[id] = account
        for market, exposure in account.exposures.items():
            if degree_of(self.engine, exposure.market, (id,)) > NOTHING:
                changed.exposures[id, market] = exposure
        return changed

    def of_person(self, user: int) -> list[str]:
        """The streams of all accounts that the person may act as, own user account first."""
        own = self.engine.people[user]
        return [stream_of_account(id) for id in sorted(self.engine.reach(user), key=lambda id: (id != own, id))]

    def of_market(self, market: Market, sudo: bool) -> str:
        """The stream of the market's book: unmasked in sudo if the market hides account ids."""
        return stream_of_market(market.id, UNMASKED if sudo and market.hide_account_ids else "")


async def _built(pieces: Iterator[bytes]) -> list[bytes]:
    built = []
    for one in pieces:
        built.append(one)
        await asyncio.sleep(0)
    return built
