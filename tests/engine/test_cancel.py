"""Cancel by id or client_order_id, only what is open and one's own (rules, section 5)."""

import pytest

from markets.engine.commands import MarketStatus
from markets.engine.errors import Reason
from tests.scenario import OPERATOR, Scenario, table

HUGE = 10**30


def test_by_id(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, size=10)
    assert day.available("alice") == "600"
    assert day.cancel("alice", day.last_order) == ["order 1 of alice: 10 cancelled, 0 open (REQUESTED)"]
    assert day.book("GOLD") == ""
    assert day.available("alice") == "1000"


def test_by_client_order_id(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, key="mine")
    day.buy("alice", "GOLD", 41, key="other")
    assert day.cancel("alice", client_order_id="mine") == ["order 1 of alice: 1 cancelled, 0 open (REQUESTED)"]
    assert day.book("GOLD") == table("alice 1 @ 41 |")


def test_what_was_filled_stays_filled(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, size=10)
    day.sell("bob", "GOLD", 40, size=4)
    assert day.cancel("alice", 1) == ["order 1 of alice: 6 cancelled, 0 open (REQUESTED)"]
    assert day.position("alice", "GOLD") == "4"


@pytest.mark.parametrize("order", [2, 99, -1, HUGE, -HUGE])
def test_an_unknown_order_is_not_found(day: Scenario, order: int) -> None:
    day.buy("alice", "GOLD", 40)
    with day.refuses(Reason.ORDER_NOT_FOUND):
        day.cancel("alice", order)


@pytest.mark.parametrize("client_order_id", ["", "never used"])
def test_an_unknown_client_order_id_is_not_found(day: Scenario, client_order_id: str) -> None:
    day.buy("alice", "GOLD", 40)
    with day.refuses(Reason.ORDER_NOT_FOUND):
        day.cancel("alice", client_order_id=client_order_id)


def test_a_cancelled_order_is_not_found(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, key="mine")
    day.cancel("alice", 1)
    with day.refuses(Reason.ORDER_NOT_FOUND):
        day.cancel("alice", 1)
    with day.refuses(Reason.ORDER_NOT_FOUND):
        day.cancel("alice", client_order_id="mine")


def test_a_filled_order_is_not_found(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40)
    day.sell("bob", "GOLD", 40)
    for who, order in (("alice", 1), ("bob", 2)):
        with day.refuses(Reason.ORDER_NOT_FOUND):
            day.cancel(who, order)


def test_somebody_elses_order_is_not_found(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, key="mine")
    with day.refuses(Reason.ORDER_NOT_FOUND):
        day.cancel("bob", 1)
    with day.refuses(Reason.ORDER_NOT_FOUND):
        day.cancel("bob", client_order_id="mine")


def test_it_takes_acting_as_the_orders_account(day: Scenario) -> None:
    day.alt("alice", "Desk")
    day.pay("alice", "Desk", 100)
    day.buy("Desk", "GOLD", 40)
    with day.refuses(Reason.ORDER_NOT_FOUND):
        day.cancel("alice", 1)
    assert day.cancel("Desk", 1) == ["order 1 of Desk: 1 cancelled, 0 open (REQUESTED)"]


def test_an_operator_in_sudo_acts_as_the_account(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40)
    with day.refuses(Reason.ORDER_NOT_FOUND):
        day.cancel(OPERATOR, 1)
    assert day.cancel("alice", 1, by=OPERATOR) == ["order 1 of alice: 1 cancelled, 0 open (REQUESTED)"]


def test_a_stranger_may_not_act_as_the_account(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40)
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.cancel("alice", 1, by="bob")


def test_in_a_paused_market_orders_are_frozen(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40)
    day.status("GOLD", MarketStatus.PAUSED)
    with day.refuses(Reason.MARKET_PAUSED):
        day.cancel("alice", 1)
    with day.refuses(Reason.ORDER_NOT_FOUND):
        day.cancel("bob", 1)
