"""Sends what the matcher publishes: after a commit, replies to processes and streams to groups; a beat every second.

What the layer does not take is lost, and nothing else fails. Hubs see the gap by the next beat and ask for a resync.
Askers time out with OUTCOME_UNKNOWN and ask again with their key.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeGuard

from channels.layers import BaseChannelLayer

from markets.engine.state import Changed
from markets.matching.entitlements import Entitlements
from markets.matching.sessions import Answer
from markets.matching.streams import EncodedMessage, Streams
from markets.wire.audience import Publication
from proto import exchange_pb2 as pb
from realtime.frames import encoded
from realtime.groups import HUBS, group_of
from realtime.layers import Sender
from realtime.messages import (
    CommandMessage,
    DrawMessage,
    Reply,
    RequestMessage,
    RevokedMessage,
    ToMatcher,
    beat_message,
    private_message,
    replies_message,
    stream_message,
)

BEAT_SECONDS = 1.0
SUMMARY_SECONDS = 0.25  # between two rounds of summaries


class Publisher:
    """`published` is the seq of the last journal entry whose events have been sent. `may_send`: see Sender."""

    def __init__(self, layer: BaseChannelLayer, streams: Streams, epoch: int, may_send: Callable[[], bool]) -> None:
        self.sender = Sender(layer, may_send)
        self.streams = streams
        self.entitlements = Entitlements(streams)
        self.epoch = epoch
        self.revocations = epoch  # counted from there, so that no two matchers have the same number
        self.published = streams.engine.seq
        self._head = streams.engine.seq  # the seq up to which summaries have been sent too
        self._summaries_at = 0.0  # time.monotonic() at which the next may be sent
        self._summaries_wait: asyncio.TimerHandle | None = None

    async def reply(self, message: RequestMessage | DrawMessage | RevokedMessage, frames: list[bytes]) -> None:
        """Replies at once to the sender of the message."""
        reply = (message["origin"], message["number"], frames, None)
        await self.sender.send(message["reply"], replies_message([reply]))

    def is_outdated(self, message: ToMatcher) -> TypeGuard[CommandMessage | DrawMessage]:
        """Whether the message relies on what its sender knew before a revocation (DrawMessage)."""
        return message["type"] in ("draw", "command") and message["as_of"] not in (None, self.revocations)

    async def keep_up_to_date(self, message: CommandMessage | DrawMessage | RevokedMessage) -> None:
        """Counts a revocation. Answers it with a frame, and a message that is outdated without one."""
        is_new = message["type"] == "revoked"
        self.revocations += is_new
        await self.reply(message, [encoded(pb.ServerMessage())] if is_new else [])

    async def send_answers(self, answers: Iterable[tuple[RequestMessage, Answer]]) -> None:
        """Sends one message to each process that asked."""
        replies: dict[str, list[Reply]] = {}
        for message, answer in answers:
            reply = (message["origin"], message["number"], answer.frames, answer.control)
            replies.setdefault(message["reply"], []).append(reply)
        for channel, items in replies.items():
            await self.sender.send(channel, replies_message(items))

    async def send(self, messages: list[EncodedMessage], publication: Publication, changed: Changed) -> None:
        """Sends a committed batch.

        First come the changes that take access away. Then come the streams; those without a group of their own go to
        all hubs in one message. Last come the streams that open sockets may follow from now on.
        """
        if changes := self.entitlements.changes(changed):
            await self.sender.group_send(HUBS, changes)
        private = []
        for one in messages:
            group = group_of(one.stream)
            if group == HUBS:
                private.append(one.item)
            else:
                await self.sender.group_send(group, stream_message(*one.item))
        if private:
            await self.sender.group_send(HUBS, private_message(private))
        if additions := await self.entitlements.additions(publication):
            await self.sender.group_send(HUBS, additions)
        self.published = self.streams.engine.seq
        if not self.streams.has_summaries_due:
            self._head = self.published

    async def send_summaries(self, wake: asyncio.Event) -> None:
        """Sends a summary of every market that has changed, at most once in SUMMARY_SECONDS.

        Call it between two batches. If it is too early, it sets `wake` when it is time.
        """
        if not self.streams.has_summaries_due:
            return
        wait = self._summaries_at - time.monotonic()
        if wait > 0:
            if self._summaries_wait is None:
                self._summaries_wait = asyncio.get_running_loop().call_later(wait, wake.set)
            return
        self._summaries_wait = None
        self._summaries_at = time.monotonic() + SUMMARY_SECONDS
        for messages in self.streams.summaries():
            await self.sender.group_send(HUBS, private_message([one.item for one in messages]))
            await asyncio.sleep(0)
        self._head = self.published

    async def beat(self) -> None:
        """Sends all hubs a beat every second, until cancelled. It shows them whether they have missed a message."""
        while True:
            streams, access = self.streams.recent(), self.entitlements.recent()
            message = beat_message(self.epoch, self._head, streams, self.revocations, access)
            if await self.sender.group_send(HUBS, message):  # else the next one repeats as much
                self.streams.next_beat()
                self.entitlements.next_beat()
            await asyncio.sleep(BEAT_SECONDS)
