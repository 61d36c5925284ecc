"""Balances, exposures and what an account can lose (rules, section 6).

Units: price 1/100 chip, size and position 1/100, cash, value, cost and profit 1/10,000 chip.
"""

from collections import OrderedDict, deque

from markets.engine.book import Market, Order
from markets.engine.commands import Side
from markets.engine.events import Transferred

BID = int(Side.BID)  # an int, because an enum member is slow to look up and to compare

KEYS_KEPT = 10_000  # idempotency keys of a user account, and of all alts that one person made together
TRANSFERS_KEPT = 100  # latest transfers per account, for snapshots


Keys = OrderedDict[tuple[int, str], int]  # (account id, idempotency key) -> seq of the command


class Exposure:
    """What an account has at stake in a market: its position, its open orders, cost and realised profit.

    `worst_case` and `notional` follow from the other figures; refresh() computes them.
    """

    __slots__ = (
        "bid_size",
        "bid_value",
        "cost",
        "market",
        "notional",
        "offer_size",
        "offer_value",
        "orders",
        "position",
        "realised",
        "traded",
        "worst_case",
    )

    def __init__(self, market: Market) -> None:
        self.market = market
        self.position = 0
        self.bid_size = 0
        self.bid_value = 0
        self.offer_size = 0
        self.offer_value = 0
        self.worst_case = 0
        self.notional = 0  # counts towards POSITION_LIMIT: the largest position possible, and what is realised
        self.cost = 0
        self.realised = 0
        self.traded = False  # ever; an account that has traded still knows the market after it is hidden from it
        self.orders: dict[int, Order] = {}  # open orders by id, oldest first

    def copy(self) -> "Exposure":
        """A copy of the figures that refresh() reads, to try an order out."""
        other = Exposure(self.market)
        other.position = self.position
        other.bid_size, other.bid_value = self.bid_size, self.bid_value
        other.offer_size, other.offer_value = self.offer_size, self.offer_value
        return other


class Account:
    """An account. `worst_case` and `notional` are the sums over its exposures; refresh() keeps them up to date."""

    __slots__ = (
        "cash",
        "creator",
        "exposures",
        "id",
        "keys",
        "kind",
        "name",
        "notional",
        "open_by_key",
        "owned",
        "owners",
        "seq",
        "transfers",
        "user",
        "worst_case",
    )

    def __init__(self, id: int, name: str, kind: int, user: int, creator: int, seq: int) -> None:
        self.id = id
        self.name = name
        self.kind = kind
        self.user = user  # user id of the person who signs in as it, 0 for nobody
        self.creator = creator  # user id of the person who opened it
        self.seq = seq
        self.cash = 0
        self.worst_case = 0
        self.notional = 0
        self.exposures: dict[int, Exposure] = {}  # by market id
        self.owners: dict[int, int] = {}  # owner's account id -> credit
        self.owned: list[int] = []  # account ids
        self.keys: Keys = OrderedDict()  # oldest first; the alts that one person made share them
        self.open_by_key: dict[str, Order] = {}  # client_order_id -> open order
        self.transfers: deque[Transferred] = deque(maxlen=TRANSFERS_KEPT)

    @property
    def available(self) -> int:
        """Cash plus the worst case of all markets: what the account can still spend (rules, section 6)."""
        return self.cash + self.worst_case

    def seq_of(self, key: str) -> int | None:
        """The seq of the accepted command with this key. None if there is none, or it is forgotten."""
        seq = self.keys.get((self.id, key))
        if seq is not None:
            return seq
        order = self.open_by_key.get(key)
        return None if order is None else order.seq

    def remember(self, key: str, seq: int) -> None:
        """Keeps the key of an accepted command, and forgets the oldest beyond KEYS_KEPT (rules, section 5, Keys).

        The key of an open order is also in open_by_key, so it is known as long as the order is open.
        """
        self.keys[self.id, key] = seq
        if len(self.keys) > KEYS_KEPT:
            self.keys.popitem(last=False)


def set_risk(account: Account, exposure: Exposure, worst_case: int, notional: int) -> None:
    """Sets an exposure's worst case and notional to figures computed before, and adjusts the account's sums."""
    account.worst_case += worst_case - exposure.worst_case
    account.notional += notional - exposure.notional
    exposure.worst_case = worst_case
    exposure.notional = notional


def refresh(account: Account, exposure: Exposure) -> None:
    """Computes the worst case and notional of a changed exposure, and adjusts the account's sums (rules, section 6)."""
    market = exposure.market
    most = exposure.position + exposure.bid_size
    least = exposure.position - exposure.offer_size
    low = market.min_settlement * most - exposure.bid_value
    high = market.max_settlement * least + exposure.offer_value
    worst_case = low if low < high else high
    notional = market.bound * (most if most > -least else -least) + abs(exposure.realised)
    account.worst_case += worst_case - exposure.worst_case
    account.notional += notional - exposure.notional
    exposure.worst_case = worst_case
    exposure.notional = notional


def book_fill(account: Account, exposure: Exposure, size: int, price: int) -> None:
    """Books one side of a trade: cash, position, cost and realised profit. `size` is negative for a sale.

    Reducing a position p by q takes cost x q div |p| of the cost, rounded towards zero. Turning a position around first
    takes all of it (rules, section 6, Cost). The caller calls refresh().
    """
    account.cash -= price * size
    exposure.traded = True
    position = exposure.position
    exposure.position = position + size
    if position == 0 or (position > 0) == (size > 0):
        exposure.cost += price * size
        return
    if abs(size) >= abs(position):
        taken = exposure.cost
        closed = -position
        exposure.cost = price * (size + position)
    else:
        share = abs(exposure.cost) * abs(size) // abs(position)
        taken = share if exposure.cost > 0 else -share
        closed = size
        exposure.cost -= taken
    exposure.realised -= price * closed + taken


def rest(account: Account, exposure: Exposure, order: Order) -> None:
    """Adds the open size of an order that comes to rest to the exposure. The caller calls refresh()."""
    exposure.orders[order.id] = order
    if order.client_order_id:
        account.open_by_key[order.client_order_id] = order
    if order.side == BID:
        exposure.bid_size += order.open
        exposure.bid_value += order.price * order.open
    else:
        exposure.offer_size += order.open
        exposure.offer_value += order.price * order.open


def release(exposure: Exposure, order: Order, size: int) -> None:
    """Takes `size` of a resting order out of the exposure. The caller calls refresh()."""
    if order.side == BID:
        exposure.bid_size -= size
        exposure.bid_value -= order.price * size
    else:
        exposure.offer_size -= size
        exposure.offer_value -= order.price * size
