"""Answers requests for a market's history.

The matcher decides in its order who may have one. A thread of its own reads it, so that a long reading holds up no
batch. Before the answer is sent, the matcher checks again what the asker may see, so that nobody gets what was hidden
meanwhile. Answers come when they are ready: commands that were sent later may be answered earlier.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from markets.engine.engine import Engine
from markets.engine.errors import Reason, Rejected
from markets.engine.events import Traded
from markets.engine.visibility import WHOLE, market_not_found, masked
from markets.journal import histories
from markets.journal.histories import Change, Page, Position
from markets.journal.journal import Journal
from markets.matching.sessions import Answer
from markets.wire import codec
from markets.wire.decoding import Asker
from markets.wire.rates import Buckets
from markets.wire.requests import class_of
from markets.wire.scopes import check_rights
from proto import exchange_pb2 as pb
from realtime.frames import encoded
from realtime.limits import BUSY_RETRY_MS, KIB, SERVER_FRAME_BYTES_MAX
from realtime.messages import HistoryMessage, SocketControl

logger = logging.getLogger(__name__)

WAITING_MAX = 64  # readings of everybody, under way or waiting for the thread
WAITING_OF_PERSON_MAX = 4
PIECE_ROWS = 1_000  # rows read at a time, until the frame is full
PAGE_BYTES_MAX = SERVER_FRAME_BYTES_MAX - KIB  # the rows of a page; the rest of the frame is for what surrounds them
ROW_OVERHEAD_BYTES = 4  # tag and length of a row

# Kind of request -> member of its answer, and the field of the answer's rows.
KINDS = {
    "get_full_trade_history": ("trade_history", "trades"),
    "get_full_order_history": ("order_history", "changes"),
    "get_market_positions": ("market_positions", "positions"),
}


class Visibility(NamedTuple):
    """How somebody sees a market's history: whether account ids are masked, and which they see nevertheless."""

    masked: bool
    own: tuple[int, ...]


class Reading:
    """One request under way. `frame` is the answer as `visibility` allows it; None if the reading failed."""

    __slots__ = ("asker", "frame", "message", "request", "visibility")

    def __init__(
        self, message: HistoryMessage, request: pb.ClientMessage, asker: Asker, visibility: Visibility
    ) -> None:
        self.message = message
        self.request = request
        self.asker = asker
        self.visibility = visibility
        self.frame: bytes | None = None


class HistoryRequests:
    """The histories under way. Calls `wake` when answers() has something to yield."""

    def __init__(self, engine: Engine, journal: Journal, rates: Buckets, wake: Callable[[], None]) -> None:
        self.engine = engine
        self.journal = journal
        self.rates = rates
        self.finished: list[Reading] = []
        self._wake = wake
        self._waiting: Counter[int] = Counter()  # readings by user

    @property
    def waiting(self) -> int:
        """Readings that are not answered yet."""
        return self._waiting.total()

    def ask(self, message: HistoryMessage, request: pb.ClientMessage, asker: Asker, now_us: int) -> Answer | None:
        """Refuses the request, or begins the reading and returns None: then the answer comes with answers().

        Call it between two batches.
        """
        kind = request.WhichOneof("message") or ""
        try:
            self.rates.charge(asker.user, class_of(kind), asker.sudo, now_us)
            if kind not in KINDS:
                raise Rejected(Reason.INVALID_FRAME, "This is no request for a history.")
            check_rights(kind, getattr(request, kind), asker.account, asker.rights)
            visibility = self._visibility(request, asker)
            if self.waiting >= WAITING_MAX or self._waiting[asker.user] >= WAITING_OF_PERSON_MAX:
                raise Rejected(Reason.BUSY, f"{self.waiting} histories are being read; ask again.", BUSY_RETRY_MS)
        except Rejected as rejected:
            return _refusal(request, rejected)
        self._waiting[asker.user] += 1
        self._begin(Reading(message, request, asker, visibility))
        return None

    def answers(self) -> Iterator[tuple[HistoryMessage, Answer]]:
        """Yields the answers that are ready. Call it after a commit, and send them at once.

        If the asker's visibility of the market changed during the reading, the history is read again.
        """
        finished, self.finished = self.finished, []
        for reading in finished:
            answer = self._answer(reading)
            if answer is None:
                self._begin(reading)
                continue
            self._waiting[reading.asker.user] -= 1
            self._waiting += Counter()  # drops zeros
            yield reading.message, answer

    def _answer(self, reading: Reading) -> Answer | None:
        try:
            if self._visibility(reading.request, reading.asker) != reading.visibility:
                reading.visibility = self._visibility(reading.request, reading.asker)
                return None
            if reading.frame is None:
                raise Rejected(Reason.INTERNAL, "The history could not be read.")
        except Rejected as rejected:
            return _refusal(reading.request, rejected)
        control: SocketControl = {}
        if reading.asker.sudo:  # sudo may be off by now: only the socket's hub knows
            ended = Rejected(Reason.SUDO_REQUIRED, "Sudo was turned off before the history was read.")
            control["unless_sudo"] = _refusal(reading.request, ended, True).frames
        return Answer([reading.frame], control)

    def _visibility(self, request: pb.ClientMessage, asker: Asker) -> Visibility:
        """How the asker sees the market now. Rejected MARKET_NOT_FOUND unless they see it with its book."""
        kind = request.WhichOneof("message") or ""
        id = getattr(request, kind).market_id
        market = self.engine.markets.get(id)
        if market is None or asker.degree(self.engine, market) < WHOLE:
            raise market_not_found(id)
        hidden = masked(market, asker.sudo)
        by_account = hidden and kind == "get_market_positions"
        return Visibility(hidden, tuple(sorted(asker.reach(self.engine))) if by_account else ())

    def _begin(self, reading: Reading) -> None:
        future = self.journal.history(read, reading.request, reading.visibility)
        future.add_done_callback(partial(self._done, reading))

    def _done(self, reading: Reading, future: asyncio.Future[bytes]) -> None:
        if future.cancelled():
            return  # the loop ends
        if error := future.exception():
            logger.error("A history could not be read.", exc_info=error)
        reading.frame = None if error else future.result()
        self.finished.append(reading)
        self._wake()


def _refusal(request: pb.ClientMessage, rejected: Rejected, operator: bool = False) -> Answer:
    refused = codec.refusal(request.request_id, rejected, operator)
    return Answer([encoded(refused)], None)


# --- On the thread


def read(connection: BaseDatabaseWrapper, request: pb.ClientMessage, visibility: Visibility) -> bytes:
    """Reads the requested page. Returns the frame of its answer; its seq is the journal's head when reading began."""
    kind = request.WhichOneof("message") or ""
    body = getattr(request, kind)
    member, field = KINDS[kind]
    frame = pb.ServerFrame()
    reply = frame.messages.add(request_id=request.request_id, seq=histories.read_head(connection))
    page = getattr(reply, member)
    page.market_id, page.next, page.more = body.market_id, body.after, True
    rows, wanted, size = getattr(page, field), histories.bound_rows(body.limit), 0
    while page.more and wanted:
        piece = _piece(connection, kind, body.market_id, page.next, wanted, visibility)
        page.more = piece.more
        for number, row in piece.rows:
            written = rows.add()
            _write(written, row, visibility.masked)
            size += written.ByteSize() + ROW_OVERHEAD_BYTES
            if size > PAGE_BYTES_MAX:
                del rows[-1]
                page.more = True
                return frame.SerializeToString()
            page.next = number
            wanted -= 1
    return frame.SerializeToString()


def _piece(
    connection: BaseDatabaseWrapper, kind: str, market: int, after: int, wanted: int, visibility: Visibility
) -> Page[Traded] | Page[Change] | Page[Position]:
    """The next rows. Positions are read all at once, so that they are of one moment."""
    if kind == "get_full_trade_history":
        return histories.read_trades(connection, market, after, min(wanted, PIECE_ROWS))
    if kind == "get_full_order_history":
        return histories.read_orders(connection, market, after, min(wanted, PIECE_ROWS))
    return histories.read_positions(connection, market, after, wanted, visibility.own if visibility.masked else None)


def _write(written: Any, row: Traded | Change | Position, hidden: bool) -> None:
    match row:
        case Traded():
            codec.write_trade(written, row, hidden)
        case Change():
            codec.write_change(written, row, hidden)
        case Position():
            written.account_id, written.position = row
