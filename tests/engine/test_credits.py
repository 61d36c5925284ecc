"""Credits in an account with one owner (rules, section 2)."""

import pytest

from tests.scenario import Scenario


@pytest.fixture
def desk(day: Scenario) -> Scenario:
    """Alice put 300 into Desk."""
    day.alt("alice", "Desk")
    day.pay("alice", "Desk", 300)
    return day


def earn(day: Scenario, who: str, size: int) -> None:
    """`size` bought from Bob @ 10 and sold to Carol @ 30."""
    day.sell("bob", "GOLD", 10, size)
    day.buy(who, "GOLD", 10, size)
    day.buy("carol", "GOLD", 30, size)
    day.sell(who, "GOLD", 30, size)


def test_credit_is_what_the_owner_put_in(desk: Scenario) -> None:
    assert desk.credit("Desk") == "300"


def test_example_2_1_what_a_flat_account_made_is_its_owners(desk: Scenario) -> None:
    earn(desk, "Desk", 10)
    assert (desk.cash("Desk"), desk.credit("Desk")) == ("500", "300")
    assert desk.pay("Desk", "alice", 50) == [
        "credit in Desk: alice 500",
        "credit in Desk: alice 450",
        "Desk pays alice 50 (WITHDRAWAL)",
    ]


def test_example_2_2_while_it_is_not_flat_the_credit_only_moves(desk: Scenario) -> None:
    earn(desk, "Desk", 10)
    desk.buy("Desk", "GOLD", 1)
    assert desk.pay("Desk", "alice", 50) == ["credit in Desk: alice 250", "Desk pays alice 50 (WITHDRAWAL)"]
    assert desk.pay("alice", "Desk", 20) == ["credit in Desk: alice 270", "alice pays Desk 20 (DEPOSIT)"]


def test_example_2_3_it_stops_at_0(desk: Scenario) -> None:
    earn(desk, "Desk", 10)
    desk.buy("Desk", "GOLD", 1)
    assert desk.pay("Desk", "alice", 400) == ["credit in Desk: alice 0", "Desk pays alice 400 (WITHDRAWAL)"]
    assert desk.pay("Desk", "alice", 99) == ["Desk pays alice 99 (WITHDRAWAL)"]


def test_a_position_is_not_flat_either(desk: Scenario) -> None:
    desk.sell("bob", "GOLD", 10, 5)
    desk.buy("Desk", "GOLD", 10, 5)
    assert desk.pay("Desk", "alice", 50)[0] == "credit in Desk: alice 250"


def test_a_loss_is_the_owners_too(desk: Scenario) -> None:
    desk.sell("bob", "GOLD", 20, 5)
    desk.buy("Desk", "GOLD", 20, 5)
    desk.settle("GOLD", 0)
    assert desk.pay("alice", "Desk", 1) == [
        "credit in Desk: alice 200",
        "credit in Desk: alice 201",
        "alice pays Desk 1 (DEPOSIT)",
    ]


@pytest.fixture
def parked(day: Scenario) -> Scenario:
    """Team is Alice's with 400, which it parked in its alt Cellar, which parked it in its alt Deep."""
    for owner, alt in (("alice", "Team"), ("Team", "Cellar"), ("Cellar", "Deep")):
        day.alt(owner, alt)
        day.pay(owner, alt, 400)
    return day


def test_example_2_4_money_parked_below_counts(parked: Scenario) -> None:
    assert parked.cash("Team") == "0"
    assert parked.pay("alice", "Team", 1) == ["credit in Team: alice 401", "alice pays Team 1 (DEPOSIT)"]


def test_example_2_4_what_was_made_below_is_carried_up_deepest_first(parked: Scenario) -> None:
    parked.gift("Deep", 100)
    assert parked.pay("alice", "Team", 1) == [
        "credit in Deep: Cellar 500",
        "credit in Cellar: Team 500",
        "credit in Team: alice 500",
        "credit in Team: alice 501",
        "alice pays Team 1 (DEPOSIT)",
    ]


def test_flat_accounts_below_are_rebalanced_also_if_the_account_is_not_flat(parked: Scenario) -> None:
    parked.gift("Deep", 100)
    parked.gift("Cellar", 20)
    parked.buy("Cellar", "GOLD", 10)
    assert parked.pay("alice", "Team", 1) == [
        "credit in Deep: Cellar 500",
        "credit in Team: alice 401",
        "alice pays Team 1 (DEPOSIT)",
    ]


def test_an_order_below_keeps_everything_above_from_being_flat(parked: Scenario) -> None:
    parked.gift("Deep", 100)
    parked.buy("Deep", "GOLD", 10)
    assert parked.pay("alice", "Team", 1) == ["credit in Team: alice 401", "alice pays Team 1 (DEPOSIT)"]


def test_only_what_is_below_the_owned_account_is_rebalanced(parked: Scenario) -> None:
    parked.alt("alice", "Other")
    parked.gift("Team", 5)
    parked.gift("Deep", 100)
    assert parked.pay("alice", "Other", 10) == ["credit in Other: alice 10", "alice pays Other 10 (DEPOSIT)"]
    assert parked.pay("Team", "Cellar", 1) == [
        "credit in Deep: Cellar 500",
        "credit in Cellar: Team 500",
        "credit in Cellar: Team 501",
        "Team pays Cellar 1 (DEPOSIT)",
    ]
    assert parked.credit("Team") == "400"


def test_payments_between_people_touch_no_credit(desk: Scenario) -> None:
    assert desk.pay("alice", "bob", 10) == ["alice pays bob 10 (PAYMENT)"]
    assert desk.credit("Desk") == "300"
