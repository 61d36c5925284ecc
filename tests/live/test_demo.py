"""The demo class: made once, however often it is asked for."""

import subprocess
from pathlib import Path

from tests.live.exchange import Template, manage
from tests.live.tables import Tables

CHIP = 10_000


def seed(env: dict[str, str]) -> None:
    seeding = manage("seed_demo", env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = seeding.communicate(timeout=60)
    assert seeding.returncode == 0, said


def test_the_class_has_a_team_and_is_made_once(template: Template, tmp_path: Path) -> None:
    env = template.copy(tmp_path / "demo")
    tables = Tables(env)
    seed(env)
    head = tables.head
    parts = tables.rows(
        "SELECT person.username, part.credit FROM accounts_ownership part"
        " JOIN accounts_account owner ON owner.id = part.owner_id"
        " JOIN accounts_user person ON person.id = owner.user_id"
        " JOIN accounts_account team ON team.id = part.account_id"
        " WHERE team.name = ? ORDER BY person.username",
        "Team Lighthouse",
    )
    assert parts == [("alice", 300 * CHIP), ("bob", 100 * CHIP)]
    seed(env)
    assert tables.head == head
    verifying = manage("verify", env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    report, _ = verifying.communicate(timeout=60)
    assert verifying.returncode == 0, report
