"""Previews a settlement: what each account would get, and which orders it would cancel.

Units: price and size 1/100, cash and amount 1/10,000 chip.
"""

from dataclasses import dataclass

from accounts.models import Account
from markets.models import Exposure, Market, Order

ORDERS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Holder:
    """An account with a position, and what the settlement would pay it (negative: take from it)."""

    account: Account
    position: int
    amount: int

    @property
    def cash_after(self) -> int:
        return self.account.cash + self.amount


@dataclass(frozen=True, slots=True)
class Preview:
    price: int
    holders: list[Holder]
    orders: list[Order]  # the first ORDERS_SHOWN of those that it would cancel
    orders_count: int

    @property
    def orders_more(self) -> int:
        return self.orders_count - len(self.orders)

    @property
    def sum(self) -> int:
        """The sum of all amounts: 0, because positions add up to zero."""
        return sum(holder.amount for holder in self.holders)


def preview(market: Market, price: int) -> Preview:
    """What each account would get if the market settled now at this price. An open market keeps trading meanwhile."""
    stakes = Exposure.objects.filter(market=market).exclude(position=0).select_related("account")
    orders, count = resting(market)
    held = [Holder(one.account, one.position, one.position * price) for one in stakes.order_by("account__name_key")]
    return Preview(price, held, orders, count)


def resting(market: Market) -> tuple[list[Order], int]:
    """The first ORDERS_SHOWN of the orders that closing or settling the market would cancel, and the number of all."""
    found = Order.objects.filter(market=market, open__gt=0)
    return list(found.select_related("account").order_by("id")[:ORDERS_SHOWN]), found.count()
