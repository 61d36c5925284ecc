"""The rate headers of a response. The matcher keeps a person's buckets; requests without sign-in count by address."""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest

from accounts import throttle
from proto import exchange_pb2 as wire
from realtime.errors import RequestFailed
from realtime.limits import RateClass

logger = logging.getLogger(__name__)

MINUTE_SECONDS = 60
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
    """Adds `cost` to the address's failed sign-ins. Raises RequestFailed RATE_LIMITED if they are too many.

    Only requests that fail come here: a good token gets in whatever others of its address have sent.
    """
    most = settings.SIGN_IN_FAILURES_PER_ADDRESS_MAX * settings.RATE_FACTOR
    span = f"{most} in {settings.SIGN_IN_FAILURES_SECONDS} s"
    text = f"This sign-in failed, as too many from your address: at most {span}. A valid token gets in at any time."
    return _of_address(await _counted(throttle.failed_sign_ins, request, cost), most, text)


async def open_read(request: HttpRequest) -> Rate:
    """Counts a read without sign-in. Raises RequestFailed RATE_LIMITED if its address sends too many.

    While the cache does not answer it counts nothing: what such reads tell is wanted most then.
    """
    most = OPEN_READS_MAX * settings.RATE_FACTOR
    text = f"Too many requests from your address: at most {most} a minute."
    try:
        return _of_address(
            await _counted(throttle.count, "open", throttle.address(request), MINUTE_SECONDS), most, text
        )
    except RequestFailed:
        raise
    except Exception as error:  # of the cache's backend
        logger.warning("The cache does not answer: %s", error)
        return full()


def full() -> Rate:
    """The full bucket of an address, for a read that is not counted."""
    most = OPEN_READS_MAX * settings.RATE_FACTOR
    return Rate(most, most, 0)


def _of_address(found: throttle.Count, most: int, what: str) -> Rate:
    rate = Rate(most, max(0, most - found.total), found.wait)
    if found.total > most:
        limits = wire.Limits(limit=most, remaining=0, reset_ms=rate.reset * 1_000)
        raise RequestFailed(wire.RATE_LIMITED, f"{what} Try again in {found.wait} s.", rate.reset * 1_000, limits)
    return rate


async def _counted(count: Callable[..., throttle.Count], *arguments: Any) -> throttle.Count:
    """Counts on a thread if the cache is in Redis, which is away from this process."""
    return await sync_to_async(count)(*arguments) if settings.REDIS_URL else count(*arguments)
