"""One matcher per database: a lock that its holder loses when it dies.

SQLite: an flock on a file beside the database. PostgreSQL: an advisory lock of the session that commits, so a matcher
that has lost its lock cannot commit either, whatever it does. Whoever gets the lock next finds everything that the last
holder has committed. If two matchers run all the same (on a copied file), the journal's triggers refuse the one that
commits second (triggers.py).
"""

import fcntl
import os
from typing import IO, NamedTuple, Protocol

import psycopg
from django.core.management.base import CommandError
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from markets.journal.tables import fetch

ADVISORY_KEY = 0x6D61_7463_6865_7221  # "matcher!" in ASCII; any number will do, because advisory locks are per database
SESSION_WAIT_MS = 5_000  # the server may take a moment to notice that the last holder is dead

# pg_locks shows a key of 64 bits in two halves, and the locks of all databases.
OF_HOLDER = (
    " FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted"
    " AND objsubid = 1 AND (classid::bigint << 32) | objid::bigint = %s AND datname = current_database()"
)
BEAT = "coalesce(query_start::text, '')"
AT_WORK = "coalesce(state = 'active' AND wait_event_type IS DISTINCT FROM 'Client', false)"
FIND_HOLDER = f"SELECT pid, coalesce(host(client_addr), 'this machine'), {BEAT}, {AT_WORK}{OF_HOLDER}"
END_HOLDER = f"SELECT pg_terminate_backend(pid){OF_HOLDER} AND pid = %s AND {BEAT} = %s"


class MatcherRuns(CommandError):
    """Another process is the matcher of this database.

    The exit status is EX_CONFIG: the supervisor does not try again (exchange/supervise.py).
    """

    def __init__(self, holder: str) -> None:
        super().__init__(
            f"An exchange runs on this database already ({holder}). Stop it first: there is one matcher per database.",
            returncode=os.EX_CONFIG,
        )


class LockLost(Exception):
    """This process does not hold the lock any more. Another one may be the matcher by now."""


class MatcherLock(Protocol):
    """Take it before anything changes the engine's state."""

    def take(self) -> None:
        """Raises MatcherRuns if another process has it."""

    def check(self) -> None:
        """Raises LockLost if it was taken and is not held any more."""

    def release(self) -> None:
        """Does nothing if it is not held."""


class FileLock:
    """On a file beside the SQLite database, which is never deleted: else two processes could hold locks on two files of
    that name."""

    def __init__(self, database: str) -> None:
        self._path = f"{os.path.realpath(database)}.lock"
        self._file: IO[str] | None = None

    def take(self) -> None:
        file = open(self._path, "a+", encoding="ascii")  # noqa: SIM115 - stays open as long as the lock is held
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise MatcherRuns(f"process {holder}") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def check(self) -> None:
        if self._file is None:
            return
        try:
            same = os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path))
        except FileNotFoundError:
            same = False
        if not same:
            raise LockLost(f"{self._path} was deleted or replaced.")

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class Holder(NamedTuple):
    """The session that holds the lock."""

    pid: int
    address: str
    beat: str  # when its last statement began; the matcher sends one every second. Empty: hidden from us
    works: bool  # the server is at work for it


class SessionLock:
    """Of the session of `connection`. It ends with the session, and closing the connection releases it."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._taken = False

    def take(self) -> None:
        """Waits up to SESSION_WAIT_MS."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {SESSION_WAIT_MS}")
            try:
                cursor.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_KEY,))
            except OperationalError as error:
                if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                    raise
                holder = self.holder()
                name = f"session {holder.pid} from {holder.address}" if holder else "its session has just ended"
                raise MatcherRuns(name) from None
        self._taken = True

    def try_take(self) -> bool:
        """Takes the lock if nobody has it."""
        ((self._taken,),) = fetch(self._connection, "SELECT pg_try_advisory_lock(%s)", ADVISORY_KEY)
        return self._taken

    def check(self) -> None:
        """Sends a statement, which also shows others that this process lives (Holder.beat)."""
        if not self._taken:
            return
        session: psycopg.Connection[tuple[object]] | None = self._connection.connection  # a cursor() would reconnect
        try:
            if session is None:
                raise LockLost("The session that held the matcher's lock is closed.")
            session.execute("SELECT 1")
        except psycopg.Error as error:
            raise LockLost(f"The session that held the matcher's lock is gone: {error}") from error

    def release(self) -> None:
        self._taken = False  # whoever opened the connection closes it

    def holder(self) -> Holder | None:
        """The session that holds the lock, whichever process it belongs to. None if nobody does."""
        found = fetch(self._connection, FIND_HOLDER, ADVISORY_KEY)
        return Holder(*found[0]) if found else None

    def end(self, holder: Holder) -> None:
        """Ends the holder's session, unless it has begun another statement meanwhile. What it has not committed is
        rolled back before anybody else gets the lock."""
        fetch(self._connection, END_HOLDER, ADVISORY_KEY, holder.pid, holder.beat)


def lock_of(connection: BaseDatabaseWrapper) -> MatcherLock:
    """The matcher's lock of the connection's database, not taken yet. `connection` is the one that commits."""
    if connection.vendor == "sqlite":
        return FileLock(connection.settings_dict["NAME"])
    return SessionLock(connection)
