"""The channel layer of an exchange in one process, which is the default; and what it means that a layer fails.

Channels' own InMemoryChannelLayer deep-copies every message, starts a task for each member of a group, and loops over
all groups at every receive. With a reader of 1,000 markets that loop alone costs ten times as much as matching an
order. And one expired message removes its reader from all groups for good.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer, InMemoryChannelLayer
from redis.exceptions import RedisError

from realtime.messages import ToHub, message_layer

logger = logging.getLogger(__name__)

# What a layer raises when its backend is away, or does not take a message. Anything else is a bug of ours. A layer may
# lose every message anyway, so one that it did not take counts as lost.
LAYER_ERRORS = (OSError, RedisError, ChannelFull)


class Sender:
    """Sends through a layer that may fail. A message that the layer does not take is dropped; an outage is logged once.

    The methods return whether the layer took the message. While `may_send` returns False, nothing is sent.
    """

    def __init__(self, layer: BaseChannelLayer, may_send: Callable[[], bool]) -> None:
        self._layer = message_layer(layer)
        self._may_send = may_send
        self._failing = False

    async def send(self, channel: str, message: ToHub) -> bool:
        if not self._may_send():
            return False
        try:
            await self._layer.send(channel, message)
        except ChannelFull:
            logger.warning("The process behind %s does not read its messages.", channel)
            return False
        except LAYER_ERRORS as error:
            return self._failed(error)
        return self._worked()

    async def group_send(self, group: str, message: ToHub) -> bool:
        if not self._may_send():
            return False
        try:
            await self._layer.group_send(group, message)
        except LAYER_ERRORS as error:
            return self._failed(error)
        return self._worked()

    def _failed(self, error: Exception) -> bool:
        if not self._failing:
            logger.error("The channel layer fails; messages are lost until it works again: %r", error)
        self._failing = True
        return False

    def _worked(self) -> bool:
        if self._failing:
            logger.warning("The channel layer works again.")
        self._failing = False
        return True


class LocalLayer(InMemoryChannelLayer):
    """Hands over the message object itself, so neither sender nor receiver may change it.

    It keeps order, with one reader per channel, on one event loop. A channel holds up to `capacity` messages; nothing
    expires.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity=capacity)
        self._queues: dict[str, asyncio.Queue[dict[str, Any]]] = {}

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Puts the message into the channel. Raises ChannelFull."""
        try:
            self._queue(channel).put_nowait(message)
        except asyncio.QueueFull:
            raise ChannelFull(channel) from None

    async def receive(self, channel: str) -> dict[str, Any]:
        return await self._queue(channel).get()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Sends to every member. A member whose channel is full misses the message, as in any layer; it notices,
        because streams are numbered."""
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
