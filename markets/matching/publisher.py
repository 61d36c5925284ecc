"""What the matcher tells the world after a commit: replies to processes, streams to groups, and a beat every second."""

import asyncio
import logging
import time
from typing import Any

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

from markets.engine.state import Changed
from markets.matching.entitlements import Grants
from markets.matching.streams import Said, Streams
from markets.wire.audience import Publication
from realtime.groups import HUBS, group_of

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
SUMMARY_SECONDS = 0.25  # between two lines of a market

Message = dict[str, Any]  # of the channel layer


class Publisher:
    """`published` is the last entry of the journal that the world has been told of."""

    def __init__(self, layer: BaseChannelLayer, streams: Streams, epoch: int) -> None:
        self.layer = layer
        self.streams = streams
        self.grants = Grants(streams)
        self.epoch = epoch
        self.published = streams.engine.seq
        self._settled = streams.engine.seq  # of it what summaries have told of too
        self._summaries_at = 0.0  # time.monotonic() from which on the next may be sent
        self._summaries_wait: asyncio.TimerHandle | None = None

    async def send_to(self, channel: str, message: Message) -> None:
        """To one process. One that is full or gone loses it: its askers time out with OUTCOME_UNKNOWN and ask again."""
        try:
            await self.layer.send(channel, message)
        except ChannelFull:
            logger.warning("the process behind %s does not read its answers", channel)

    async def reply(self, message: Message, frames: list[bytes]) -> None:
        """To whoever sent the message, at once."""
        item = (message["origin"], message["number"], frames, None)
        await self.send_to(message["reply"], {"type": "replies", "items": [item]})

    async def send(self, said: list[Said], publication: Publication, changed: Changed) -> None:
        """A batch that is committed: first who hears less from now on, then markets and public to their groups, and the
        accounts' parts together to every hub; last what is new to hear."""
        if confining := self.grants.confining(changed):
            await self.layer.group_send(HUBS, confining)
        private = []
        for one in said:
            group = group_of(one.stream)
            if group == HUBS:
                private.append(one.item)
            else:
                message = {"stream": one.stream, "prev_seq": one.prev_seq, "seq": one.seq, "data": one.data}
                await self.layer.group_send(group, {"type": "stream", **message})
        if private:
            await self.layer.group_send(HUBS, {"type": "private", "items": private})
        if granting := await self.grants.granting(publication):
            await self.layer.group_send(HUBS, granting)
        self.published = self.streams.engine.seq
        if not self.streams.has_news:
            self._settled = self.published

    async def send_summaries(self, wake: asyncio.Event) -> None:
        """Between two batches: a line of every market with something new, if the last are SUMMARY_SECONDS ago; else
        `wake` is set when they are."""
        if not self.streams.has_news:
            return
        wait = self._summaries_at - time.monotonic()
        if wait > 0:
            if self._summaries_wait is None:
                self._summaries_wait = asyncio.get_running_loop().call_later(wait, wake.set)
            return
        self._summaries_wait = None
        self._summaries_at = time.monotonic() + SUMMARY_SECONDS
        for said in self.streams.summaries():
            await self.layer.group_send(HUBS, {"type": "private", "items": [one.item for one in said]})
            await asyncio.sleep(0)
        self._settled = self.published

    async def beat(self) -> None:
        """Every second: up to where the journal has been told of, which streams spoke lately, and who may hear what
        since."""
        while True:
            beat = {"type": "beat", "epoch": self.epoch, "head": self._settled, "streams": self.streams.lately()}
            await self.layer.group_send(HUBS, beat | self.grants.lately())
            self.streams.turn()
            self.grants.turn()
            await asyncio.sleep(BEAT_SECONDS)
