"""What the matcher tells the world after a commit: replies to processes, streams to groups, and a beat every second."""

import asyncio
import logging
import time

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

from markets.engine.state import Changed
from markets.matching.entitlements import Entitlements
from markets.matching.streams import EncodedMessage, Streams
from markets.wire.audience import Publication
from realtime.groups import HUBS, group_of
from realtime.messages import (
    DrawMessage,
    RequestMessage,
    ToHub,
    beat_message,
    message_layer,
    private_message,
    replies_message,
    stream_message,
)

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
SUMMARY_SECONDS = 0.25  # between two lines of a market


class Publisher:
    """`published` is the last entry of the journal whose events have been sent."""

    def __init__(self, layer: BaseChannelLayer, streams: Streams, epoch: int) -> None:
        self.layer = message_layer(layer)
        self.streams = streams
        self.entitlements = Entitlements(streams)
        self.epoch = epoch
        self.published = streams.engine.seq
        self._head = streams.engine.seq  # up to here summaries have been sent too
        self._summaries_at = 0.0  # time.monotonic() from which on the next may be sent
        self._summaries_wait: asyncio.TimerHandle | None = None

    async def send_to(self, channel: str, message: ToHub) -> None:
        """To one process. One that is full or gone loses it: its askers time out with OUTCOME_UNKNOWN and ask again."""
        try:
            await self.layer.send(channel, message)
        except ChannelFull:
            logger.warning("the process behind %s does not read its answers", channel)

    async def reply(self, message: RequestMessage | DrawMessage, frames: list[bytes]) -> None:
        """To whoever sent the message, at once."""
        reply = (message["origin"], message["number"], frames, None)
        await self.send_to(message["reply"], replies_message([reply]))

    async def send(self, messages: list[EncodedMessage], publication: Publication, changed: Changed) -> None:
        """Sends a batch that is committed. First the changes that take access away; then the streams, those without a
        group of their own in one message to all hubs; last the streams that open sockets may follow from now on."""
        if changes := self.entitlements.changes(changed):
            await self.layer.group_send(HUBS, changes)
        private = []
        for one in messages:
            group = group_of(one.stream)
            if group == HUBS:
                private.append(one.item)
            else:
                await self.layer.group_send(group, stream_message(*one.item))
        if private:
            await self.layer.group_send(HUBS, private_message(private))
        if additions := await self.entitlements.additions(publication):
            await self.layer.group_send(HUBS, additions)
        self.published = self.streams.engine.seq
        if not self.streams.has_summaries_due:
            self._head = self.published

    async def send_summaries(self, wake: asyncio.Event) -> None:
        """Between two batches: sends a summary of every market that has changed, at most once in SUMMARY_SECONDS. If it
        is too early, `wake` is set when it is time."""
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
            await self.layer.group_send(HUBS, private_message([one.item for one in messages]))
            await asyncio.sleep(0)
        self._head = self.published

    async def beat(self) -> None:
        """Every second tells all hubs what they need to notice that they have missed a message."""
        while True:
            beat = beat_message(self.epoch, self._head, self.streams.recent(), self.entitlements.recent())
            await self.layer.group_send(HUBS, beat)
            self.streams.next_beat()
            self.entitlements.next_beat()
            await asyncio.sleep(BEAT_SECONDS)
