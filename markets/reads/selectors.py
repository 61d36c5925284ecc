"""What pages read about markets, and REST of stakes. The engine's tables are only read here, a fixed number of queries
a page.

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

DEPTH = 12  # levels of a side that the ladder shows
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
    """Lines of the list of markets under a heading. `key`: its name for the script."""

    key: str
    name: str
    rows: list[MarketRow]


@dataclass(slots=True)
class Rung:
    """A level of the ladder. total: all up to here; share: its part of the longest bar, 0 to 100."""

    price: int
    size: int
    total: int
    mine: int
    share: int = 0


@dataclass(frozen=True, slots=True)
class Ladder:
    """Best first; `offers` the other way round too, as they stand on the page."""

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
    """An account's stake in a market with the figures that are computed where they are shown."""

    exposure: Exposure
    mark: int | None

    @property
    def held_back(self) -> int:
        """What the market takes from the available balance (rules, section 6)."""
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
    """`held`: with a position or open orders; `past`: only what was earned or lost there."""

    held: list[Holding] = field(default_factory=list)
    past: list[Holding] = field(default_factory=list)

    @property
    def held_back(self) -> int:
        return sum(holding.held_back for holding in self.held)


def market_rows(viewer: Viewer) -> list[MarketRow]:
    """The markets for the list: pinned ones first, then open ones, settled ones last, the newest first among equals.
    Where the viewer does not see the book there are no prices. frontend/src/listing.ts has the same order."""
    shown = list(visibility.known(viewer).order_by("-pinned", "status", "-id")[:MARKETS_SHOWN])
    prices = best_prices(market.id for market in shown if market.degree == WHOLE and market.status in NOT_OVER)
    positions = dict(Exposure.objects.filter(account_id=viewer.account).values_list("market_id", "position"))
    return [MarketRow(m, m.degree == WHOLE, prices.get(m.id, NO_PRICES), positions.get(m.id, 0)) for m in shown]


def grouped(rows: Iterable[MarketRow]) -> list[MarketGroup]:
    """Pinned ones, then each category in order of its name, then what has none; within a group as they came. As
    frontend/src/listing.ts has it."""
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
    """One query; a market without orders has no entry."""
    resting = Order.objects.filter(market_id__in=list(market_ids), open__gt=0).order_by()
    bests = resting.values("market_id", "side").annotate(highest=Max("price"), lowest=Min("price"))
    found: dict[int, Best] = {}
    for row in bests:
        best = found.get(row["market_id"], NO_PRICES)
        bid = row["side"] == Side.BID
        found[row["market_id"]] = best._replace(bid=row["highest"]) if bid else best._replace(offer=row["lowest"])
    return found


def ladder(market_id: int, own: Sequence[Order]) -> Ladder:
    """The best levels of both sides, with what of them is `own`; two queries."""
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
    """An account's own, newest first."""
    orders: QuerySet[Order] = Order.objects.filter(account_id=account_id, open__gt=0)
    if market_id is not None:
        orders = orders.filter(market_id=market_id)
    return list(orders.select_related("market").order_by("-id")[:ORDERS_SHOWN])


def tape(market_id: int) -> list[Trade]:
    """The last trades, newest first."""
    return list(Trade.objects.filter(market_id=market_id).order_by("-id")[:TRADES_SHOWN])


def holding(account: Account, market: Market, best: Best | None) -> Holding:
    """Without a mark if no prices are to be seen."""
    exposure = Exposure.objects.filter(account=account, market=market).first() or no_exposure(account, market)
    return Holding(exposure, mark(*best, market.last_price) if best is not None else None)


def no_exposure(account: Account, market: Market) -> Exposure:
    """That of an account which never was in the market; not saved."""
    nothing = dict.fromkeys(
        ("position", "bid_size", "bid_value", "offer_size", "offer_value", "worst_case", "cost", "realised"), 0
    )
    return Exposure(account=account, market=market, **nothing)


def holdings(viewer: Viewer) -> list[Holding]:
    """The acting account's stakes in the markets that the viewer knows, past ones too, by market id; three queries.
    There is no mark where they do not see the book, and none for a stake that is over.

    The exposures and their account, with its cash, come from one statement: what is committed meanwhile cannot mix in.
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
    """With a position or open orders."""
    return bool(exposure.position or exposure.bid_size or exposure.offer_size)


def portfolio(viewer: Viewer) -> Portfolio:
    """Every market that the acting account has a stake in or ever earned in, by name."""
    found = sorted(holdings(viewer), key=lambda holding: holding.exposure.market.name_key)
    return Portfolio(
        held=[holding for holding in found if _is_live(holding.exposure)],
        past=[holding for holding in found if not _is_live(holding.exposure) and holding.exposure.realised],
    )


def orders_of(account: int, viewer: Viewer) -> QuerySet[Order]:
    return Order.objects.filter(account_id=account, market__in=visibility.known(viewer))


def trades_of(account: int) -> QuerySet[Trade]:
    """By the markets that it traded in: there is no index by account, which every order would have to pay for."""
    markets = Exposure.objects.filter(account_id=account, traded=True).values("market_id")
    return Trade.objects.filter(Q(buyer_id=account) | Q(seller_id=account), market_id__in=markets)
