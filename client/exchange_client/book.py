"""An order book, made of its market's stream. Pure; whole numbers in the wire's units."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from exchange_client import exchange_pb2 as pb


@dataclass(slots=True)
class Order:
    """An open order. The state keeps it up to date: only read it. price in 1/100 chip; size, open, filled in 1/100.

    `account_id` 0: the market hides account ids. `client_order_id`: of your own orders only. `created_us`: UTC
    microseconds.
    """

    id: int
    market_id: int
    account_id: int
    side: pb.Side.ValueType
    price: int
    size: int
    open: int
    filled: int
    client_order_id: str
    created_us: int

    @classmethod
    def of(cls, order: pb.Order) -> "Order":
        return cls(
            order.id,
            order.market_id,
            order.account_id,
            order.side,
            order.price,
            order.size,
            order.open,
            order.filled,
            order.client_order_id,
            order.created_us,
        )

    def fall_to(self, open_: int, *, traded: bool) -> int:
        """`open_` is still open. Returns by how much that is less; 0 if it is not, as what is open never grows."""
        gone = max(self.open - open_, 0)
        self.open -= gone
        if traded:
            self.filled += gone
        return gone


class Level(NamedTuple):
    """All that rests at one price: price in 1/100 chip, size in 1/100, number of orders."""

    price: int
    size: int
    orders: int


class Ladder:
    """One side of a book: prices from the best one on, at each price the orders by age."""

    def __init__(self, best_first: int) -> None:
        """`best_first` is the sign that sorts the best price to the front: -1 for bids, 1 for offers."""
        self._sign = best_first
        self._keys: list[int] = []  # signed prices, ascending
        self._levels: dict[int, dict[int, Order]] = {}
        self._sizes: dict[int, int] = {}

    def clear(self) -> None:
        self._keys.clear()
        self._levels.clear()
        self._sizes.clear()

    def __iter__(self) -> Iterator[Order]:
        """Orders in price-time priority."""
        for key in self._keys:
            yield from self._levels[key].values()

    @property
    def best(self) -> Level | None:
        """None: nothing rests on this side."""
        return self._level(self._keys[0]) if self._keys else None

    def levels(self, depth: int | None = None) -> list[Level]:
        """The best `depth` levels, or all."""
        return [self._level(key) for key in islice(self._keys, depth)]

    def add(self, order: Order) -> None:
        key = self._sign * order.price
        if key not in self._levels:
            insort(self._keys, key)
            self._levels[key] = {}
            self._sizes[key] = 0
        self._levels[key][order.id] = order
        self._sizes[key] += order.open

    def shrink(self, order: Order, gone: int) -> None:
        """`gone` of the order has left the book, and the order is updated already. Takes it out if nothing is open."""
        key = self._sign * order.price
        self._sizes[key] -= gone
        if order.open == 0:
            del self._levels[key][order.id]
        if not self._levels[key]:
            del self._levels[key], self._sizes[key]
            del self._keys[bisect_left(self._keys, key)]

    def _level(self, key: int) -> Level:
        return Level(self._sign * key, self._sizes[key], len(self._levels[key]))


class Book:
    """Every resting order of a market: `bids` and `offers`, best price first."""

    def __init__(self) -> None:
        self.bids = Ladder(best_first=-1)
        self.offers = Ladder(best_first=1)
        self._orders: dict[int, Order] = {}

    def clear(self) -> None:
        self.bids.clear()
        self.offers.clear()
        self._orders.clear()

    def __len__(self) -> int:
        return len(self._orders)

    def __contains__(self, order_id: int) -> bool:
        return order_id in self._orders

    @property
    def best_bid(self) -> Level | None:
        return self.bids.best

    @property
    def best_offer(self) -> Level | None:
        return self.offers.best

    def order(self, order_id: int) -> Order | None:
        """None: it does not rest here."""
        return self._orders.get(order_id)

    def side(self, side: int) -> Ladder:
        """BID or OFFER."""
        return self.bids if side == pb.BID else self.offers

    def add(self, order: Order) -> None:
        """Adds an order behind all others at its price. Does nothing if it is here, or if nothing of it is open."""
        if order.open > 0 and order.id not in self._orders:
            self._orders[order.id] = order
            self.side(order.side).add(order)

    def fall_to(self, order_id: int, open_: int, *, traded: bool) -> None:
        """`open_` of an order is still open. Does nothing if it is not in the book."""
        order = self._orders.get(order_id)
        if order is None or not (gone := order.fall_to(open_, traded=traded)):
            return
        self.side(order.side).shrink(order, gone)
        if order.open == 0:
            del self._orders[order_id]
