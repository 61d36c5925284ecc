"""Limits how much a person may ask: one token bucket per person, class and mode, for all sockets and doors.

The rules are in docs/rules.md, section 9. A bucket is kept as the time at which it is full again, in whole microseconds
(GCRA). So it is exact, and nothing refills it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from markets.engine.errors import Reason, Rejected
from realtime.limits import RateClass

HEAVY_READ_COST = 20  # ALL_MARKETS and resume
SNAPSHOT_BYTES_A_TOKEN = 16 * 1024  # snapshots of accounts and of the public stream, which are made each time
IDLE_BUCKETS_MAX = 100_000  # beyond this many, full buckets are dropped

Limits = Mapping[RateClass, Mapping[str, tuple[int, int]]]  # class -> "user" or "sudo" -> (tokens a second, burst)


class Left(NamedTuple):
    """A bucket's tokens when full, its tokens now, and the milliseconds until it is full again."""

    limit: int
    remaining: int
    reset_ms: int


class Buckets:
    def __init__(self, limits: Limits) -> None:
        # (class, sudo) -> microseconds for one token, and for a full bucket
        self._limits: dict[tuple[RateClass, bool], tuple[int, int]] = {}
        self._bursts: dict[tuple[RateClass, bool], int] = {}
        for rate_class, modes in limits.items():
            for mode, (per_second, burst) in modes.items():
                bucket = rate_class, mode == "sudo"
                self._limits[bucket] = max(1, 1_000_000 // per_second), burst * 1_000_000 // per_second
                self._bursts[bucket] = burst
        self._full_at: dict[tuple[int, RateClass, bool], int] = {}

    def charge(self, user: int, rate_class: RateClass, sudo: bool, now_us: int, cost: int = 1) -> None:
        """Takes `cost` tokens. If there are fewer, takes none: Rejected RATE_LIMITED with the time to wait."""
        token_us, burst_us = self._limits[rate_class, sudo]
        bucket = (user, rate_class, sudo)
        full_at = max(self._full_at.get(bucket, 0), now_us) + cost * token_us
        wait_us = full_at - now_us - burst_us
        if wait_us > 0:
            wait_ms = wait_us // 1_000 + 1
            raise Rejected(
                Reason.RATE_LIMITED,
                f"Too many requests: at most {60_000_000 // token_us} a minute of this kind. Wait {wait_ms} ms.",
                retry_after_ms=wait_ms,
            )
        self._set(bucket, full_at, now_us)

    def drain(self, user: int, rate_class: RateClass, sudo: bool, now_us: int, cost: int) -> None:
        """Takes `cost` tokens, or all if there are fewer. It is for work that is done or must not be refused."""
        token_us, burst_us = self._limits[rate_class, sudo]
        bucket = (user, rate_class, sudo)
        full_at = max(self._full_at.get(bucket, 0), now_us) + cost * token_us
        self._set(bucket, min(full_at, now_us + burst_us), now_us)

    def _set(self, bucket: tuple[int, RateClass, bool], full_at: int, now_us: int) -> None:
        self._full_at[bucket] = full_at
        if len(self._full_at) > IDLE_BUCKETS_MAX:
            self._full_at = {key: at for key, at in self._full_at.items() if at > now_us}

    def left(self, user: int, rate_class: RateClass, sudo: bool, now_us: int) -> Left:
        """What the bucket holds now."""
        token_us, burst_us = self._limits[rate_class, sudo]
        owed_us = max(0, self._full_at.get((user, rate_class, sudo), 0) - now_us)
        limit = self._bursts[rate_class, sudo]
        return Left(limit, min(limit, max(0, burst_us - owed_us) // token_us), -(-owed_us // 1_000))
