"""One matcher per database: a lock that its holder loses when it dies.

SQLite: an flock on a file beside the database. PostgreSQL: an advisory lock of a session, on a connection of its own.
If two matchers run all the same (on a copied file, or after the server lost the session), the journal's triggers refuse
the one that commits second (triggers.py).
"""

import fcntl
import os
from types import TracebackType
from typing import IO, Self

from django.core.management.base import CommandError
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from markets.journal.tables import dedicated_connection, fetch

ADVISORY_KEY = 0x6D61_7463_6865_7221  # "matcher!" in ASCII; any number will do, because advisory locks are per database
SESSION_WAIT_MS = 5_000  # the server may take a moment to notice that the last holder is dead


class MatcherRuns(CommandError):
    """Another process is the matcher of this database.

    The exit status is EX_CONFIG: the supervisor does not try again (exchange/supervise.py).
    """

    def __init__(self, holder: str) -> None:
        super().__init__(
            f"An exchange runs on this database already ({holder}). Stop it first: there is one matcher per database.",
            returncode=os.EX_CONFIG,
        )


class MatcherLock:
    """Hold it around everything that changes the engine's state: `with MatcherLock():`. Raises MatcherRuns."""

    def __init__(self) -> None:
        self._connection = dedicated_connection()
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        if self._connection.vendor == "sqlite":
            self._file = _lock_file(f"{os.path.realpath(self._connection.settings_dict['NAME'])}.lock")
        else:
            _lock_session(self._connection)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The file is not deleted: else two processes could hold locks on two files of that name.
        if self._file is not None:
            self._file.close()
        self._connection.close()


def _lock_file(path: str) -> IO[str]:
    file = open(path, "a+", encoding="ascii")  # noqa: SIM115 - stays open as long as the lock is held
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
    return file


def _lock_session(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {SESSION_WAIT_MS}")
        try:
            cursor.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_KEY,))
        except OperationalError:
            holder = _session_holding(connection)
            connection.close()
            raise MatcherRuns(holder) from None


def _session_holding(connection: BaseDatabaseWrapper) -> str:
    found = fetch(
        connection,
        "SELECT pid, coalesce(host(client_addr), 'this machine') FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32) | objid::bigint = %s",
        ADVISORY_KEY,
    )
    return "session {} from {}".format(*found[0]) if found else "its session has just ended"
