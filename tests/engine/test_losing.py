"""What an account can lose, and orders that it cannot afford (rules, section 6)."""

import pytest

from markets.engine.commands import MarketStatus, SelfTrade, TimeInForce
from markets.engine.errors import Reason
from tests.scenario import Scenario


def test_example_6_1_a_position_from_bid_to_sale(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, size=10)
    assert day.available("alice") == "600"
    day.sell("bob", "GOLD", 40, size=10)
    assert (day.cash("alice"), day.position("alice", "GOLD"), day.available("alice")) == ("600", "10", "600")
    day.sell("alice", "GOLD", 55, size=10)
    assert day.available("alice") == "600"
    day.buy("carol", "GOLD", 55, size=10)
    assert (day.cash("alice"), day.position("alice", "GOLD"), day.available("alice")) == ("1150", "0", "1150")


@pytest.fixture
def between_10_and_20() -> Scenario:
    day = Scenario()
    day.people("alice", cash=100)
    day.market("TEMPERATURE", 10, 20)
    return day


def test_example_6_2_a_bid_could_lose_down_to_the_minimum(between_10_and_20: Scenario) -> None:
    between_10_and_20.buy("alice", "TEMPERATURE", 15)
    assert between_10_and_20.available("alice") == "95"


def test_example_6_2_an_offer_could_lose_up_to_the_maximum(between_10_and_20: Scenario) -> None:
    between_10_and_20.sell("alice", "TEMPERATURE", 15)
    assert between_10_and_20.available("alice") == "95"


def test_example_6_2_only_one_of_both_sides_can_be_the_worst(between_10_and_20: Scenario) -> None:
    between_10_and_20.buy("alice", "TEMPERATURE", 12)
    assert between_10_and_20.available("alice") == "98"
    between_10_and_20.sell("alice", "TEMPERATURE", 16)
    assert between_10_and_20.available("alice") == "96"


def test_example_6_3_a_short_settled_at_70(day: Scenario) -> None:
    day.buy("bob", "GOLD", 30, size=5)
    day.sell("alice", "GOLD", 30, size=5)
    assert (day.cash("alice"), day.available("alice")) == ("1150", "650")
    day.settle("GOLD", 70)
    assert day.cash("alice") == "800"


def test_example_6_4_what_trades_at_a_better_price_needs_less(day: Scenario) -> None:
    day.people("erin", cash=100)
    day.sell("bob", "GOLD", 5, size=10)
    assert day.buy("erin", "GOLD", 50, size=10)[0] == "erin buys 10 @ 5 from bob"
    assert (day.cash("erin"), day.available("erin")) == ("50", "50")


def test_example_6_4_without_those_offers_it_is_refused(day: Scenario) -> None:
    day.people("erin", cash=100)
    day.sell("bob", "GOLD", 5, size=8)
    with day.refuses(Reason.INSUFFICIENT_FUNDS):
        day.buy("erin", "GOLD", 50, size=10)
    assert day.buy("erin", "GOLD", 50, size=9)[-1] == "erin bids 9 @ 50: 8 filled, 1 open"


def test_to_the_last_unit(day: Scenario) -> None:
    day.buy("alice", "GOLD", 100, size=10)
    assert day.available("alice") == "0"
    with day.refuses(Reason.INSUFFICIENT_FUNDS):
        day.buy("alice", "GOLD", "0.01", size="0.01")
    day.buy("alice", "GOLD", 0, size=7)
    assert day.available("alice") == "0"


def test_an_offer_needs_what_the_maximum_would_cost(day: Scenario) -> None:
    with day.refuses(Reason.INSUFFICIENT_FUNDS):
        day.sell("alice", "GOLD", 50, size="20.01")
    day.sell("alice", "GOLD", 50, size=20)
    assert day.available("alice") == "0"


def test_nothing_is_needed_to_offer_at_the_maximum(day: Scenario) -> None:
    day.people("erin", cash=0)
    day.sell("erin", "GOLD", 100, size=1_000)
    assert day.available("erin") == "0"


def test_who_sells_at_a_better_price_than_the_limit_needs_less(day: Scenario) -> None:
    day.people("erin", cash=100)
    day.buy("bob", "GOLD", 95, size=10)
    assert day.sell("erin", "GOLD", 50, size=10)[0] == "erin sells 10 @ 95 to bob"
    assert day.available("erin") == "50"


def test_an_order_that_reduces_risk_is_never_short_of_funds(day: Scenario) -> None:
    day.sell("bob", "GOLD", 100, size=10)
    day.buy("alice", "GOLD", 100, size=10)
    assert day.available("alice") == "0"
    day.sell("alice", "GOLD", 0, size=10)
    assert day.available("alice") == "0"
    day.buy("carol", "GOLD", 1, size=10)
    assert (day.position("alice", "GOLD"), day.available("alice")) == ("0", "0")


def test_it_may_not_turn_around_into_new_risk(day: Scenario) -> None:
    day.sell("bob", "GOLD", 100, size=10)
    day.buy("alice", "GOLD", 100, size=10)
    with day.refuses(Reason.INSUFFICIENT_FUNDS):
        day.sell("alice", "GOLD", 0, size="10.01")


def test_own_cancels_free_their_funds_for_the_order_that_causes_them(day: Scenario) -> None:
    day.sell("alice", "GOLD", 50, size=20)
    assert day.available("alice") == "0"
    assert day.buy("alice", "GOLD", 50, size=20)[-1] == "alice bids 20 @ 50: 0 filled, 20 open"
    assert day.available("alice") == "0"


def test_the_rest_of_an_order_that_its_own_order_stops_needs_nothing(day: Scenario) -> None:
    day.people("erin", cash=60)
    day.sell("erin", "GOLD", 40)
    sentences = day.buy("erin", "GOLD", 50, size=100, self_trade=SelfTrade.CANCEL_INCOMING)
    assert sentences[-1] == "erin bids 100 @ 50: 0 filled, 0 open"


def test_what_is_decremented_needs_nothing(day: Scenario) -> None:
    day.people("erin", cash=60)
    day.sell("erin", "GOLD", 40)
    with day.refuses(Reason.INSUFFICIENT_FUNDS):
        day.buy("erin", "GOLD", 50, size=3, self_trade=SelfTrade.DECREMENT)
    day.buy("erin", "GOLD", 50, size=2, self_trade=SelfTrade.DECREMENT)
    assert day.available("erin") == "10"


def test_what_an_immediate_order_does_not_get_needs_nothing(day: Scenario) -> None:
    day.sell("bob", "GOLD", 50, size=20)
    sentences = day.buy("alice", "GOLD", 100, size=1_000, time_in_force=TimeInForce.IOC)
    assert sentences[-1] == "alice bids 1000 @ 100: 20 filled, 0 open"
    assert day.available("alice") == "0"


def test_cash_itself_may_be_negative(day: Scenario) -> None:
    day.market("FLOOR", 90, 100)
    day.sell("bob", "FLOOR", 95, size=100)
    day.buy("alice", "FLOOR", 95, size=100)
    assert (day.cash("alice"), day.available("alice")) == ("-8500", "500")


def test_markets_add_up(day: Scenario) -> None:
    day.market("SILVER", 0, 100)
    day.buy("alice", "GOLD", 60, size=10)
    day.buy("alice", "SILVER", 40, size=10)
    assert day.available("alice") == "0"
    with day.refuses(Reason.INSUFFICIENT_FUNDS):
        day.buy("alice", "SILVER", 1)


def test_the_sentence_carries_the_numbers(day: Scenario) -> None:
    day.buy("alice", "GOLD", 75, size=10)
    with pytest.raises(Exception, match=r"400.*250"):
        day.buy("alice", "GOLD", 40, size=10)


def test_in_a_paused_market_orders_still_count(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, size=10)
    day.status("GOLD", MarketStatus.PAUSED)
    assert day.available("alice") == "600"


def test_the_worst_case_of_negative_bounds(day: Scenario) -> None:
    day.market("SPREAD", -50, 50)
    day.buy("alice", "SPREAD", -10, size=10)
    assert day.available("alice") == "600"
    day.sell("bob", "SPREAD", -10, size=10)
    assert (day.cash("alice"), day.available("alice")) == ("1100", "600")
    assert (day.cash("bob"), day.available("bob")) == ("900", "400")
