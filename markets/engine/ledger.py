"""Balances, exposures and what an account can lose (rules, section 6). Unit of cash and value: 1/10,000 chip."""

from collections import OrderedDict, deque

from markets.engine.book import Market, Order
from markets.engine.commands import Side
from markets.engine.events import Transferred

BID = int(Side.BID)  # an enum member is slow to look up, and to compare with

KEYS_KEPT = 10_000  # idempotency keys of an account

TRANSFERS_KEPT = 100  # of an account, for snapshots


class Exposure:
    """What an account has at stake in a market. `worst_case` and `notional` follow from the rest: see refresh."""

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
        self.notional = 0  # towards POSITION_LIMIT
        self.cost = 0
        self.realised = 0
        self.traded = False  # ever: who has keeps a view of a market that is hidden from them later
        self.orders: dict[int, Order] = {}  # open, oldest first

    def copy(self) -> "Exposure":
        """The figures that risk() reads, to try something out."""
        other = Exposure(self.market)
        other.position = self.position
        other.bid_size, other.bid_value = self.bid_size, self.bid_value
        other.offer_size, other.offer_value = self.offer_size, self.offer_value
        return other


class Account:
    """`worst_case` and `notional` are the sums over the exposures of unsettled markets, changed by difference."""

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
        self.user = user  # user id of who signs in as it, 0: nobody
        self.creator = creator  # user id of who made it
        self.seq = seq
        self.cash = 0
        self.worst_case = 0
        self.notional = 0
        self.exposures: dict[int, Exposure] = {}  # by market id
        self.owners: dict[int, int] = {}  # owner's account id -> credit
        self.owned: list[int] = []
        self.keys: OrderedDict[str, int] = OrderedDict()  # idempotency key -> seq, oldest first
        self.open_by_key: dict[str, Order] = {}  # client_order_id -> open order
        self.transfers: deque[Transferred] = deque(maxlen=TRANSFERS_KEPT)

    @property
    def available(self) -> int:
        """What the account could still lose: cash and the worst that its markets can come to."""
        return self.cash + self.worst_case

    def remember(self, key: str, seq: int) -> None:
        """Keeps the key of an accepted command. The keys of open orders are kept in open_by_key besides."""
        self.keys[key] = seq
        if len(self.keys) > KEYS_KEPT:
            self.keys.popitem(last=False)


def set_risk(account: Account, exposure: Exposure, worst_case: int, notional: int) -> None:
    account.worst_case += worst_case - exposure.worst_case
    account.notional += notional - exposure.notional
    exposure.worst_case = worst_case
    exposure.notional = notional


def refresh(account: Account, exposure: Exposure) -> None:
    """Brings worst_case and notional, and the account's sums of them, up to date after any change of the exposure."""
    market = exposure.market
    most = exposure.position + exposure.bid_size
    least = exposure.position - exposure.offer_size
    low = market.min_settlement * most - exposure.bid_value
    high = market.max_settlement * least + exposure.offer_value
    worst_case = low if low < high else high
    notional = market.bound * (most if most > -least else -least)
    account.worst_case += worst_case - exposure.worst_case
    account.notional += notional - exposure.notional
    exposure.worst_case = worst_case
    exposure.notional = notional


def book_fill(account: Account, exposure: Exposure, size: int, price: int) -> None:
    """Moves cash, position, cost and realised profit of one side of a trade; size is negative for a sale.

    Reducing q of p takes cost x q div |p| towards zero; turning around takes all of it first (rules, section 6).
    The caller refreshes.
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
    """Counts what is open of an order that comes to rest. The caller refreshes."""
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
    """Takes `size` of a resting order out of the exposure. The caller refreshes."""
    if order.side == BID:
        exposure.bid_size -= size
        exposure.bid_value -= order.price * size
    else:
        exposure.offer_size -= size
        exposure.offer_value -= order.price * size
