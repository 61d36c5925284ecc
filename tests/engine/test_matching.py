"""Price, then time; trades at the resting price (rules, section 5)."""

import pytest

from tests.scenario import Scenario, table


def test_example_5_1_a_bid_takes_the_best_offers_first(day: Scenario) -> None:
    day.sell("bob", "GOLD", 48, size=3)
    day.sell("carol", "GOLD", 49, size=5)
    day.sell("dave", "GOLD", 50, size=4)
    assert day.buy("alice", "GOLD", 50, size=10) == [
        "alice buys 3 @ 48 from bob",
        "alice buys 5 @ 49 from carol",
        "alice buys 2 @ 50 from dave",
        "alice bids 10 @ 50: 10 filled, 0 open",
    ]
    assert day.book("GOLD") == table("| dave 2 @ 50")


def test_an_offer_takes_the_best_bids_first(day: Scenario) -> None:
    day.buy("bob", "GOLD", 48, size=3)
    day.buy("carol", "GOLD", 50, size=2)
    day.buy("dave", "GOLD", 49, size=1)
    assert day.sell("alice", "GOLD", 49, size=10) == [
        "alice sells 2 @ 50 to carol",
        "alice sells 1 @ 49 to dave",
        "alice offers 10 @ 49: 3 filled, 7 open",
    ]
    assert day.book("GOLD") == table("bob 3 @ 48 | alice 7 @ 49")


def test_at_one_price_the_oldest_order_comes_first(day: Scenario) -> None:
    for who in ("carol", "bob", "dave"):
        day.sell(who, "GOLD", 50, size=1)
    assert day.buy("alice", "GOLD", 50, size=2) == [
        "alice buys 1 @ 50 from carol",
        "alice buys 1 @ 50 from bob",
        "alice bids 2 @ 50: 2 filled, 0 open",
    ]


def test_example_5_2_a_partly_filled_order_keeps_its_place(day: Scenario) -> None:
    day.sell("bob", "GOLD", 50, size=3)
    day.sell("carol", "GOLD", 50, size=3)
    day.buy("alice", "GOLD", 50, size=2)
    assert day.book("GOLD") == table("""
        | bob 1 @ 50
        | carol 3 @ 50
    """)
    assert day.buy("alice", "GOLD", 50, size=2)[:2] == ["alice buys 1 @ 50 from bob", "alice buys 1 @ 50 from carol"]


@pytest.mark.parametrize("limit", [50, 60, 100])
def test_the_trade_is_at_the_resting_price(day: Scenario, limit: int) -> None:
    day.sell("bob", "GOLD", 50, size=2)
    assert day.buy("alice", "GOLD", limit, size=2)[0] == "alice buys 2 @ 50 from bob"
    assert (day.cash("alice"), day.cash("bob")) == ("900", "1100")


def test_what_does_not_trade_rests_at_its_limit(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, size=10)
    day.buy("bob", "GOLD", 41, size=1)
    day.sell("carol", "GOLD", 42, size=2)
    day.sell("dave", "GOLD", "41.5", size=3)
    assert day.book("GOLD") == table("""
        bob 1 @ 41    | dave 3 @ 41.5
        alice 10 @ 40 | carol 2 @ 42
    """)


def test_an_order_may_trade_now_and_rest_after(day: Scenario) -> None:
    day.sell("bob", "GOLD", 50, size=2)
    assert day.buy("alice", "GOLD", 51, size=5) == [
        "alice buys 2 @ 50 from bob",
        "alice bids 5 @ 51: 2 filled, 3 open",
    ]
    assert day.book("GOLD") == table("alice 3 @ 51 |")
    assert day.sell("carol", "GOLD", 51, size=3)[0] == "carol sells 3 @ 51 to alice"


def test_markets_do_not_mix(day: Scenario) -> None:
    day.market("SILVER", 0, 100)
    day.sell("bob", "GOLD", 50)
    day.buy("alice", "SILVER", 60)
    assert day.book("GOLD") == table("| bob 1 @ 50")
    assert day.book("SILVER") == table("alice 1 @ 60 |")


def test_negative_prices_trade_like_others(day: Scenario) -> None:
    day.market("SPREAD", -50, 50)
    day.sell("bob", "SPREAD", "-10.25", size=2)
    day.buy("carol", "SPREAD", "-20", size=2)
    assert day.buy("alice", "SPREAD", -10, size=1)[0] == "alice buys 1 @ -10.25 from bob"
    assert day.cash("alice") == "1010.25"
    assert day.sell("dave", "SPREAD", -20, size=2)[0] == "dave sells 2 @ -20 to carol"
    assert day.cash("dave") == "960"


def test_accounts_of_one_person_may_trade_with_each_other(day: Scenario) -> None:
    day.alt("alice", "Desk")
    day.pay("alice", "Desk", 100)
    day.sell("Desk", "GOLD", 50)
    assert day.buy("alice", "GOLD", 50)[0] == "alice buys 1 @ 50 from Desk"
