"""post_only never takes (rules, section 5)."""

import pytest

from markets.engine.commands import SelfTrade, TimeInForce
from markets.engine.errors import Reason
from tests.scenario import Scenario, table


def test_example_5_5_post_only_rests_below_the_best_offer(day: Scenario) -> None:
    day.sell("bob", "GOLD", 50)
    assert day.buy("alice", "GOLD", "49.99", post_only=True) == ["alice bids 1 @ 49.99: 0 filled, 1 open"]


@pytest.mark.parametrize("price", [50, 51])
def test_example_5_5_post_only_that_reaches_the_best_offer_is_refused(day: Scenario, price: int) -> None:
    day.sell("bob", "GOLD", 50)
    with day.refuses(Reason.POST_ONLY_WOULD_TRADE):
        day.buy("alice", "GOLD", price, post_only=True)


def test_post_only_offer_that_reaches_the_best_bid_is_refused(day: Scenario) -> None:
    day.buy("bob", "GOLD", 50)
    with day.refuses(Reason.POST_ONLY_WOULD_TRADE):
        day.sell("alice", "GOLD", 50, post_only=True)
    day.sell("alice", "GOLD", "50.01", post_only=True)
    assert day.book("GOLD") == table("bob 1 @ 50 | alice 1 @ 50.01")


@pytest.mark.parametrize("mode", list(SelfTrade))
def test_own_orders_count(day: Scenario, mode: SelfTrade) -> None:
    day.sell("alice", "GOLD", 50)
    with day.refuses(Reason.POST_ONLY_WOULD_TRADE):
        day.buy("alice", "GOLD", 50, post_only=True, self_trade=mode)
    assert day.book("GOLD") == table("| alice 1 @ 50")


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_post_only_cannot_be_immediate(day: Scenario, time_in_force: TimeInForce) -> None:
    with day.refuses(Reason.INVALID_ORDER):
        day.buy("alice", "GOLD", 50, post_only=True, time_in_force=time_in_force)
