"""Markets from creation to settlement (rules, section 4)."""

from markets.engine.book import Market
from markets.engine.commands import CreateMarket, EditMarket, MarketStatus, SetMarketStatus, SettleMarket
from markets.engine.errors import Reason, Rejected
from markets.engine.events import (
    CancelCause,
    Event,
    MarketCreated,
    MarketEdited,
    MarketSettled,
    MarketStatusChanged,
    PaidOut,
)
from markets.engine.ledger import Account, refresh
from markets.engine.orders import cancel_all, hundredths, refuse_status
from markets.engine.state import PRICE_MAX, SIZE_MAX, State
from markets.engine.text import DESCRIPTION_MAX, MARKET_NAME_MAX, check_text, name_key, tidy_name


def create_market(state: State, account: Account, command: CreateMarket, at_us: int) -> list[Event]:
    name = _free_name(state, command.name)
    description = check_text(command.description, DESCRIPTION_MAX, "description")
    _check_bounds(command)
    made = state.markets_made.get(command.by, 0)
    if made >= command.markets_max and not command.sudo:
        raise Rejected(
            Reason.TOO_MANY_MARKETS, f"You made {made} markets that are not settled, the most is {command.markets_max}."
        )
    market = Market(
        *(state.next_market, name, description, account.id, command.by),
        *(command.min_settlement, command.max_settlement, command.tick_size, command.smallest_size),
        *(at_us, state.seq + 1),
    )
    state.next_market += 1
    state.add_market(market)
    return [
        MarketCreated(
            *(market.id, name, description, account.id, market.min_settlement, market.max_settlement),
            *(market.tick_size, market.smallest_size, at_us),
        )
    ]


def edit_market(state: State, account: Account, command: EditMarket, at_us: int) -> list[Event]:
    market = state.market(command.market)
    if not command.sudo and account.id != market.owner:
        raise Rejected(Reason.SUDO_REQUIRED, "Only the market's owner or an operator in sudo edits it.")
    if command.name is not None and not command.sudo:
        raise Rejected(Reason.SUDO_REQUIRED, "Only operators in sudo change a market's name.")
    name, description = market.name, market.description
    if command.name is not None:
        name = _free_name(state, command.name, market)
    if command.description is not None:
        description = check_text(command.description, DESCRIPTION_MAX, "description")
    del state.market_names[name_key(market.name)]
    market.name = name
    market.description = description
    state.market_names[name_key(name)] = market.id
    state.changed.markets[market.id] = market
    return [MarketEdited(market.id, name, description)]


def set_market_status(state: State, account: Account, command: SetMarketStatus, at_us: int) -> list[Event]:
    market = state.market(command.market)
    if not command.sudo:
        raise Rejected(Reason.SUDO_REQUIRED, "Only operators in sudo change a market's status.")
    if market.status in (MarketStatus.CLOSED, MarketStatus.SETTLED):
        refuse_status(market)
    if not MarketStatus.OPEN <= command.status <= MarketStatus.CLOSED:
        raise Rejected(Reason.INVALID_MARKET, "A market is opened, set to cancel only, paused or closed this way.")
    market.status = command.status
    state.changed.markets[market.id] = market
    events: list[Event] = []
    if command.status == MarketStatus.CLOSED:
        events += cancel_all(state, market, [*market.bids, *market.offers], CancelCause.BY_CLOSE)
    events.append(MarketStatusChanged(market.id, command.status))
    return events


def settle_market(state: State, account: Account, command: SettleMarket, at_us: int) -> list[Event]:
    market = state.market(command.market)
    if market.status == MarketStatus.SETTLED:
        refuse_status(market)
    if not command.sudo:
        _check_settler(state, market, account, command)
    if not market.min_settlement <= command.price <= market.max_settlement:
        raise Rejected(
            Reason.INVALID_PRICE,
            f"{market.name} settles from {hundredths(market.min_settlement)} to {hundredths(market.max_settlement)}.",
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
    """Turns a position into cash; None if there is none."""
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
    if account.id != market.owner:
        raise Rejected(Reason.SUDO_REQUIRED, "Only the market's owner or an operator in sudo settles it.")
    for id in state.reach(command.by):
        exposure = state.accounts[id].exposures.get(market.id)
        if exposure is not None and exposure.position:
            raise Rejected(
                Reason.SETTLER_HAS_POSITION,
                f"You hold a position of {hundredths(exposure.position)} there through {state.accounts[id].name}.",
            )


def _free_name(state: State, wish: str, market: Market | None = None) -> str:
    name = tidy_name(wish, MARKET_NAME_MAX)
    known = state.market_names.get(name_key(name))
    if known is not None and (market is None or known != market.id):
        raise Rejected(Reason.NAME_TAKEN, f"There is a market called {name} already.")
    return name


def _check_bounds(command: CreateMarket) -> None:
    low, high, tick = command.min_settlement, command.max_settlement, command.tick_size
    if not -PRICE_MAX <= low < high <= PRICE_MAX:
        most = hundredths(PRICE_MAX)
        raise Rejected(Reason.INVALID_MARKET, f"The bounds are two prices from -{most} to {most}, the lower one first.")
    if tick < 1 or low % tick or high % tick:
        raise Rejected(Reason.INVALID_MARKET, "The tick is at least 0.01 and both bounds are multiples of it.")
    if not 1 <= command.smallest_size <= SIZE_MAX:
        raise Rejected(Reason.INVALID_MARKET, f"The smallest size is from 0.01 to {hundredths(SIZE_MAX)}.")
