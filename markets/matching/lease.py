"""The matcher speaks only while it knows that it holds its lock.

A process that hung, or was cut off from its database, does not know whether another matcher has taken over meanwhile.
It cannot commit then, because the session that commits holds the lock (markets/journal/lock.py). But it could still
refuse, as BUSY, what the other one carries out. So what it sends counts as lost, until a check shows that it holds the
lock.
"""

import asyncio
import math
import time

from markets.journal.journal import Journal, JournalUnavailable

CHECK_SECONDS = 1.0
HUNG_SECONDS = 10.0  # a matcher whose lock was not checked for that long may be replaced (standby.py)
CUT_OFF_SECONDS = 30.0  # a matcher whose check takes longer ends: another may read the same queue by then
LEASE_SECONDS = 8.0  # after the beginning of a check: less than HUNG_SECONDS, so it ends before another may speak


class Lease:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._until = math.inf  # time.monotonic(); without keep() nobody takes over

    def is_valid(self) -> bool:
        return time.monotonic() < self._until

    async def keep(self) -> None:
        """Checks the lock every CHECK_SECONDS, until cancelled.

        Raises JournalUnavailable when the lock is lost, or when the database does not answer for CUT_OFF_SECONDS.
        """
        self._until = time.monotonic() + LEASE_SECONDS
        while True:
            began = time.monotonic()
            try:
                async with asyncio.timeout(CUT_OFF_SECONDS):
                    await self._journal.check_lock()
            except TimeoutError as error:
                raise JournalUnavailable(f"the database has not answered for {CUT_OFF_SECONDS:.0f} s") from error
            self._until = began + LEASE_SECONDS
            await asyncio.sleep(CHECK_SECONDS)
