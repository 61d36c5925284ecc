"""The channel layer of an exchange in one process, which is the default.

Channels' own InMemoryChannelLayer copies every message deeply, starts a task for each member of a group, and walks over
all groups at every receive: with a reader of 1,000 markets that alone is ten times the cost of matching an order. One
expired message throws its reader out of all groups, for good.
"""

import asyncio
import logging
from typing import Any

from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer

logger = logging.getLogger(__name__)


class LocalLayer(InMemoryChannelLayer):
    """Hands messages over as they are: whoever sends or receives one never changes it.

    In order, to one reader per channel, on one event loop. Bounded by `capacity` per channel; nothing expires.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity=capacity)
        self._queues: dict[str, asyncio.Queue[dict[str, Any]]] = {}

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Raises ChannelFull."""
        try:
            self._queue(channel).put_nowait(message)
        except asyncio.QueueFull:
            raise ChannelFull(channel) from None

    async def receive(self, channel: str) -> dict[str, Any]:
        return await self._queue(channel).get()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """A member whose channel is full misses it, as in any layer: streams are numbered."""
        for channel in list(self.groups.get(group, ())):
            try:
                await self.send(channel, message)
            except ChannelFull:
                logger.warning("%s is full and misses a message to %s.", channel, group)

    async def flush(self) -> None:
        await super().flush()
        self._queues = {}

    def _queue(self, channel: str) -> asyncio.Queue[dict[str, Any]]:
        queue = self._queues.get(channel)
        if queue is None:
            queue = self._queues[channel] = asyncio.Queue(self.capacity)
        return queue
