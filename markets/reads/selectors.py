"""Reads markets, books, orders, trades and holdings for pages and REST, in a fixed number of queries.

Units: price and size 1/100, value and cash 1/10,000 chip.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import Max, Min, Q, QuerySet, Sum

from accounts.models import Account
from accounts.money import average_entry, mark
from markets.engine.visibility import WHOLE
from markets.models import Exposure, Market, MarketStatus, Order, Side, Trade
from markets.reads import visibility
from markets.reads.visibility import Viewer

DEPTH = 12  # levels per side of the ladder
TRADES_SHOWN = 50
ORDERS_SHOWN = 200
MARKETS_SHOWN = 500
NOT_OVER = (MarketStatus.OPEN, MarketStatus.CANCEL_ONLY, MarketStatus.PAUSED)


class Best(NamedTuple):
    bid: int | None
    offer: int | None


NO_PRICES = Best(None, None)


@dataclass(frozen=True, slots=True)
class MarketRow:
    """A line of the list of markets."""

    market: Market
    with_book: bool
    best: Best
    position: int


@dataclass(frozen=True, slots=True)
class MarketGroup:
    """Lines of the list of markets under one heading. `key` is how the page's script calls the group."""

    key: str
    name: str
    rows: list[MarketRow]


@dataclass(slots=True)
class Rung:
    """A level of the ladder. `total`: the size up to and with it. `share`: its bar, in percent of the longest."""

    price: int
    size: int
    total: int
    mine: int
    share: int = 0


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


@dataclass(frozen=True, slots=True)
class Portfolio:
    """`held`: markets with a position or open orders. `past`: others in which the account made a profit or a loss."""

    held: list[Holding] = field(default_factory=list)
    past: list[Holding] = field(default_factory=list)

    @property
    def held_back(self) -> int:
        return sum(holding.held_back for holding in self.held)


def market_rows(viewer: Viewer) -> list[MarketRow]:
    """The list of markets: pinned ones first, then by status from open to settled, then the newest first.

    A market whose book the viewer may not see has no prices. frontend/src/listing.ts sorts in the same order.
    """
    shown = list(visibility.known(viewer).order_by("-pinned", "status", "-id")[:MARKETS_SHOWN])
    prices = best_prices(market.id for market in shown if market.degree == WHOLE and market.status in NOT_OVER)
    positions = dict(Exposure.objects.filter(account_id=viewer.account).values_list("market_id", "position"))
    return [MarketRow(m, m.degree == WHOLE, prices.get(m.id, NO_PRICES), positions.get(m.id, 0)) for m in shown]


def grouped(rows: Iterable[MarketRow]) -> list[MarketGroup]:
    """Groups rows: pinned markets, then each category by name, then markets without one.

    Rows keep their order within a group. frontend/src/listing.ts groups in the same way.
    """
    groups: dict[tuple[int, str, str], list[MarketRow]] = {}
    for row in rows:
        category = row.market.category
        rank = 0 if row.market.pinned else 1 if category else 2
        groups.setdefault((rank, category.casefold(), category) if rank == 1 else (rank, "", ""), []).append(row)
    return [
        MarketGroup(f"{rank} {category}", ("Pinned", category, "Markets")[rank], groups[rank, folded, category])
        for rank, folded, category in sorted(groups)
    ]


def best_prices(market_ids: Iterable[int]) -> dict[int, Best]:
    """The best prices by market id, in one query. A market without orders has no entry."""
    resting = Order.objects.filter(market_id__in=list(market_ids), open__gt=0).order_by()
    bests = resting.values("market_id", "side").annotate(highest=Max("price"), lowest=Min("price"))
    found: dict[int, Best] = {}
    for row in bests:
        best = found.get(row["market_id"], NO_PRICES)
        bid = row["side"] == Side.BID
        found[row["market_id"]] = best._replace(bid=row["highest"]) if bid else best._replace(offer=row["lowest"])
    return found


def ladder(market_id: int, own: Sequence[Order]) -> Ladder:
    """The best levels of both sides, with the size of `own` orders on each. Two queries."""
    bids, offers = _rungs(market_id, Side.BID, own), _rungs(market_id, Side.OFFER, own)
    longest = max((rung.total for rung in (*bids, *offers)), default=1)
    for rung in (*bids, *offers):
        rung.share = rung.total * 100 // longest
    return Ladder(bids, offers)


def _rungs(market_id: int, side: Side, own: Sequence[Order]) -> list[Rung]:
    mine: dict[int, int] = {}
    for order in own:
        if order.side == side:
            mine[order.price] = mine.get(order.price, 0) + order.open
    levels = Order.objects.filter(market_id=market_id, side=side, open__gt=0).values("price").annotate(size=Sum("open"))
    rungs, total = [], 0
    for level in levels.order_by("-price" if side == Side.BID else "price")[:DEPTH]:
        total += level["size"]
        rungs.append(Rung(level["price"], level["size"], total, mine.get(level["price"], 0)))
    return rungs


def open_orders(account_id: int, market_id: int | None = None) -> list[Order]:
    """An account's open orders, newest first."""
    orders: QuerySet[Order] = Order.objects.filter(account_id=account_id, open__gt=0)
    if market_id is not None:
        orders = orders.filter(market_id=market_id)
    return list(orders.select_related("market").order_by("-id")[:ORDERS_SHOWN])


def tape(market_id: int) -> list[Trade]:
    """A market's last trades, newest first."""
    return list(Trade.objects.filter(market_id=market_id).order_by("-id")[:TRADES_SHOWN])


def holding(account: Account, market: Market, best: Best | None) -> Holding:
    """An account's holding in a market. Without `best`, because the book is hidden, it has no mark."""
    exposure = Exposure.objects.filter(account=account, market=market).first() or no_exposure(account, market)
    return Holding(exposure, mark(*best, market.last_price) if best is not None else None)


def no_exposure(account: Account, market: Market) -> Exposure:
    """The exposure of an account that was never in the market. It is not saved."""
    nothing = dict.fromkeys(
        ("position", "bid_size", "bid_value", "offer_size", "offer_value", "worst_case", "cost", "realised"), 0
    )
    return Exposure(account=account, market=market, **nothing)


def holdings(viewer: Viewer) -> list[Holding]:
    """The acting account's holdings in all markets that the viewer knows, past ones too, by market id. Three queries.

    A holding has no mark if the viewer may not see the book, or if it has no position and no open orders.
    One SQL statement reads the exposures and their account with its cash, so a commit cannot come between them.
    """
    found = Exposure.objects.filter(account_id=viewer.account).select_related("account", "market").order_by("market_id")
    exposures = list(found)
    degrees = {m.pk: m.degree for m in visibility.known(viewer).filter(pk__in=[e.market_id for e in exposures])}
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
