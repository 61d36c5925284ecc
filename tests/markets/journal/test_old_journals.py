"""Databases that older programs wrote load, verify and go on. Each is an SQL dump, which migrations bring to now."""

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
from tests.markets.keeping import keep, proved
from tests.scenario import Scenario, price

ROOT = Path(__file__).resolve().parents[3]
JOURNALS = sorted((Path(__file__).parent / "kept").glob("*.sql.gz"))

# An engine that goes on: one more person, who shares an account with the first, and a market that is for that account.
GO_ON = """
import django; django.setup()
from markets.engine import commands as c
from tests.markets.keeping import keep, loaded
engine = loaded()
head = (1, engine.people[1], False, "")
BUSY = max(engine.markets.values(), key=lambda market: len(market.bids) + len(market.offers)).id
at_us = engine.at_us
alt = engine.next_account + 1
keep([
    (c.CreateUserAccount(99, 0, False, "", "newcomer", 10_000), at_us),
    (c.CreateAccount(*head, "shared now", 0, 500), at_us),
    (c.ShareAccount(*head, alt, alt - 1), at_us + 1),
    (c.LeaveAccount(*head, alt), at_us + 2),
    (c.EditMarket(1, engine.people[1], True, "", BUSY, None, None, visible_to=(alt,)), at_us + 3),
])
after = loaded()
print(
    sorted(after.reach(99)) == [alt - 1, alt],
    list(after.markets[BUSY].visible_to) == [alt],
    len(engine.orders) - len(after.orders),
)
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
    *agreed, lost = run("-c", GO_ON).split()[-3:]
    assert agreed == ["True", "True"]
    assert int(lost) > 0, "who is no longer listed had orders"
    assert "chain: 605 entries" in run("manage.py", "verify")


@pytest.mark.parametrize("journal", JOURNALS, ids=lambda path: path.name)
def test_it_has_what_the_migrations_have_to_count(journal: Path) -> None:
    """Trades of several markets, in a database that knows neither volumes nor who traded."""
    with closing(sqlite3.connect(":memory:")) as old:
        old.executescript(gzip.decompress(journal.read_bytes()).decode())
        columns = {
            row[1] for table in ("market", "exposure") for row in old.execute(f"PRAGMA table_info(markets_{table})")
        }
        assert {"last_price", "realised"} <= columns
        assert not {"volume", "traded", "category"} & columns
        ((traded_in,),) = old.execute("SELECT count(DISTINCT market_id) FROM markets_trade")
        assert traded_in > 3
        ((without,),) = old.execute(
            "SELECT count(*) FROM markets_exposure AS e WHERE NOT EXISTS (SELECT * FROM markets_trade AS t"
            " WHERE t.market_id = e.market_id AND e.account_id IN (t.buyer_id, t.seller_id))"
        )
        assert without > 0, "somebody only had orders"


def test_the_migration_counts_as_the_engine_does(database: str) -> None:
    """On both databases: back to the first tables, forth again, and the proof holds."""
    day = Scenario(compare=False)
    day.people("alice", "bob", "carol", cash=1_000)
    for market in ("GOLD", "SILVER", "TIN"):
        day.market(market, 0, 100)
    for market, size in (("GOLD", 3), ("GOLD", 4), ("SILVER", 5)):
        day.sell("bob", market, 50, size=size)
        day.buy("alice", market, 50, size=size)
    day.buy("carol", "GOLD", 1)
    day.settle("SILVER", 60)
    keep(day.history)
    assert counted() == ([price(7), price(5), 0], 4)
    call_command("migrate", "markets", "0001", verbosity=0)
    with connection.cursor() as cursor:
        fields = connection.introspection.get_table_description(cursor, "markets_exposure")
    assert "traded" not in {field.name for field in fields}
    call_command("migrate", verbosity=0)
    assert counted() == ([price(7), price(5), 0], 4)
    proved()


def counted() -> tuple[list[int], int]:
    """The volume of every market, and how many exposures have traded."""
    volumes = Market.objects.order_by("id").values_list("volume", flat=True)
    return list(volumes), Exposure.objects.filter(traded=True).count()


def test_there_is_one() -> None:
    assert JOURNALS
