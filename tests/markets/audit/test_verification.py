"""verify finds and names whatever is changed behind the exchange's back."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection, models
from pytest_django import DjangoDbBlocker

from accounts.models import Account, Transfer
from auctions.models import Auction
from markets.audit.balances import Ledger, check
from markets.audit.verification import Difference, verify
from markets.engine.commands import CreateOrder, MakeTransfer
from markets.engine.engine import Engine
from markets.engine.events import Traded
from markets.engine.state import RULES_VERSION
from markets.journal import journal
from markets.journal.entries import GENESIS, Entry, encode_command, encode_events, hash_entry
from markets.journal.projection import EVENT_TABLES
from markets.journal.tables import fetch
from markets.journal.triggers import POSTGRES, SQLITE, TABLE
from markets.models import JournalEntry, Market, Order, Payout, Trade
from tests.kinds import find_rare, list_kinds
from tests.markets.conftest import connected_to
from tests.markets.keeping import apply_all, commit_history, random_history, run_verify

HISTORY = random_history(seed=91, length=400)
ROOT = Path(__file__).resolve().parents[3]


def keep_unguarded() -> None:
    """Commits a day with checkpoints and verifies it, then removes the triggers."""
    with pytest.MonkeyPatch.context() as often:
        often.setattr(journal, "CHECKPOINT_EVERY", 60)
        commit_history(HISTORY, batch=20)
    run_verify()
    for name in SQLITE if connection.vendor == "sqlite" else POSTGRES:
        execute(f"DROP TRIGGER {name}" + (f" ON {TABLE}" if connection.vendor == "postgresql" else ""))


@pytest.fixture(scope="session")
def kept_once(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Path:
    path = tmp_path_factory.mktemp("kept") / "exchange.sqlite3"
    shutil.copy(sqlite_template, path)
    with django_db_blocker.unblock(), connected_to(f"sqlite:///{path}"):
        keep_unguarded()
    return path


@pytest.fixture
def kept(kept_once: Path, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """URL of a copy of that day on SQLite; the test's connections go there."""
    path = tmp_path / "exchange.sqlite3"
    shutil.copy(kept_once, path)
    with django_db_blocker.unblock(), connected_to(f"sqlite:///{path}"):
        yield f"sqlite:///{path}"


def execute(statement: str) -> int:
    """Executes the statement and returns the number of rows that it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)


# Changes behind the exchange's back, and what the report must name.
CHANGES = [
    ("UPDATE markets_order SET open = open + 1 WHERE id = 150", "markets_order 150: open"),
    ("UPDATE markets_order SET price = price - 1 WHERE id = 1", "markets_order 1: price"),
    ("UPDATE markets_order SET client_order_id = 'x' WHERE id = 2", "markets_order 2: client_order_id"),
    ("DELETE FROM markets_order WHERE id = 3", "markets_order"),
    ("UPDATE markets_pricelevel SET size = size + 1", "markets_pricelevel .*: size"),
    ("UPDATE markets_pricelevel SET orders = orders + 1", "markets_pricelevel .*: orders"),
    ("UPDATE markets_pricelevel SET price = price + 100000000", "markets_pricelevel .*: price"),
    ("DELETE FROM markets_pricelevel", "markets_pricelevel: the table has None"),
    ("UPDATE markets_trade SET size = size + 1 WHERE id = 4", "markets_trade 4: size"),
    (
        "UPDATE markets_trade SET buyer_id = seller_id, seller_id = buyer_id WHERE id = 5",
        "markets_trade 5: buyer_id",
    ),
    ("DELETE FROM markets_trade WHERE id = 6", "markets_trade 6: id is 7"),
    (
        "DELETE FROM markets_trade WHERE id = (SELECT max(id) FROM markets_trade)",
        "markets_trade: the table has None",
    ),
    ("UPDATE accounts_transfer SET amount = amount + 1 WHERE id = 1", "accounts_transfer 1: amount"),
    ("UPDATE markets_payout SET amount = amount + 1", "markets_payout .*: amount"),
    ("UPDATE accounts_transfer SET auction = auction + 1 WHERE auction = 0", "accounts_transfer .*: auction"),
    ("UPDATE auctions_auction SET seller_id = seller_id + 1 WHERE id = 1", "auctions_auction 1: seller_id"),
    ("UPDATE auctions_auction SET buyer_id = 2 WHERE id = 2", "auctions_auction 2: buyer_id"),
    ("UPDATE auctions_auction SET settle_price = 1 WHERE settle_price IS NULL", "auctions_auction .*: settle_price"),
    ("UPDATE auctions_auction SET buy_now_price = 1", "auctions_auction .*: buy_now_price"),
    ("DELETE FROM auctions_auction WHERE id = 1", "auctions_auction"),
    ("UPDATE accounts_account SET cash = cash + 1 WHERE id = 3", "accounts_account 3: cash"),
    ("UPDATE accounts_account SET available = available + 1 WHERE id = 3", "accounts_account 3: available"),
    ("UPDATE accounts_account SET name = 'Mallory' WHERE id = 3", "accounts_account 3: name"),
    ("UPDATE accounts_ownership SET credit = credit + 1", "accounts_ownership .*: credit"),
    ("DELETE FROM accounts_ownership", "accounts_ownership"),
    ("UPDATE markets_market SET last_price = 1 WHERE id = 1", "markets_market 1: last_price"),
    ("UPDATE markets_market SET volume = volume + 1 WHERE id = 1", "markets_market 1: volume"),
    ("UPDATE markets_market SET category = 'x' WHERE id = 2", "markets_market 2: category"),
    ("UPDATE markets_market SET pinned = NOT pinned WHERE id = 3", "markets_market 3: pinned"),
    ("UPDATE markets_market SET hide_account_ids = NOT hide_account_ids WHERE id = 3", "3: hide_account_ids"),
    ("UPDATE markets_exposure SET traded = NOT traded WHERE account_id = 3", "markets_exposure 3: traded"),
    (
        "UPDATE markets_marketvisibility SET account_id = account_id + 1000",
        r"markets_marketvisibility \d+: account_id is 10",
    ),
    (
        "UPDATE markets_marketvisibility SET market_id = market_id + 1000",
        r"markets_marketvisibility \d+: market_id is 10",
    ),
    (
        "DELETE FROM markets_marketvisibility WHERE id IN (SELECT max(id) FROM markets_marketvisibility)",
        "markets_marketvisibility",
    ),
    ("DELETE FROM markets_marketvisibility", r"markets_marketvisibility: the table has None, the replay \(\d"),
    (
        "INSERT INTO markets_marketvisibility (market_id, account_id) SELECT max(id), 1 FROM markets_market",
        "markets_marketvisibility",
    ),
    ("UPDATE markets_exposure SET position = position + 1 WHERE account_id = 3", "markets_exposure 3: position"),
    ("UPDATE markets_exposure SET realised = realised + 1 WHERE account_id = 3", "markets_exposure 3: realised"),
    ("UPDATE markets_exposure SET id = 1000000 - id", "another"),
    (
        "DELETE FROM markets_journalmarket WHERE seq = (SELECT min(seq) FROM markets_journalmarket WHERE seq > 50)",
        "markets_journalmarket",
    ),
    ("INSERT INTO markets_journalmarket (market_id, seq) VALUES (99, 50)", "markets_journalmarket has"),
    ("UPDATE markets_marketcheckpoint SET seq = seq + 20", "the checkpoint of market"),
    ("UPDATE markets_marketcheckpoint SET seq = seq + 1000", "the checkpoint of market"),
    (f"UPDATE {TABLE} SET principal = principal + 1 WHERE seq = 50", "entry 50 does not continue the chain"),
    (f"UPDATE {TABLE} SET at_us = at_us + 1 WHERE seq = 51", "entry 51 does not continue the chain"),
    (f"UPDATE {TABLE} SET rules = 1 WHERE seq = 52", "entry 52 does not continue the chain"),
    (f"UPDATE {TABLE} SET events = command WHERE seq = 53", "entry 53 does not continue the chain"),
    (f"UPDATE {TABLE} SET hash = command WHERE seq = 54", "entry 54 does not continue the chain"),
    (f"DELETE FROM {TABLE} WHERE seq = 55", "entry 55 is missing"),
    (f"DELETE FROM {TABLE} WHERE seq = 400", "replay"),
]


@pytest.mark.parametrize(("statement", "found"), CHANGES)
def test_a_change_is_found_and_named(statement: str, found: str, kept: str) -> None:
    assert execute(statement) > 0
    with pytest.raises(Difference, match=found):
        run_verify()


@pytest.mark.parametrize("state", ["", "[", "7", "[1, 2]", "[[], 5, []]", '[["", "", 1, null, null], [[]], []]'])
def test_a_checkpoint_that_cannot_be_read_is_named(state: str, kept: str) -> None:
    assert execute(f"UPDATE markets_marketcheckpoint SET state = CAST('{state}' AS BLOB)") > 0
    with pytest.raises(Difference, match=r"the checkpoint of market \d as of \d+ cannot be read"):
        run_verify()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE markets_order SET open = open + 1 WHERE id = 150", "markets_order 150: open"),
        ("UPDATE markets_marketcheckpoint SET seq = seq + 20", "the checkpoint of market"),
        ("DELETE FROM markets_marketvisibility", "markets_marketvisibility: the table has None"),
        (f"UPDATE {TABLE} SET events = command WHERE seq = 53", "entry 53 does not continue the chain"),
    ],
)
def test_a_change_is_found_and_named_on_postgresql(statement: str, found: str, postgres: str) -> None:
    keep_unguarded()
    assert execute(statement) > 0
    with pytest.raises(Difference, match=found):
        run_verify()


@pytest.mark.parametrize("model", [Account, Auction, Transfer, Market, Order, Trade, Payout])
def test_a_row_too_many_is_found(model: type[models.Model], kept: str) -> None:
    row = model._default_manager.order_by("pk").last()
    assert row is not None
    row.pk += 1_000
    if isinstance(row, Payout):
        row.account_id += 1_000
    if isinstance(row, Account):
        row.user = None
    row.save(force_insert=True)
    with pytest.raises(Difference, match=model._meta.db_table):
        run_verify()


class TestARewrittenJournal:
    """A journal rewritten with a valid chain of hashes: only the replay can find what is wrong."""

    def rewrite(self, change: Callable[[Entry], Entry]) -> None:
        entries = list(map(Entry._make, JournalEntry.objects.order_by("seq").values_list(*Entry._fields)))
        execute(f"DELETE FROM {TABLE}")
        previous, rewritten = GENESIS, []
        for entry in map(change, entries):
            previous = hash_entry(previous, *entry[:-2], entry.reason)
            rewritten.append(JournalEntry(**entry._replace(hash=previous)._asdict()))
        JournalEntry.objects.bulk_create(rewritten)

    def test_is_the_journal_if_nothing_is_changed(self, kept: str) -> None:
        self.rewrite(lambda entry: entry)
        run_verify()

    def test_with_other_events(self, kept: str) -> None:
        traded = next(o for o in apply_all(Engine(), HISTORY) if o.events and isinstance(o.events[0], Traded))

        def cheaper(entry: Entry) -> Entry:
            events = [event._replace(price=1) if isinstance(event, Traded) else event for event in traded.events]
            return entry._replace(events=encode_events(events)) if entry.seq == traded.seq else entry

        self.rewrite(cheaper)
        with pytest.raises(Difference, match=rf"entry {traded.seq}: the journal says Traded\(.*price=1,"):
            run_verify()

    def test_with_another_command(self, kept: str) -> None:
        seq, paid = next(
            (o.seq, o.command) for o in apply_all(Engine(), HISTORY) if isinstance(o.command, MakeTransfer)
        )

        def more(entry: Entry) -> Entry:
            return entry._replace(command=encode_command(paid._replace(amount=10**12))) if entry.seq == seq else entry

        self.rewrite(more)
        with pytest.raises(Difference, match=f"entry {seq} was accepted, its replay is refused: INSUFFICIENT_FUNDS"):
            run_verify()

    def test_in_somebody_else_s_name(self, kept: str) -> None:
        self.rewrite(lambda entry: entry._replace(principal=99) if entry.seq == 70 else entry)
        with pytest.raises(Difference, match="entry 70 has another person, account or key than its command"):
            run_verify()

    def test_in_another_order_of_time(self, kept: str) -> None:
        self.rewrite(lambda entry: entry._replace(at_us=1) if entry.seq == 70 else entry)
        with pytest.raises(Difference, match="entry 70 is older than the one before"):
            run_verify()

    def test_with_what_this_program_does_not_know(self, kept: str) -> None:
        self.rewrite(lambda entry: entry._replace(kind="BuyLottery") if entry.seq == 70 else entry)
        with pytest.raises(Difference, match=r"entry 70 cannot be read: .*BuyLottery"):
            run_verify()

    def test_with_events_that_are_no_events(self, kept: str) -> None:
        self.rewrite(lambda entry: entry._replace(events=b"[7]") if entry.seq == 70 else entry)
        with pytest.raises(Difference, match=r"entry 70 cannot be read: .* no list of lists"):
            run_verify()

    def test_with_a_command_that_nobody_can_give(self, kept: str) -> None:
        seq, order = next(
            (o.seq, o.command) for o in apply_all(Engine(), HISTORY) if isinstance(o.command, CreateOrder)
        )
        dear = encode_command(order._replace(price="dear"))  # type: ignore[arg-type]
        self.rewrite(lambda entry: entry._replace(command=dear) if entry.seq == seq else entry)
        with pytest.raises(Difference, match=f"entry {seq} was accepted, its replay fails: TypeError"):
            run_verify()

    def test_by_rules_this_program_does_not_know(self, kept: str) -> None:
        self.rewrite(lambda entry: entry._replace(rules=RULES_VERSION + 1) if entry.seq == 70 else entry)
        with pytest.raises(Difference, match=f"entry 70 has rules version {RULES_VERSION + 1}"):
            run_verify()


# For every alt that owns another one, the opposite ownership too.
UPSIDE_DOWN = (
    "SELECT owner_id, account_id, 0 FROM accounts_ownership JOIN accounts_account ON accounts_account.id = owner_id"
    " WHERE kind = 3"
)

WRONG_ALL_ALONG = [
    ("UPDATE markets_order SET cancelled = cancelled + 1 WHERE id = 9", "order 9: filled"),
    ("UPDATE markets_order SET filled = filled + 1, open = -1 WHERE id = 9", "order 9: filled"),
    ("UPDATE accounts_account SET cash = cash + 1 WHERE id = 1", "account 1 has .*, its transfers"),
    ("UPDATE accounts_account SET available = available - 1 WHERE id = 3", "account 3 has .* available"),
    ("UPDATE markets_trade SET price = price + 1 WHERE id = 1", "its transfers, trades and payouts come to"),
    ("UPDATE markets_trade SET size = size + 1 WHERE id = 1", "traded .*, its position is"),
    ("DELETE FROM markets_exposure WHERE position <> 0", "has no exposure there"),
    ("UPDATE markets_payout SET price = price + 1", "is not its position times the price"),
    ("UPDATE markets_exposure SET worst_case = worst_case + 1 WHERE account_id = 3", "worst case of account 3"),
    ("UPDATE markets_exposure SET bid_value = bid_value + 1 WHERE account_id = 4", "account 4 rests"),
    ("UPDATE markets_pricelevel SET size = size + 1", "its level says"),
    ("UPDATE markets_pricelevel SET orders = orders - 1", "its level says"),
    ("DELETE FROM markets_pricelevel", "orders rest without a level"),
    ("INSERT INTO markets_pricelevel (market_id, side, price, size, orders) VALUES (1, 1, 7, 1, 1)", "its level says"),
    ("DELETE FROM accounts_account WHERE id = 4", "money went to accounts that do not exist"),
    ("UPDATE markets_order SET side = 3 - side WHERE open > 0", "rests|crossed"),
    (
        "UPDATE auctions_auction SET settle_price = 7 WHERE settle_price > 0",
        r"auction \d+ was paid for by .*, due was",
    ),
    ("UPDATE accounts_transfer SET auction = 0", r"auction \d+ was paid for by .* \[\], due was"),
    ("DELETE FROM auctions_auction", "paid for an auction that does not exist"),
    ("UPDATE accounts_ownership SET credit = -1 - credit", r"the credit of account \d+ in account \d+ is -"),
    ("DELETE FROM accounts_ownership", r"account \d+ is an alt without an owner"),
    (
        "INSERT INTO accounts_ownership (account_id, owner_id, credit) VALUES (2, 3, 0)",
        "account 2 is no alt and has owners",
    ),
    ("UPDATE accounts_ownership SET owner_id = 1 - id", "is owned by .*, which is neither"),
    (
        "INSERT INTO accounts_ownership (account_id, owner_id, credit)"
        " SELECT max(account_id), max(account_id), 0 FROM accounts_ownership",
        "these accounts own each other",
    ),
    (
        f"INSERT INTO accounts_ownership (account_id, owner_id, credit) {UPSIDE_DOWN}",
        "these accounts own each other",
    ),
]


@pytest.mark.parametrize(("statement", "found"), WRONG_ALL_ALONG)
def test_the_rules_are_proved_without_the_engine(statement: str, found: str, kept: str) -> None:
    """By the check of the tables alone, as if the engine and so the replay had always been wrong."""
    assert execute(statement) > 0
    with pytest.raises(Difference, match=found):
        check_tables_alone()


def check_tables_alone() -> list[str]:
    ledger = Ledger()
    for table in EVENT_TABLES.values():
        ledger.add(table, fetch(connection, f"SELECT {table.columns} FROM {table.name}"))
    return list(check(connection, ledger))


def test_the_rules_hold_where_nothing_was_changed(kept: str) -> None:
    assert [line.partition(":")[0] for line in check_tables_alone()] == [
        "positions",
        "orders",
        "levels",
        "money",
        "owners",
        "auctions",
    ]


def test_every_kind_of_command_is_proved() -> None:
    assert find_rare(list_kinds(HISTORY)) == []


def test_it_proves_one_moment_while_the_exchange_goes_on(database: str) -> None:
    commit_history(HISTORY[:200])
    proof = verify()
    lines = [next(proof), next(proof)]
    commit_history(HISTORY[200:])
    lines += list(proof)
    assert lines[1].startswith("chain: 200 entries")
    run_verify()


def test_an_empty_exchange_is_right(database: str) -> None:
    run_verify()


class TestTheCommand:
    def run(self, url: str, folder: Path) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "DATABASE_URL": url, "EXCHANGE_VAR": str(folder)}
        return subprocess.run(
            [sys.executable, "manage.py", "verify"], cwd=ROOT, env=environment, capture_output=True, text=True
        )

    def test_ends_with_0_and_a_report(self, kept: str, tmp_path: Path) -> None:
        done = self.run(kept, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "chain: 400 entries, unbroken" in done.stdout
        assert "The database is right" in done.stdout
        assert "database: SQLite's integrity check finds" in done.stdout
        head = JournalEntry.objects.get(seq=400).hash.hex()
        assert f"to note in another place: the hash of entry 400 is {head}" in done.stdout
        assert "not proved: that nobody who can write the database has rewritten the whole chain" in done.stdout

    def test_ends_with_1_and_the_first_difference(self, kept: str, tmp_path: Path) -> None:
        execute("UPDATE accounts_account SET cash = cash + 1 WHERE id = 3")
        done = self.run(kept, tmp_path)
        assert done.returncode == 1
        assert "accounts_account 3: cash is" in done.stderr
