"""The oracle's market: docs/rules.md, sections 5 and 6, as plainly as possible.

Open orders and trades are lists. Every answer (which order is next, what an account holds, what it could lose) is
counted from these lists each time. It shares only the classes of commands and events with markets/engine. It is slow on
purpose.

Units: price 1/100 chip, size 1/100, value, cash and cost 1/10,000 chip.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from markets.engine.commands import MarketStatus, SelfTrade, Side, TimeInForce
from markets.engine.events import CancelCause, Event, OrderCancelled, OrderCreated, Traded


@dataclass(slots=True)
class NaiveOrder:
    """An order. filled + open + cancelled = size."""

    id: int
    market: int
    account: int
    side: int
    price: int
    size: int
    time_in_force: int
    post_only: bool
    client_order_id: str
    at_us: int
    seq: int
    filled: int = 0
    cancelled: int = 0

    @property
    def open(self) -> int:
        return self.size - self.filled - self.cancelled

    def copy(self) -> "NaiveOrder":
        terms = (self.side, self.price, self.size, self.time_in_force, self.post_only, self.client_order_id)
        history = (self.at_us, self.seq, self.filled, self.cancelled)
        return NaiveOrder(self.id, self.market, self.account, *terms, *history)


class Fill(NamedTuple):
    """One side of a trade. The size of a sale is negative."""

    size: int
    price: int


class Stake(NamedTuple):
    """What an account has at stake in one market (rules, section 6)."""

    position: int
    bid_size: int
    bid_value: int
    offer_size: int
    offer_value: int
    worst_case: int
    largest: int  # max(|lowest|, |highest| settlement) x max(|position + open bids|, |position - open offers|)


FLAT = Stake(0, 0, 0, 0, 0, 0, 0)


@dataclass(slots=True)
class NaiveMarket:
    """A market with its open orders and all its trades."""

    id: int
    name: str
    description: str
    owner: int
    creator: int
    low: int
    high: int
    tick_size: int
    smallest_size: int
    seq: int
    at_us: int
    category: str = ""
    pinned: bool = False
    listed: list[int] = field(default_factory=list)  # accounts that see it; empty for everybody
    hides_ids: bool = False
    status: int = MarketStatus.OPEN
    settle_price: int | None = None
    orders: list[NaiveOrder] = field(default_factory=list)  # open ones only
    trades: list[Traded] = field(default_factory=list)
    fills: dict[int, list[Fill]] = field(default_factory=dict)  # account -> its side of the trades

    def copy(self) -> "NaiveMarket":
        """A copy to try an order on."""
        orders = [order.copy() for order in self.orders]
        fills = {account: list(fills) for account, fills in self.fills.items()}
        return replace(self, orders=orders, trades=list(self.trades), fills=fills)

    # --- Counted from the lists

    def queue(self, side: int) -> list[NaiveOrder]:
        """The resting orders of a side: best price first, at one price the oldest first."""
        if side == Side.BID:
            return sorted((o for o in self.orders if o.side == Side.BID), key=lambda o: (-o.price, o.id))
        return sorted((o for o in self.orders if o.side == Side.OFFER), key=lambda o: (o.price, o.id))

    def facing(self, order: NaiveOrder) -> list[NaiveOrder]:
        """The resting orders that this one can trade with, in priority order."""
        if order.side == Side.BID:
            return [o for o in self.queue(Side.OFFER) if o.price <= order.price]
        return [o for o in self.queue(Side.BID) if o.price >= order.price]

    def orders_of(self, account: int) -> list[NaiveOrder]:
        return [o for o in self.orders if o.account == account]

    def accounts(self) -> set[int]:
        """The accounts that have an open order or have ever traded here."""
        return {o.account for o in self.orders} | set(self.fills)

    def position(self, account: int) -> int:
        """What the account bought less what it sold; 0 once the market is settled."""
        if self.status == MarketStatus.SETTLED:
            return 0
        return sum(fill.size for fill in self.fills.get(account, ()))

    def cash_from_trades(self, account: int) -> int:
        """What the account received for its sales less what it paid for its purchases."""
        return -sum(fill.size * fill.price for fill in self.fills.get(account, ()))

    def stake(self, account: int) -> Stake:
        if self.status == MarketStatus.SETTLED:
            return FLAT
        p = self.position(account)
        bought = paid = sold = earned = 0
        for order in self.orders_of(account):
            if order.side == Side.BID:
                bought += order.open
                paid += order.open * order.price
            else:
                sold += order.open
                earned += order.open * order.price
        worst_case = min(self.low * (p + bought) - paid, self.high * (p - sold) + earned)
        largest = max(abs(self.low), abs(self.high)) * max(abs(p + bought), abs(p - sold))
        return Stake(p, bought, paid, sold, earned, worst_case, largest)

    def notional(self, account: int) -> int:
        """What counts towards POSITION_LIMIT."""
        return self.stake(account).largest + abs(self.cost_and_realised(account)[1])

    def cost_and_realised(self, account: int) -> tuple[int, int]:
        """The cost of the position and the realised profit, added up trade by trade."""
        position = cost = realised = 0
        for left, price in self.fills.get(account, ()):
            if position and (position > 0) != (left > 0):
                closed = min(abs(position), abs(left))
                taken = toward_zero(cost * closed, abs(position))
                direction = 1 if position > 0 else -1
                realised += direction * closed * price - taken
                cost -= taken
                position -= direction * closed
                left += direction * closed
            cost += left * price
            position += left
        if self.status == MarketStatus.SETTLED:
            assert self.settle_price is not None
            return 0, realised + position * self.settle_price - cost
        return cost, realised


def toward_zero(dividend: int, divisor: int) -> int:
    return dividend // divisor if dividend >= 0 else -(-dividend // divisor)


# --- Incoming orders


def enter(market: NaiveMarket, incoming: NaiveOrder, self_trade: int, first_trade: int) -> list[Event]:
    """Matches the order, then lets what is left rest or cancels it. Numbers the trades from `first_trade` on."""
    events: list[Event] = []
    for resting in market.facing(incoming):
        if not incoming.open:
            break
        if resting.account != incoming.account:
            trade_number = first_trade + sum(type(e) is Traded for e in events)
            events.append(trade(market, incoming, resting, trade_number))
        else:
            events.extend(meet_own_order(incoming, resting, self_trade))
    market.orders = [o for o in market.orders if o.open]
    if incoming.open and incoming.time_in_force != TimeInForce.GTC:
        events.append(cancel(incoming, incoming.open, CancelCause.IMMEDIATE_REST))
    if incoming.open:
        market.orders.append(incoming)
    return [*events, make_order_created(incoming)]


def trade(market: NaiveMarket, incoming: NaiveOrder, resting: NaiveOrder, number: int) -> Traded:
    """Trades as much as both orders have open, at the resting price."""
    size = min(incoming.open, resting.open)
    incoming.filled += size
    resting.filled += size
    bidding = incoming.side == Side.BID
    traded = Traded(
        trade=number,
        market=market.id,
        price=resting.price,
        size=size,
        buyer=(incoming if bidding else resting).account,
        seller=(resting if bidding else incoming).account,
        taker_side=incoming.side,
        maker_order=resting.id,
        maker_open=resting.open,
        taker_order=incoming.id,
        taker_open=incoming.open,
        at_us=incoming.at_us,
    )
    market.trades.append(traded)
    market.fills.setdefault(traded.buyer, []).append(Fill(size, resting.price))
    market.fills.setdefault(traded.seller, []).append(Fill(-size, resting.price))
    return traded


def meet_own_order(incoming: NaiveOrder, resting: NaiveOrder, self_trade: int) -> Iterator[Event]:
    if self_trade == SelfTrade.CANCEL_RESTING:
        yield cancel(resting, resting.open, CancelCause.SELF_TRADE)
    elif self_trade == SelfTrade.CANCEL_INCOMING:
        yield cancel(incoming, incoming.open, CancelCause.SELF_TRADE)
    else:
        size = min(incoming.open, resting.open)
        yield cancel(resting, size, CancelCause.SELF_TRADE)
        yield cancel(incoming, size, CancelCause.SELF_TRADE)


def cancel(order: NaiveOrder, size: int, cause: CancelCause) -> OrderCancelled:
    order.cancelled += size
    return OrderCancelled(order.id, order.market, order.account, size, order.open, cause)


def make_order_created(order: NaiveOrder) -> OrderCreated:
    return OrderCreated(
        order=order.id,
        market=order.market,
        account=order.account,
        side=order.side,
        price=order.price,
        size=order.size,
        open=order.open,
        filled=order.filled,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        client_order_id=order.client_order_id,
        at_us=order.at_us,
    )


def would_fill_whole(market: NaiveMarket, order: NaiveOrder, self_trade: int) -> bool:
    """Whether others would fill the whole order, tried on a copy of the market (rules, section 5, FOK)."""
    tried = order.copy()
    enter(market.copy(), tried, self_trade, first_trade=1)
    return tried.filled == tried.size
