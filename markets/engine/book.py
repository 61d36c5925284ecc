"""A market and its price-time book (rules, section 5).

A side holds its price levels in a dict and their keys in a SortedList. The key of a price is the price itself for
offers and minus the price for bids, so the best level of either side has the smallest key.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator

from sortedcontainers import SortedList

from markets.engine.commands import MarketStatus, Side
from markets.engine.events import Traded

NOBODY = 1 << 62  # the key of an empty side: larger than that of any level
TAPE_LENGTH = 50  # latest trades of a market, for snapshots


class Order:
    """A limit order. size = filled + open + cancelled, all in 1/100; the price is in 1/100 chip."""

    __slots__ = (
        "account",
        "cancelled",
        "client_order_id",
        "created_us",
        "filled",
        "id",
        "market",
        "open",
        "post_only",
        "price",
        "seq",
        "side",
        "size",
        "time_in_force",
    )

    def __init__(
        self,
        id: int,
        market: int,
        account: int,
        side: int,
        price: int,
        size: int,
        time_in_force: int,
        post_only: bool,
        client_order_id: str,
        created_us: int,
        seq: int,
    ) -> None:
        self.id = id
        self.market = market
        self.account = account
        self.side = side
        self.price = price
        self.size = size
        self.open = size
        self.filled = 0
        self.cancelled = 0
        self.time_in_force = time_in_force
        self.post_only = post_only
        self.client_order_id = client_order_id
        self.created_us = created_us
        self.seq = seq


class Level(OrderedDict[int, Order]):
    """The resting orders at one price by id, the oldest first, and the `size` that is open of them together, in 1/100.

    Insertion order is time priority, and a cancel is one deletion. The first order stays cheap to find after many
    deletions; a plain dict would walk over the deleted ones.
    """

    __slots__ = ("size",)

    def __init__(self) -> None:
        super().__init__()
        self.size = 0


class BookSide:
    """The resting orders of one side, best price first, at one price the oldest first.

    `top` is the key of the best level, NOBODY if the side is empty.
    """

    __slots__ = ("keys", "levels", "sign", "top")

    def __init__(self, side: int) -> None:
        self.sign = -1 if side == Side.BID else 1
        self.keys: SortedList[int] = SortedList()
        self.levels: dict[int, Level] = {}
        self.top = NOBODY

    def add(self, order: Order) -> None:
        key = order.price * self.sign
        level = self.levels.get(key)
        if level is None:
            self.levels[key] = level = Level()
            self.keys.add(key)
            if key < self.top:
                self.top = key
        level[order.id] = order
        level.size += order.open

    def reduce(self, order: Order, size: int) -> None:
        """Takes `size` off what is open of a resting order, which keeps its place. If nothing is left, remove() it."""
        order.open -= size
        self.levels[order.price * self.sign].size -= size

    def remove(self, order: Order) -> None:
        """Takes an order of which nothing is open off the book."""
        key = order.price * self.sign
        level = self.levels[key]
        del level[order.id]
        if not level:
            del self.levels[key]
            self.keys.remove(key)
            if key == self.top:
                self.top = self.keys[0] if self.levels else NOBODY

    def best(self) -> int | None:
        """The best price in 1/100 chip, None if the side is empty."""
        return self.top * self.sign if self.levels else None

    def size_at_best(self) -> int:
        """The open size at the best price, in 1/100."""
        return self.levels[self.top].size if self.levels else 0

    def at(self, price: int) -> Level | None:
        """The level at this price, None if no order rests there."""
        return self.levels.get(price * self.sign)

    def __iter__(self) -> Iterator[Order]:
        """The orders in priority order."""
        for key in self.keys:
            yield from self.levels[key].values()

    def within(self, reach: int) -> Iterator[Order]:
        """The orders in priority order, down to and with the level whose key is `reach`."""
        for key in self.keys:
            if key > reach:
                return
            yield from self.levels[key].values()

    def __len__(self) -> int:
        """The number of orders."""
        return sum(map(len, self.levels.values()))


class Market:
    """A market and its book. Prices and ticks are in 1/100 chip, sizes in 1/100."""

    __slots__ = (
        "bids",
        "bound",
        "category",
        "created_us",
        "creator",
        "description",
        "hide_account_ids",
        "holders",
        "id",
        "last_price",
        "max_settlement",
        "min_settlement",
        "name",
        "offers",
        "owner",
        "pinned",
        "seq",
        "settle_price",
        "smallest_size",
        "status",
        "tape",
        "tick_size",
        "visible_to",
        "volume",
    )

    def __init__(
        self,
        id: int,
        name: str,
        description: str,
        owner: int,
        creator: int,
        min_settlement: int,
        max_settlement: int,
        tick_size: int,
        smallest_size: int,
        created_us: int,
        seq: int,
    ) -> None:
        self.id = id
        self.name = name
        self.description = description
        self.owner = owner
        self.creator = creator  # user id
        self.min_settlement = min_settlement
        self.max_settlement = max_settlement
        self.tick_size = tick_size
        self.smallest_size = smallest_size
        self.created_us = created_us
        self.seq = seq
        self.status: int = MarketStatus.OPEN
        self.settle_price: int | None = None
        self.last_price: int | None = None
        self.volume = 0  # the sizes of all its trades, 1/100
        self.category = ""
        self.pinned = False
        self.visible_to: dict[int, None] = {}  # account ids, lowest first; empty for everybody
        self.hide_account_ids = False
        self.bound = max(abs(min_settlement), abs(max_settlement))
        self.bids = BookSide(Side.BID)
        self.offers = BookSide(Side.OFFER)
        # Ids of the accounts with an exposure here, in the order of their first accepted order: the order of payouts.
        self.holders: dict[int, None] = {}
        # The latest trades, oldest first.
        self.tape: deque[Traded] = deque(maxlen=TAPE_LENGTH)
