"""Limits how much a person may add to the journal in a day, which grows without end (docs/growth.md).

Days begin at 00:00 UTC. What counts is written in docs/rules.md, section 9. The person's use of the day survives a
restart: the journal tells it.
"""

from collections import Counter
from collections.abc import Mapping

from markets.engine.errors import Reason, Rejected
from realtime.limits import RateClass

DAY_US = 86_400_000_000
MEGABYTE = 1_000_000
CANCEL_RESERVE = 10  # cancels may use a tenth more, so that nobody is left with orders that they cannot cancel
NOBODY: Mapping[int, int] = {}  # added nothing


class DailyQuota:
    """`bytes_a_day` of each person; 0 means no limit. `used`: bytes by user id since the day of `now_us` began."""

    def __init__(self, bytes_a_day: int = 0, now_us: int = 0, used: Mapping[int, int] = NOBODY) -> None:
        self._bytes_a_day = bytes_a_day
        self._day = now_us // DAY_US
        self._used = Counter(used)

    def check(self, user: int, rate_class: RateClass, sudo: bool, now_us: int) -> None:
        """Rejected RATE_LIMITED, with the time until the next day, if the person has used up the day's bytes.

        An operator in sudo is never refused.
        """
        self._begin_day(now_us)
        most = self._bytes_a_day
        if rate_class == "cancel":
            most += most // CANCEL_RESERVE
        if sudo or not most or self._used[user] < most:
            return
        wait_us = (self._day + 1) * DAY_US - now_us
        minutes = -(-wait_us // 60_000_000)
        raise Rejected(
            Reason.RATE_LIMITED,
            f"Your commands have added {most / MEGABYTE:g} MB to the journal today, and more is not allowed. "
            f"The next day begins at 00:00 UTC, in {minutes // 60} h {minutes % 60} min.",
            retry_after_ms=-(-wait_us // 1_000),
        )

    def add(self, written: Mapping[int, int], now_us: int) -> None:
        """Counts the bytes of a committed batch, by user id."""
        self._begin_day(now_us)
        self._used.update(written)

    def _begin_day(self, now_us: int) -> None:
        day = now_us // DAY_US
        if day > self._day:
            self._day = day
            self._used.clear()
