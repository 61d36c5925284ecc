"""Bounds that keep every stored figure within 64 bits (rules, section 5)."""

import pytest

from markets.engine.commands import CreateOrder, TimeInForce
from markets.engine.errors import Reason, Rejected
from tests.engine.driver import Driver
from tests.engine.extremes import Extremes
from tests.engine.invariants import INT64
from tests.scenario import Scenario, table

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


@pytest.fixture
def rich() -> Scenario:
    """Alice and Bob have 10^11 each, as much as the largest order can win in GOLD or SILVER."""
    day = Scenario(compare=False)
    day.people("alice", "bob")
    for _ in range(100):
        day.gift("alice", 10**9)
        day.gift("bob", 10**9)
    day.market("GOLD", 0, 1_000_000)
    day.market("SILVER", 0, 1_000_000)
    return day


def lose(day: Scenario, loser: str, winner: str, market: str) -> None:
    """The loser sells for nothing what they buy back at the highest price: 10^11 change hands."""
    day.sell(loser, market, 0, LARGEST_SIZE)
    day.buy(winner, market, 0, LARGEST_SIZE)
    day.sell(winner, market, 1_000_000, LARGEST_SIZE)
    day.buy(loser, market, 1_000_000, LARGEST_SIZE)


def test_example_5_8_what_is_realised_counts(rich: Scenario) -> None:
    """Each round ends with the money where it was, and 2 x 10^11 more realised by both."""
    for _ in range(49):
        lose(rich, "alice", "bob", "GOLD")
        lose(rich, "bob", "alice", "SILVER")
    lose(rich, "alice", "bob", "GOLD")
    assert rich.cash("bob") == "200000000000"
    with pytest.raises(
        Rejected, match=r"9,900,000,000,000 of realised profits and losses.* the limit is 10,000,"
    ) as no:
        rich.sell("bob", "SILVER", 0, LARGEST_SIZE)
    assert no.value.reason == Reason.POSITION_LIMIT
    for who in ("alice", "bob"):
        assert rich.engine.accounts[rich.ids[who]].notional == 99 * 10**15


def test_what_is_realised_counts_after_settlement_and_a_restart(rich: Scenario) -> None:
    for _ in range(49):
        lose(rich, "alice", "bob", "GOLD")
        lose(rich, "bob", "alice", "SILVER")
    rich.settle("GOLD", 0)
    rich.settle("SILVER", 0)
    rich.market("LEAD", 0, 1_000_000)
    lose(rich, "alice", "bob", "LEAD")
    with rich.refuses(Reason.POSITION_LIMIT):
        rich.sell("bob", "LEAD", 0, LARGEST_SIZE)


def test_before_version_4_what_was_realised_went_past_64_bits(rich: Scenario) -> None:
    """A replay of entries from then accepts what was accepted; 10^15 units a round, so 9,300 rounds are enough."""
    rich.engine.rules = 3
    for _ in range(9_300):
        lose(rich, "alice", "bob", "GOLD")
        lose(rich, "bob", "alice", "SILVER")
        rich.history.clear()
    realised = [abs(rich.exposure("alice", market).realised) for market in ("GOLD", "SILVER")]
    assert min(realised) > INT64


def test_a_credit_ends_at_all_the_money_there_is(rich: Scenario) -> None:
    """Desk is not flat, and an operator takes out what Alice puts in: her credit only grows."""
    rich.alt("alice", "Desk")
    rich.buy("Desk", "GOLD", 0)
    for _ in range(10_001):
        rich.pay("alice", "Desk", 10**9)
        rich.pay("Desk", "bob", 10**9, by="operator")
        rich.pay("bob", "alice", 10**9)
        rich.history.clear()
    assert rich.credit("Desk") == str(10**13)
    rich.pay("alice", "Desk", 1)
    rich.pay("Desk", "alice", "0.5")
    assert rich.credit("Desk") == f"{10**13 - 1}.5"


@pytest.mark.parametrize("seed", range(3))
def test_who_plays_at_the_bounds_stays_within_64_bits(seed: int) -> None:
    """With the oracle; tests/engine/invariants.py holds every figure to 64 bits."""
    driver = Driver(seed)
    driver.generator = Extremes(driver.rng, driver.engine)
    driver.run(4_000)
    assert driver.answers["POSITION_LIMIT"] > 10
    realised = [x.realised for account in driver.engine.accounts.values() for x in account.exposures.values()]
    assert max(map(abs, realised)) > 10**16


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
