"""Databases that older programs wrote load, verify and go on. Each is an SQL dump, which migrations bring to now."""

import gzip
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
JOURNALS = sorted((Path(__file__).parent / "journals").glob("*.sql.gz"))

# An engine that goes on: one more person, who shares an account with the first.
GO_ON = """
import django; django.setup()
from markets.engine import commands as c
from tests.markets.keeping import keep, loaded
engine = loaded()
head = (1, engine.people[1], False, "")
at_us = engine.at_us
alt = engine.next_account + 1
keep([
    (c.CreateUserAccount(99, 0, False, "", "newcomer", 10_000), at_us),
    (c.CreateAccount(*head, "shared now", 0, 500), at_us),
    (c.ShareAccount(*head, alt, alt - 1), at_us + 1),
    (c.LeaveAccount(*head, alt), at_us + 2),
])
print(sorted(loaded().reach(99)) == [alt - 1, alt])
"""


@pytest.mark.parametrize("journal", JOURNALS, ids=lambda path: path.name)
def test_an_older_database_loads_verifies_and_goes_on(journal: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "exchange.sqlite3")) as database:
        database.executescript(gzip.decompress(journal.read_bytes()).decode())
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"EXCHANGE_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "exchange.settings"}

    def run(*arguments: str) -> str:
        done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("manage.py", "migrate", "--verbosity", "0")
    assert "chain: 600 entries" in run("manage.py", "verify")
    assert run("-c", GO_ON).splitlines()[-1] == "True"
    assert "chain: 604 entries" in run("manage.py", "verify")


def test_there_is_one() -> None:
    assert JOURNALS
