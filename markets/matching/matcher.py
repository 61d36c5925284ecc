"""The matcher takes what waits, applies it, commits it and publishes it. It does one batch at a time, in that order.

It is the only owner of an Engine and the only clock. Nothing of a batch, refusals included, leaves before its commit.
A refusal is an answer. Any other exception ends the process, and starting again is the only recovery.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from channels.layers import BaseChannelLayer

from markets.engine.commands import CreateHouse
from markets.engine.engine import Engine
from markets.engine.errors import Reason, Rejected, Repeated
from markets.engine.invariants import Watch
from markets.engine.state import Changed
from markets.engine.visibility import NOTHING, market_not_found
from markets.journal.entries import Outcome
from markets.journal.journal import Journal
from markets.matching import charges, finished_orders
from markets.matching.batch import EXPIRED, Delivered, Frame, Slot, check_repeat, count_of, decoded, is_late, parsed
from markets.matching.history_requests import HistoryRequests
from markets.matching.lease import Lease
from markets.matching.publisher import Publisher
from markets.matching.quarantine import Quarantine
from markets.matching.quota import NOBODY, DailyQuota
from markets.matching.reads import Reads
from markets.matching.sessions import Answer, Sessions
from markets.matching.streams import EncodedMessage, Streams
from markets.wire import codec
from markets.wire.audience import Publication
from markets.wire.decoding import Asker
from markets.wire.frames import joined
from markets.wire.rates import Buckets, Limits
from markets.wire.requests import class_of
from proto import exchange_pb2 as pb
from realtime.frames import encoded
from realtime.limits import BUSY_RETRY_MS, SERVER_FRAME_BYTES_MAX
from realtime.messages import (
    CommandMessage,
    RequestMessage,
    ResyncMessage,
    ToMatcher,
)
from realtime.rights import Rights

logger = logging.getLogger(__name__)

BATCH_COMMANDS_MAX = 512
INBOX_COMMANDS_MAX = 20_000
BUSY_AFTER_SECONDS = 1.0  # while a commit takes longer, the database is locked and new requests get BUSY

Queued = RequestMessage | ResyncMessage  # what waits in the inbox

BUSY = Rejected(Reason.BUSY, "The exchange is busy; ask again.", BUSY_RETRY_MS)
UNKNOWN = Rejected(
    Reason.OUTCOME_UNKNOWN, "The exchange could not read its first answer. Ask again with the same key.", BUSY_RETRY_MS
)


def utc_us() -> int:
    return time.time_ns() // 1_000


class Matcher:
    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        layer: BaseChannelLayer,
        limits: Limits,
        quarantine: Quarantine,
        clock: Callable[[], int] = utc_us,
        quota: DailyQuota | None = None,
    ) -> None:
        self.engine = engine
        self.journal = journal
        self.rates = Buckets(limits)
        self.quota = quota or DailyQuota()
        self.quarantine = quarantine
        self.clock = clock
        self.epoch = clock()
        self.streams = Streams(engine, journal)
        self._lease = Lease(journal)
        self._publisher = Publisher(layer, self.streams, self.epoch, self._lease.is_valid)
        self.sessions = Sessions(self.streams, self._publisher.entitlements, self.rates, self.epoch)
        self.watch = Watch(engine)
        self.refused = 0
        self._inbox: deque[Queued] = deque()
        self._waiting = 0  # commands in the inbox
        self._wake = asyncio.Event()
        self.history_requests = HistoryRequests(engine, journal, self.rates, self._wake.set)
        self.reads = Reads(self.sessions, self.history_requests)
        self._idle = asyncio.Event()
        self._idle.set()
        self._delivered = Delivered()
        self._commit_began: float | None = None
        self._stopping = False

    # --- The inbox

    async def offer(self, message: ToMatcher) -> None:
        """Takes a message of the queue, or answers BUSY at once. It never drops a message in silence."""
        if message["type"] == "charge":
            return charges.charge(self.rates, message, self.clock())
        if message["type"] == "revoked" or self._publisher.is_outdated(message):
            return await self._publisher.keep_up_to_date(message)
        if message["type"] == "draw":
            answer = charges.draw(self.rates, message, max(self.clock(), self.engine.at_us))
            self.refused += answer.HasField("refused")
            return await self._publisher.reply(message, [encoded(answer)])
        count = count_of(message)
        slow = self._commit_began is not None and time.monotonic() - self._commit_began > BUSY_AFTER_SECONDS
        full = slow or self._stopping or self._waiting + count > INBOX_COMMANDS_MAX
        if message["type"] != "resync" and full:
            return await self._refuse_all(message, BUSY)
        self._inbox.append(message)
        self._waiting += count
        self._idle.clear()
        self._wake.set()

    def _take(self) -> list[Queued]:
        """Takes what waits: about BATCH_COMMANDS_MAX commands at most, since the last frame is not divided."""
        taken: list[Queued] = []
        room = BATCH_COMMANDS_MAX
        while self._inbox and room > 0:
            message = self._inbox.popleft()
            room -= count_of(message)
            taken.append(message)
        self._waiting -= BATCH_COMMANDS_MAX - room
        return taken

    # --- The loop

    async def run(self) -> None:
        """Does batch after batch, and beats, until cancelled. Raises what broke either: then the process must end."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lease.keep())
            tasks.create_task(self._publisher.beat())
            tasks.create_task(self._do_batches())

    async def _do_batches(self) -> None:
        while True:
            await self._wake.wait()
            while self._inbox or self.history_requests.finished:
                await self.step(self._take())
                await self._publisher.send_summaries(self._wake)
            self._wake.clear()
            await self._publisher.send_summaries(self._wake)
            if not self._inbox and not self.history_requests.waiting:
                self._idle.set()

    async def drain(self) -> None:
        """Takes nothing more and waits until everything taken has been answered."""
        self._stopping = True
        await self._idle.wait()

    async def create_house(self) -> None:
        """Commits the first command of an empty journal, which creates the house."""
        if self.engine.seq:
            return
        command = CreateHouse(0, 0, True, "")
        at_us = self.clock()
        outcomes = [Outcome(1, at_us, command, self.engine.apply(command, at_us))]
        await self.journal.commit(self.engine, outcomes, self.engine.take_changed())

    async def step(self, batch: list[Queued]) -> None:
        """Does one batch: reads, then commands, then the commit, then answers, then streams. A history
        request only begins its reading. The answers include the histories that are ready by now."""
        now_us = max(self.clock(), self.engine.at_us)
        fresh = [message for message in batch if not self._delivered.has(message)]
        resynced = [(m["reply"], await self.reads.resync(m)) for m in fresh if m["type"] == "resync"]
        requested = [m for m in fresh if m["type"] == "session" or m["type"] == "history"]
        answers = await self.reads.answers(((m, self._asker(m)) for m in requested), now_us)
        commands = [message for message in fresh if message["type"] == "command"]
        frames, messages, publication, changed = await self._execute(commands, now_us)
        self._publisher.revocations += bool(changed.reach)  # a token may be bound to an account that was lost
        self.streams.publish(messages, publication, changed)
        committed_us = max(self.clock(), now_us)
        await self._repeat(frames)
        await finished_orders.explain(self.journal, self.engine, frames)
        answers += self._answers(frames, now_us, committed_us)
        answers += self.history_requests.answers()
        for channel, streams in resynced:
            for stream in streams:
                await self._publisher.sender.send(channel, stream)
        await self._publisher.send_answers(answers)
        await self._publisher.send(messages, publication, changed)

    async def _execute(
        self, batch: list[CommandMessage], now_us: int
    ) -> tuple[list[Frame], list[EncodedMessage], Publication, Changed]:
        """Applies commands and commits them. Encodes their streams while the commit runs.

        If applying or committing fails, the commands are quarantined. Later nothing is: a committed command would be
        denied.
        """
        outcomes: list[Outcome] = []
        with self.quarantine.around(batch, now_us):
            frames = [self._apply(message, now_us, outcomes) for message in batch]
            changed = self.engine.take_changed()
            commit = self._begin_commit(outcomes, changed)
        try:
            publication = Publication(self.engine)
            for outcome in outcomes:
                publication.add(outcome.seq, outcome.events)
            publication.add_portfolios(self.engine.seq, changed)
            messages = self.streams.encode(publication)
        finally:
            with self.quarantine.around(batch, now_us):
                written = await commit
        self.quota.add(written, now_us)
        self._commit_began = None
        return frames, messages, publication, changed

    def _begin_commit(self, outcomes: list[Outcome], changed: Changed) -> Awaitable[Mapping[int, int]]:
        """Begins the commit on the journal's thread. Meanwhile the loop encodes the streams."""
        if not outcomes:
            return asyncio.sleep(0, NOBODY)
        self.watch.check(changed)
        self._commit_began = time.monotonic()
        return self.journal.commit(self.engine, outcomes, changed)

    # --- Commands

    def _apply(self, message: CommandMessage, at_us: int, outcomes: list[Outcome]) -> Frame:
        """Applies the commands of one frame. Accepted ones are added to `outcomes`."""
        asker = self._asker(message)
        late = is_late(message, at_us)
        slots = []
        for request in parsed(message).messages:
            slot = Slot(request.request_id)
            slots.append(slot)
            try:
                if late:
                    raise EXPIRED
                self._apply_one(slot, request, asker, at_us, outcomes)
            except Rejected as rejected:
                self.refused += 1
                slot.message = codec.refusal(slot.request_id, rejected, asker.rights.operator)
        return Frame(message, asker, slots)

    def _asker(self, message: RequestMessage) -> Asker:
        """Who asks. Account 0 stands for the token's account if it is bound, otherwise for the person's own."""
        user = message["user"]
        rights = Rights(*message["rights"])
        account = message["account"] or rights.bound or self.engine.people.get(user, 0)
        return Asker(user, account, message["sudo"], rights)

    def _apply_one(
        self, slot: Slot, request: pb.ClientMessage, asker: Asker, at_us: int, outcomes: list[Outcome]
    ) -> None:
        kind = request.WhichOneof("message") or ""
        self.rates.charge(asker.user, class_of(kind), asker.sudo, at_us)
        command = decoded(kind, request, asker)
        if asker.rights.bound:  # the engine checks what the person may see; the token may see less
            self._check_known(command, asker)
        if not self.engine.is_repeat(command):  # a repeat is answered as before: it executes nothing
            self.quota.check(asker.user, class_of(kind), asker.sudo, at_us)
            self.quarantine.check(asker, request)
        try:
            slot.events = self.engine.apply(command, at_us)
        except Repeated as repeated:
            slot.command, slot.seq, slot.same_body = command, repeated.seq, repeated.same_body
            return
        except Rejected as rejected:
            slot.sought = finished_orders.sought(self.engine, command, rejected)
            raise
        slot.seq = self.engine.seq
        outcomes.append(Outcome(slot.seq, at_us, command, slot.events, request.reason))

    # --- Answers

    async def _repeat(self, frames: list[Frame]) -> None:
        """Finds the first answer of every repeated command. Refuses a key that was used for another command."""
        repeats = [(slot, frame.asker) for frame in frames for slot in frame.slots if slot.command is not None]
        if not repeats:
            return
        try:
            first = await self.journal.entries([slot.seq for slot, _ in repeats])
        except Exception:
            logger.exception("The first answers of %d repeated commands could not be read.", len(repeats))
            for slot, _ in repeats:
                slot.message = codec.refusal(slot.request_id, UNKNOWN)
            return
        for slot, asker in repeats:
            entry = first[slot.seq]
            try:
                if slot.same_body:
                    check_repeat(slot.command, entry.command, slot.seq)
                self._check_known(slot.command, asker)
                slot.events = [event for event in entry.events if self._is_known(event, asker)]
            except Rejected as rejected:
                slot.message = codec.refusal(slot.request_id, rejected, asker.rights.operator)
                self.refused += 1

    def _check_known(self, command: Any, asker: Asker) -> None:
        """Rejected MARKET_NOT_FOUND if the command names a market that this sign-in may not know, or no longer."""
        if not self._is_known(command, asker):
            raise market_not_found(command.market)

    def _is_known(self, subject: Any, asker: Asker) -> bool:
        market = self.engine.markets.get(getattr(subject, "market", 0))
        return market is None or asker.degree(self.engine, market) > NOTHING

    def _answers(
        self, frames: list[Frame], sequenced_us: int, committed_us: int
    ) -> Iterator[tuple[RequestMessage, Answer]]:
        """The answers of the frames. One that cannot be written is lost: to end the process would not help, because
        the asker will ask again."""
        for frame in frames:
            try:
                yield frame.message, self._answer(frame, sequenced_us, committed_us)
            except Exception:
                logger.exception("An answer to user %s could not be written.", frame.asker.user)

    def _answer(self, frame: Frame, sequenced_us: int, committed_us: int) -> Answer:
        """The frame's replies in order, joined."""
        answer = pb.ServerFrame()
        for slot in frame.slots:
            message = answer.messages.add()
            if slot.message is not None:
                message.CopyFrom(slot.message)
            else:
                assert slot.events is not None
                codec.write_reply(message, self.engine, slot.events, frame.asker)
                message.request_id = slot.request_id
                message.seq = slot.seq
                message.replayed = slot.command is not None
            message.received_us = frame.message["received_us"]
            message.sequenced_us = sequenced_us
            message.committed_us = committed_us
        if frame.message["limits"]:
            charges.write_limits(self.rates, answer, frame, sequenced_us)
        if answer.ByteSize() <= SERVER_FRAME_BYTES_MAX:
            return Answer([answer.SerializeToString()], None)
        return Answer(list(joined(encoded(message) for message in answer.messages)), None)

    async def _refuse_all(self, message: RequestMessage, rejected: Rejected) -> None:
        self.refused += message["count"]
        refusals = [codec.refusal(request.request_id, rejected) for request in parsed(message).messages]
        await self._publisher.reply(message, [encoded(*refusals)])
