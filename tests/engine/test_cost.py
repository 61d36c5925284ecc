"""Cost basis and realised profit (rules, section 6). Cost in 1/10,000 chip."""

import pytest

from tests.scenario import Scenario


def trade(day: Scenario, buyer: str, seller: str, at: int | str, size: int | str) -> None:
    day.sell(seller, "GOLD", at, size)
    day.buy(buyer, "GOLD", at, size)


def figures(day: Scenario, who: str) -> tuple[str, int, int]:
    """Position, cost, realised."""
    exposure = day.exposure(who, "GOLD")
    return day.position(who, "GOLD"), exposure.cost, exposure.realised


def test_adding_adds_cost(day: Scenario) -> None:
    trade(day, "alice", "bob", 10, 2)
    trade(day, "alice", "bob", 40, 1)
    assert figures(day, "alice") == ("3", 600_000, 0)
    assert figures(day, "bob") == ("-3", -600_000, 0)


def test_example_6_5_reducing_takes_a_share_of_the_cost_towards_zero(day: Scenario) -> None:
    trade(day, "alice", "bob", 10, "0.02")
    trade(day, "alice", "bob", "10.01", "0.01")
    assert figures(day, "alice") == ("0.03", 3_001, 0)
    trade(day, "bob", "alice", 20, "0.01")
    # 3,001 x 1 div 3 = 1,000 of cost for 2,000 of price; Bob's mirror image rounds towards zero too.
    assert figures(day, "alice") == ("0.02", 2_001, 1_000)
    assert figures(day, "bob") == ("-0.02", -2_001, -1_000)


def test_closing_takes_all_of_it(day: Scenario) -> None:
    trade(day, "alice", "bob", 10, 3)
    trade(day, "bob", "alice", 15, 3)
    assert figures(day, "alice") == ("0", 0, 150_000)
    assert figures(day, "bob") == ("0", 0, -150_000)


def test_example_6_5_turning_around_takes_all_of_it_first(day: Scenario) -> None:
    trade(day, "alice", "bob", 10, 3)
    trade(day, "bob", "alice", 15, 5)
    assert figures(day, "alice") == ("-2", -300_000, 150_000)
    assert figures(day, "bob") == ("2", 300_000, -150_000)


@pytest.mark.parametrize(("price", "realised"), [(0, -300_000), (10, 0), (100, 2_700_000)])
def test_settlement_realises_the_rest(day: Scenario, price: int, realised: int) -> None:
    trade(day, "alice", "bob", 10, 3)
    day.settle("GOLD", price)
    assert figures(day, "alice") == ("0", 0, realised)
    assert figures(day, "bob") == ("0", 0, -realised)


def test_what_was_realised_is_what_the_market_brought(day: Scenario) -> None:
    for buyer, seller, at, size in (
        ("alice", "bob", "33.33", "1.07"),
        ("bob", "alice", "41.01", "0.33"),
        ("carol", "alice", "12.5", "2.01"),
        ("alice", "carol", "77.77", "3.03"),
    ):
        trade(day, buyer, seller, at, size)
    day.settle("GOLD", "50.05")
    for who in ("alice", "bob", "carol"):
        account = day.engine.accounts[day.ids[who]]
        assert figures(day, who) == ("0", 0, account.cash - 10_000_000)


def test_at_negative_prices_a_long_costs_less_than_nothing(day: Scenario) -> None:
    day.market("SPREAD", -50, 50)
    day.sell("bob", "SPREAD", -10, 3)
    day.buy("alice", "SPREAD", -10, 3)
    day.buy("bob", "SPREAD", -5, 1)
    day.sell("alice", "SPREAD", -5, 1)
    alice = day.exposure("alice", "SPREAD")
    assert (alice.position, alice.cost, alice.realised) == (200, -200_000, 50_000)
