"""The database keeps the journal append-only; without its triggers the exchange does not start."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from markets import checks
from markets.journal import triggers
from markets.journal.triggers import TABLE, find_missing, install
from markets.models import JournalEntry
from tests.markets.keeping import commit_history, random_history, run_verify

HISTORY = random_history(seed=31, length=30)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def entry(seq: int) -> JournalEntry:
    return JournalEntry(
        seq=seq, at_us=1, principal=0, account=0, kind="Out", rules=1, key="", command=b"[]", events=b"[]", hash=b"h"
    )


def problems() -> list[str | None]:
    found = [*checks.check_triggers(["default"]), *checks.check_durability(["default"])]
    return [problem.id for problem in found]


class TestWhatIsRefused:
    def test_changes(self, database: str) -> None:
        commit_history(HISTORY)
        for statement in (
            f"UPDATE {TABLE} SET principal = 7 WHERE seq = 3",
            f"UPDATE {TABLE} SET seq = 31 WHERE seq = 30",
            f"DELETE FROM {TABLE} WHERE seq = 30",
            f"DELETE FROM {TABLE}",
            f"INSERT INTO {TABLE} SELECT * FROM {TABLE} WHERE seq = 30 ON CONFLICT (seq) DO UPDATE SET principal = 7",
        ):
            with pytest.raises(DatabaseError):
                execute(statement)
        run_verify()

    def test_replacing(self, sqlite: str) -> None:
        commit_history(HISTORY)
        with pytest.raises(DatabaseError, match="next seq"):
            execute(f"REPLACE INTO {TABLE} SELECT * FROM {TABLE} WHERE seq = 30")
        run_verify()

    @pytest.mark.postgres
    def test_truncating(self, postgres: str) -> None:
        commit_history(HISTORY)
        for statement in (f"TRUNCATE {TABLE}", f"TRUNCATE {TABLE} CASCADE"):
            with pytest.raises(DatabaseError, match="append-only"):
                execute(statement)
        run_verify()

    def test_any_seq_but_the_next(self, database: str) -> None:
        commit_history(HISTORY)
        for seqs in ((30,), (32,), (0,), (-1,), (31, 33), (33, 32), (31, 31), (31, 32, 34)):
            with pytest.raises(DatabaseError), transaction.atomic():
                JournalEntry.objects.bulk_create([entry(seq) for seq in seqs])
        run_verify()

    def test_a_first_entry_that_is_not_1(self, database: str) -> None:
        with pytest.raises(DatabaseError):
            entry(2).save(force_insert=True)
        assert not JournalEntry.objects.exists()


class TestWhatIsLetThrough:
    def test_many_entries_at_once(self, database: str) -> None:
        JournalEntry.objects.bulk_create([entry(seq) for seq in range(1, 301)])
        JournalEntry.objects.bulk_create([entry(seq) for seq in range(301, 303)])
        assert JournalEntry.objects.count() == 302

    def test_emptying_what_is_empty(self, database: str) -> None:
        """Test runners flush empty tables."""
        call_command("flush", verbosity=0, interactive=False)
        assert not JournalEntry.objects.exists()


class TestTheyAreThere:
    def test_the_check_finds_one_that_is_missing(self, database: str) -> None:
        assert problems() == []
        on_table = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
        for name in triggers.SQLITE if connection.vendor == "sqlite" else triggers.POSTGRES:
            execute(f"DROP TRIGGER {name}{on_table}")
            assert find_missing(connection) == [name]
            assert problems() == ["markets.E001"]
            install("default")
            assert problems() == []

    def test_the_check_finds_one_that_does_nothing(self, sqlite: str) -> None:
        execute("DROP TRIGGER journal_no_delete")
        execute(f"CREATE TRIGGER journal_no_delete BEFORE DELETE ON {TABLE} BEGIN SELECT 1; END")
        assert find_missing(connection) == ["journal_no_delete"]

    @pytest.mark.postgres
    def test_the_check_finds_one_that_is_switched_off(self, postgres: str) -> None:
        execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER ALL")
        assert find_missing(connection) == ["journal_next", "journal_no_change"]
        install("default")
        assert find_missing(connection) == []

    def test_migrate_mends_what_the_check_finds(self, database: str) -> None:
        """So the check must not stop migrate."""
        execute("DROP TRIGGER journal_next" + (f" ON {TABLE}" if connection.vendor == "postgresql" else ""))
        call_command("migrate", verbosity=0)
        assert find_missing(connection) == []

    def test_a_migration_that_rebuilds_the_table_loses_them_and_migrate_brings_them_back(self, sqlite: str) -> None:
        commit_history(HISTORY)
        with connection.schema_editor() as editor:
            kind = JournalEntry._meta.get_field("kind")
            wider = kind.clone()
            wider.max_length = 64
            wider.set_attributes_from_name("kind")
            wider.model = JournalEntry
            editor.alter_field(JournalEntry, kind, wider)
        assert find_missing(connection) != []
        call_command("migrate", verbosity=0)
        assert find_missing(connection) == []
        run_verify()

    def test_a_missing_table_is_left_alone(self, sqlite: str) -> None:
        execute(f"DROP TABLE {TABLE}")
        install("default")
        assert find_missing(connection) != []

    def test_without_a_database_to_ask_the_checks_are_silent(self) -> None:
        """As in `manage.py check` without --database, and at the start of other commands."""
        assert checks.check_triggers(None) == checks.check_durability(None) == []


class TestDurability:
    def test_sqlite(self, sqlite: str) -> None:
        execute("PRAGMA synchronous = NORMAL")
        assert problems() == ["markets.E002"]

    @pytest.mark.postgres
    def test_postgresql(self, postgres: str) -> None:
        execute("SET synchronous_commit = off")
        assert problems() == ["markets.E002"]
