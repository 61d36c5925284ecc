"""Out cancels the acting account's orders: everywhere, in one market, on one side (rules, section 5)."""

import pytest

from markets.engine.commands import MarketStatus, Side
from markets.engine.errors import Reason
from tests.scenario import Scenario, table


@pytest.fixture
def busy(day: Scenario) -> Scenario:
    """Alice quotes both sides of GOLD and SILVER; Bob bids for GOLD."""
    day.market("SILVER", 0, 100)
    for market in ("GOLD", "SILVER"):
        day.buy("alice", market, 40)
        day.sell("alice", market, 60)
    day.buy("bob", "GOLD", 41)
    return day


def test_everywhere(busy: Scenario) -> None:
    assert busy.out("alice") == [f"order {order} of alice: 1 cancelled, 0 open (REQUESTED)" for order in (1, 2, 3, 4)]
    assert busy.book("GOLD") == table("bob 1 @ 41 |")
    assert busy.book("SILVER") == ""
    assert busy.available("alice") == "1000"


def test_in_one_market(busy: Scenario) -> None:
    busy.out("alice", "GOLD")
    assert busy.book("GOLD") == table("bob 1 @ 41 |")
    assert busy.book("SILVER") == table("alice 1 @ 40 | alice 1 @ 60")


def test_of_one_side(busy: Scenario) -> None:
    busy.out("alice", side=Side.BID)
    assert busy.book("SILVER") == table("| alice 1 @ 60")


def test_of_one_side_in_one_market(busy: Scenario) -> None:
    busy.out("alice", "SILVER", Side.OFFER)
    assert busy.book("SILVER") == table("alice 1 @ 40 |")
    assert busy.book("GOLD") == table("""
        bob 1 @ 41   | alice 1 @ 60
        alice 1 @ 40 |
    """)


def test_nothing_to_cancel_is_no_refusal(busy: Scenario) -> None:
    assert busy.out("carol") == []
    assert busy.out("carol", "GOLD", Side.OFFER) == []


def test_example_5_9_without_a_name_frozen_markets_are_skipped(busy: Scenario) -> None:
    busy.status("GOLD", MarketStatus.PAUSED)
    busy.out("alice")
    assert "alice 1 @ 60" in busy.book("GOLD")
    assert busy.book("SILVER") == ""


def test_example_5_9_a_frozen_market_that_is_named_refuses(busy: Scenario) -> None:
    busy.status("GOLD", MarketStatus.PAUSED)
    with busy.refuses(Reason.MARKET_PAUSED):
        busy.out("alice", "GOLD")


def test_cancel_only_is_not_frozen(busy: Scenario) -> None:
    busy.status("GOLD", MarketStatus.CANCEL_ONLY)
    assert len(busy.out("alice", "GOLD")) == 2


def test_a_closed_or_settled_market_has_nothing_to_cancel(busy: Scenario) -> None:
    busy.status("GOLD", MarketStatus.CLOSED)
    assert busy.out("alice", "GOLD") == []
    busy.settle("GOLD", 50)
    assert busy.out("alice", "GOLD") == []


@pytest.mark.parametrize("market", [99, -1, 10**30])
def test_an_unknown_market_is_not_found(busy: Scenario, market: int) -> None:
    busy.market_ids["LEAD"] = market
    with busy.refuses(Reason.MARKET_NOT_FOUND):
        busy.out("alice", "LEAD")


def test_only_the_acting_accounts_orders(busy: Scenario) -> None:
    busy.alt("alice", "Desk")
    busy.pay("alice", "Desk", 100)
    busy.buy("Desk", "GOLD", 42)
    busy.out("alice")
    assert busy.book("GOLD") == table("""
        Desk 1 @ 42 |
        bob 1 @ 41  |
    """)


def test_a_stranger_may_not_act_as_the_account(busy: Scenario) -> None:
    with busy.refuses(Reason.ACCOUNT_NOT_FOUND):
        busy.out("alice", by="bob")
