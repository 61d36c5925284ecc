"""A refused command changes nothing, and every code of the engine can be provoked."""

from collections.abc import Callable

import pytest

from markets.engine.commands import BuyAuction, CreateMarket, CreateOrder, CreateUserAccount, MarketStatus, TimeInForce
from markets.engine.errors import Reason, Rejected
from tests.scenario import OPERATOR, Scenario

# Codes of what stands before the engine: frames, rates, the queue, the comparison of repeated bodies, and the tables of
# orders that are not open.
NOT_THE_ENGINES = {
    Reason.INVALID_FRAME,
    Reason.RATE_LIMITED,
    Reason.BUSY,
    Reason.EXPIRED,
    Reason.OUTCOME_UNKNOWN,
    Reason.INTERNAL,
    Reason.QUARANTINED,
    Reason.KEY_CONFLICT,
    Reason.ORDER_FILLED,
    Reason.ORDER_CANCELLED,
}


def too_many_orders(day: Scenario) -> None:
    for _ in range(1_001):
        day.buy("alice", "GOLD", "0.5")


def too_many_markets(day: Scenario) -> None:
    day.do(CreateMarket(*day.head("alice", "", ""), "TIN", "", 0, 100, 1, 1, markets_max=0))


def position_limit(day: Scenario) -> None:
    day.market("DEAR", "999999.99", 1_000_000)
    for _ in range(101):
        day.buy("alice", "DEAR", "999999.99", 100_000)


def issue_limit(day: Scenario) -> None:
    for _ in range(10_001):
        day.gift("alice", 10**9)


def too_many_accounts(day: Scenario) -> None:
    for number in range(51):
        day.alt("alice", f"alt {number}")


def order_in(day: Scenario, status: MarketStatus) -> None:
    day.status("GOLD", status)
    day.buy("alice", "GOLD", 50)


def settled(day: Scenario) -> None:
    day.settle("GOLD", 50)
    day.buy("alice", "GOLD", 50)


def settler_has_position(day: Scenario) -> None:
    day.market("LEAD", 0, 100, owner="alice")
    day.sell("bob", "LEAD", 50)
    day.buy("alice", "LEAD", 50)
    day.settle("LEAD", 50, who="alice")


def last_owner(day: Scenario) -> None:
    day.alt("alice", "Team")
    day.leave("alice", "Team")


def team(day: Scenario) -> Scenario:
    """Team is Alice's and Bob's; each has 50 in it."""
    day.alt("alice", "Team")
    day.share("alice", "Team", "bob")
    day.pay("alice", "Team", 50)
    day.pay("bob", "Team", 50)
    return day


def not_flat(day: Scenario) -> None:
    team(day).buy("Team", "GOLD", 1)
    day.leave("bob", "Team")


def post_only(day: Scenario) -> None:
    day.sell("bob", "GOLD", 50)
    day.buy("alice", "GOLD", 50, post_only=True)


def lamp(day: Scenario, at: int | None = 30) -> Scenario:
    """Alice sells a lamp."""
    day.auction("alice", "lamp", at)
    return day


PROVOKED: dict[Reason, Callable[[Scenario], object]] = {
    Reason.NOT_AUTHENTICATED: lambda day: day.do(CreateUserAccount(0, 0, False, "", "nobody", 0)),
    Reason.NOT_ALLOWED: last_owner,
    Reason.INSUFFICIENT_CREDIT: lambda day: team(day).pay("Team", "bob", 51),
    Reason.SHARED_ACCOUNT_NOT_FLAT: not_flat,
    Reason.ALREADY_OWNER: lambda day: team(day).share("alice", "Team", "bob"),
    Reason.NOT_A_USER: lambda day: team(day).share("alice", "Team", "Team"),
    Reason.CREDIT_REMAINS: lambda day: team(day).leave("bob", "Team"),
    Reason.SUDO_REQUIRED: lambda day: day.gift("alice", 1, by="alice"),
    Reason.ACCOUNT_NOT_FOUND: lambda day: day.buy("alice", "GOLD", 50, by="bob"),
    Reason.INVALID_NAME: lambda day: day.alt("alice", " "),
    Reason.NAME_TAKEN: lambda day: day.alt("alice", "bob"),
    Reason.INVALID_TEXT: lambda day: day.pay("alice", "bob", 1, "x" * 201),
    Reason.INVALID_AMOUNT: lambda day: day.pay("alice", "bob", 0),
    Reason.INSUFFICIENT_FUNDS: lambda day: day.pay("alice", "bob", 1_001),
    Reason.ISSUE_LIMIT: issue_limit,
    Reason.SAME_ACCOUNT: lambda day: day.pay("alice", "alice", 1),
    Reason.TOO_MANY_ACCOUNTS: too_many_accounts,
    Reason.MARKET_NOT_FOUND: lambda day: day.do(CreateOrder(*day.head("alice", "", ""), 9, 1, 1, 1, 0, False, 0)),
    Reason.INVALID_MARKET: lambda day: day.market("LEAD", 100, 0),
    Reason.MARKET_PAUSED: lambda day: order_in(day, MarketStatus.PAUSED),
    Reason.MARKET_CLOSED: lambda day: order_in(day, MarketStatus.CLOSED),
    Reason.MARKET_SETTLED: settled,
    Reason.SETTLER_HAS_POSITION: settler_has_position,
    Reason.TOO_MANY_MARKETS: too_many_markets,
    Reason.INVALID_ORDER: lambda day: day.buy("alice", "GOLD", 1, post_only=True, time_in_force=TimeInForce.IOC),
    Reason.INVALID_PRICE: lambda day: day.buy("alice", "GOLD", 101),
    Reason.INVALID_SIZE: lambda day: day.buy("alice", "GOLD", 50, size=0),
    Reason.TOO_MANY_ORDERS: too_many_orders,
    Reason.POSITION_LIMIT: position_limit,
    Reason.POST_ONLY_WOULD_TRADE: post_only,
    Reason.FOK_NOT_FILLABLE: lambda day: day.buy("alice", "GOLD", 50, time_in_force=TimeInForce.FOK),
    Reason.ORDER_NOT_FOUND: lambda day: day.cancel("alice", 1),
    Reason.AUCTION_NOT_FOUND: lambda day: day.do(BuyAuction(*day.head("bob", "", ""), 9, 0)),
    Reason.AUCTION_SETTLED: lambda day: (lamp(day).buy_auction("bob", "lamp", 30), day.withdraw("alice", "lamp")),
    Reason.PRICE_CHANGED: lambda day: lamp(day).buy_auction("bob", "lamp", 29),
    Reason.NO_PRICE: lambda day: lamp(day, None).buy_auction("bob", "lamp", 30),
    Reason.SAME_PERSON: lambda day: (lamp(day).alt("alice", "Desk"), day.buy_auction("Desk", "lamp", 30)),
}


@pytest.fixture
def alone() -> Scenario:
    """Like `day`, without the oracle: some refusals take thousands of commands to provoke."""
    day = Scenario(compare=False)
    day.people("alice", "bob", cash=1_000)
    day.market("GOLD", 0, 100)
    return day


def test_every_code_is_in_one_of_the_two_lists() -> None:
    assert set(PROVOKED) | NOT_THE_ENGINES == set(Reason)
    assert not set(PROVOKED) & NOT_THE_ENGINES


@pytest.mark.parametrize("reason", PROVOKED)
def test_every_code_can_be_provoked_and_changes_nothing(alone: Scenario, reason: Reason) -> None:
    with alone.refuses(reason):
        PROVOKED[reason](alone)
    accepted = alone.engine.digest()
    with pytest.raises(Rejected):
        alone.engine.apply(alone.last_asked, alone.at_us + 1)
    assert alone.engine.digest() == accepted
    again = Scenario.replay(alone.history)
    assert again.digest() == accepted, "what was refused left a trace"


@pytest.mark.parametrize("reason", PROVOKED)
def test_every_refusal_says_why_in_a_sentence(alone: Scenario, reason: Reason) -> None:
    with pytest.raises(Rejected) as refused:
        PROVOKED[reason](alone)
    assert refused.value.message[0].isupper()
    assert refused.value.message.endswith(".")


def test_a_refused_order_cancels_nothing(day: Scenario) -> None:
    """The order would cancel Alice's own offer, but she cannot afford it."""
    day.sell("alice", "GOLD", 50)
    day.sell("bob", "GOLD", 51)
    with day.refuses(Reason.INSUFFICIENT_FUNDS):
        day.buy("alice", "GOLD", 60, size=100)
    assert day.book("GOLD").splitlines() == [" | alice 1 @ 50", " | bob 1 @ 51"]


def test_a_refusal_is_not_counted(day: Scenario) -> None:
    head, orders = day.engine.seq, day.engine.next_order
    with day.refuses(Reason.INVALID_PRICE):
        day.buy("alice", "GOLD", 101)
    assert (day.engine.seq, day.engine.next_order) == (head, orders)


def test_orders_are_checked_in_the_order_of_section_5(day: Scenario) -> None:
    """One order breaks all rules. It is corrected step by step, from the first check to the last."""
    day.status("GOLD", MarketStatus.PAUSED)
    order = CreateOrder(day.users["bob"], day.ids["alice"], False, "", 99, 1, 10_001, 10**9, 0, True, 0)
    for reason, corrected in (
        (Reason.ACCOUNT_NOT_FOUND, order),
        (Reason.MARKET_NOT_FOUND, order := order._replace(by=day.users["alice"])),
        (Reason.MARKET_PAUSED, order := order._replace(market=1)),
    ):
        with day.refuses(reason):
            day.do(corrected)
    day.status("GOLD", MarketStatus.OPEN)
    day.sell("bob", "GOLD", 1)
    for reason, corrected in (
        (Reason.INVALID_PRICE, order := order._replace(size=100_000_00)),
        (Reason.INVALID_SIZE, (order := order._replace(price=10_000))._replace(size=0)),
        (Reason.POST_ONLY_WOULD_TRADE, order),
        (Reason.FOK_NOT_FILLABLE, order := order._replace(post_only=False, time_in_force=TimeInForce.FOK)),
        (Reason.INSUFFICIENT_FUNDS, order := order._replace(time_in_force=TimeInForce.GTC)),
    ):
        with day.refuses(reason):
            day.do(corrected)
    assert day.do(order._replace(size=100))[0] == "alice buys 1 @ 1 from bob"


def test_sudo_is_no_shortcut_for_funds_or_shape(day: Scenario) -> None:
    for reason, price, size in ((Reason.INSUFFICIENT_FUNDS, 50, 21), (Reason.INVALID_PRICE, 101, 1)):
        with day.refuses(reason):
            day.buy("alice", "GOLD", price, size, by=OPERATOR)
