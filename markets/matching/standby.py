"""A standby: waits for the matcher's lock with a warm engine, and takes it from a matcher that hangs.

It hears of the matcher from the database alone: the session that holds the lock sends a statement every second
(lease.py). Redis may be away or frozen meanwhile. While the database is frozen, the standby sees nothing, and that
proves nothing: only time counts in which the standby looks in short intervals and gets answers.
"""

import logging
import time

from django.db import DatabaseError, InterfaceError

from markets.journal.following import Following
from markets.journal.journal import Journal
from markets.journal.lock import Holder, SessionLock
from markets.matching.lease import HUNG_SECONDS

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
LOOK_SECONDS_MAX = 2.0  # between two looks; after a longer gap the matcher is given HUNG_SECONDS anew


class Watch:
    """Tells how long the holder of the lock has not beaten."""

    def __init__(self) -> None:
        self._beat: tuple[int, str] | None = None
        self._since = 0.0  # time.monotonic() at which that beat was seen first
        self._looked_at = 0.0

    def hangs(self, holder: Holder, now: float) -> bool:
        """Whether the holder has sent no statement for HUNG_SECONDS, and the server is not at work for it."""
        beat = (holder.pid, holder.beat)
        if holder.works or beat != self._beat or now - self._looked_at > LOOK_SECONDS_MAX:
            self._beat, self._since = beat, now
        self._looked_at = now
        return now - self._since > HUNG_SECONDS


class Standby:
    """Waits until `journal` holds the lock. The warm engine is `following`, for Journal.load()."""

    def __init__(self, journal: Journal) -> None:
        assert isinstance(journal.lock, SessionLock), "a file's lock cannot be taken from a process that hangs"
        self._journal = journal
        self._lock = journal.lock
        self._watch = Watch()
        self._failing = False
        self._announced = False
        self.following = Following()

    def wait(self) -> None:
        """Returns with the lock taken. While the database is away it tries again."""
        while True:
            try:
                if self._lock.try_take():
                    logger.warning("This process is the matcher from now on.")
                    return
                self._look()
                self._failing = False
            except (DatabaseError, InterfaceError) as error:
                self._journal.forget_connection()
                self.following.close()  # it connects anew too
                if not self._failing:
                    logger.error("The database does not answer the standby; it tries again: %s", error)
                self._failing = True
            time.sleep(LOOK_SECONDS)

    def _look(self) -> None:
        self.following.catch_up()
        holder = self._lock.holder()
        if holder is None:
            return
        if not self._announced:
            self._announced = True
            logger.info("Waiting as the standby of session %d from %s.", holder.pid, holder.address)
            if not holder.beat:
                logger.error(
                    "The matcher's session is hidden from this process, so a matcher that hangs is not replaced. Let"
                    " both use the same role of PostgreSQL, with track_activities on."
                )
        if holder.beat and self._watch.hangs(holder, time.monotonic()):
            logger.error("The matcher of session %d has not beaten for %g s. Ending it.", holder.pid, HUNG_SECONDS)
            self._lock.end(holder)
