"""GTC rests, IOC cancels its rest, FOK fills whole or is refused (rules, section 5)."""

import pytest

from markets.engine.commands import SelfTrade, TimeInForce
from markets.engine.errors import Reason
from tests.scenario import Scenario, table

IOC, FOK = TimeInForce.IOC, TimeInForce.FOK


def test_gtc_rests(day: Scenario) -> None:
    assert day.buy("alice", "GOLD", 50) == ["alice bids 1 @ 50: 0 filled, 1 open"]
    assert day.book("GOLD") == table("alice 1 @ 50 |")


def test_example_5_3_ioc_cancels_what_does_not_trade_at_once(day: Scenario) -> None:
    day.sell("bob", "GOLD", 50, size=3)
    assert day.buy("alice", "GOLD", 50, size=5, time_in_force=IOC) == [
        "alice buys 3 @ 50 from bob",
        "order 2 of alice: 2 cancelled, 0 open (IMMEDIATE_REST)",
        "alice bids 5 @ 50: 3 filled, 0 open",
    ]
    assert day.book("GOLD") == ""
    assert day.available("alice") == "850"


def test_ioc_that_meets_nothing_is_accepted_and_cancelled_whole(day: Scenario) -> None:
    assert day.sell("alice", "GOLD", 50, time_in_force=IOC) == [
        "order 1 of alice: 1 cancelled, 0 open (IMMEDIATE_REST)",
        "alice offers 1 @ 50: 0 filled, 0 open",
    ]
    assert day.available("alice") == "1000"


def test_example_5_4_fok_fills_whole(day: Scenario) -> None:
    day.sell("bob", "GOLD", 49, size=3)
    day.sell("carol", "GOLD", 50, size=3)
    assert day.buy("alice", "GOLD", 50, size=5, time_in_force=FOK) == [
        "alice buys 3 @ 49 from bob",
        "alice buys 2 @ 50 from carol",
        "alice bids 5 @ 50: 5 filled, 0 open",
    ]


def test_example_5_4_fok_that_would_not_fill_whole_is_refused(day: Scenario) -> None:
    day.sell("bob", "GOLD", 49, size=3)
    day.sell("carol", "GOLD", 51, size=3)
    with day.refuses(Reason.FOK_NOT_FILLABLE):
        day.buy("alice", "GOLD", 50, size=5, time_in_force=FOK)
    assert day.book("GOLD") == table("""
        | bob 3 @ 49
        | carol 3 @ 51
    """)


def test_fok_against_an_empty_book_is_refused(day: Scenario) -> None:
    with day.refuses(Reason.FOK_NOT_FILLABLE):
        day.sell("alice", "GOLD", 1, time_in_force=FOK)


@pytest.mark.parametrize(("size", "fills"), [(6, True), ("6.01", False)])
def test_fok_at_the_edge(day: Scenario, size: int | str, fills: bool) -> None:
    day.buy("bob", "GOLD", 50, size=2)
    day.buy("carol", "GOLD", 49, size=4)
    if fills:
        assert day.sell("alice", "GOLD", 49, size, time_in_force=FOK)[-1] == "alice offers 6 @ 49: 6 filled, 0 open"
    else:
        with day.refuses(Reason.FOK_NOT_FILLABLE):
            day.sell("alice", "GOLD", 49, size, time_in_force=FOK)


def own_offer_between(day: Scenario) -> None:
    """Bob offers 2 @ 48, Alice 2 @ 49, Carol 2 @ 50."""
    day.sell("bob", "GOLD", 48, size=2)
    day.sell("alice", "GOLD", 49, size=2)
    day.sell("carol", "GOLD", 50, size=2)


def test_example_5_7_fok_counts_others_beyond_own_orders_that_are_cancelled(day: Scenario) -> None:
    own_offer_between(day)
    assert day.buy("alice", "GOLD", 50, size=4, time_in_force=FOK) == [
        "alice buys 2 @ 48 from bob",
        "order 2 of alice: 2 cancelled, 0 open (SELF_TRADE)",
        "alice buys 2 @ 50 from carol",
        "alice bids 4 @ 50: 4 filled, 0 open",
    ]


@pytest.mark.parametrize("mode", [SelfTrade.CANCEL_INCOMING, SelfTrade.DECREMENT])
def test_example_5_7_fok_counts_nothing_beyond_an_own_order_that_stops_it(day: Scenario, mode: SelfTrade) -> None:
    own_offer_between(day)
    with day.refuses(Reason.FOK_NOT_FILLABLE):
        day.buy("alice", "GOLD", 50, size=4, time_in_force=FOK, self_trade=mode)
    assert day.buy("alice", "GOLD", 50, size=2, time_in_force=FOK, self_trade=mode) == [
        "alice buys 2 @ 48 from bob",
        "alice bids 2 @ 50: 2 filled, 0 open",
    ]


def test_fok_that_is_filled_before_it_meets_its_own_order_leaves_it(day: Scenario) -> None:
    own_offer_between(day)
    day.buy("alice", "GOLD", 50, size=2, time_in_force=FOK)
    assert day.book("GOLD") == table("""
        | alice 2 @ 49
        | carol 2 @ 50
    """)
