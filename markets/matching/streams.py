"""The numbered streams as the matcher publishes them: positions, what was said lately, snapshots, resuming.

Everything here is asked between two batches, so it shows the state that was committed last and carries its seq.
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

KEPT_PER_STREAM = 1_000  # group messages
SPOKE_BEATS = 10  # beats for which a stream counts as changed lately
KEPT_BYTES_MAX = 64 * 1024 * 1024  # of all streams together
SUMMARY_PIECE = 100  # summaries that are made at a time
REPLAYED_ENTRIES_MAX = 10_000  # journal entries read to resume a stream; and by all in a burst, then
REPLAYED_ENTRIES_A_BEAT = 2_000  # as many, so that nobody's resuming holds up orders: a snapshot does as well
REPLAY_PIECE = 100  # entries that are told at a time


class Said:
    """One group message."""

    __slots__ = ("data", "prev_seq", "seq", "stream")

    def __init__(self, stream: str, prev_seq: int, seq: int, data: bytes) -> None:
        self.stream = stream
        self.prev_seq = prev_seq
        self.seq = seq
        self.data = data

    @property
    def item(self) -> tuple[str, int, int, bytes]:
        """As it travels with others to every hub."""
        return self.stream, self.prev_seq, self.seq, self.data


class Streams:
    def __init__(self, engine: Engine, journal: Journal) -> None:
        self.engine = engine
        self.journal = journal
        self.start_seq = engine.seq  # nobody of this epoch stands below
        self._floor = 0  # who resumes from below gets a snapshot: who hears what has changed since
        self.last: dict[str, int] = {}  # stream -> seq of its last message
        self._spoke: deque[dict[str, None]] = deque([{}], maxlen=SPOKE_BEATS)
        self._kept: dict[str, deque[Said]] = {}
        self._kept_in_order: deque[Said] = deque()
        self._kept_bytes = 0
        self._books: dict[tuple[int, bool], list[bytes]] = {}  # (market, masked) -> encoded snapshot, until it changes
        self._replayable = REPLAYED_ENTRIES_MAX  # journal entries, now
        self.summarises = False  # somebody has asked for summaries
        self._news: dict[int, bool] = {}  # markets with something for their summary; True: the definition too

    # --- Publishing

    def encode(self, publication: Publication) -> list[Said]:
        """The group messages of a batch, in the order in which streams were first spoken on. Nothing is told of them
        before publish()."""
        return [
            Said(stream, *part)
            for stream, frame in publication.frames.items()
            for part in positioned(stream, self.last.get(stream, self.start_seq), frame)
        ]

    def publish(self, said: list[Said], publication: Publication, changed: Changed) -> None:
        """The batch is committed: streams stand where its messages lead."""
        touched = {order.market for order in changed.orders.values()}
        for market in touched.union(changed.markets):
            self._books.pop((market, False), None)
            self._books.pop((market, True), None)
            if self.summarises:
                self._news[market] = self._news.get(market, False) or market in publication.defined
        if changed.visibility:
            self._forget()
        self._stand(said)

    @property
    def has_news(self) -> bool:
        return bool(self._news)

    def summaries(self) -> Iterator[list[Said]]:
        """A line of every market in which something happened since this was last asked, some at a time. The engine
        stands still until all are taken."""
        news, self._news = self._news, {}
        for some in snapshots.chunks(news.items(), SUMMARY_PIECE):
            said = [self._summary(id, defined) for id, defined in some]
            self._stand(said)
            yield said

    def _summary(self, id: int, defined: bool) -> Said:
        stream = stream_of_market(id, SUMMARY)
        last = self.last.get(stream, self.start_seq)
        pieces = snapshots.summary_pieces(self.engine.markets[id], defined)
        return Said(stream, last, self.engine.seq, position(stream, last, self.engine.seq) + b"".join(pieces))

    def _stand(self, said: list[Said]) -> None:
        for one in said:
            self.last[one.stream] = one.seq
            self._spoke[-1][one.stream] = None
            self._keep(one)

    def _forget(self) -> None:
        """Some see a market with other eyes: what was said before may not be said again to everybody who could resume.
        It is rare, and a snapshot does as well."""
        for said in self._kept_in_order:
            said.data = b""
        self._kept_in_order.clear()
        self._kept.clear()
        self._kept_bytes = 0
        self._floor = self.engine.seq

    def _keep(self, said: Said) -> None:
        """For those who resume soon."""
        kept = self._kept.setdefault(said.stream, deque())
        kept.append(said)
        self._kept_in_order.append(said)
        self._kept_bytes += len(said.data)
        if len(kept) > KEPT_PER_STREAM:
            self._empty(kept.popleft())
        while self._kept_bytes > KEPT_BYTES_MAX or not self._kept_in_order[0].data:
            oldest = self._kept_in_order.popleft()
            if oldest.data:
                self._kept[oldest.stream].popleft()
                self._empty(oldest)

    def _empty(self, said: Said) -> None:
        self._kept_bytes -= len(said.data)
        said.data = b""

    def lately(self) -> dict[str, int]:
        """The streams that spoke in this or the previous few beats, and where they stand."""
        return {stream: self.last[stream] for spoke in self._spoke for stream in spoke}

    def turn(self) -> None:
        """A beat has passed."""
        self._spoke.append({})
        self._replayable = min(REPLAYED_ENTRIES_MAX, self._replayable + REPLAYED_ENTRIES_A_BEAT)

    # --- Reading

    def exists(self, stream: str) -> bool:
        kind, id, form = named(stream)
        if kind == MARKET:
            return id in self.engine.markets and (form != UNMASKED or self.engine.markets[id].hide_account_ids)
        return kind == PUBLIC or id in self.engine.accounts

    async def snapshot(self, stream: str) -> list[bytes]:
        """SnapshotBegin .. SnapshotEnd(seq), encoded. Gives way to the loop after every piece."""
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
        """What the stream said after from_seq; None if that is too long ago: take a snapshot."""
        if from_seq < max(self.start_seq, self._floor, self._began(stream)):
            return None
        last = self.last.get(stream, self.start_seq)
        if from_seq >= last:
            return []
        kept = self._kept.get(stream)
        if kept and kept[0].prev_seq <= from_seq:
            return [said.data for said in kept if said.seq > from_seq]
        return await self._from_journal(stream, from_seq, last)

    def _began(self, stream: str) -> int:
        """The seq of the command that made what the stream is about: who stands below has never heard of it."""
        kind, id, _ = named(stream)
        if kind == MARKET:
            return self.engine.markets[id].seq
        return self.engine.accounts[id].seq if kind == ACCOUNT else 0

    async def _from_journal(self, stream: str, from_seq: int, last: int) -> list[bytes] | None:
        kind, id, form = named(stream)
        most = self._replayable
        if form == SUMMARY or not most or (kind != MARKET and self.engine.seq - from_seq > most):
            return None
        if kind == MARKET:
            outcomes = await self.journal.market_outcomes(id, from_seq, most)
        else:
            outcomes = await self.journal.outcomes(from_seq, most)
        self._replayable -= most if outcomes is None else len(outcomes)  # what was read in vain is read, too
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
        """The whole portfolio as if a batch had touched all of it."""
        changed = Changed()
        account = self.engine.accounts[id]
        changed.accounts[id] = changed.owners[id] = account
        for market, exposure in account.exposures.items():
            if degree_of(self.engine, exposure.market, (id,)) > NOTHING:
                changed.exposures[id, market] = exposure
        return changed

    def of_person(self, user: int) -> list[str]:
        """The account streams of everything the person may act as, own user account first."""
        own = self.engine.people[user]
        return [stream_of_account(id) for id in sorted(self.engine.reach(user), key=lambda id: (id != own, id))]

    def of_market(self, market: Market, sudo: bool) -> str:
        """The stream of its book, for who may hear it."""
        return stream_of_market(market.id, UNMASKED if sudo and market.hide_account_ids else "")


async def _built(pieces: Iterator[bytes]) -> list[bytes]:
    built = []
    for one in pieces:
        built.append(one)
        await asyncio.sleep(0)
    return built
