"""Bounds that keep every stored figure within 64 bits (rules, section 5)."""

import pytest

from markets.engine.commands import CreateOrder, TimeInForce
from markets.engine.errors import Reason
from tests.scenario import Scenario, table

INT64 = 2**63 - 1
HUGE = 10**30
LARGEST_SIZE = 100_000


@pytest.fixture
def dear() -> Scenario:
    """DEAR settles between the two highest prices there are. Bids at its minimum can lose nothing."""
    day = Scenario(compare=False)
    day.people("alice", "bob")
    day.market("DEAR", "999999.99", 1_000_000)
    return day


@pytest.mark.parametrize("price", ["-0.01", "100.01", str(HUGE), str(-HUGE)])
def test_a_price_outside_the_bounds(day: Scenario, price: str) -> None:
    with day.refuses(Reason.INVALID_PRICE):
        day.buy("alice", "GOLD", price)


def test_a_price_off_the_tick(day: Scenario) -> None:
    day.market("COARSE", -10, 100, tick="2.5")
    for off in ("1", "2.51", "-2.4", "99.99"):
        with day.refuses(Reason.INVALID_PRICE):
            day.sell("alice", "COARSE", off)
    for on in ("-10", "-2.5", "0", "97.5", "100"):
        day.sell("alice", "COARSE", on)


@pytest.mark.parametrize("size", ["0", "-1", "-0.01", "100000.01", str(HUGE), str(-HUGE)])
def test_a_size_that_is_not_allowed(day: Scenario, size: str) -> None:
    with day.refuses(Reason.INVALID_SIZE):
        day.sell("alice", "GOLD", 100, size)


def test_a_size_that_is_no_multiple_of_the_smallest(day: Scenario) -> None:
    day.market("LOTS", 0, 100, smallest=5)
    with day.refuses(Reason.INVALID_SIZE):
        day.buy("alice", "LOTS", 1, size=7)
    day.buy("alice", "LOTS", 1, size=15)


def test_the_largest_order(day: Scenario) -> None:
    day.sell("alice", "GOLD", 100, LARGEST_SIZE)
    assert day.buy("bob", "GOLD", 0, LARGEST_SIZE) == ["bob bids 100000 @ 0: 0 filled, 100000 open"]
    assert day.book("GOLD") == table("bob 100000 @ 0 | alice 100000 @ 100")


def test_a_thousand_open_orders_a_market() -> None:
    day = Scenario(compare=False)
    day.people("alice", "bob", cash=100_000)
    day.market("GOLD", 0, 100)
    day.market("SILVER", 0, 100)
    for number in range(1_000):
        day.buy("alice", "GOLD", 1 + number % 7, size="0.01")
    with day.refuses(Reason.TOO_MANY_ORDERS):
        day.buy("alice", "GOLD", 5)
    with day.refuses(Reason.TOO_MANY_ORDERS):
        day.sell("alice", "GOLD", 99)
    day.buy("alice", "SILVER", 5)
    day.buy("bob", "GOLD", 5)
    day.cancel("alice", 1)
    day.buy("alice", "GOLD", 5)


def test_an_order_that_cannot_rest_is_not_one_too_many() -> None:
    day = Scenario(compare=False)
    day.people("alice", "bob", cash=100_000)
    day.market("GOLD", 0, 100)
    for _ in range(1_000):
        day.buy("alice", "GOLD", 1, size="0.01")
    day.sell("bob", "GOLD", 50)
    sentences = day.buy("alice", "GOLD", 50, time_in_force=TimeInForce.IOC)
    assert sentences[0] == "alice buys 1 @ 50 from bob"


def test_limits_come_before_funds(day: Scenario) -> None:
    """10^17 units are 10^13 chips: a hundred of the largest orders at the highest price."""
    day.market("DEAR", -1_000_000, 1_000_000)
    with day.refuses(Reason.INSUFFICIENT_FUNDS):
        day.buy("alice", "DEAR", 1_000_000, LARGEST_SIZE)


def test_position_limit_at_the_last_unit(dear: Scenario) -> None:
    for _ in range(100):
        dear.buy("alice", "DEAR", "999999.99", LARGEST_SIZE)
    alice = dear.engine.accounts[dear.ids["alice"]]
    assert (alice.notional, alice.available) == (10**17, 0)
    with dear.refuses(Reason.POSITION_LIMIT):
        dear.buy("alice", "DEAR", "999999.99", "0.01")


def test_position_limit_counts_cash(dear: Scenario) -> None:
    dear.gift("alice", "0.0001")
    for _ in range(99):
        dear.buy("alice", "DEAR", "999999.99", LARGEST_SIZE)
    with dear.refuses(Reason.POSITION_LIMIT):
        dear.buy("alice", "DEAR", "999999.99", LARGEST_SIZE)
    dear.buy("alice", "DEAR", "999999.99", "99999.99")


def test_position_limit_counts_every_unsettled_market(dear: Scenario) -> None:
    dear.market("ALSO", "999999.99", 1_000_000)
    for _ in range(100):
        dear.buy("alice", "DEAR", "999999.99", LARGEST_SIZE)
    with dear.refuses(Reason.POSITION_LIMIT):
        dear.buy("alice", "ALSO", "999999.99", "0.01")
    dear.settle("DEAR", 1_000_000)
    dear.buy("alice", "ALSO", "999999.99", "0.01")


def test_position_limit_counts_the_larger_side_only(dear: Scenario) -> None:
    for _ in range(100):
        dear.buy("alice", "DEAR", "999999.99", LARGEST_SIZE)
    dear.sell("alice", "DEAR", 1_000_000, LARGEST_SIZE)
    assert dear.engine.accounts[dear.ids["alice"]].notional == 10**17


def test_the_largest_fills_and_settlement_fit_64_bits(dear: Scenario) -> None:
    for _ in range(100):
        dear.buy("alice", "DEAR", "999999.99", LARGEST_SIZE)
    dear.gift("bob", 1_000_000)
    for _ in range(50):  # what bob is owed counts as much as what he owes
        dear.sell("bob", "DEAR", "999999.99", LARGEST_SIZE)
    with dear.refuses(Reason.POSITION_LIMIT):
        dear.sell("bob", "DEAR", "999999.99", LARGEST_SIZE)
    stored = [abs(a.cash) for a in dear.engine.accounts.values()]
    stored += [
        abs(figure)
        for a in dear.engine.accounts.values()
        for x in a.exposures.values()
        for figure in (
            x.position,
            x.bid_value,
            x.offer_value,
            x.worst_case,
            x.notional,
            x.cost,
            x.realised,
            a.available,
        )
    ]
    assert max(stored) > 10**16
    assert max(stored) <= INT64
    dear.settle("DEAR", 1_000_000)
    assert sum(a.cash for a in dear.engine.accounts.values()) == 0
    assert dear.cash("alice") == "50000"


def test_limits_are_checked_before_post_only_and_fok(dear: Scenario) -> None:
    for _ in range(100):
        dear.buy("alice", "DEAR", "999999.99", LARGEST_SIZE)
    dear.sell("bob", "DEAR", 1_000_000)
    with dear.refuses(Reason.POSITION_LIMIT):
        dear.buy("alice", "DEAR", 1_000_000, post_only=True)
    with dear.refuses(Reason.POSITION_LIMIT):
        dear.buy("alice", "DEAR", "999999.99", time_in_force=TimeInForce.FOK)


@pytest.mark.parametrize("market", [0, 2, -1, HUGE, -HUGE])
def test_an_unknown_market(day: Scenario, market: int) -> None:
    with day.refuses(Reason.MARKET_NOT_FOUND):
        day.do(CreateOrder(*day.head("alice", "", ""), market, 1, 100, 100, 0, False, 0))


@pytest.mark.parametrize("account", [0, 99, -1, HUGE])
def test_an_unknown_acting_account(day: Scenario, account: int) -> None:
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.do(CreateOrder(day.users["alice"], account, False, "", 1, 1, 100, 100, 0, False, 0))
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.do(CreateOrder(day.users["operator"], account, True, "", 1, 1, 100, 100, 0, False, 0))
