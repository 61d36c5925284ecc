"""A failed commit stores nothing and says whether the batch is to blame. The next start goes on from the last one."""

import sqlite3
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import DEFAULT_DB_ALIAS, DataError, connection, connections

from markets.engine.engine import Engine
from markets.journal import journal as journal_module
from markets.journal.journal import Journal, JournalUnavailable
from markets.models import JournalEntry
from tests.markets.keeping import apply_all, commit_history, load_engine, open_journal, random_history, run_verify

HISTORY = random_history(seed=21, length=60)
SHORT_SECONDS = 0.3


def commit_rest(journal: Journal, engine: Engine, kept: int) -> None:
    journal.commit_and_wait(engine, apply_all(engine, HISTORY[kept:]), engine.take_changed())


def check_stands_at(seq: int) -> None:
    """The journal ends at this seq, a start loads it, and the database is right."""
    assert JournalEntry.objects.count() == seq
    assert load_engine().seq == seq
    run_verify()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function after which new connections wait for a lock only for a moment."""

    def be_impatient() -> None:
        options = connections.settings[DEFAULT_DB_ALIAS]["OPTIONS"]
        if "timeout" in options:
            monkeypatch.setitem(options, "timeout", SHORT_SECONDS)
        monkeypatch.setattr(journal_module, "LOCK_WAIT_MS", int(SHORT_SECONDS * 1_000))
        connections[DEFAULT_DB_ALIAS].close()
        del connections[DEFAULT_DB_ALIAS]

    return be_impatient


class TestALockedDatabase:
    def test_is_waited_for(self, sqlite: str) -> None:
        commit_history(HISTORY[:50])
        with open_journal() as (journal, engine):
            other = sqlite3.connect(urlsplit(sqlite).path, isolation_level=None, check_same_thread=False)
            other.execute("BEGIN IMMEDIATE")
            release = threading.Timer(SHORT_SECONDS, other.execute, ["ROLLBACK"])
            release.start()
            commit_rest(journal, engine, 50)
            assert not release.is_alive()
            other.close()
        check_stands_at(60)

    def test_is_not_waited_for_forever(self, sqlite: str, impatient: Callable[[], None]) -> None:
        commit_history(HISTORY[:50])
        impatient()
        other = sqlite3.connect(urlsplit(sqlite).path, isolation_level=None)
        with open_journal() as (journal, engine):
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalUnavailable, match="locked"):
                commit_rest(journal, engine, 50)
            other.close()
        check_stands_at(50)

    @pytest.mark.postgres
    def test_nor_is_a_locked_table(self, postgres: str, impatient: Callable[[], None]) -> None:
        commit_history(HISTORY[:50])
        impatient()
        with open_journal() as (journal, engine), psycopg.connect(postgres) as other:
            other.execute("LOCK TABLE markets_journalentry")
            with pytest.raises(JournalUnavailable, match="lock timeout"):
                commit_rest(journal, engine, 50)
        check_stands_at(50)


def test_a_full_disk_takes_whole_batches_or_nothing(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    history = random_history(seed=22, length=1_000)
    commit_history(history[:50])
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        (pages,) = cursor.fetchone()
    options = connections.settings[DEFAULT_DB_ALIAS]["OPTIONS"]
    with monkeypatch.context() as full:
        full.setitem(options, "init_command", f"{options['init_command']}; PRAGMA max_page_count = {pages + 20}")
        del connections[DEFAULT_DB_ALIAS]
        with pytest.raises(JournalUnavailable, match="full"):
            commit_history(history[50:], batch=50)
    del connections[DEFAULT_DB_ALIAS]
    kept = JournalEntry.objects.count()
    assert kept % 50 == 0
    assert 50 < kept < 1_000
    check_stands_at(kept)
    commit_history(history[kept:])
    check_stands_at(1_000)


def test_a_second_matcher_is_fenced(database: str) -> None:
    commit_history(HISTORY[:50])
    with open_journal() as (first, first_engine), open_journal() as (second, second_engine):
        commit_rest(second, second_engine, 50)
        with pytest.raises(JournalUnavailable, match="seq"):
            commit_rest(first, first_engine, 50)
    check_stands_at(60)


def test_a_bad_batch_is_not_blamed_on_the_database(database: str) -> None:
    commit_history(HISTORY[:50])
    with open_journal() as (journal, engine):
        outcomes = apply_all(engine, HISTORY[50:])
        changed = engine.take_changed()
        next(iter(changed.accounts.values())).cash = 2**80
        with pytest.raises((OverflowError, DataError)):
            journal.commit_and_wait(engine, outcomes, changed)
    check_stands_at(50)


@pytest.mark.postgres
def test_a_lost_connection(postgres: str) -> None:
    commit_history(HISTORY[:50])
    with open_journal() as (journal, engine):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(JournalUnavailable):
            commit_rest(journal, engine, 50)
    check_stands_at(50)


def test_after_a_failure_it_must_be_loaded_again(sqlite: str, impatient: Callable[[], None]) -> None:
    """The engine is ahead of the tables. To go on with it would lose the failed batch."""
    commit_history(HISTORY[:50])
    impatient()
    other = sqlite3.connect(urlsplit(sqlite).path, isolation_level=None)
    with open_journal() as (journal, engine):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnavailable):
            commit_rest(journal, engine, 50)
        other.close()
        with pytest.raises(AssertionError, match="load"):
            journal.commit_and_wait(engine, [], engine.take_changed())
        commit_rest(journal, journal.load(), 50)
    check_stands_at(60)
