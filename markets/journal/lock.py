"""Exactly one matcher per database: a lock that the operating system or the server takes back when its holder dies.

SQLite: an flock of the file beside the database. PostgreSQL: an advisory lock of the session of a connection of its
own. Should a second one come about all the same (a copied file, a server that lost the session), the journal's triggers
refuse whichever commits second (markets/journal/triggers.py).
"""

import fcntl
import os
from types import TracebackType
from typing import IO, Self

from django.core.management.base import CommandError
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from markets.journal.tables import dedicated_connection, fetch

ADVISORY_KEY = 0x6D61_7463_6865_7221  # "matcher!"; advisory locks are the database's own, so any number will do
SESSION_WAIT_MS = 5_000  # the server may need a moment to see that the last holder is dead


class MatcherRuns(CommandError):
    """Somebody else is the matcher of this database. Trying again cannot help: EX_CONFIG (exchange/supervise.py)."""

    def __init__(self, holder: str) -> None:
        super().__init__(
            f"An exchange runs on this database already ({holder}). Stop it first: there is one matcher per database.",
            returncode=os.EX_CONFIG,
        )


class MatcherLock:
    """`with MatcherLock():` around all that changes the engine's state. MatcherRuns if somebody else holds it."""

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
        # The file stays: if it went, two processes could hold locks of two files of that name.
        if self._file is not None:
            self._file.close()
        self._connection.close()


def _lock_file(path: str) -> IO[str]:
    file = open(path, "a+", encoding="ascii")  # noqa: SIM115 - open as long as the lock is held
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
