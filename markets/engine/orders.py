"""Orders: accept, match, cancel (rules, sections 5 and 6).

This is the hot path: an order costs a few microseconds.

create_order() refuses in the order of section 5, Checks: MARKET_NOT_FOUND; MARKET_PAUSED, MARKET_CLOSED,
MARKET_SETTLED; INVALID_PRICE, INVALID_ORDER, INVALID_SIZE; TOO_MANY_ORDERS, POSITION_LIMIT; POST_ONLY_WOULD_TRADE,
FOK_NOT_FILLABLE; INSUFFICIENT_FUNDS. It returns Traded and OrderCancelled in the order in which they happen, then
OrderCreated.

Units: price 1/100 chip, size 1/100, cash and value 1/10,000 chip. `reach` is the key of the last level of the opposite
side at which an order trades.
"""

from markets.engine.book import BookSide, Market, Order
from markets.engine.commands import CancelOrder, CreateOrder, MarketStatus, Out, SelfTrade, Side, TimeInForce
from markets.engine.errors import Reason, Rejected
from markets.engine.events import CancelCause, Event, OrderCancelled, OrderCreated, Traded
from markets.engine.ledger import Account, Exposure, book_fill, refresh, release, rest, set_risk
from markets.engine.state import NOTIONAL_MAX, ORDERS_MAX, SIZE_MAX, State
from markets.engine.text import chips, hundredths
from markets.engine.visibility import market_to_trade

# Enum members are slow to look up by attribute; the hot path compares plain ints.
OPEN = int(MarketStatus.OPEN)
BID, OFFER = int(Side.BID), int(Side.OFFER)
GTC, IOC, FOK = int(TimeInForce.GTC), int(TimeInForce.IOC), int(TimeInForce.FOK)
CANCEL_RESTING, DECREMENT = int(SelfTrade.CANCEL_RESTING), int(SelfTrade.DECREMENT)
IMMEDIATE_REST, SELF_TRADE = int(CancelCause.IMMEDIATE_REST), int(CancelCause.SELF_TRADE)
REQUESTED = int(CancelCause.REQUESTED)

# Makes an event of a tuple of its fields. The constructor of a NamedTuple takes twice as long, half of an order's time.
new_event = tuple.__new__


def create_order(state: State, account: Account, command: CreateOrder, at_us: int) -> list[Event]:
    """Accepts an order and matches it; what is left rests or is cancelled. Refusals: see the top of this file."""
    _, _, _, key, market_id, side, price, size, time_in_force, post_only, self_trade = command
    market = market_to_trade(state, account, market_id)
    if market.status != OPEN:
        refuse_status(market)
    if (
        not market.min_settlement <= price <= market.max_settlement
        or price % market.tick_size
        or not 0 < size <= SIZE_MAX
        or size % market.smallest_size
        or (post_only and time_in_force)
    ):
        _refuse_shape(market, command)
    exposure = account.exposures.get(market_id) or Exposure(market)
    opposite, reach = (market.offers, price) if side == BID else (market.bids, -price)
    worst_case, notional = _check_limits(account, exposure, command, state.rules)
    crosses = opposite.top <= reach
    if time_in_force == FOK or (crosses and post_only):
        _check_conditions(account, opposite, reach, command)
    if account.cash + account.worst_case - exposure.worst_case + worst_case < 0:
        _check_funds(account, exposure, opposite, reach, command)
    # The last check is passed: nothing can fail from here on.
    id = state.next_order
    order = Order(id, market_id, account.id, side, price, size, time_in_force, post_only, key, at_us, state.seq + 1)
    events: list[Event] = []
    if crosses:
        _match(state, account, exposure, order, opposite, reach, self_trade, events)
    if time_in_force and order.open:
        events.append(_cancel_rest(order, IMMEDIATE_REST))
    if order.open:
        (market.bids if side == BID else market.offers).add(order)
        rest(account, exposure, order)
        state.orders[id] = order
    if events:
        refresh(account, exposure)
    else:  # all of it rests, as _check_limits assumed
        set_risk(account, exposure, worst_case, notional)
    events.append(_accept(state, account, exposure, order))
    return events


def _accept(state: State, account: Account, exposure: Exposure, order: Order) -> Event:
    """Registers the exposure, which may be new, and what was touched. Returns the order's OrderCreated."""
    id, market = order.id, order.market
    state.next_order = id + 1
    if market not in account.exposures:
        account.exposures[market] = exposure
        exposure.market.holders[account.id] = None
    changed = state.changed
    changed.orders[id] = order
    changed.accounts[account.id] = account
    changed.exposures[account.id, market] = exposure
    # fmt: off
    return new_event(OrderCreated, (
        id, market, account.id, order.side, order.price, order.size, order.open, order.filled,
        order.time_in_force, order.post_only, order.client_order_id, order.created_us,
    ))
    # fmt: on


# --- Checks


def refuse_status(market: Market) -> None:
    """Rejected MARKET_SETTLED, MARKET_CLOSED or MARKET_PAUSED (also if cancel only), by the market's status."""
    if market.status == MarketStatus.SETTLED:
        raise Rejected(Reason.MARKET_SETTLED, f"{market.name} is settled.")
    if market.status == MarketStatus.CLOSED:
        raise Rejected(Reason.MARKET_CLOSED, f"{market.name} is closed for good.")
    status = "cancel only" if market.status == MarketStatus.CANCEL_ONLY else "paused"
    raise Rejected(Reason.MARKET_PAUSED, f"{market.name} is {status} and takes no new orders now.")


def _refuse_shape(market: Market, command: CreateOrder) -> None:
    """Rejected INVALID_PRICE, INVALID_ORDER or INVALID_SIZE, for what is wrong with the order."""
    price = command.price
    if not market.min_settlement <= price <= market.max_settlement or price % market.tick_size:
        raise Rejected(
            Reason.INVALID_PRICE,
            f"The price must be from {hundredths(market.min_settlement)} to {hundredths(market.max_settlement)} "
            f"and a multiple of {hundredths(market.tick_size)}, not {hundredths(price)}.",
        )
    if command.post_only and command.time_in_force != GTC and 0 < command.size <= SIZE_MAX:
        raise Rejected(Reason.INVALID_ORDER, "A post-only order must be able to rest, so it cannot be IOC or FOK.")
    raise Rejected(
        Reason.INVALID_SIZE,
        f"The size must be a multiple of {hundredths(market.smallest_size)}, above 0 and at most "
        f"{hundredths(SIZE_MAX)}, not {hundredths(command.size)}.",
    )


def _check_limits(account: Account, exposure: Exposure, command: CreateOrder, rules: int) -> tuple[int, int]:
    """Worst case and notional of the exposure if the whole order rested. Rejected TOO_MANY_ORDERS or POSITION_LIMIT."""
    if command.time_in_force == GTC and len(exposure.orders) >= ORDERS_MAX:
        raise Rejected(Reason.TOO_MANY_ORDERS, f"You have {ORDERS_MAX:,} open orders in this market, the limit.")
    market = exposure.market
    most = exposure.position + exposure.bid_size
    least = exposure.position - exposure.offer_size
    bid_value, offer_value = exposure.bid_value, exposure.offer_value
    size = command.size
    if command.side == BID:
        most += size
        bid_value += command.price * size
    else:
        least -= size
        offer_value += command.price * size
    notional = market.bound * (most if most > -least else -least) + abs(exposure.realised)
    total = abs(account.cash) + account.notional - exposure.notional + notional
    if total > NOTIONAL_MAX:
        _refuse_beyond_limit(account, total, rules)
    low = market.min_settlement * most - bid_value
    high = market.max_settlement * least + offer_value
    return (low if low < high else high), notional


def _refuse_beyond_limit(account: Account, total: int, rules: int) -> None:
    """Rejected POSITION_LIMIT. Before version 4 of the rules, what is realised did not count."""
    realised = sum(abs(exposure.realised) for exposure in account.exposures.values())
    if rules >= 4 or total - realised > NOTIONAL_MAX:
        raise Rejected(
            Reason.POSITION_LIMIT,
            f"Cash, positions and orders could come to {chips(total - realised)}, with {chips(realised)} of realised "
            f"profits and losses that is {chips(total)}; the limit is {chips(NOTIONAL_MAX)}.",
        )


def _check_conditions(account: Account, opposite: BookSide, reach: int, command: CreateOrder) -> None:
    """For a post-only order that crosses: Rejected POST_ONLY_WOULD_TRADE. For a FOK: Rejected FOK_NOT_FILLABLE unless
    others can fill all of it.

    CANCEL_RESTING passes over own orders; the other self-trade modes stop at the first one.
    """
    if command.post_only:
        best = hundredths(opposite.top * opposite.sign)
        raise Rejected(
            Reason.POST_ONLY_WOULD_TRADE, f"This post-only order would trade: the best opposite price is {best}."
        )
    missing = command.size
    for maker in opposite.within(reach):
        if maker.account != account.id:
            missing -= maker.open
            if missing <= 0:
                return
        elif command.self_trade != CANCEL_RESTING:
            break
    raise Rejected(
        Reason.FOK_NOT_FILLABLE,
        f"Only {hundredths(command.size - missing)} of {hundredths(command.size)} can be filled at "
        f"{hundredths(command.price)} or better.",
    )


def _check_funds(account: Account, exposure: Exposure, opposite: BookSide, reach: int, command: CreateOrder) -> None:
    """For an order that the account could not afford if all of it rested: walks the book to see what it would come to.

    Rejected INSUFFICIENT_FUNDS if the available balance would fall below 0 (rules, section 6).
    """
    available = _available_after(account, exposure, opposite, reach, command)
    if available < 0:
        raise Rejected(
            Reason.INSUFFICIENT_FUNDS,
            f"Needs {chips(account.available - available)}, has {chips(account.available)} available.",
        )


def _available_after(account: Account, exposure: Exposure, opposite: BookSide, reach: int, command: CreateOrder) -> int:
    """The available balance after the order's trades, the own orders it cancels and its rest. Changes nothing."""
    then = exposure.copy()
    cash = account.cash
    missing = command.size
    sign = 1 if command.side == BID else -1
    for maker in opposite.within(reach):
        size = maker.open if maker.open < missing else missing
        if maker.account != account.id:
            then.position += sign * size
            cash -= sign * size * maker.price
            missing -= size
        elif command.self_trade == CANCEL_RESTING:
            release(then, maker, maker.open)
        elif command.self_trade == DECREMENT:
            release(then, maker, size)
            missing -= size
        else:
            missing = 0
        if not missing:
            break
    if command.time_in_force == GTC and missing:
        if command.side == BID:
            then.bid_size += missing
            then.bid_value += command.price * missing
        else:
            then.offer_size += missing
            then.offer_value += command.price * missing
    after = Account(0, "", 0, 0, 0, 0)
    refresh(after, then)
    return cash + account.worst_case - exposure.worst_case + after.worst_case


# --- Matching


def _match(
    state: State,
    account: Account,
    exposure: Exposure,
    order: Order,
    opposite: BookSide,
    reach: int,
    self_trade: int,
    events: list[Event],
) -> None:
    """Trades with the opposite side, best price first, at one price the oldest order first, and adds the events.

    Where it meets an own order, `self_trade` decides (rules, section 5, Self-trade). The caller refreshes the taker's
    exposure.
    """
    while order.open and opposite.top <= reach:
        maker = next(iter(opposite.levels[opposite.top].values()))
        size = maker.open if maker.open < order.open else order.open
        if maker.account != account.id:
            events.append(_trade(state, account, exposure, order, opposite, maker, size))
        elif self_trade == CANCEL_RESTING:
            events.append(_shrink(state, account, exposure, opposite, maker, maker.open, SELF_TRADE))
        elif self_trade == DECREMENT:
            events.append(_shrink(state, account, exposure, opposite, maker, size, SELF_TRADE))
            order.open -= size
            order.cancelled += size
            events.append(OrderCancelled(order.id, order.market, account.id, size, order.open, SELF_TRADE))
        else:
            events.append(_cancel_rest(order, SELF_TRADE))


def _trade(
    state: State, account: Account, exposure: Exposure, taker: Order, opposite: BookSide, maker: Order, size: int
) -> Event:
    """Makes one trade, at the resting price. The caller refreshes the taker's exposure."""
    price = maker.price
    market = exposure.market
    other = state.accounts[maker.account]
    others = other.exposures[market.id]
    taker.open -= size
    taker.filled += size
    opposite.reduce(maker, size)
    maker.filled += size
    release(others, maker, size)
    if taker.side == BID:
        buyer, seller = account.id, other.id
        book_fill(other, others, -size, price)
        book_fill(account, exposure, size, price)
    else:
        buyer, seller = other.id, account.id
        book_fill(other, others, size, price)
        book_fill(account, exposure, -size, price)
    refresh(other, others)
    if not maker.open:
        _finish(state, other, others, opposite, maker)
    # fmt: off
    event = new_event(Traded, (state.next_trade, market.id, price, size, buyer, seller, taker.side,
                               maker.id, maker.open, taker.id, taker.open, taker.created_us))
    # fmt: on
    state.next_trade += 1
    market.last_price = price
    market.volume += size
    market.tape.append(event)
    changed = state.changed
    changed.markets[market.id] = market
    changed.orders[maker.id] = maker
    changed.accounts[other.id] = other
    changed.exposures[other.id, market.id] = others
    return event


def _cancel_rest(order: Order, cause: int) -> Event:
    """Cancels what is open of an incoming order, which is in no book yet."""
    size = order.open
    order.open = 0
    order.cancelled += size
    return OrderCancelled(order.id, order.market, order.account, size, 0, cause)


def _shrink(
    state: State, account: Account, exposure: Exposure, side: BookSide, order: Order, size: int, cause: int
) -> Event:
    """Cancels `size` of a resting order; what is left keeps its place. The caller refreshes the exposure."""
    side.reduce(order, size)
    order.cancelled += size
    release(exposure, order, size)
    if not order.open:
        _finish(state, account, exposure, side, order)
    changed = state.changed
    changed.orders[order.id] = order
    changed.accounts[account.id] = account
    changed.exposures[account.id, order.market] = exposure
    # fmt: off
    return new_event(OrderCancelled, (order.id, order.market, account.id, size, order.open, cause))
    # fmt: on


def _finish(state: State, account: Account, exposure: Exposure, side: BookSide, order: Order) -> None:
    """Removes an order that is no longer open from the book and the indexes."""
    side.remove(order)
    del state.orders[order.id]
    del exposure.orders[order.id]
    if order.client_order_id:
        account.open_by_key.pop(order.client_order_id, None)


# --- Cancels


def cancel_order(state: State, account: Account, command: CancelOrder, at_us: int) -> list[Event]:
    """Cancels an open order of the acting account (rules, section 5, Cancel).

    Rejected ORDER_NOT_FOUND if there is no such open order or it is another account's, MARKET_PAUSED if it is frozen.
    """
    order = state.orders.get(command.order) if command.order else account.open_by_key.get(command.client_order_id)
    if order is None or order.account != account.id:
        raise Rejected(Reason.ORDER_NOT_FOUND, "You have no such open order.")
    market = state.markets[order.market]
    if market.status == MarketStatus.PAUSED:
        raise Rejected(Reason.MARKET_PAUSED, f"{market.name} is paused: its orders cannot be cancelled now.")
    return cancel_all(state, market, [order], REQUESTED)


def out(state: State, account: Account, command: Out, at_us: int) -> list[Event]:
    """Cancels the acting account's open orders: of all markets or one, of both sides or one (rules, section 5, Out).

    Without a market it skips paused ones. Rejected MARKET_NOT_FOUND or MARKET_PAUSED for the market that is named.
    """
    if command.market:
        market = market_to_trade(state, account, command.market)
        if market.status == MarketStatus.PAUSED:
            raise Rejected(Reason.MARKET_PAUSED, f"{market.name} is paused: its orders cannot be cancelled now.")
        named = account.exposures.get(market.id)
        exposures = [] if named is None else [named]
    else:
        exposures = [e for e in account.exposures.values() if e.market.status != MarketStatus.PAUSED]
    events: list[Event] = []
    for exposure in exposures:
        orders = [o for o in exposure.orders.values() if command.side in (0, o.side)]
        events += cancel_all(state, exposure.market, orders, REQUESTED)
    return events


def cancel_all(state: State, market: Market, orders: list[Order], cause: int) -> list[Event]:
    """Cancels these resting orders of one market, in the order given. `cause` is a CancelCause."""
    events: list[Event] = []
    for order in orders:
        account = state.accounts[order.account]
        exposure = account.exposures[market.id]
        side = market.bids if order.side == BID else market.offers
        events.append(_shrink(state, account, exposure, side, order, order.open, cause))
        refresh(account, exposure)
    return events
