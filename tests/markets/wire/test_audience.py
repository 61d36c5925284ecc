"""The table of who sees a market: rows come and go within a batch and from batch to batch (rules, section 4)."""

from collections.abc import Sequence

import pytest

from markets.engine import commands as c
from markets.journal.tables import ROWS_MAX
from markets.models import Exposure, Market, MarketVisibility, Order
from tests.markets.keeping import commit_history, load_engine, run_verify
from tests.scenario import OPERATOR, Scenario

LISTS: list[tuple[str, ...]] = [("alice", "Desk"), ("bob",), (), ("bob", "alice"), ("Desk",), ("alice", "Desk"), ()]


@pytest.fixture
def day() -> Scenario:
    """Alice, her Desk, and Bob trade. Everybody sees GOLD; only Desk and Bob see COPPER."""
    scenario = Scenario(compare=False)
    scenario.people("alice", "bob", cash=1_000)
    scenario.alt("alice", "Desk")
    scenario.pay("alice", "Desk", 100)
    scenario.market("GOLD", 0, 100)
    scenario.market("COPPER", 0, 100, category="metals", pinned=True, visible_to=("Desk", "bob"), hide_account_ids=True)
    return scenario


def listed(day: Scenario, market: str) -> list[str]:
    """The names of the accounts that the table lists for the market."""
    rows = MarketVisibility.objects.filter(market=day.market_ids[market]).order_by("account")
    names = {id: name for name, id in day.ids.items()}
    return [names[row.account_id] for row in rows]


def kept_and_proved(day: Scenario, batch: int) -> None:
    commit_history(day.history, batch)
    assert load_engine().digest() == day.engine.digest()
    run_verify()


@pytest.mark.parametrize("batch", [1, 2, 3, 1_000])
@pytest.mark.parametrize("until", range(1, len(LISTS) + 1))
def test_the_last_list_is_what_stands(day: Scenario, until: int, batch: int, sqlite: str) -> None:
    for some in LISTS[:until]:
        day.edit("COPPER", visible_to=some)
    kept_and_proved(day, batch)
    assert listed(day, "COPPER") == sorted(LISTS[until - 1], key=lambda name: day.ids[name])


@pytest.mark.parametrize("batch", [1, 4, 1_000])
def test_on_both_databases_with_orders_that_go(day: Scenario, batch: int, database: str) -> None:
    for some in LISTS:
        for who in ("alice", "bob", "Desk"):
            if not some or who in some:
                day.edit("COPPER", visible_to=some, hide_account_ids=not some)
                day.buy(who, "COPPER", 1)
    kept_and_proved(day, batch)
    assert listed(day, "COPPER") == []
    assert Order.objects.filter(open=0, filled=0).exists()
    assert Order.objects.filter(open__gt=0).count() == len(day.engine.orders)


def test_gone_and_back_in_one_batch(day: Scenario, database: str) -> None:
    """A row is deleted and inserted again, or was never there. The batch ends as the last command says."""
    commit_history(day.history)
    before = len(day.history)
    day.edit("COPPER", visible_to=("bob",))
    day.edit("COPPER", visible_to=("bob", "Desk"))
    day.edit("GOLD", visible_to=("alice",))
    day.edit("GOLD", visible_to=())
    day.market("TIN", 0, 100, visible_to=("alice", "bob"))
    day.edit("TIN", visible_to=("alice",))
    commit_history(day.history[before:], batch=1_000)
    assert [listed(day, market) for market in ("COPPER", "GOLD", "TIN")] == [["bob", "Desk"], [], ["alice"]]
    assert load_engine().digest() == day.engine.digest()
    run_verify()


def test_what_else_is_shown(day: Scenario, database: str) -> None:
    day.sell("bob", "COPPER", 50, size=2)
    day.buy("Desk", "COPPER", 50)
    day.buy("Desk", "COPPER", 1)
    day.buy("alice", "GOLD", 1)
    day.edit("GOLD", pinned=True, category="ores")
    day.edit("GOLD", pinned=False)
    kept_and_proved(day, batch=5)
    columns = ("name", "category", "pinned", "hide_account_ids", "volume")
    assert list(Market.objects.order_by("id").values_list(*columns)) == [
        ("GOLD", "ores", False, False, 0),
        ("COPPER", "metals", True, True, 100),
    ]
    traded = Exposure.objects.order_by("account", "market").values_list("account", "market__name", "traded")
    alice, bob, desk = (day.ids[name] for name in ("alice", "bob", "Desk"))
    assert list(traded) == [(alice, "GOLD", False), (bob, "COPPER", True), (desk, "COPPER", True)]


def test_the_start_knows_who_sees_what(day: Scenario, sqlite: str) -> None:
    """A restarted exchange refuses and cancels as if it had never stopped."""
    day.buy("Desk", "COPPER", 1)
    day.buy("bob", "COPPER", 1)
    commit_history(day.history)
    assert load_engine().markets[2].visible_to == day.engine.markets[2].visible_to
    before = len(day.history)
    day.edit("COPPER", visible_to=("bob",))
    day.edit("COPPER", visible_to=("alice", "bob"))
    day.buy("alice", "COPPER", 1)
    engine = commit_history(day.history[before:], batch=1)
    assert engine.digest() == day.engine.digest()
    run_verify()


def test_lists_of_a_thousand_in_one_batch(database: str) -> None:
    """40 markets change from one half of the class to the other: more rows than one statement holds go, and come."""
    day = Scenario(compare=False)
    names = [f"person {number}" for number in range(2_000)]
    day.people(*names)
    ids = sorted(day.engine.people.values())[1:]
    one, other = tuple(ids[:1_000]), tuple(ids[1_000:])
    for number in range(40):
        day.market(f"market {number}", 0, 100)
    head = (day.users[OPERATOR], day.ids[OPERATOR], True, "")
    show(day, head, one)
    commit_history(day.history, batch=1_000)
    before = len(day.history)
    show(day, head, other)
    commit_history(day.history[before:], batch=1_000)
    assert MarketVisibility.objects.count() == 40 * 1_000 > ROWS_MAX
    assert set(MarketVisibility.objects.values_list("account", flat=True)) == set(other)
    run_verify()


def show(day: Scenario, head: tuple[int, int, bool, str], accounts: Sequence[int]) -> None:
    for market in list(day.engine.markets):
        day.do(c.EditMarket(*head, market, None, None, visible_to=tuple(accounts)))
