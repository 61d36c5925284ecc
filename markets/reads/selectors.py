"""Reads markets, books, orders, trades and holdings for pages and REST, in a fixed number of queries.

Units: price and size 1/100, value and cash 1/10,000 chip.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple
from unicodedata import normalize

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery

from accounts.models import Account
from accounts.money import average_entry, mark
from markets.engine.visibility import WHOLE
from markets.models import Exposure, Market, MarketStatus, Order, PriceLevel, Side, Trade
from markets.reads import visibility
from markets.reads.visibility import Viewer

DEPTH = 12  # levels per side of the ladder
TRADES_SHOWN = 50
ORDERS_SHOWN = 200  # of an account's open orders, the newest; a market takes at most 1,000 of them
MARKETS_SHOWN = 200  # a page of the list
# The columns of a MarketRow that come from the market.
LINE = (
    "id",
    "name",
    "category",
    "pinned",
    "status",
    "min_settlement",
    "max_settlement",
    "settle_price",
    "last_price",
    "volume",
)
LEVELS = (
    "SELECT * FROM (SELECT side, price, size FROM markets_pricelevel WHERE market_id = %s AND side = %s"
    " ORDER BY price DESC LIMIT %s) AS bids"
    " UNION ALL SELECT * FROM (SELECT side, price, size FROM markets_pricelevel WHERE market_id = %s AND side = %s"
    " ORDER BY price LIMIT %s) AS offers"
)
NOT_OVER = (MarketStatus.OPEN, MarketStatus.CANCEL_ONLY, MarketStatus.PAUSED)


class Best(NamedTuple):
    bid: int | None
    offer: int | None


NO_PRICES = Best(None, None)


class MarketRow(NamedTuple):
    """A line of the list of markets, for one viewer. Without its book, it has no prices and no volume."""

    id: int
    name: str
    category: str
    pinned: bool
    status: int
    min_settlement: int
    max_settlement: int
    settle_price: int | None
    with_book: bool
    best: Best
    last_price: int | None
    volume: int | None
    position: int

    def get_status_display(self) -> str:
        return MarketStatus(self.status).label


@dataclass(frozen=True, slots=True)
class MarketGroup:
    """Lines of the list of markets under one heading. `key` is how the page's script calls the group."""

    key: str
    name: str
    rows: list[MarketRow]


class Rung(NamedTuple):
    """A level of the ladder. `total`: the size up to and with it. `share`: its bar, in percent of the longest."""

    price: int
    size: int
    total: int
    mine: int
    share: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """Both sides of a book, best prices first. `offers_from_top` is the order on the page."""

    bids: list[Rung]
    offers: list[Rung]

    @property
    def offers_from_top(self) -> list[Rung]:
        return self.offers[::-1]

    @property
    def best(self) -> Best:
        return Best(self.bids[0].price if self.bids else None, self.offers[0].price if self.offers else None)

    @property
    def spread(self) -> int | None:
        return self.offers[0].price - self.bids[0].price if self.bids and self.offers else None

    @property
    def mid(self) -> int | None:
        return mark(*self.best, None)


class Print(NamedTuple):
    """A trade as the tape shows it. `mine`: the viewer's account was a side of it."""

    id: int
    at_us: int
    price: int
    size: int
    taker_side: int
    mine: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """An account's exposure in a market, with figures that no table stores."""

    exposure: Exposure
    mark: int | None

    @property
    def held_back(self) -> int:
        """How much of the available balance the market holds back (rules, section 6)."""
        return -self.exposure.worst_case

    @property
    def average_entry(self) -> int | None:
        return average_entry(self.exposure.cost, self.exposure.position)

    @property
    def unrealised(self) -> int | None:
        if self.mark is None or self.exposure.position == 0:
            return None
        return self.exposure.position * self.mark - self.exposure.cost


class HoldingRow(NamedTuple):
    """A line of the portfolio."""

    market_id: int
    market: str
    position: int
    average_entry: int | None
    mark: int | None
    unrealised: int | None
    realised: int
    bid_size: int
    offer_size: int
    held_back: int


@dataclass(frozen=True, slots=True)
class Portfolio:
    """`held`: markets with a position or open orders. `past`: others in which the account made a profit or a loss."""

    held: list[Holding] = field(default_factory=list)
    past: list[Holding] = field(default_factory=list)

    @property
    def held_back(self) -> int:
        return sum(holding.held_back for holding in self.held)

    @property
    def rows(self) -> list[HoldingRow]:
        """The lines of the markets held."""
        return [
            HoldingRow(
                market_id=exposure.market_id,
                market=exposure.market.name,
                position=exposure.position,
                average_entry=holding.average_entry,
                mark=holding.mark,
                unrealised=holding.unrealised,
                realised=exposure.realised,
                bid_size=exposure.bid_size,
                offer_size=exposure.offer_size,
                held_back=holding.held_back,
            )
            for holding in self.held
            for exposure in [holding.exposure]
        ]


def market_rows(viewer: Viewer, wanted: str = "", page: int = 1) -> tuple[list[MarketRow], bool]:
    """A page of the list of markets, and whether there are more: pinned ones first, then by status from open to
    settled, then the newest first; only those with `wanted` in their name or category.

    A market whose book the viewer may not see has no prices. frontend/src/listing.ts finds and sorts in the same way.
    """
    lines = visibility.known(viewer).order_by("-pinned", "status", "-id").values(*LINE, "degree")
    found = [line for line in lines if _reads(line, wanted)] if wanted else lines
    start = (page - 1) * MARKETS_SHOWN
    shown = list(found[start : start + MARKETS_SHOWN + 1])
    more = len(shown) > MARKETS_SHOWN
    del shown[MARKETS_SHOWN:]
    with_book = {market["id"] for market in shown if market.pop("degree") == WHOLE}
    prices = best_prices(m["id"] for m in shown if m["id"] in with_book and m["status"] in NOT_OVER)
    positions = dict(Exposure.objects.filter(account_id=viewer.account).values_list("market_id", "position"))
    for market in shown:
        id = market["id"]
        market |= {"best": prices.get(id, NO_PRICES), "position": positions.get(id, 0), "with_book": id in with_book}
        if id not in with_book:
            market |= {"last_price": None, "volume": None}
    return [MarketRow(**market) for market in shown], more


def _reads(line: dict[str, Any], wanted: str) -> bool:
    """Without regard to case in any language, which SQLite's LIKE cannot do."""
    return any(_folded(wanted) in _folded(text) for text in (line["name"], line["category"]))


def _folded(text: str) -> str:
    return normalize("NFKC", text).lower()


def grouped(rows: Iterable[MarketRow]) -> list[MarketGroup]:
    """Groups rows: pinned markets, then each category by name, then markets without one.

    Rows keep their order within a group. frontend/src/listing.ts groups in the same way.
    """
    groups: dict[tuple[int, str, str], list[MarketRow]] = {}
    for row in rows:
        category = row.category
        rank = 0 if row.pinned else 1 if category else 2
        groups.setdefault((rank, category.casefold(), category) if rank == 1 else (rank, "", ""), []).append(row)
    return [
        MarketGroup(f"{rank} {category}", ("Pinned", category, "Markets")[rank], groups[rank, folded, category])
        for rank, folded, category in sorted(groups)
    ]


def best_prices(market_ids: Iterable[int]) -> dict[int, Best]:
    """The best prices by market id, in one query."""
    levels = PriceLevel.objects.filter(market_id=OuterRef("pk")).values("price")
    bids = levels.filter(side=Side.BID).order_by("-price")
    offers = levels.filter(side=Side.OFFER).order_by("price")
    found = Market.objects.filter(pk__in=list(market_ids)).order_by()
    return {id: Best(*best) for id, *best in found.values_list("pk", Subquery(bids[:1]), Subquery(offers[:1]))}


def ladder(market_id: int, own: Sequence[Order]) -> Ladder:
    """The best levels of both sides, with the size of `own` orders on each. One query, so the sides never cross."""
    mine: dict[tuple[int, int], int] = {}
    for order in own:
        mine[order.side, order.price] = mine.get((order.side, order.price), 0) + order.open
    with connection.cursor() as cursor:
        cursor.execute(LEVELS, (market_id, Side.BID, DEPTH, market_id, Side.OFFER, DEPTH))
        levels = sorted(cursor.fetchall())
    bids = [(price, size, mine.get((side, price), 0)) for side, price, size in levels if side == Side.BID][::-1]
    offers = [(price, size, mine.get((side, price), 0)) for side, price, size in levels if side == Side.OFFER]
    longest = max(sum(size for _, size, _ in side) for side in (bids, offers))
    return Ladder(_rungs(bids, longest), _rungs(offers, longest))


def _rungs(levels: list[tuple[int, int, int]], longest: int) -> list[Rung]:
    totals = accumulate(size for _, size, _ in levels)
    return [
        Rung(price, size, total, mine, total * 100 // longest) for (price, size, mine), total in zip(levels, totals)
    ]


def open_orders(account_id: int, market_id: int) -> list[Order]:
    """An account's open orders in a market, newest first."""
    return list(Order.objects.filter(account_id=account_id, market_id=market_id, open__gt=0).order_by("-id"))


def newest_orders(account_id: int) -> tuple[list[Order], int]:
    """The newest ORDERS_SHOWN of an account's open orders, each with its market, and the number of all."""
    orders = Order.objects.filter(account_id=account_id, open__gt=0).order_by("-id")
    shown = list(orders.select_related("market")[:ORDERS_SHOWN])
    return shown, len(shown) if len(shown) < ORDERS_SHOWN else orders.count()


def tape(market_id: int, account_id: int) -> list[Print]:
    """A market's last trades, newest first, as the account sees them."""
    trades = Trade.objects.filter(market_id=market_id).order_by("-id")
    shown = trades.values_list("id", "at_us", "price", "size", "taker_side", "buyer_id", "seller_id")[:TRADES_SHOWN]
    return [
        Print(id, at_us, price, size, taker_side, account_id in (buyer, seller))
        for id, at_us, price, size, taker_side, buyer, seller in shown
    ]


def holding(account: Account, market: Market, best: Best | None) -> Holding:
    """An account's holding in a market. Without `best`, because the book is hidden, it has no mark."""
    exposure = Exposure.objects.filter(account=account, market=market).first()
    return Holding(
        exposure or no_exposure(account, market), mark(*best, market.last_price) if best is not None else None
    )


def no_exposure(account: Account, market: Market) -> Exposure:
    """The exposure of an account that was never in the market. It is not saved."""
    nothing = dict.fromkeys(
        ("position", "bid_size", "bid_value", "offer_size", "offer_value", "worst_case", "cost", "realised"), 0
    )
    return Exposure(account=account, market=market, **nothing)


def holdings(viewer: Viewer) -> list[Holding]:
    """The acting account's holdings in all markets that the viewer knows, past ones too, by market id. At most five
    queries.

    A holding has no mark if the viewer may not see the book, or if it has no position and no open orders.
    One SQL statement reads the exposures and their account with its cash, so a commit cannot come between them.
    """
    found = Exposure.objects.filter(account_id=viewer.account).select_related("account", "market").order_by("market_id")
    exposures = list(found)
    degrees = {market.pk: market.degree for market in visibility.seen(viewer, [e.market for e in exposures])}
    marked = {e.market_id for e in exposures if _is_live(e) and degrees.get(e.market_id) == WHOLE}
    prices = best_prices(e.market_id for e in exposures if e.market_id in marked and e.market.status in NOT_OVER)
    return [
        Holding(e, mark(*prices.get(e.market_id, NO_PRICES), e.market.last_price) if e.market_id in marked else None)
        for e in exposures
        if e.market_id in degrees
    ]


def _is_live(exposure: Exposure) -> bool:
    """Whether there is a position or an open order."""
    return bool(exposure.position or exposure.bid_size or exposure.offer_size)


def portfolio(viewer: Viewer) -> Portfolio:
    """The acting account's holdings, past ones too, sorted by the market's name."""
    found = sorted(holdings(viewer), key=lambda holding: holding.exposure.market.name_key)
    return Portfolio(
        held=[holding for holding in found if _is_live(holding.exposure)],
        past=[holding for holding in found if not _is_live(holding.exposure) and holding.exposure.realised],
    )


def orders_of(account: int, viewer: Viewer) -> QuerySet[Order]:
    """An account's orders in the markets that the viewer knows."""
    return Order.objects.filter(account_id=account, market__in=visibility.known(viewer))


def trades_of(account: int) -> QuerySet[Trade]:
    """An account's trades, found by the markets in which it traded. An index by account would slow down every order."""
    markets = Exposure.objects.filter(account_id=account, traded=True).values("market_id")
    return Trade.objects.filter(Q(buyer_id=account) | Q(seller_id=account), market_id__in=markets)
