"""`manage.py replay` shows a market and the balances as they were."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from markets.audit.balances import Difference
from markets.engine.state import RULES_VERSION
from markets.journal.triggers import TABLE
from markets.models import JournalEntry
from tests.markets.keeping import commit_history, run_verify
from tests.scenario import Scenario


def replay(capsys: pytest.CaptureFixture[str], until: int, market: int = 1) -> list[str]:
    """The lines that the command prints, with single spaces."""
    call_command("replay", "--until", str(until), "--market", str(market))
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def day(database: str) -> Scenario:
    day = Scenario(compare=False)
    day.people("alice", "bob", cash=1_000)
    day.market("GOLD", 0, 100)
    day.sell("bob", "GOLD", 50, size=3)
    day.sell("bob", "GOLD", "49.5", size=2)
    day.buy("alice", "GOLD", 40, size="1.5")
    day.buy("alice", "GOLD", 50, size=3)
    day.settle("GOLD", 60)
    commit_history(day.history)
    return day


def test_before_a_trade(day: Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(capsys, until=day.engine.seq - 2) == [
        "GOLD, open, no trade yet; entry 8 of 1970-01-01 00:00:00 UTC",
        "bid | offer",
        "1.5 @ 40 alice | 2 @ 49.5 bob",
        "| 3 @ 50 bob",
        "",
        "account position cash available",
        "House - -2,000 -2,000",
        "operator - 0 0",
        "alice 0 1,000 940",
        "bob 0 1,000 749",
    ]


def test_after_it(day: Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(capsys, until=day.engine.seq - 1) == [
        "GOLD, open, last 50; entry 9 of 1970-01-01 00:00:00 UTC",
        "bid | offer",
        "1.5 @ 40 alice | 2 @ 50 bob",
        "",
        "account position cash available",
        "House - -2,000 -2,000",
        "operator - 0 0",
        "alice 3 851 791",
        "bob -3 1,149 749",
    ]


def test_a_moment_that_was_not(day: Scenario) -> None:
    with pytest.raises(CommandError, match="ends at entry 10"):
        call_command("replay", "--until", "11", "--market", "1")
    with pytest.raises(CommandError, match="no market 1 when the journal stood at 4"):
        call_command("replay", "--until", "4", "--market", "1")


def test_a_journal_that_is_not_right(day: Scenario) -> None:
    with connection.cursor() as cursor:
        on_table = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
        no_update = "journal_no_change" if on_table else "journal_no_update"
        cursor.execute(f"DROP TRIGGER {no_update}{on_table}")
        cursor.execute(f"UPDATE {TABLE} SET account = 1 WHERE seq = 7")
    with pytest.raises(CommandError, match="entry 7 does not continue the chain"):
        call_command("replay", "--until", "8", "--market", "1")


def test_every_entry_by_the_rules_of_its_time(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that version 1 accepted and version 2 refuses."""
    day = Scenario(compare=False)
    day.engine.rules = 1
    day.people("alice")
    day.alt("alice", "alice \ufe0f")
    with monkeypatch.context() as then:
        then.setattr("markets.journal.entries.RULES_VERSION", 1)
        then.setattr("markets.engine.state.RULES_VERSION", 1)
        commit_history(day.history)
    day.engine.rules = RULES_VERSION
    before = len(day.history)
    day.alt("alice", "Desk")
    commit_history(day.history[before:])
    assert list(JournalEntry.objects.order_by("seq").values_list("rules", flat=True)) == [*[1] * before, RULES_VERSION]
    run_verify()


def test_rules_of_a_time_to_come(day: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("markets.audit.replay.RULES_VERSION", 1)
    with pytest.raises(Difference, match=f"entry 1 has rules version {RULES_VERSION}, unknown here"):
        run_verify()
