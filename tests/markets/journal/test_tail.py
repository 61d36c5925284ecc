"""A matcher does not continue a journal whose newest entries are damaged."""

import os

import pytest
from django.core.management.base import CommandError
from django.db import DatabaseError, OperationalError, connection

from markets.engine.state import RULES_VERSION
from markets.journal import tail
from markets.journal.entries import GENESIS, Entry, hash_entry
from markets.journal.tail import TAIL_ENTRIES, JournalDamaged, check_tail
from markets.journal.triggers import POSTGRES, SQLITE, TABLE
from markets.models import JournalEntry
from tests.markets.keeping import commit_history, load_engine, random_history

HISTORY = random_history(seed=81, length=200)


def execute(statement: str, *values: bytes | int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def unguarded(database: str) -> None:
    """A day of 200 entries on each kind of database, without the triggers."""
    commit_history(HISTORY)
    for name in SQLITE if connection.vendor == "sqlite" else POSTGRES:
        execute(f"DROP TRIGGER {name}" + (f" ON {TABLE}" if connection.vendor == "postgresql" else ""))


def flip(column: str, seq: int) -> None:
    """Flips the lowest bit of a byte in the middle of a column."""
    value = bytearray(JournalEntry.objects.values_list(column, flat=True).get(seq=seq))
    value[len(value) // 2] ^= 1
    execute(f"UPDATE {TABLE} SET {column} = %s WHERE seq = %s", bytes(value), seq)


@pytest.mark.parametrize("column", ["command", "events", "hash"])
@pytest.mark.parametrize("seq", [1, 100, 200])
def test_a_flipped_bit_is_found_and_named(column: str, seq: int, unguarded: None) -> None:
    load_engine()
    flip(column, seq)
    with pytest.raises(JournalDamaged, match=f"damaged: entry {seq} does not continue the chain") as refused:
        load_engine()
    assert refused.value.returncode == os.EX_CONFIG
    assert "manage.py verify" in str(refused.value)


def test_a_program_with_older_rules_does_not_continue(unguarded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "RULES_VERSION", RULES_VERSION - 1)
    with pytest.raises(CommandError, match="Start the newer program") as refused:
        load_engine()
    assert refused.value.returncode == os.EX_CONFIG


def test_a_missing_entry_is_named(unguarded: None) -> None:
    execute(f"DELETE FROM {TABLE} WHERE seq = 150")
    with pytest.raises(JournalDamaged, match="entry 150 is missing, 151 comes next"):
        load_engine()


@pytest.mark.parametrize(
    "change",
    [
        {"events": b"5"},
        {"events": b"[5]"},
        {"events": b"[[]]"},
        {"events": b'[["Unheard", 1]]'},
        {"events": b"[["},
        {"events": b"\xff"},
        {"command": b"7"},
        {"command": b"{}"},
        {"kind": "BuyLottery"},
    ],
)
def test_an_entry_that_continues_the_chain_but_cannot_be_read_is_named(change: dict[str, object], sqlite: str) -> None:
    commit_history(HISTORY)
    execute("DROP TRIGGER journal_no_update")
    before, last = JournalEntry.objects.order_by("-seq").values_list(*Entry._fields)[:2][::-1]
    entry = Entry._make(last)._replace(**change)  # type: ignore[arg-type]
    entry = entry._replace(hash=hash_entry(Entry._make(before).hash, *entry[:-2], entry.reason))
    JournalEntry.objects.filter(seq=200).update(**entry._asdict())
    with pytest.raises(JournalDamaged, match="entry 200 cannot be read"):
        load_engine()


def test_only_the_newest_are_read(unguarded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "TAIL_ENTRIES", 100)
    flip("events", 100)
    load_engine()
    flip("events", 101)
    with pytest.raises(JournalDamaged, match="entry 101 "):
        load_engine()


def test_an_empty_journal_and_a_short_one_are_whole(database: str) -> None:
    load_engine()
    commit_history(HISTORY[:1])
    load_engine()
    assert JournalEntry.objects.get().hash != GENESIS
    assert len(HISTORY) < TAIL_ENTRIES


@pytest.mark.parametrize(
    ("error", "damage"),
    [
        (DatabaseError("database disk image is malformed"), True),
        (OperationalError("Could not decode to UTF-8 column 'key'"), True),
        (OperationalError("database is locked"), False),
    ],
)
def test_what_the_database_cannot_read_is_damage_and_a_lock_is_not(
    error: DatabaseError, damage: bool, sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(tail, "read_entries", fail)
    with pytest.raises(JournalDamaged if damage else OperationalError, match=str(error)):
        check_tail(connection)
