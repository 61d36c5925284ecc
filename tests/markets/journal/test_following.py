"""An engine that follows another process's commits is the one that the tables give."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from django.db import connection

from markets.engine.state import RULES_VERSION
from markets.journal import following
from markets.journal.entries import read_head_hash
from markets.journal.following import Following
from markets.journal.journal import Journal
from tests.markets.keeping import apply_all, commit_history, load_engine, random_history, run_verify


@pytest.fixture
def followed(database: str) -> Iterator[Following]:
    found = Following()
    yield found
    found.close()


def head_hash() -> bytes:
    return read_head_hash(connection)


def test_it_is_the_engine_of_the_tables_after_every_step(followed: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAGE_ENTRIES", 7)
    history = random_history(seed=5, length=400)
    for start in range(0, 400, 80):
        commit_history(history[start : start + 80])
        followed.catch_up()
    engine = followed.caught_up(head_hash())
    assert engine is not None
    assert engine.digest() == load_engine().digest()
    assert engine.rules == RULES_VERSION
    changed = engine.take_changed()
    assert not any(getattr(changed, name) for name in changed.__slots__)


def test_the_journal_goes_on_with_it(followed: Following) -> None:
    history = random_history(seed=6, length=300)
    commit_history(history[:100])
    followed.catch_up()
    commit_history(history[100:200])
    with closing(Journal()) as journal:
        engine = journal.load(followed)
        assert engine is followed.caught_up(head_hash())
        for step in history[200:]:
            outcomes = apply_all(engine, [step])
            journal.commit_and_wait(engine, outcomes, engine.take_changed())
    assert load_engine().digest() == engine.digest()
    run_verify()


def test_other_events_than_the_journal_s_are_not_followed(
    followed: Following, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As by a program with other rules. The tables are loaded then."""
    history = random_history(seed=7, length=60)
    commit_history(history[:30])
    followed.catch_up()
    commit_history(history[30:])
    with monkeypatch.context() as other_rules:
        other_rules.setattr("markets.engine.engine.Engine.apply", lambda *_: [])
        followed.catch_up()
    assert "cannot be followed" in caplog.text
    assert followed.caught_up(head_hash()) is None
    with closing(Journal()) as journal:
        assert journal.load(followed).digest() == load_engine().digest()


def test_a_newer_program_s_entries_are_not_followed(
    followed: Following, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    history = random_history(seed=8, length=20)
    commit_history(history[:10])
    followed.catch_up()
    commit_history(history[10:])
    monkeypatch.setattr(following, "RULES_VERSION", RULES_VERSION - 1)
    followed.catch_up()
    assert "rules version" in caplog.text
    assert followed.caught_up(head_hash()) is None
