"""Settling pays every holder position x price and ends the market (rules, section 4)."""

import pytest

from markets.engine.commands import MarketStatus
from markets.engine.errors import Reason
from tests.scenario import Scenario, table


@pytest.fixture
def traded(day: Scenario) -> Scenario:
    """Alice owns LEAD, which settles from 0 to 100. Bob is long 3 bought @ 30, Carol short as much; both quote."""
    day.market("LEAD", 0, 100, owner="alice")
    day.sell("carol", "LEAD", 30, size=3)
    day.buy("bob", "LEAD", 30, size=3)
    day.buy("bob", "LEAD", 20)
    day.sell("carol", "LEAD", 40)
    return day


def test_example_4_2_everybody_is_paid_and_the_book_emptied(traded: Scenario) -> None:
    sentences = traded.settle("LEAD", 70, who="alice")
    assert sorted(sentences[:-1]) == [
        "bob gets 210 for 3 in LEAD",
        "carol gets -210 for -3 in LEAD",
        "order 3 of bob: 1 cancelled, 0 open (BY_SETTLEMENT)",
        "order 4 of carol: 1 cancelled, 0 open (BY_SETTLEMENT)",
    ]
    assert sentences[-1] == "LEAD settles at 70"
    assert (traded.cash("bob"), traded.cash("carol")) == ("1120", "880")
    assert (traded.available("bob"), traded.available("carol")) == ("1120", "880")
    assert (traded.position("bob", "LEAD"), traded.position("carol", "LEAD")) == ("0", "0")
    assert traded.book("LEAD") == ""


@pytest.mark.parametrize("price", [0, "0.01", "33.33", 100])
def test_any_price_within_the_bounds_with_two_decimals(traded: Scenario, price: int | str) -> None:
    assert traded.settle("LEAD", price)[-1] == f"LEAD settles at {price}"


@pytest.mark.parametrize("price", ["-0.01", "100.01", str(10**28), str(-(10**28))])
def test_outside_the_bounds_is_refused(traded: Scenario, price: str) -> None:
    with traded.refuses(Reason.INVALID_PRICE):
        traded.settle("LEAD", price)


def test_the_price_need_not_be_on_the_tick(day: Scenario) -> None:
    day.market("COARSE", 0, 100, tick=5)
    assert day.settle("COARSE", "12.34") == ["COARSE settles at 12.34"]


def test_a_payout_of_0_is_an_event_too(traded: Scenario) -> None:
    assert {"bob gets 0 for 3 in LEAD", "carol gets 0 for -3 in LEAD"} <= set(traded.settle("LEAD", 0))


def test_who_is_flat_gets_no_payout(traded: Scenario) -> None:
    traded.sell("bob", "LEAD", 20, size=3)
    traded.buy("dave", "LEAD", 20, size=3)
    sentences = traded.settle("LEAD", 70)
    assert [sentence for sentence in sentences if "gets" in sentence] == [
        "carol gets -210 for -3 in LEAD",
        "dave gets 210 for 3 in LEAD",
    ]


def test_twice_is_refused(traded: Scenario) -> None:
    traded.settle("LEAD", 70)
    with traded.refuses(Reason.MARKET_SETTLED):
        traded.settle("LEAD", 70)
    with traded.refuses(Reason.MARKET_SETTLED):
        traded.settle("LEAD", 70, who="alice")


def test_example_4_3_the_owner_may_not_settle_while_holding_a_position(traded: Scenario) -> None:
    traded.buy("alice", "LEAD", 40)
    with traded.refuses(Reason.SETTLER_HAS_POSITION):
        traded.settle("LEAD", 70, who="alice")
    traded.sell("alice", "LEAD", 20)
    assert traded.settle("LEAD", 70, who="alice")[-1] == "LEAD settles at 70"


def test_example_4_3_positions_of_accounts_that_one_may_act_as_count(traded: Scenario) -> None:
    traded.alt("alice", "Desk")
    traded.alt("Desk", "Book")
    traded.pay("alice", "Desk", 200)
    traded.pay("Desk", "Book", 100)
    traded.buy("Book", "LEAD", 40)
    with traded.refuses(Reason.SETTLER_HAS_POSITION):
        traded.settle("LEAD", 70, who="alice")


def test_open_orders_do_not_keep_the_owner_from_settling(traded: Scenario) -> None:
    traded.buy("alice", "LEAD", 10)
    assert traded.settle("LEAD", 70, who="alice")[-1] == "LEAD settles at 70"


def test_an_operator_in_sudo_may_settle_anything(day: Scenario) -> None:
    day.gift("operator", 1_000)
    day.sell("bob", "GOLD", 50)
    day.buy("operator", "GOLD", 50)
    assert day.settle("GOLD", 70)[-1] == "GOLD settles at 70"


def test_others_may_not(traded: Scenario) -> None:
    with traded.refuses(Reason.SUDO_REQUIRED):
        traded.settle("LEAD", 70, who="dave")


def test_a_paused_or_closed_market_settles_too(traded: Scenario) -> None:
    traded.status("LEAD", MarketStatus.CLOSED)
    assert traded.settle("LEAD", 100, who="alice") == [
        "carol gets -300 for -3 in LEAD",
        "bob gets 300 for 3 in LEAD",
        "LEAD settles at 100",
    ]


def test_other_markets_go_on(traded: Scenario) -> None:
    traded.buy("bob", "GOLD", 50)
    traded.settle("LEAD", 70)
    assert traded.book("GOLD") == table("bob 1 @ 50 |")
    assert traded.available("bob") == "1070"


def test_settlement_frees_what_could_have_been_lost(day: Scenario) -> None:
    day.sell("carol", "GOLD", 30, size=5)
    day.buy("bob", "GOLD", 30, size=5)
    assert day.available("carol") == "650"
    day.settle("GOLD", 0)
    assert day.available("carol") == "1150"
