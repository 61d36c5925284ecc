"""The demo class is created once, however often seed_demo runs."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from auctions.models import AuctionStatus
from tests.live.exchange import ROOT, LiveExchange, Template, manage
from tests.live.rest import Door
from tests.live.tables import Tables
from tests.patience import STEP_SECONDS_MAX

CHIP = 10_000
CLUB, MASKED = "Lighthouse club", "Blind auction of a chocolate bar"
TRADING_SECONDS = STEP_SECONDS_MAX  # for the house bots to be in every market


def seed(env: dict[str, str]) -> None:
    seeding = manage("seed_demo", env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = seeding.communicate(timeout=STEP_SECONDS_MAX)
    assert seeding.returncode == 0, output


def test_the_class_has_a_team_and_is_created_once(template: Template, tmp_path: Path) -> None:
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
    listed = tables.rows(
        "SELECT market.name, coalesce(person.username, account.name) AS who FROM markets_marketvisibility listed"
        " JOIN markets_market market ON market.id = listed.market_id"
        " JOIN accounts_account account ON account.id = listed.account_id"
        " LEFT JOIN accounts_user person ON person.id = account.user_id"
        " ORDER BY who DESC"
    )
    assert listed == [(CLUB, "alice"), (CLUB, "Team Lighthouse")]
    categories = {category for (category,) in tables.rows("SELECT category FROM markets_market WHERE NOT pinned")}
    assert categories == {"Class", "Just for fun", "Practice"}
    assert tables.rows("SELECT name, category FROM markets_market WHERE pinned") == [("Coin flips", "Class")]
    assert tables.rows("SELECT name FROM markets_market WHERE hide_account_ids") == [(MASKED,)]
    sold = tables.rows("SELECT name, status, settle_price, picture FROM auctions_auction ORDER BY id")
    assert [row[:3] for row in sold] == [
        ("Evening at the harbour", AuctionStatus.OPEN, None),
        ("A seat by the window", AuctionStatus.OPEN, None),
        ("Mountain in the fog", AuctionStatus.SETTLED, 120 * CHIP),
    ]
    assert all((Path(env["EXCHANGE_VAR"]) / "pictures" / picture).stat().st_size for *_, picture in sold)
    seed(env)
    assert tables.head == head
    verifying = manage("verify", env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    report, _ = verifying.communicate(timeout=STEP_SECONDS_MAX)
    assert verifying.returncode == 0, report


@pytest.fixture
def seeded(template: Template, tmp_path: Path) -> Iterator[LiveExchange]:
    """Starts an exchange with the demo class."""
    exchange = LiveExchange(template, tmp_path / "class")
    assert exchange.stop() == 0
    seed(exchange.env)
    exchange.start()
    yield exchange
    exchange.close()


def test_house_bots_trade_where_ids_are_hidden_and_do_not_see_the_clubs_market(seeded: LiveExchange) -> None:
    tokens = seeded.folder / "house_bots.json"
    maker, alice = Door(seeded), Door(seeded, "alice")
    maker.headers["Authorization"] = f"Bearer {json.loads(tokens.read_text())['maker']}"
    ids = {market["name"]: market["id"] for market in alice.get("/markets", limit=100)["results"]}
    theirs = {market["name"]: market["id"] for market in maker.get("/markets", limit=100)["results"]}
    assert set(ids) - set(theirs) == {CLUB}
    assert maker.refused("GET", f"/markets/{ids[CLUB]}") == (404, "MARKET_NOT_FOUND", None)
    command = (sys.executable, "-m", "exchange_client.bots.house", "--url", seeded.ws_url, "--tokens-file", str(tokens))
    owners = {f"--owner={market['owner_id']}" for market in maker.get("/markets", limit=100)["results"]}
    bots = subprocess.Popen((*command, *owners), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    last = time.monotonic() + TRADING_SECONDS
    while time.monotonic() < last and not all(maker.get(f"/markets/{id}/orders")["results"] for id in theirs.values()):
        assert bots.poll() is None, bots.communicate()[1]
        time.sleep(0.2)
    orders = {name: alice.get(f"/markets/{id}/orders")["results"] for name, id in ids.items()}
    bots.terminate()
    assert bots.wait(STEP_SECONDS_MAX) == 0, bots.communicate()[1]
    assert [name for name, resting in orders.items() if not resting] == [CLUB]
    assert {order["account_id"] for order in orders[MASKED]} == {0}
    seeded.verify()
