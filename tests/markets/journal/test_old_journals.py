"""Databases of older versions migrate, load, verify, replay and go on.

Each file in kept/ is a database with 600 journal entries as an SQL dump (sqlite3's iterdump, gzipped). An older version
wrote it, so it cannot be made again:

- rules_1: a random day (keeping.random_history). Made before markets knew volumes, categories and lists of accounts.
- before_0_1_0: the busy day of test_journal.py, then random commands (keeping.RandomDay). Has a reason for each command
  given in sudo, and a checkpoint every 25 entries of a market. Made before the column exposure.worst became worst_case.
"""

import gzip
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from markets.models import Exposure, Market
from tests.kinds import find_rare
from tests.markets.keeping import commit_history, run_verify
from tests.scenario import Scenario, price

ROOT = Path(__file__).resolve().parents[3]
KEPT = Path(__file__).parent / "kept"
JOURNALS = sorted(KEPT.glob("*.sql.gz"))

# Loads the engine and adds five entries: the first person opens an alt, shares it with a new person and leaves it; and
# the busiest market becomes visible to that alt only. Prints whether both are so, and how many orders that cancelled.
GO_ON = """
import django; django.setup()
from markets.engine import commands as c
from tests.markets.keeping import commit_history, load_engine
engine = load_engine()
head = (1, engine.people[1], False, "")
BUSY = max(engine.markets.values(), key=lambda market: len(market.bids) + len(market.offers)).id
at_us = engine.at_us
alt = engine.next_account + 1
commit_history([
    (c.CreateUserAccount(99, 0, False, "", "newcomer", 10_000), at_us),
    (c.CreateAccount(*head, "shared now", 0, 500), at_us),
    (c.ShareAccount(*head, alt, alt - 1), at_us + 1),
    (c.LeaveAccount(*head, alt), at_us + 2),
    (c.EditMarket(1, engine.people[1], True, "", BUSY, None, None, visible_to=(alt,)), at_us + 3),
])
after = load_engine()
print(
    sorted(after.reach(99)) == [alt - 1, alt],
    list(after.markets[BUSY].visible_to) == [alt],
    len(engine.orders) - len(after.orders),
)
"""


@pytest.mark.parametrize("journal", JOURNALS, ids=lambda path: path.name)
def test_an_older_database_loads_verifies_and_goes_on(journal: Path, tmp_path: Path) -> None:
    with closing(restore(journal, tmp_path / "exchange.sqlite3")):
        pass
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"EXCHANGE_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "exchange.settings"}

    def run(*arguments: str) -> str:
        done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("manage.py", "migrate", "--verbosity", "0")
    assert "chain: 600 entries" in run("manage.py", "verify")
    assert "entry 600 of" in run("manage.py", "replay", "--until", "600", "--market", "1")
    *agreed, lost = run("-c", GO_ON).split()[-3:]
    assert agreed == ["True", "True"]
    assert int(lost) > 0, "who is no longer listed had orders"
    assert "chain: 605 entries" in run("manage.py", "verify")


def test_rules_1_has_what_the_migrations_have_to_count() -> None:
    """Trades of several markets, in a database that has columns neither for volumes nor for who traded."""
    with closing(restore(KEPT / "rules_1.sql.gz")) as old:
        columns = columns_of(old, "market") | columns_of(old, "exposure")
        assert {"last_price", "realised"} <= columns
        assert not {"volume", "traded", "category"} & columns
        ((traded_in,),) = old.execute("SELECT count(DISTINCT market_id) FROM markets_trade")
        assert traded_in > 3
        ((without,),) = old.execute(
            "SELECT count(*) FROM markets_exposure AS e WHERE NOT EXISTS (SELECT * FROM markets_trade AS t"
            " WHERE t.market_id = e.market_id AND e.account_id IN (t.buyer_id, t.seller_id))"
        )
        assert without > 0, "somebody only had orders"


def test_before_0_1_0_has_the_old_column_and_every_kind_of_command() -> None:
    with closing(restore(KEPT / "before_0_1_0.sql.gz")) as old:
        columns = columns_of(old, "exposure")
        assert "worst" in columns
        assert "worst_case" not in columns
        kinds = [kind for (kind,) in old.execute("SELECT kind FROM markets_journalentry")]
        assert find_rare(kinds) == []
        ((reasons,),) = old.execute("SELECT count(*) FROM markets_journalentry WHERE reason <> ''")
        ((checkpoints,),) = old.execute("SELECT count(*) FROM markets_marketcheckpoint")
        assert reasons > 100
        assert checkpoints > 3


def restore(journal: Path, path: Path | str = ":memory:") -> sqlite3.Connection:
    """A new database, in memory or at the path, with what the dump holds."""
    database = sqlite3.connect(path)
    database.executescript(gzip.decompress(journal.read_bytes()).decode())
    return database


def columns_of(database: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in database.execute(f"PRAGMA table_info(markets_{table})")}


def test_the_migration_counts_as_the_engine_does(database: str) -> None:
    """On both databases: back to the first tables and forward again, and the proof still holds."""
    day = Scenario(compare=False)
    day.people("alice", "bob", "carol", cash=1_000)
    for market in ("GOLD", "SILVER", "TIN"):
        day.market(market, 0, 100)
    for market, size in (("GOLD", 3), ("GOLD", 4), ("SILVER", 5)):
        day.sell("bob", market, 50, size=size)
        day.buy("alice", market, 50, size=size)
    day.buy("carol", "GOLD", 1)
    day.settle("SILVER", 60)
    commit_history(day.history)
    assert count_traded() == ([price(7), price(5), 0], 4)
    call_command("migrate", "markets", "0001", verbosity=0)
    with connection.cursor() as cursor:
        fields = connection.introspection.get_table_description(cursor, "markets_exposure")
    assert "traded" not in {field.name for field in fields}
    call_command("migrate", verbosity=0)
    assert count_traded() == ([price(7), price(5), 0], 4)
    run_verify()


def count_traded() -> tuple[list[int], int]:
    """The volume of every market, and the number of exposures that have traded."""
    volumes = Market.objects.order_by("id").values_list("volume", flat=True)
    return list(volumes), Exposure.objects.filter(traded=True).count()


def test_there_are_two() -> None:
    assert [path.name for path in JOURNALS] == ["before_0_1_0.sql.gz", "rules_1.sql.gz"]
