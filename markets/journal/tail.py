"""Checks the newest entries of the journal before a matcher continues them.

`manage.py verify` checks all of it and more (markets/audit). This finds in a few milliseconds what a damaged disk or
a wrong hand did lately.
"""

import os
from itertools import pairwise

from django.core.management.base import CommandError
from django.db import DatabaseError, DataError, InternalError
from django.db.backends.base.base import BaseDatabaseWrapper

from markets.engine.state import RULES_VERSION
from markets.journal.entries import GENESIS, Entry, read_entries

TAIL_ENTRIES = 1_000


class JournalDamaged(CommandError):
    """The journal is not what was written. The exit status is EX_CONFIG: the supervisor does not try again."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The journal is damaged: {what}. Run manage.py verify, and restore a backup that it finds right"
            " (docs/operations.md).",
            returncode=os.EX_CONFIG,
        )


def check_tail(connection: BaseDatabaseWrapper) -> None:
    """Checks that the newest TAIL_ENTRIES entries continue the chain of hashes and can be read.

    Raises JournalDamaged with the first entry that does not, and CommandError if a newer program wrote some of them.
    """
    try:
        newest = read_entries(connection, "true ORDER BY seq DESC LIMIT %s", TAIL_ENTRIES + 1)
    except DatabaseError as error:
        if not _is_damage(error):
            raise
        raise JournalDamaged(f"its last {TAIL_ENTRIES:,} entries cannot be read: {error}") from error
    entries = newest[::-1]
    if entries and entries[0].seq == 1:
        _check(entries[0], GENESIS)
    for previous, entry in pairwise(entries):
        if entry.seq != previous.seq + 1:
            raise JournalDamaged(f"entry {previous.seq + 1} is missing, {entry.seq} comes next")
        _check(entry, previous.hash)
    if (rules := max((entry.rules for entry in entries), default=0)) > RULES_VERSION:
        raise CommandError(
            f"The journal has entries of rules version {rules}, and this program knows {RULES_VERSION}: it would decide"
            " otherwise. Start the newer program.",
            returncode=os.EX_CONFIG,
        )


def _check(entry: Entry, previous: bytes) -> None:
    if not entry.follows(previous):
        raise JournalDamaged(f"entry {entry.seq} does not continue the chain of hashes")
    try:
        entry.outcome()
    except ValueError as error:
        raise JournalDamaged(f"entry {entry.seq} cannot be read: {error}") from error


def _is_damage(error: DatabaseError) -> bool:
    """Whether the database found its own pages or a value damaged, rather than that it is locked or gone."""
    return isinstance(error, DataError | InternalError) or type(error) is DatabaseError or "decode" in str(error)
