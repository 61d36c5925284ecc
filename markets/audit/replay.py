"""Replays the journal through an empty engine: every command must be accepted again with the very same events."""

from collections.abc import Iterator
from itertools import zip_longest

from django.db.backends.base.base import BaseDatabaseWrapper

from markets.audit.balances import Difference, require
from markets.engine.engine import Engine
from markets.engine.errors import Rejected, Repeated
from markets.engine.state import RULES_VERSION
from markets.journal.entries import GENESIS, Entry, Outcome, read_entries

PAGE_ENTRIES = 1_000  # entries read at a time
HEAD = 2**63 - 1  # a seq beyond every entry


class Replay:
    """A replay from the first entry on. `engine` is the state after the last replayed entry, `hash` its hash."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.engine = Engine()
        self.hash = GENESIS
        self._connection = connection

    def pages(self, until: int = HEAD) -> Iterator[list[Outcome]]:
        """Replays up to and with the seq `until`, a page at a time. Raises Difference at the first wrong entry."""
        where = "seq > %s AND seq <= %s ORDER BY seq LIMIT %s"
        while page := read_entries(self._connection, where, self.engine.seq, until, PAGE_ENTRIES):
            yield [self._replay(entry) for entry in page]

    def _replay(self, entry: Entry) -> Outcome:
        engine, seq = self.engine, entry.seq
        require(seq == engine.seq + 1, f"entry {engine.seq + 1} is missing, {seq} comes next")
        require(entry.at_us >= engine.at_us, f"entry {seq} is older than the one before")
        require(entry.follows(self.hash), f"entry {seq} does not continue the chain of hashes")
        require(1 <= entry.rules <= RULES_VERSION, f"entry {seq} has rules version {entry.rules}, unknown here")
        self.hash = entry.hash
        outcome = _decode(entry)
        command = outcome.command
        same = (entry.principal, entry.account, entry.key) == (command.by, command.account, command.key)
        require(same, f"entry {seq} has another person, account or key than its command")
        engine.rules = entry.rules
        try:
            events = engine.apply(command, entry.at_us)
        except (Rejected, Repeated) as refusal:
            raise Difference(f"entry {seq} was accepted, its replay is refused: {refusal}") from refusal
        except Exception as error:  # fields that no accepted command has
            raise Difference(f"entry {seq} was accepted, its replay fails: {error!r}") from error
        if events != outcome.events:
            before, now = next((a, b) for a, b in zip_longest(outcome.events, events) if a != b)
            raise Difference(f"entry {seq}: the journal says {before}, the replay {now}")
        return outcome


def _decode(entry: Entry) -> Outcome:
    try:
        return entry.outcome()
    except ValueError as error:
        raise Difference(f"entry {entry.seq} cannot be read: {error}") from error
