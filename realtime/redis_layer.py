"""The channel layer over Redis, which an exchange in several processes uses (settings.py).

It is channels_redis' layer, made to wait for a Redis that is away at the start. Once subscribed, that layer connects
again by itself. But if the first subscription to a channel fails, it takes the channel for subscribed and never
delivers anything.
"""

import asyncio
import logging
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer

from realtime import limits
from realtime.layers import LAYER_ERRORS

logger = logging.getLogger(__name__)


class RedisLayer(RedisPubSubChannelLayer):
    """Subscribes again every LAYER_RETRY_SECONDS until Redis takes it."""

    async def new_channel(self, prefix: str = "specific.") -> str:
        while True:
            try:
                channel: str = await self._get_layer().new_channel(prefix)  # type: ignore[no-untyped-call]
                return channel
            except LAYER_ERRORS as error:
                await _pause(error)

    async def receive(self, channel: str) -> dict[str, Any]:
        layer = self._get_layer()  # type: ignore[no-untyped-call]
        while True:
            try:
                message: dict[str, Any] = await layer.receive(channel)
                return message
            except LAYER_ERRORS as error:
                layer.channels.pop(channel, None)  # otherwise the next call would not subscribe
                await _pause(error)


async def _pause(error: Exception) -> None:
    logger.error("Redis does not answer; trying again in %g s: %r", limits.LAYER_RETRY_SECONDS, error)
    await asyncio.sleep(limits.LAYER_RETRY_SECONDS)
