"""One matcher per database, by a lock that its holder loses when it dies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from markets.journal import lock
from markets.journal.lock import MatcherLock, MatcherRuns
from tests.markets.conftest import connected_to

HOLDER = """
import django, time
django.setup()
from markets.journal.lock import MatcherLock
with MatcherLock():
    print("held", flush=True)
    time.sleep(60)
"""


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
    with MatcherLock(), pytest.raises(MatcherRuns, match="runs on this database already") as refused:
        MatcherLock().__enter__()
    assert refused.value.returncode == os.EX_CONFIG


def test_the_message_names_the_process(sqlite: str) -> None:
    with MatcherLock(), pytest.raises(MatcherRuns, match=rf"process {os.getpid()}\)"):
        MatcherLock().__enter__()


@pytest.mark.postgres
@pytest.mark.usefixtures("impatient")
def test_the_message_names_the_session(postgres: str) -> None:
    with MatcherLock(), pytest.raises(MatcherRuns, match=r"session \d+ from .+\)"):
        MatcherLock().__enter__()


def test_it_can_be_taken_again_and_again(database: str) -> None:
    for _ in range(3):
        with MatcherLock():
            pass


def test_another_path_to_the_same_file_is_the_same_database(sqlite: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    with MatcherLock(), connected_to(f"sqlite:///{tmp_path}/elsewhere/exchange.sqlite3"), pytest.raises(MatcherRuns):
        MatcherLock().__enter__()


def test_it_dies_with_its_holder(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = start_holder(database, str(tmp_path))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with monkeypatch.context() as soon:
        soon.setattr(lock, "SESSION_WAIT_MS", 50)
        with pytest.raises(MatcherRuns):
            MatcherLock().__enter__()
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    with MatcherLock():
        pass
