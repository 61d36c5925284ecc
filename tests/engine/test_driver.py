"""Random days at the exchange: 200,000 commands here, 2,000,000 in `make soak`. SEED=<number> repeats a day.

The planted bugs break rules of the engine on purpose, to prove that the driver notices.
"""

import os
from collections.abc import Callable
from random import SystemRandom

import pytest

from markets.engine import auction, credits, ledger, listing, orders, settlement, transfers, visibility
from markets.engine.book import BookSide, Market, Order
from markets.engine.engine import Engine
from markets.engine.errors import Reason, Rejected
from markets.engine.events import Event
from markets.engine.ledger import Account, Exposure
from markets.engine.state import Changed
from tests.engine.driver import Driver, Failure

DAYS, SOAK_DAYS = range(2), range(4)  # each has its own exchange, so that they can run in parallel
COMMANDS = 50_000  # per day
SOAK_COMMANDS = 500_000
SEED = 20_260
PLANTED_SEED = 21
PLANTED_COMMANDS = 4_000

# Every day must have each of these answers and events, or the driver does not reach a rule.
ANSWERS = {
    # accepted commands, and a repeated key
    "CreateHouse",
    "CreateUserAccount",
    "CreateAccount",
    "MakeTransfer",
    "Gift",
    "CreateMarket",
    "EditMarket",
    "ShareAccount",
    "LeaveAccount",
    "RevokeShare",
    "Redistribute",
    "Collect",
    "SetMarketStatus",
    "SettleMarket",
    "CreateOrder",
    "CancelOrder",
    "Out",
    "CreateAuction",
    "EditAuction",
    "WithdrawAuction",
    "BuyAuction",
    "SettleAuction",
    "repeated",
    # events
    "Traded",
    "OrderCancelled",
    "NO_LONGER_LISTED",
    "PaidOut",
    "CreditsChanged",
    # refusals
    "NOT_A_USER",
    "ALREADY_OWNER",
    "CREDIT_REMAINS",
    "SHARED_ACCOUNT_NOT_FLAT",
    "INSUFFICIENT_CREDIT",
    "NOT_ALLOWED",
    "SUDO_REQUIRED",
    "ACCOUNT_NOT_FOUND",
    "INVALID_NAME",
    "NAME_TAKEN",
    "INVALID_TEXT",
    "INVALID_AMOUNT",
    "INSUFFICIENT_FUNDS",
    "SAME_ACCOUNT",
    "TOO_MANY_ACCOUNTS",
    "MARKET_NOT_FOUND",
    "INVALID_MARKET",
    "MARKET_PAUSED",
    "MARKET_CLOSED",
    "MARKET_SETTLED",
    "SETTLER_HAS_POSITION",
    "INVALID_PRICE",
    "INVALID_SIZE",
    "AUCTION_NOT_FOUND",
    "AUCTION_SETTLED",
    "PRICE_CHANGED",
    "NO_PRICE",
    "SAME_PERSON",
    "POST_ONLY_WOULD_TRADE",
    "FOK_NOT_FILLABLE",
    "ORDER_NOT_FOUND",
}


def drive(seed: int, commands: int) -> Driver:
    print(f"SEED={seed}")
    driver = Driver(seed)
    driver.run(commands)
    print(f"{driver.commands:,} commands:", dict(driver.answers.most_common()))
    return driver


@pytest.mark.parametrize("day", DAYS)
def test_days(day: int) -> None:
    driver = drive(int(os.environ.get("SEED", SEED + day)), COMMANDS)
    assert driver.commands == COMMANDS
    assert set(driver.answers) >= ANSWERS


@pytest.mark.soak
@pytest.mark.parametrize("day", SOAK_DAYS)
def test_long_days(day: int) -> None:
    driver = drive(int(os.environ.get("SEED", SystemRandom().randrange(10**9))), SOAK_COMMANDS)
    assert driver.commands == SOAK_COMMANDS


def test_a_seed_repeats_a_day() -> None:
    days = [Driver(PLANTED_SEED, keep=True) for _ in range(2)]
    for driver in days:
        driver.run(1_000)
    assert days[0].accepted == days[1].accepted
    assert days[0].engine.digest() == days[1].engine.digest()


# --- Planted bugs


def newest_first(planted: pytest.MonkeyPatch) -> None:
    add = BookSide.add

    def add_in_front(side: BookSide, order: Order) -> None:
        add(side, order)
        side.levels[order.price * side.sign].move_to_end(order.id, last=False)

    planted.setattr(BookSide, "add", add_in_front)


def trades_at_another_price(planted: pytest.MonkeyPatch) -> None:
    fill = ledger.book_fill
    planted.setattr(
        orders, "book_fill", lambda account, exposure, size, price: fill(account, exposure, size, price + 1)
    )


def cost_rounded_the_other_way(planted: pytest.MonkeyPatch) -> None:
    fill = ledger.book_fill

    def fill_and_round(account: Account, exposure: Exposure, size: int, price: int) -> None:
        before, cost = exposure.position, exposure.cost
        fill(account, exposure, size, price)
        if abs(exposure.position) < abs(before) and exposure.position and cost * size % before:
            exposure.cost -= 1
            exposure.realised -= 1

    planted.setattr(orders, "book_fill", fill_and_round)


def a_unit_too_generous(planted: pytest.MonkeyPatch) -> None:
    refresh = ledger.refresh

    def refresh_and_add(account: Account, exposure: Exposure) -> None:
        refresh(account, exposure)
        account.worst_case += 1
        exposure.worst_case += 1

    planted.setattr(orders, "refresh", refresh_and_add)


def funds_are_not_checked(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(orders, "_check_funds", lambda *_: None)


def fok_and_post_only_are_not_checked(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(orders, "_check_conditions", lambda *_: None)


def keys_are_forgotten(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(Account, "remember", lambda *_: None)


def anybody_acts_as_anybody(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(Engine, "reach", lambda engine, user: set(engine.accounts) - {1})


def shorts_do_not_pay(planted: pytest.MonkeyPatch) -> None:
    pay_out = settlement._pay_out

    def pay_longs(state: Engine, market: object, account: Account, price: int) -> object:
        exposure = account.exposures[market.id]  # type: ignore[attr-defined]
        return pay_out(state, exposure.market, account, price) if exposure.position > 0 else None

    planted.setattr(settlement, "_pay_out", pay_longs)


def closing_leaves_orders(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(settlement, "cancel_all", lambda *_: [])


def nothing_is_rebalanced(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(credits, "plan_rebalancing", lambda *_: {})


def gifts_are_not_owed(planted: pytest.MonkeyPatch) -> None:
    gift = transfers.move

    def move_to(state: Engine, source: Account, *rest: object) -> object:
        cash = source.cash
        event = gift(state, source, *rest)  # type: ignore[arg-type]
        if source.id == 1:
            source.cash = cash
        return event

    planted.setattr(transfers, "move", move_to)


def an_order_is_not_reported(planted: pytest.MonkeyPatch) -> None:
    take_changed = Engine.take_changed

    def take_most(engine: Engine) -> Changed:
        changed = take_changed(engine)
        if len(changed.orders) > 10:
            changed.orders.popitem()
        return changed

    planted.setattr(Engine, "take_changed", take_most)


def buyers_are_not_asked_for_funds(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(auction, "check_available", lambda *_: None)


def co_owners_buy_with_the_others_money(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(auction, "spend_credit", lambda *_: [])


def parked_money_is_nobodys(planted: pytest.MonkeyPatch) -> None:
    def spend_as_owner(state: Engine, account: Account, by: int, price: int) -> list[Event]:
        return credits.spend_credit(state, account, by, price) if len(account.owners) > 1 else []

    planted.setattr(auction, "spend_credit", spend_as_owner)


def sellers_are_not_paid(planted: pytest.MonkeyPatch) -> None:
    move = transfers.move

    def move_nothing(state: Engine, source: Account, target: Account, amount: int, *rest: object) -> object:
        event = move(state, source, target, amount, *rest)  # type: ignore[arg-type]
        target.cash -= amount
        return event

    planted.setattr(auction, "move", move_nothing)


def anybody_trades_anywhere(planted: pytest.MonkeyPatch) -> None:
    everywhere = visibility.market_to_trade

    def to_trade(state: Engine, account: Account, market: int) -> Market:
        return state.markets.get(market) or everywhere(state, account, market)

    planted.setattr(orders, "market_to_trade", to_trade)


def operators_trade_anywhere(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(
        orders, "market_to_trade", lambda state, account, market: visibility.market_known(state, 1, market, True)
    )


def past_traders_know_nothing(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(visibility, "knows", lambda market, account: account.id == market.owner)


def an_order_is_enough_to_know_a_market(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(visibility, "knows", lambda market, account: market.id in account.exposures)


def unlisted_accounts_keep_their_orders(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(listing, "cancel_all", lambda *_: [])


def hidden_and_missing_markets_can_be_told_apart(planted: pytest.MonkeyPatch) -> None:
    def market_known(state: Engine, by: int, market: int, sudo: bool) -> Market:
        if market in state.markets and not sudo:
            planted.setattr(visibility, "market_not_found", lambda _: Rejected(Reason.MARKET_NOT_FOUND, "Not for you."))
        return visibility.market_known(state, by, market, sudo)

    planted.setattr(listing, "market_known", market_known)


def the_list_is_not_reported(planted: pytest.MonkeyPatch) -> None:
    take_changed = Engine.take_changed

    def take_rest(engine: Engine) -> Changed:
        changed = take_changed(engine)
        changed.unlisted.clear()
        return changed

    planted.setattr(Engine, "take_changed", take_rest)


PLANTED: list[Callable[[pytest.MonkeyPatch], None]] = [
    newest_first,
    trades_at_another_price,
    cost_rounded_the_other_way,
    a_unit_too_generous,
    funds_are_not_checked,
    fok_and_post_only_are_not_checked,
    keys_are_forgotten,
    anybody_acts_as_anybody,
    shorts_do_not_pay,
    closing_leaves_orders,
    nothing_is_rebalanced,
    gifts_are_not_owed,
    an_order_is_not_reported,
    buyers_are_not_asked_for_funds,
    co_owners_buy_with_the_others_money,
    parked_money_is_nobodys,
    sellers_are_not_paid,
    anybody_trades_anywhere,
    operators_trade_anywhere,
    past_traders_know_nothing,
    an_order_is_enough_to_know_a_market,
    unlisted_accounts_keep_their_orders,
    hidden_and_missing_markets_can_be_told_apart,
    the_list_is_not_reported,
]


def test_without_a_planted_bug_that_day_passes() -> None:
    Driver(PLANTED_SEED).run(PLANTED_COMMANDS)


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_the_driver_notices(plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(Failure, match=rf"SEED={PLANTED_SEED}, command \d+: "):
        Driver(PLANTED_SEED).run(PLANTED_COMMANDS)
