"""One matcher per database, by a lock that its holder loses when it dies."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from markets.journal import lock
from markets.journal.journal import Journal, JournalUnavailable
from markets.journal.lock import MatcherRuns, SessionLock
from tests.markets.conftest import connected_to
from tests.markets.keeping import apply_all, commit_history, random_history

HOLDER = """
import django, time
django.setup()
from markets.journal.journal import Journal
journal = Journal()
journal.take_lock()
print("held", flush=True)
time.sleep(60)
"""


@contextmanager
def held() -> Iterator[Journal]:
    """A journal that holds the lock of the test's database. Raises MatcherRuns."""
    with closing(Journal()) as journal:
        journal.take_lock()
        yield journal


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "SESSION_WAIT_MS", 50)


def start_holder(url: str, folder: str) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "exchange.settings",
        "DATABASE_URL": url,
        "EXCHANGE_VAR": folder,
    }
    return subprocess.Popen([sys.executable, "-c", HOLDER], env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.usefixtures("impatient")
def test_a_second_matcher_is_refused_with_the_reason(database: str) -> None:
    with held(), pytest.raises(MatcherRuns, match="runs on this database already") as refused, held():
        pass
    assert refused.value.returncode == os.EX_CONFIG


def test_the_message_names_the_process(sqlite: str) -> None:
    with held(), pytest.raises(MatcherRuns, match=rf"process {os.getpid()}\)"), held():
        pass


@pytest.mark.postgres
@pytest.mark.usefixtures("impatient")
def test_the_message_names_the_session(postgres: str) -> None:
    with held(), pytest.raises(MatcherRuns, match=r"session \d+ from .+\)"), held():
        pass


def test_it_can_be_taken_again_and_again(database: str) -> None:
    for _ in range(3):
        with held():
            pass


def test_another_path_to_the_same_file_is_the_same_database(sqlite: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    elsewhere = connected_to(f"sqlite:///{tmp_path}/elsewhere/exchange.sqlite3")
    with held(), elsewhere, pytest.raises(MatcherRuns), held():
        pass


def test_it_dies_with_its_holder(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = start_holder(database, str(tmp_path))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with monkeypatch.context() as soon:
        soon.setattr(lock, "SESSION_WAIT_MS", 50)
        with pytest.raises(MatcherRuns), held():
            pass
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    with held():
        pass


def test_the_holder_knows_that_it_holds_it(database: str) -> None:
    with held() as journal:
        asyncio.run(journal.check_lock())
        asyncio.run(journal.check_lock())


def test_a_deleted_file_is_a_lost_lock(sqlite: str) -> None:
    with held() as journal:
        journal.load()
        (file,) = Path(sqlite.removeprefix("sqlite:///")).parent.glob("*.lock")
        file.unlink()
        with held() as other:
            with pytest.raises(JournalUnavailable, match="deleted or replaced"):
                asyncio.run(journal.check_lock())
            asyncio.run(other.check_lock())


@pytest.mark.postgres
def test_who_has_lost_the_lock_notices_and_cannot_commit(postgres: str) -> None:
    """Even if nobody has committed since: the journal's triggers would let the next seq pass."""
    *history, last = random_history(seed=1, length=20)
    commit_history(history)
    with held() as journal:
        engine = journal.load()
        with closing(Journal()) as other:
            assert isinstance(other.lock, SessionLock)
            assert not other.lock.try_take()
            holder = other.lock.holder()
            assert holder is not None
            other.lock.end(holder)
            other.take_lock()
            outcomes = apply_all(engine, [last])
            with pytest.raises(JournalUnavailable):
                journal.commit_and_wait(engine, outcomes, engine.take_changed())
            with pytest.raises(JournalUnavailable, match="session that held"):
                asyncio.run(journal.check_lock())
            assert other.load().seq == len(history)


@pytest.mark.postgres
def test_a_session_that_has_done_something_meanwhile_is_not_ended(postgres: str) -> None:
    with held() as journal, closing(Journal()) as other:
        assert isinstance(other.lock, SessionLock)
        before = other.lock.holder()
        asyncio.run(journal.check_lock())
        after = other.lock.holder()
        assert before is not None
        assert after is not None
        assert (before.pid, before.address, before.works) == (after.pid, after.address, after.works)
        assert before.beat != after.beat
        other.lock.end(before)
        asyncio.run(journal.check_lock())


@pytest.mark.postgres
def test_the_holder_of_another_database_is_not_ours(postgres: str) -> None:
    """Sessions of all databases of a server are in one list."""
    server = postgres.rpartition("/")[0] + "/postgres?" + postgres.partition("?")[2]
    with held(), connected_to(server), closing(Journal()) as other:
        assert isinstance(other.lock, SessionLock)
        assert other.lock.holder() is None
