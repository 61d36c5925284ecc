"""What a response says of rates: a person's buckets are the matcher's, whoever is not signed in counts by address."""

import time
from typing import NamedTuple

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from proto import exchange_pb2 as wire
from realtime.errors import RequestFailed
from realtime.limits import FAILED_SIGN_INS_MAX, RateClass

MINUTE_SECONDS = 60
OPEN_READS_MAX = 600  # of one address in a minute, of what is open to all


class Rate(NamedTuple):
    """Of a bucket: tokens when full, tokens now, seconds until it is full again."""

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
    """When the matcher does not answer: nothing can be done for so long."""
    return Rate(settings.RATES[rate_class]["sudo" if sudo else "user"][1], 0, seconds)


def failed_sign_in(request: HttpRequest, cost: int) -> Rate:
    """Of the request's address: counts `cost` more. Raises RequestFailed RATE_LIMITED if those are too many."""
    return _by_address(request, "failed", FAILED_SIGN_INS_MAX * settings.RATE_FACTOR, cost)


def open_read(request: HttpRequest) -> Rate:
    """Something that is open to all; raises as above."""
    return _by_address(request, "open", OPEN_READS_MAX * settings.RATE_FACTOR, 1)


def _by_address(request: HttpRequest, what: str, most: int, cost: int) -> Rate:
    minute, second = divmod(int(time.time()), MINUTE_SECONDS)
    key = f"rest:{what}:{get_adapter(request).get_client_ip(request)}:{minute}"
    count = cost if cache.add(key, cost, 2 * MINUTE_SECONDS) else cache.incr(key, cost)
    rate = Rate(most, max(0, most - count), MINUTE_SECONDS - second)
    if count > most:
        limits = wire.Limits(limit=most, remaining=0, reset_ms=rate.reset * 1_000)
        said = f"Too many from your address: at most {most} a minute."
        raise RequestFailed(wire.RATE_LIMITED, said, rate.reset * 1_000, limits)
    return rate
