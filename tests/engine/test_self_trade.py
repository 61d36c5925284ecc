"""An account never trades with itself; the order's self_trade decides what happens instead (rules, section 5)."""

from markets.engine.commands import SelfTrade, TimeInForce
from tests.scenario import Scenario, table


def offers_of_bob_alice_carol(day: Scenario) -> None:
    day.sell("bob", "GOLD", 48, size=2)
    day.sell("alice", "GOLD", 49, size=3)
    day.sell("carol", "GOLD", 50, size=4)


def test_example_5_6_cancel_resting(day: Scenario) -> None:
    offers_of_bob_alice_carol(day)
    assert day.buy("alice", "GOLD", 50, size=7) == [
        "alice buys 2 @ 48 from bob",
        "order 2 of alice: 3 cancelled, 0 open (SELF_TRADE)",
        "alice buys 4 @ 50 from carol",
        "alice bids 7 @ 50: 6 filled, 1 open",
    ]
    assert day.book("GOLD") == table("alice 1 @ 50 |")


def test_example_5_6_cancel_incoming(day: Scenario) -> None:
    offers_of_bob_alice_carol(day)
    assert day.buy("alice", "GOLD", 50, size=7, self_trade=SelfTrade.CANCEL_INCOMING) == [
        "alice buys 2 @ 48 from bob",
        "order 4 of alice: 5 cancelled, 0 open (SELF_TRADE)",
        "alice bids 7 @ 50: 2 filled, 0 open",
    ]
    assert day.book("GOLD") == table("""
        | alice 3 @ 49
        | carol 4 @ 50
    """)


def test_example_5_6_decrement(day: Scenario) -> None:
    offers_of_bob_alice_carol(day)
    assert day.buy("alice", "GOLD", 50, size=7, self_trade=SelfTrade.DECREMENT) == [
        "alice buys 2 @ 48 from bob",
        "order 2 of alice: 3 cancelled, 0 open (SELF_TRADE)",
        "order 4 of alice: 3 cancelled, 2 open (SELF_TRADE)",
        "alice buys 2 @ 50 from carol",
        "alice bids 7 @ 50: 4 filled, 0 open",
    ]
    assert day.book("GOLD") == table("| carol 2 @ 50")


def test_a_decremented_resting_order_keeps_its_place(day: Scenario) -> None:
    day.sell("alice", "GOLD", 50, size=5)
    day.sell("bob", "GOLD", 50, size=1)
    assert day.buy("alice", "GOLD", 50, size=2, self_trade=SelfTrade.DECREMENT) == [
        "order 1 of alice: 2 cancelled, 3 open (SELF_TRADE)",
        "order 3 of alice: 2 cancelled, 0 open (SELF_TRADE)",
        "alice bids 2 @ 50: 0 filled, 0 open",
    ]
    assert day.book("GOLD") == table("""
        | alice 3 @ 50
        | bob 1 @ 50
    """)


def test_several_own_orders_are_all_cancelled(day: Scenario) -> None:
    day.buy("alice", "GOLD", 50)
    day.buy("alice", "GOLD", 51)
    day.buy("alice", "GOLD", 49)
    assert day.sell("alice", "GOLD", 50) == [
        "order 2 of alice: 1 cancelled, 0 open (SELF_TRADE)",
        "order 1 of alice: 1 cancelled, 0 open (SELF_TRADE)",
        "alice offers 1 @ 50: 0 filled, 1 open",
    ]
    assert day.book("GOLD") == table("alice 1 @ 49 | alice 1 @ 50")


def test_decrement_through_several_own_orders(day: Scenario) -> None:
    day.buy("alice", "GOLD", 51, size=1)
    day.buy("alice", "GOLD", 50, size=2)
    assert day.sell("alice", "GOLD", 50, size=4, self_trade=SelfTrade.DECREMENT) == [
        "order 1 of alice: 1 cancelled, 0 open (SELF_TRADE)",
        "order 3 of alice: 1 cancelled, 3 open (SELF_TRADE)",
        "order 2 of alice: 2 cancelled, 0 open (SELF_TRADE)",
        "order 3 of alice: 2 cancelled, 1 open (SELF_TRADE)",
        "alice offers 4 @ 50: 0 filled, 1 open",
    ]


def test_an_immediate_order_cancels_its_own_resting_order_and_then_its_rest(day: Scenario) -> None:
    day.sell("alice", "GOLD", 50)
    assert day.buy("alice", "GOLD", 50, size=2, time_in_force=TimeInForce.IOC) == [
        "order 1 of alice: 1 cancelled, 0 open (SELF_TRADE)",
        "order 2 of alice: 2 cancelled, 0 open (IMMEDIATE_REST)",
        "alice bids 2 @ 50: 0 filled, 0 open",
    ]


def test_an_own_order_beyond_the_limit_is_left_alone(day: Scenario) -> None:
    day.sell("alice", "GOLD", 51)
    day.buy("alice", "GOLD", 50)
    assert day.book("GOLD") == table("alice 1 @ 50 | alice 1 @ 51")
