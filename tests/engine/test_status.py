"""What each status allows, and who changes it (rules, section 4, Example 4.1)."""

import pytest

from markets.engine.commands import MarketStatus
from markets.engine.errors import Reason
from tests.scenario import OPERATOR, Scenario, table

OPEN, CANCEL_ONLY, PAUSED, CLOSED, SETTLED = MarketStatus

NEW_ORDER = {
    OPEN: None,
    CANCEL_ONLY: Reason.MARKET_PAUSED,
    PAUSED: Reason.MARKET_PAUSED,
    CLOSED: Reason.MARKET_CLOSED,
    SETTLED: Reason.MARKET_SETTLED,
}
CANCEL = {
    OPEN: None,
    CANCEL_ONLY: None,
    PAUSED: Reason.MARKET_PAUSED,
    CLOSED: Reason.ORDER_NOT_FOUND,  # closing has cancelled it
    SETTLED: Reason.ORDER_NOT_FOUND,
}
SETTLE = {OPEN: None, CANCEL_ONLY: None, PAUSED: None, CLOSED: None, SETTLED: Reason.MARKET_SETTLED}


@pytest.fixture
def resting(day: Scenario) -> Scenario:
    """Alice's order 1 rests in GOLD."""
    day.buy("alice", "GOLD", 40)
    return day


def bring_to(day: Scenario, status: MarketStatus) -> None:
    if status == SETTLED:
        day.settle("GOLD", 50)
    elif status != OPEN:
        day.status("GOLD", status)


@pytest.mark.parametrize(("status", "reason"), NEW_ORDER.items())
def test_example_4_1_new_orders(resting: Scenario, status: MarketStatus, reason: Reason | None) -> None:
    bring_to(resting, status)
    if reason is None:
        assert resting.sell("bob", "GOLD", 40)[0] == "bob sells 1 @ 40 to alice"
    else:
        with resting.refuses(reason):
            resting.sell("bob", "GOLD", 40)


@pytest.mark.parametrize(("status", "reason"), CANCEL.items())
def test_example_4_1_cancels(resting: Scenario, status: MarketStatus, reason: Reason | None) -> None:
    bring_to(resting, status)
    if reason is None:
        assert resting.cancel("alice", 1) == ["order 1 of alice: 1 cancelled, 0 open (REQUESTED)"]
    else:
        with resting.refuses(reason):
            resting.cancel("alice", 1)


@pytest.mark.parametrize(("status", "reason"), SETTLE.items())
def test_example_4_1_settle(resting: Scenario, status: MarketStatus, reason: Reason | None) -> None:
    bring_to(resting, status)
    if reason is None:
        assert resting.settle("GOLD", 50)[-1] == "GOLD settles at 50"
    else:
        with resting.refuses(reason):
            resting.settle("GOLD", 50)


def test_paused_orders_wait_and_trade_again(resting: Scenario) -> None:
    assert resting.status("GOLD", PAUSED) == ["GOLD is PAUSED"]
    assert resting.book("GOLD") == table("alice 1 @ 40 |")
    resting.status("GOLD", OPEN)
    assert resting.sell("bob", "GOLD", 40)[0] == "bob sells 1 @ 40 to alice"


def test_closing_empties_the_book(resting: Scenario) -> None:
    resting.sell("bob", "GOLD", 60, size=2)
    assert resting.status("GOLD", CLOSED) == [
        "order 1 of alice: 1 cancelled, 0 open (BY_CLOSE)",
        "order 2 of bob: 2 cancelled, 0 open (BY_CLOSE)",
        "GOLD is CLOSED",
    ]
    assert resting.book("GOLD") == ""
    assert (resting.available("alice"), resting.available("bob")) == ("1000", "1000")


@pytest.mark.parametrize("status", [OPEN, CANCEL_ONLY, PAUSED, CLOSED])
def test_there_is_no_way_back_from_closed(day: Scenario, status: MarketStatus) -> None:
    day.status("GOLD", CLOSED)
    with day.refuses(Reason.MARKET_CLOSED):
        day.status("GOLD", status)


@pytest.mark.parametrize("status", [OPEN, CANCEL_ONLY, PAUSED, CLOSED])
def test_there_is_no_way_back_from_settled(day: Scenario, status: MarketStatus) -> None:
    day.settle("GOLD", 50)
    with day.refuses(Reason.MARKET_SETTLED):
        day.status("GOLD", status)


@pytest.mark.parametrize("before", [OPEN, CANCEL_ONLY, PAUSED])
@pytest.mark.parametrize("after", [OPEN, CANCEL_ONLY, PAUSED, CLOSED])
def test_the_others_lead_to_each_other(day: Scenario, before: MarketStatus, after: MarketStatus) -> None:
    day.status("GOLD", before)
    assert day.status("GOLD", after) == [f"GOLD is {after.name}"]


def test_settling_has_a_command_of_its_own(day: Scenario) -> None:
    with day.refuses(Reason.INVALID_MARKET):
        day.status("GOLD", SETTLED)


def test_only_operators_in_sudo_change_it(day: Scenario) -> None:
    day.market("LEAD", 0, 100, owner="alice")
    with day.refuses(Reason.SUDO_REQUIRED):
        day.status("LEAD", PAUSED, who="alice")
    day.status("LEAD", PAUSED, who=OPERATOR)


def test_an_unknown_market_is_not_found(day: Scenario) -> None:
    day.market_ids["LEAD"] = 99
    with day.refuses(Reason.MARKET_NOT_FOUND):
        day.status("LEAD", PAUSED)
    with day.refuses(Reason.MARKET_NOT_FOUND):
        day.settle("LEAD", 50)
    with day.refuses(Reason.MARKET_NOT_FOUND):
        day.buy("alice", "LEAD", 50)
