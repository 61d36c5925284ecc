"""Joins, leaves and renews the hub's groups on the layer, and asks the matcher for resyncs.

One task does all of it in sequence, so that the hub's reading never waits for the layer.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

from realtime import limits
from realtime.groups import HUBS, MATCHING, group_of
from realtime.messages import message_layer, resync_message
from realtime.streams import Stream

logger = logging.getLogger(__name__)


class Membership:
    """Keeps the process in the groups of `streams`, and asks for what a stream has missed.

    It checks a stream that is new, abandoned, or waits for a resync: it joins or leaves the group, or asks for the
    resync.
    """

    def __init__(self, layer: BaseChannelLayer, channel: str, streams: Mapping[str, Stream]) -> None:
        self._layer = layer
        self._channel = channel
        self._streams = streams
        self._joined: set[str] = set()  # groups
        self._unchecked: set[str] = {HUBS}  # names of streams
        self._next_resync: float | None = None  # seconds until then
        self._renew = False
        self._wake = asyncio.Event()
        self._wake.set()

    def check(self, name: str) -> None:
        """Has the task check the stream soon."""
        if name not in self._unchecked:
            self._unchecked.add(name)
            self._wake.set()

    def renew(self) -> None:
        """Has the task join all groups again: the layer may have dropped a membership. Joining twice does no harm."""
        self._renew = True
        self._wake.set()

    async def run(self) -> None:
        """Checks streams until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._next_resync):
                    await self._wake.wait()
            self._wake.clear()
            names, self._unchecked = self._unchecked, set()
            try:
                await self._keep(names)
            except Exception:  # a layer raises what its backend raises; while it fails, beats are missing too
                logger.exception("The channel layer failed; trying again.")
                self._unchecked |= names
                self._wake.set()
                await asyncio.sleep(limits.LAYER_RETRY_SECONDS)

    async def _keep(self, names: set[str]) -> None:
        if self._renew:
            for group in list(self._joined):
                await self._layer.group_add(group, self._channel)
            self._renew = False
        for name in names:
            await self._join_or_leave(name)
        await self._resync(names)

    async def _join_or_leave(self, name: str) -> None:
        group = group_of(name)
        if group == HUBS or name in self._streams:
            if group not in self._joined:
                await self._layer.group_add(group, self._channel)
                self._joined.add(group)
        elif group in self._joined:
            self._joined.remove(group)
            await self._layer.group_discard(group, self._channel)

    async def _resync(self, names: set[str]) -> None:
        """Asks for a resync of every waiting stream, at most once in RESYNC_SECONDS each. Checks a stream again until
        it no longer waits, because a reply may be lost."""
        now = asyncio.get_running_loop().time()
        waiting = [stream for name in names if (stream := self._streams.get(name)) is not None and stream.waiting]
        self._unchecked.update(stream.name for stream in waiting)
        due = [stream for stream in waiting if now - stream.asked_at >= limits.RESYNC_SECONDS]
        asked = {stream.name: stream.ask(now) for stream in due}
        self._next_resync = min((stream.asked_at + limits.RESYNC_SECONDS - now for stream in waiting), default=None)
        if asked:
            try:
                await message_layer(self._layer).send(MATCHING, resync_message(self._channel, asked))
            except ChannelFull:
                logger.warning("The matching queue is full; asking for a resync again in a second.")
