"""Follows what another process commits, so that this one can take its place at once.

An engine is loaded from the tables once. Every entry that is committed later is applied to it, as in a replay, and must
give the events that the journal has.
"""

import logging

from markets.engine.engine import Engine
from markets.engine.state import RULES_VERSION
from markets.journal.entries import Entry, read_entries, read_head_hash
from markets.journal.loading import load
from markets.journal.tables import dedicated_connection, open_snapshot

logger = logging.getLogger(__name__)

PAGE_ENTRIES = 1_000  # entries read at a time


class CannotFollow(Exception):
    """An entry does not continue the chain, or the rules of this program give another result for it."""


class Following:
    """Nothing is loaded before the first catch_up(). Use it from one thread at a time.

    If an entry cannot be followed, that is logged and no more is followed: whoever takes over loads the tables.
    """

    def __init__(self) -> None:
        self._connection = dedicated_connection()
        self._engine: Engine | None = None
        self._hash = b""  # of the entry that the engine stands at
        self._lost = False

    def close(self) -> None:
        """Closes the connection. The next catch_up() makes a new one."""
        self._connection.close()

    def catch_up(self) -> None:
        """Applies what has been committed since the last call. Raises DatabaseError; then call it again."""
        if self._lost:
            return
        try:
            self._catch_up()
        except CannotFollow:
            self._lost, self._engine = True, None
            logger.exception("The journal cannot be followed. The tables will be loaded instead.")

    def caught_up(self, head_hash: bytes) -> Engine | None:
        """The engine at the entry with this hash, the journal's last. None if it cannot be followed to there."""
        try:
            self.catch_up()
        finally:
            self.close()
        return self._engine if self._hash == head_hash else None

    def _catch_up(self) -> None:
        if self._engine is None:
            with open_snapshot() as snapshot:
                engine = load(snapshot)
                self._hash = read_head_hash(snapshot)
            self._engine = engine
        engine = self._engine
        where = "seq > %s ORDER BY seq LIMIT %s"
        try:
            while page := read_entries(self._connection, where, engine.seq, PAGE_ENTRIES):
                for entry in page:
                    self._apply(engine, entry)
                engine.take_changed()
        except BaseException:
            self._connection.close()  # it may be dead; the next call connects anew
            raise
        finally:
            engine.rules = RULES_VERSION

    def _apply(self, engine: Engine, entry: Entry) -> None:
        if entry.seq != engine.seq + 1 or not entry.follows(self._hash):
            raise CannotFollow(f"Entry {entry.seq} does not continue the chain after entry {engine.seq}.")
        if entry.rules > RULES_VERSION:
            raise CannotFollow(
                f"Entry {entry.seq} has rules version {entry.rules}; this program knows {RULES_VERSION}."
            )
        engine.rules = entry.rules
        try:
            outcome = entry.outcome()
            events = engine.apply(outcome.command, entry.at_us)
        except Exception as error:
            raise CannotFollow(f"Entry {entry.seq} was accepted, and cannot be applied here: {error!r}") from error
        if events != outcome.events:
            raise CannotFollow(f"Entry {entry.seq} has other events here than in the journal.")
        self._hash = entry.hash
