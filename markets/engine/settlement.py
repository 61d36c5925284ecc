"""A market's status, and its settlement (rules, section 4)."""

from markets.engine.book import Market
from markets.engine.commands import MarketStatus, SetMarketStatus, SettleMarket
from markets.engine.errors import Reason, Rejected
from markets.engine.events import CancelCause, Event, MarketSettled, MarketStatusChanged, PaidOut
from markets.engine.ledger import Account, refresh
from markets.engine.orders import cancel_all, refuse_status
from markets.engine.state import State
from markets.engine.text import hundredths
from markets.engine.visibility import market_known


def set_market_status(state: State, account: Account, command: SetMarketStatus, at_us: int) -> list[Event]:
    """Opens a market, makes it cancel only, pauses or closes it. Closing cancels every resting order.

    Rejected MARKET_NOT_FOUND, SUDO_REQUIRED, MARKET_CLOSED, MARKET_SETTLED, INVALID_MARKET for any other status.
    """
    market = market_known(state, command.by, command.market, command.sudo)
    if not command.sudo:
        raise Rejected(Reason.SUDO_REQUIRED, "Only operators in sudo can change a market's status.")
    if market.status in (MarketStatus.CLOSED, MarketStatus.SETTLED):
        refuse_status(market)
    if not MarketStatus.OPEN <= command.status <= MarketStatus.CLOSED:
        raise Rejected(Reason.INVALID_MARKET, "The new status must be open, cancel only, paused or closed.")
    market.status = command.status
    state.changed.markets[market.id] = market
    events: list[Event] = []
    if command.status == MarketStatus.CLOSED:
        events += cancel_all(state, market, [*market.bids, *market.offers], CancelCause.BY_CLOSE)
    events.append(MarketStatusChanged(market.id, command.status))
    return events


def settle_market(state: State, account: Account, command: SettleMarket, at_us: int) -> list[Event]:
    """Cancels every resting order, pays every position at the price and ends the market.

    Rejected MARKET_NOT_FOUND, MARKET_SETTLED, SUDO_REQUIRED unless by the owner, SETTLER_HAS_POSITION, INVALID_PRICE.
    """
    market = market_known(state, command.by, command.market, command.sudo)
    if market.status == MarketStatus.SETTLED:
        refuse_status(market)
    if not command.sudo:
        _check_settler(state, market, account, command)
    if not market.min_settlement <= command.price <= market.max_settlement:
        raise Rejected(
            Reason.INVALID_PRICE,
            f"The settlement price must be from {hundredths(market.min_settlement)} to "
            f"{hundredths(market.max_settlement)}, not {hundredths(command.price)}.",
        )
    events = cancel_all(state, market, [*market.bids, *market.offers], CancelCause.BY_SETTLEMENT)
    for holder in market.holders:
        paid = _pay_out(state, market, state.accounts[holder], command.price)
        if paid is not None:
            events.append(paid)
    market.status = MarketStatus.SETTLED
    market.settle_price = command.price
    state.markets_made[market.creator] -= 1
    state.changed.markets[market.id] = market
    events.append(MarketSettled(market.id, command.price))
    return events


def _pay_out(state: State, market: Market, account: Account, price: int) -> Event | None:
    """Turns an account's position into cash; None if it has no position."""
    exposure = account.exposures[market.id]
    position = exposure.position
    if not position:
        return None
    amount = position * price
    account.cash += amount
    exposure.realised += amount - exposure.cost
    exposure.cost = 0
    exposure.position = 0
    refresh(account, exposure)
    state.changed.accounts[account.id] = account
    state.changed.exposures[account.id, market.id] = exposure
    return PaidOut(market.id, account.id, position, price, amount)


def _check_settler(state: State, market: Market, account: Account, command: SettleMarket) -> None:
    """Rejected SUDO_REQUIRED unless the acting account owns the market, SETTLER_HAS_POSITION if an account that the
    person may act as holds a position there.
    """
    if account.id != market.owner:
        raise Rejected(Reason.SUDO_REQUIRED, "Only the market's owner or an operator in sudo can settle it.")
    for id in state.reach(command.by):
        exposure = state.accounts[id].exposures.get(market.id)
        if exposure is not None and exposure.position:
            raise Rejected(
                Reason.SETTLER_HAS_POSITION,
                f"You hold a position of {hundredths(exposure.position)} there through {state.accounts[id].name}.",
            )
