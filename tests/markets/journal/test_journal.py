"""A committed batch is stored whole and once, and the batches leave no trace in the journal."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from accounts.models import Account, Ownership, Transfer, TransferKind
from auctions.models import Auction, AuctionStatus
from markets.engine.commands import Command, MarketStatus
from markets.engine.engine import Engine
from markets.engine.state import RULES_VERSION
from markets.journal.entries import GENESIS, Entry, make_entry
from markets.journal.journal import Journal
from markets.journal.tables import ROWS_MAX, Row, SqliteWriter, Table
from markets.models import JournalEntry, JournalMarket, Market, Order, Payout, Trade
from tests.kinds import find_rare, list_kinds
from tests.markets.keeping import apply_all, commit_history, load_engine, random_history, run_verify
from tests.scenario import OPERATOR, Scenario, money, price


def busy_day() -> Scenario:
    """A day with every kind of command and event."""
    day = Scenario(compare=False)
    day.people("alice", "bob", cash=1_000)
    day.alt("alice", "alice's bot", key="first-alt")
    day.pay("alice", "alice's bot", 300, note="to trade with")
    day.gift("bob", "12.3456", note="prize")
    day.market("GOLD", 0, 100, owner="alice", description="An ounce,\nat noon.")
    day.market("TEMP", -50, 50, tick="0.5", smallest="0.1")
    day.sell("bob", "GOLD", 48, size=3, key="bob-1")
    day.sell("bob", "GOLD", 49, size=5)
    day.buy("alice", "GOLD", 50, size=4, key="alice-1")
    day.sell("alice's bot", "TEMP", "-3.5", size="0.7")
    day.buy("alice's bot", "TEMP", "-3.5", size="0.3")
    day.buy("bob", "TEMP", -7, size=2)
    day.sell("bob", "TEMP", 7, size=2)
    day.cancel("bob", day.last_order)
    day.out("bob", market="TEMP")
    day.edit("GOLD", name="SILVER")
    day.status("TEMP", MarketStatus.PAUSED)
    day.settle("GOLD", 55, who=OPERATOR)
    day.status("TEMP", MarketStatus.CLOSED)
    day.auction("alice", "lamp", 30, "Brass,\nof 1901.", "0123456789abcdefghijklmnopqrstuv.webp")
    day.auction("bob", "chair")
    day.auction("bob", "vase")
    day.edit_auction("alice", "lamp", at=25)
    day.withdraw("bob", "vase")
    day.buy_auction("bob", "lamp", 25, key="mine")
    day.settle_auction("chair", "alice", 0)
    day.auction("alice", "stool", 0)
    shared_accounts(day)
    assert find_rare(list_kinds(day.history), least=1) == []
    return day


def shared_accounts(day: Scenario) -> None:
    """A shared account whose owners and credits change."""
    day.people("carol", cash=1_000)
    day.alt("carol", "team")
    day.pay("carol", "team", 200)
    day.share("carol", "team", "bob")
    day.pay("bob", "team", 100)
    day.redistribute("team", "bob")
    day.leave("bob", "team")
    day.share("carol", "team", "bob")
    day.revoke("team", "bob")
    day.collect("carol", 50)


def entries() -> list[Entry]:
    """The journal as it is stored."""
    found = JournalEntry.objects.order_by("seq").values_list(*Entry._fields)
    return list(map(Entry._make, found))


def in_one_batch(history: Sequence[tuple[Command, int]]) -> list[Entry]:
    """The journal as it should be, made without a database."""
    expected: list[Entry] = []
    for outcome in apply_all(Engine(), history):
        expected.append(make_entry(outcome, expected[-1].hash if expected else GENESIS))
    return expected


class TestWhatIsKept:
    def test_a_day_of_every_kind_is_loaded_as_it_was(self, database: str) -> None:
        day = busy_day()
        commit_history(day.history)
        assert load_engine().digest() == day.engine.digest()
        run_verify()

    def test_the_rows_say_what_happened(self, sqlite: str) -> None:
        commit_history(busy_day().history)
        bob = Account.objects.get(name="bob")
        assert list(Trade.objects.values_list("id", "price", "size", "taker_side", "maker_open", "taker_open")) == [
            (1, price(48), price(3), 1, 0, price(1)),
            (2, price(49), price(1), 1, price(4), 0),
        ]
        order = Order.objects.get(client_order_id="bob-1")
        assert (order.account, order.open, order.filled, order.cancelled) == (bob, 0, price(3), 0)
        assert list(Payout.objects.order_by("id").values_list("account__name", "position", "amount")) == [
            ("bob", price(-4), money(-220)),
            ("alice", price(4), money(220)),
        ]
        assert list(Ownership.objects.order_by("account").values_list("account__name", "owner__name", "credit")) == [
            ("alice's bot", "alice", money(300)),
            ("team", "carol", money(300)),
        ]
        assert list(Transfer.objects.filter(note="prize").values_list("to_account", "amount")) == [(bob.id, 123_456)]
        silver = Market.objects.get(name="SILVER")
        assert (silver.status, silver.settle_price, silver.last_price) == (MarketStatus.SETTLED, price(55), price(49))

    def test_the_board_says_who_sold_what_to_whom(self, sqlite: str) -> None:
        commit_history(busy_day().history)
        rows = Auction.objects.order_by("id").values_list("name", "status", "buy_now_price", "buyer__name")
        assert list(rows.values_list("settle_price", flat=True)) == [money(25), 0, None, None]
        assert list(rows) == [
            ("lamp", AuctionStatus.SETTLED, money(25), "bob"),
            ("chair", AuctionStatus.SETTLED, None, "alice"),
            ("vase", AuctionStatus.WITHDRAWN, None, None),
            ("stool", AuctionStatus.OPEN, 0, None),
        ]
        paid = Transfer.objects.get(auction=1)
        assert (paid.kind, paid.from_account.name, paid.to_account.name) == (TransferKind.AUCTION, "bob", "alice")
        assert not Transfer.objects.filter(auction__gt=1).exists()

    def test_the_journal_says_who_did_it(self, sqlite: str) -> None:
        day = busy_day()
        commit_history(day.history)
        entry = JournalEntry.objects.get(key="alice-1")
        assert (entry.kind, entry.principal, entry.account) == ("CreateOrder", day.users["alice"], day.ids["alice"])
        assert entry.rules == RULES_VERSION

    def test_it_finds_the_entries_of_a_market(self, sqlite: str) -> None:
        day = busy_day()
        commit_history(day.history)
        temp = JournalMarket.objects.filter(market_id=day.market_ids["TEMP"])
        found = JournalEntry.objects.filter(seq__in=temp.values("seq")).order_by("seq").values_list("kind", flat=True)
        assert list(found) == [
            "CreateMarket",
            "CreateOrder",
            "CreateOrder",
            "CreateOrder",
            "CreateOrder",
            "CancelOrder",
            "Out",
            "SetMarketStatus",
            "SetMarketStatus",
        ]

    def test_any_text_comes_back_as_it_went(self, database: str) -> None:
        texts = [
            "it's",
            'say "yes"',
            "back\\slash \\N \\x41",
            "NULL",
            "{a,b}",
            "ünï 中文 🦉",
            "%s %(a)s ?",
            "tab\tline\n.",
        ]
        day = Scenario(compare=False)
        day.people("alice", cash=10)
        for number, text in enumerate(texts):
            day.market(f"GOLD {number}", 0, 1, description=text, key=text)
            day.gift("alice", 1, note=text)
        commit_history(day.history)
        assert list(Market.objects.order_by("id").values_list("description", flat=True)) == texts
        assert list(Transfer.objects.order_by("id").values_list("note", flat=True)[1:]) == texts
        assert load_engine().digest() == day.engine.digest()
        run_verify()

    def test_the_largest_figures_fit(self, database: str) -> None:
        day = Scenario(compare=False)
        day.people("alice", "bob")
        for _ in range(101):
            day.gift("alice", 1_000_000_000)
            day.gift("bob", 1_000_000_000)
        day.market("GOLD", -1_000_000, 1_000_000)
        day.sell("bob", "GOLD", 9_999, size=100_000)
        day.buy("alice", "GOLD", 9_999, size=90_000)
        commit_history(day.history)
        assert load_engine().digest() == day.engine.digest()
        run_verify()


class TestBatches:
    @pytest.mark.parametrize("batch", [1, 3, 400])
    def test_they_leave_no_trace(self, batch: int, sqlite: str) -> None:
        history = random_history(seed=11, length=200)
        commit_history(history, batch)
        assert entries() == in_one_batch(history)
        run_verify()

    def test_a_row_that_is_touched_often_is_written_once(self, sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
        written: Counter[str] = Counter()
        insert = SqliteWriter.insert

        def insert_and_count(self: SqliteWriter, table: Table, rows: Sequence[Row]) -> None:
            written[table.name] += len(rows)
            insert(self, table, rows)

        day = Scenario(compare=False)
        day.people("alice", "bob", cash=1_000)
        day.market("GOLD", 0, 100)
        commit_history(day.history)
        before = len(day.history)
        day.sell("bob", "GOLD", 50, size=10)
        for _ in range(10):
            day.buy("alice", "GOLD", 50)
        monkeypatch.setattr(SqliteWriter, "insert", insert_and_count)
        commit_history(day.history[before:], batch=100)
        assert written == {
            "markets_journalentry": 11,
            "markets_journalmarket": 11,
            "markets_trade": 10,
            "markets_order": 11,
            "accounts_account": 2,
            "markets_exposure": 2,
            "markets_market": 1,
        }

    def test_one_command_may_change_more_rows_than_a_statement_holds(self, database: str) -> None:
        day = Scenario(compare=False)
        day.people("alice", cash=1_000)
        day.market("GOLD", 0, 100)
        for _ in range(2 * ROWS_MAX + 77):
            day.buy("alice", "GOLD", 1, size="0.01")
        day.out("alice")
        commit_history(day.history, batch=10_000)
        assert Order.objects.filter(open=0, cancelled=1).count() == 2 * ROWS_MAX + 77
        run_verify()

    @pytest.mark.parametrize("seed", range(4))
    def test_random_days_hold(self, seed: int, sqlite: str) -> None:
        engine = commit_history(random_history(seed, length=500), batch=1 + 37 * seed)
        assert load_engine().digest() == engine.digest()
        run_verify()

    def test_a_restart_between_batches_changes_nothing(self, database: str) -> None:
        history = random_history(seed=5, length=300)
        for start in range(0, 300, 60):
            commit_history(history[start : start + 60], batch=13)
        assert entries() == in_one_batch(history)
        run_verify()


class TestReading:
    async def test_first_answers(self, sqlite: str) -> None:
        history = random_history(seed=3, length=60)
        outcomes = apply_all(Engine(), history)
        journal = await kept_by_a_loop(history)
        assert await journal.entries([60, 7, 8]) == {seq: outcomes[seq - 1] for seq in (7, 8, 60)}
        journal.close()

    async def test_what_came_after(self, sqlite: str) -> None:
        history = random_history(seed=3, length=60)
        outcomes = apply_all(Engine(), history)
        journal = await kept_by_a_loop(history)
        assert await journal.outcomes(50, most=10) == outcomes[50:]
        assert await journal.outcomes(60, most=10) == []
        assert await journal.outcomes(49, most=10) is None
        journal.close()

    async def test_what_came_after_in_a_market(self, database: str) -> None:
        history = random_history(seed=3, length=120)
        journal = await kept_by_a_loop(history)
        of_two = [
            outcome
            for outcome in apply_all(Engine(), history)
            if any(getattr(event, "market", 0) == 2 for event in outcome.events)
        ]
        after = of_two[-6].seq
        assert await journal.market_outcomes(2, after, most=5) == of_two[-5:]
        assert await journal.market_outcomes(2, after, most=4) is None
        journal.close()


async def kept_by_a_loop(history: Sequence[tuple[Command, int]]) -> Journal:
    """Commits as the matcher does: load, then one awaited commit after the other."""
    journal = Journal()
    engine = await asyncio.to_thread(journal.load)
    for command in history:
        outcomes = apply_all(engine, [command])
        await journal.commit(engine, outcomes, engine.take_changed())
    return journal
