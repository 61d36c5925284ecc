"""The Journal: commits batches, loads the engine at a start, and reads entries beside the commits.

Everything that a batch changes goes into one transaction on the journal's own thread. A second thread with its own
connection reads entries, so that no commit waits for a read. A third one reads histories, which may be long, so that a
socket that resumes does not wait for them.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, ProgrammingError
from django.db.backends.base.base import BaseDatabaseWrapper

from markets.engine.engine import Engine
from markets.engine.state import Changed
from markets.journal.checkpoints import (
    CHECKPOINT_EVERY,
    MarketState,
    encode_checkpoint,
    entries_since_checkpoint,
    market_state,
)
from markets.journal.entries import (
    GENESIS,
    Entry,
    bytes_by_person,
    bytes_since,
    make_entry,
    market_outcomes,
    read_head_hash,
    read_outcomes,
)
from markets.journal.entries import Outcome as Outcome
from markets.journal.finished_orders import FinishedOrder, read_finished_orders
from markets.journal.following import Following
from markets.journal.loading import load
from markets.journal.lock import LockLost, SessionLock, lock_of
from markets.journal.projection import Rows, level_rows, project, project_levels
from markets.journal.tables import (
    CHECKPOINTS,
    JOURNAL,
    JOURNAL_MARKETS,
    LEVELS,
    OWNERSHIPS,
    VISIBILITY,
    Row,
    Writer,
    dedicated_connection,
    writer_for,
)
from markets.journal.tail import check_tail

logger = logging.getLogger(__name__)

T = TypeVar("T")

LOCK_WAIT_MS = 30_000  # for a locked table of PostgreSQL; SQLite waits as long as the settings say (timeout)


class JournalUnavailable(Exception):
    """The database did not take a batch: it was locked for too long, full, gone, or written by another matcher.

    No command of the batch is to blame. Nothing of the batch is stored, or all of it if the connection was lost during
    the commit. The engine is ahead of the tables, so end the process: the next start loads what is true.
    """


class Journal:
    """Call take_lock() and load() first, then commit() batch after batch. Reads at any time."""

    def __init__(self) -> None:
        self._writes = _Thread("journal")
        self._reads = _Thread("journal-reads")
        self._histories = _Thread("journal-histories")
        self.lock = lock_of(self._writes.connection)
        self._writer: Writer | None = None
        self._hash = GENESIS  # hash of the last entry
        self._since: Counter[int] = Counter()  # entries of each market since its last checkpoint

    def close(self) -> None:
        """Waits for running commits and reads, closes the connections and releases the lock."""
        self._histories.close()
        self._reads.close()
        self._writes.close()
        self.lock.release()

    # --- The lock

    def take_lock(self) -> None:
        """Makes this process the matcher of its database, until close(). Raises lock.MatcherRuns."""
        self._writes.call(self.lock.take)

    def forget_connection(self) -> None:
        """The connection of the lock has failed: the next use makes a new one."""
        self._writes.call(self._writes.connection.close)

    async def check_lock(self) -> None:
        """Waits for a running commit on PostgreSQL, where the session that commits holds the lock. Raises
        JournalUnavailable if this process has lost the lock: it cannot commit any more."""
        try:
            if isinstance(self.lock, SessionLock):
                await self._writes.run(self.lock.check)
            else:
                self.lock.check()
        except LockLost as error:
            raise JournalUnavailable(str(error)) from error

    # --- Writing

    def load(self, following: Following | None = None) -> Engine:
        """The engine as the last committed batch left it: that of `following`, if it can be brought to that batch, or
        loaded from the tables. Raises JournalDamaged (tail.py)."""
        return self._writes.call(self._load, following)

    def commit(self, engine: Engine, outcomes: Sequence[Outcome], changed: Changed) -> asyncio.Future[Counter[int]]:
        """Begins to write a batch: its outcomes and what they touched. Leave the engine alone until it is done.

        The result is what each person added to the journal: bytes by user id.
        Raises JournalUnavailable. Any other error is the fault of the batch; nothing of it is stored then.
        """
        return self._writes.run(self._commit, engine, outcomes, changed)

    def commit_and_wait(self, engine: Engine, outcomes: Sequence[Outcome], changed: Changed) -> None:
        """commit() without an event loop."""
        self._writes.call(self._commit, engine, outcomes, changed)

    def _load(self, following: Following | None) -> Engine:
        connection = self._writes.connection
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(f"SET lock_timeout = {LOCK_WAIT_MS}")
                cursor.execute("SET synchronous_commit = on")
        check_tail(connection)
        self._hash = read_head_hash(connection)
        self._since = entries_since_checkpoint(connection)
        self._writer = writer_for(connection)
        engine = (following.caught_up(self._hash) if following else None) or load(connection)
        self._mend_levels(self._writer, engine)
        return engine

    def _mend_levels(self, writer: Writer, engine: Engine) -> None:
        """Writes price levels that differ: a program that does not know the table may have committed meanwhile."""
        meant = {row[:3]: row for market in engine.markets.values() for row in level_rows(market)}
        with self._writes.connection.cursor() as cursor:
            cursor.execute("SELECT market_id, side, price, size, orders FROM markets_pricelevel")
            stored = {row[:3]: tuple(row) for row in cursor.fetchall()}
        if stored != meant:
            changed = [row for key, row in meant.items() if stored.get(key) != row]
            logger.warning("%d price levels were not what the orders say; they are written anew", len(changed))
            self._write(writer, {LEVELS: changed}, {LEVELS: [key for key in stored if key not in meant]})

    def _commit(self, engine: Engine, outcomes: Sequence[Outcome], changed: Changed) -> Counter[int]:
        assert self._writer is not None, "call load() first, and again after a failed commit"
        entries: list[Entry] = []
        previous = self._hash
        for outcome in outcomes:
            entry = make_entry(outcome, previous)
            previous = entry.hash
            entries.append(entry)
        batch = {JOURNAL: entries, **project(outcomes, changed)}
        batch[CHECKPOINTS] = self._checkpoints(engine, batch[JOURNAL_MARKETS])
        batch[LEVELS], emptied = project_levels(changed, engine.markets)
        ended: Rows = {OWNERSHIPS: list(changed.left), VISIBILITY: list(changed.unlisted), LEVELS: emptied}
        self._write(self._writer, batch, ended)
        self._hash = previous
        return bytes_by_person(entries)

    def _write(self, writer: Writer, batch: Rows, ended: Rows) -> None:
        """Deletes the rows with the keys `ended`, then inserts or updates the rows of the batch.

        In this order, because a row that one command of the batch ends may come back by a later one.
        """
        connection = self._writes.connection
        try:
            with connection.wrap_database_errors, writer.transaction():
                for table, keys in ended.items():
                    if keys:
                        writer.delete(table, keys)
                for table, some in batch.items():
                    if some:
                        writer.insert(table, some)
        except BaseException as error:
            # However it failed: a closed connection leaves no transaction open.
            self._writer = None
            connection.close()
            of_the_batch = isinstance(error, (DataError, IntegrityError, ProgrammingError)) and not _is_fenced(error)
            if isinstance(error, DatabaseError | InterfaceError) and not of_the_batch:
                raise JournalUnavailable(f"The database did not take the batch: {error}") from error
            raise

    def _checkpoints(self, engine: Engine, touched: Sequence[Row]) -> list[Row]:
        """Checkpoints, as of the end of the batch, of the markets with enough entries since their last one."""
        self._since.update([market for market, _ in touched])
        due = sorted({market for market, _ in touched if self._since[market] >= CHECKPOINT_EVERY})
        for market in due:
            del self._since[market]
        return [(market, engine.seq, encode_checkpoint(engine, engine.markets[market])) for market in due]

    # --- Reading

    def bytes_since(self, at_us: int) -> Counter[int]:
        """What each person added to the journal since that moment: bytes by user id. Waits for the answer."""
        return self._reads.call(bytes_since, self._reads.connection, at_us)

    async def entries(self, seqs: Collection[int]) -> dict[int, Outcome]:
        """The accepted commands with these seqs, by seq."""
        where = f"seq IN ({', '.join(['%s'] * len(seqs))})"
        found = await self._read(read_outcomes, where, *seqs)
        return {outcome.seq: outcome for outcome in found}

    async def finished_orders(self, ids: Collection[int], seqs: Collection[int]) -> list[FinishedOrder]:
        """The orders with these ids, and those that the commands `seqs` created, of which nothing is open."""
        return await self._read(read_finished_orders, ids, seqs)

    async def outcomes(self, after: int, most: int) -> list[Outcome] | None:
        """The entries after the seq `after`, oldest first; None if there are more than `most`."""
        where = "seq > %s ORDER BY seq LIMIT %s"
        found = await self._read(read_outcomes, where, after, most + 1)
        return found if len(found) <= most else None

    async def market_outcomes(self, market: int, after: int, most: int) -> list[Outcome] | None:
        """The market's entries after the seq `after`, oldest first; None if there are more than `most`."""
        found = await self._read(market_outcomes, market, after, most + 1)
        return found if len(found) <= most else None

    async def market_state(self, market: int, seq: int) -> MarketState:
        """The market as it was when the journal stood at `seq`. LookupError if it did not exist yet."""
        return await self._read(market_state, market, seq)

    def _read(self, read: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        return self._reads.run(_read_or_close, self._reads.connection, read, *arguments)

    def history(self, read: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        """Begins to call read(connection, *arguments) on the thread of histories. An error closes its connection."""
        return self._histories.run(_read_or_close, self._histories.connection, read, *arguments)


def _read_or_close(connection: BaseDatabaseWrapper, read: Callable[..., T], *arguments: object) -> T:
    """Calls read(connection, *arguments). After an error the next read gets a new connection: this one may be dead."""
    try:
        return read(connection, *arguments)
    except BaseException:
        connection.close()
        raise


def _is_fenced(error: Exception) -> bool:
    """Whether the database refused the journal's own rows, because another matcher has written these seqs."""
    cause = error.__cause__
    if isinstance(cause, psycopg.Error):
        return cause.diag.table_name == JOURNAL.name
    return getattr(cause, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_TRIGGER"


class _Thread:
    """A thread with its own connection to the database. It runs what it is given one after the other."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self.connection = dedicated_connection()

    def run(self, function: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        """Begins to call the function on the thread."""
        return asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Calls the function on the thread and waits for it."""
        return self._executor.submit(function, *arguments).result()

    def close(self) -> None:
        self._executor.submit(self.connection.close)
        self._executor.shutdown()
