"""The rate headers of a response. The matcher keeps a person's buckets; requests without sign-in count by address."""

import logging
import time
from typing import NamedTuple

from allauth.account.adapter import get_adapter
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError

from proto import exchange_pb2 as wire
from realtime.errors import RequestFailed
from realtime.limits import FAILED_SIGN_INS_MAX, RateClass

logger = logging.getLogger(__name__)

MINUTE_SECONDS = 60
CACHE_ERRORS = (OSError, RedisError)  # while Redis is away
OPEN_READS_MAX = 600  # per address and minute, for operations open to everybody


class Rate(NamedTuple):
    """A bucket: tokens when full, tokens left, seconds until it is full again."""

    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }


def of_limits(limits: wire.Limits) -> Rate:
    return Rate(limits.limit, limits.remaining, -(-limits.reset_ms // 1_000))


def unknown(rate_class: RateClass, sudo: bool, seconds: int) -> Rate:
    """The rate while the matcher does not answer: no tokens for so many seconds."""
    return Rate(settings.RATES[rate_class]["sudo" if sudo else "user"][1], 0, seconds)


async def failed_sign_in(request: HttpRequest, cost: int) -> Rate:
    """Adds `cost` to the address's failed sign-ins. Raises RequestFailed RATE_LIMITED if they are too many."""
    return await _by_address(request, "failed", FAILED_SIGN_INS_MAX * settings.RATE_FACTOR, cost)


async def open_read(request: HttpRequest) -> Rate:
    """Counts a read without sign-in. Raises RequestFailed RATE_LIMITED if its address sends too many.

    While the cache does not answer it counts nothing: what such reads tell is wanted most then.
    """
    try:
        return await _by_address(request, "open", OPEN_READS_MAX * settings.RATE_FACTOR, 1)
    except RequestFailed:
        raise
    except Exception as error:  # of the cache's backend
        logger.warning("The cache does not answer: %s", error)
        return full()


def full() -> Rate:
    """The full bucket of an address, for a read that is not counted."""
    most = OPEN_READS_MAX * settings.RATE_FACTOR
    return Rate(most, most, 0)


async def _by_address(request: HttpRequest, what: str, most: int, cost: int) -> Rate:
    minute, second = divmod(int(time.time()), MINUTE_SECONDS)
    key = f"rest:{what}:{get_adapter(request).get_client_ip(request)}:{minute}"
    try:
        count = await _added(key, cost) if settings.REDIS_URL else _add(key, cost)
    except CACHE_ERRORS as error:  # the status has to say that the exchange does not answer
        logger.warning("A request was not counted: %r", error)
        count = cost
    rate = Rate(most, max(0, most - count), MINUTE_SECONDS - second)
    if count > most:
        limits = wire.Limits(limit=most, remaining=0, reset_ms=rate.reset * 1_000)
        text = f"Too many requests from your address: at most {most} a minute."
        raise RequestFailed(wire.RATE_LIMITED, text, rate.reset * 1_000, limits)
    return rate


def _add(key: str, cost: int) -> int:
    """Adds to a count of the cache, which lives for two minutes. Returns the count."""
    return cost if cache.add(key, cost, 2 * MINUTE_SECONDS) else cache.incr(key, cost)


_added = sync_to_async(_add)  # on a thread: a cache in Redis is away from this process
