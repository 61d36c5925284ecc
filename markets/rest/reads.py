"""Reads markets, orders and trades as messages of exchange.proto, and a market's book as it is or was.

One SQL statement reads a book and its seq, so a commit cannot come between them.
Units: price and size 1/100.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import connection

from markets.engine.visibility import WHOLE
from markets.journal.checkpoints import market_state
from markets.journal.tables import fetch
from markets.models import JournalMarket, Market, MarketVisibility, Order, Side, Trade
from proto import exchange_pb2 as pb

MARKET_FIELDS = (
    "id",
    "name",
    "description",
    "owner_id",
    "min_settlement",
    "max_settlement",
    "tick_size",
    "smallest_size",
    "status",
    "created_us",
    "category",
    "pinned",
    "hide_account_ids",
)
ORDER_FIELDS = (
    "id",
    "market_id",
    "side",
    "price",
    "size",
    "open",
    "filled",
    "created_us",
    "time_in_force",
    "post_only",
)


# --- Rows as messages


def market_messages(markets: Sequence[Market], sudo: bool) -> list[pb.Market]:
    """Messages of markets that visibility.known() returned, with their `degree`. One query."""
    listed: dict[int, list[int]] = {}
    for market, account in MarketVisibility.objects.filter(market__in=markets).values_list("market_id", "account_id"):
        listed.setdefault(market, []).append(account)
    return [_market_message(market, sorted(listed.get(market.id, ())), sudo) for market in markets]


def _market_message(market: Market, listed: list[int], sudo: bool) -> pb.Market:
    message = pb.Market(restricted=bool(listed), **{name: getattr(market, name) for name in MARKET_FIELDS})
    if market.settle_price is not None:
        message.settle_price = market.settle_price
    if market.degree == WHOLE:
        message.volume = market.volume
        if market.last_price is not None:
            message.last_price = market.last_price
    if sudo and listed:
        message.visible_to.ids.extend(listed)
    return message


def order_messages(orders: Iterable[Order], account: int, masked: bool = False) -> list[pb.Order]:
    """Orders as the account may see them, with a client_order_id only on its own. `masked` hides account ids."""
    messages = []
    for order in orders:
        message = pb.Order(**{name: getattr(order, name) for name in ORDER_FIELDS})
        message.account_id = 0 if masked else order.account_id
        message.client_order_id = order.client_order_id if order.account_id == account else ""
        messages.append(message)
    return messages


def trade_messages(trades: Iterable[Trade], masked: bool) -> list[pb.Trade]:
    return [
        pb.Trade(
            id=trade.id,
            market_id=trade.market_id,
            price=trade.price,
            size=trade.size,
            buyer_id=0 if masked else trade.buyer_id,
            seller_id=0 if masked else trade.seller_id,
            taker_side=trade.taker_side,  # type: ignore[arg-type]
            maker_order_id=trade.maker_order,
            maker_open=trade.maker_open,
            taker_order_id=trade.taker_order,
            at_us=trade.at_us,
        )
        for trade in trades
    ]


# --- The book


class BookLevel(NamedTuple):
    """The number of `orders` that rest at a price, and their size together."""

    price: int
    size: int
    orders: int


class BookSnapshot(NamedTuple):
    """A book after the market's entry `seq`, best prices first."""

    market_id: int
    seq: int
    status: int
    last_price: int | None
    bids: list[BookLevel]
    offers: list[BookLevel]


def book(market: int, depth: int) -> BookSnapshot:
    """The book as it is."""
    rows = fetch(
        connection,
        "SELECT (SELECT max(seq) FROM markets_journalmarket WHERE market_id = m.id), m.status, m.last_price,"
        " l.side, l.price, l.size, l.orders"
        " FROM markets_market m LEFT JOIN markets_pricelevel l ON l.market_id = m.id WHERE m.id = %s",
        market,
    )
    seq, status, last_price = rows[0][:3]
    levels = [(side, BookLevel(price, size, orders)) for *_, side, price, size, orders in rows if side is not None]
    return BookSnapshot(market, seq, status, last_price, *_sides(levels, depth))


def past_book(market: int, at: int, depth: int) -> BookSnapshot:
    """The book after the journal's entry `at`. Raises LookupError if the market did not exist yet."""
    state = market_state(connection, market, at)
    seq = JournalMarket.objects.filter(market_id=market, seq__lte=at).order_by("-seq").values_list("seq", flat=True)[0]
    sums: dict[tuple[int, int], tuple[int, int]] = {}
    for order in state.orders.values():
        size, count = sums.get((order.side, order.price), (0, 0))
        sums[order.side, order.price] = size + order.open, count + 1
    levels = [(side, BookLevel(price, *size_and_count)) for (side, price), size_and_count in sums.items()]
    return BookSnapshot(market, seq, state.status, state.last_price, *_sides(levels, depth))


def _sides(levels: list[tuple[int, BookLevel]], depth: int) -> tuple[list[BookLevel], list[BookLevel]]:
    bids = sorted((level for side, level in levels if side == Side.BID), reverse=True)
    return bids[:depth], sorted(level for side, level in levels if side == Side.OFFER)[:depth]
