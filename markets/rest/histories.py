"""The REST door to a market's whole past: its trades, what became of its orders, and who holds what."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from google.protobuf.message import Message
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts.rest.pages import PageQuery, page_of
from accounts.rest.schema import operation
from markets.engine.events import Traded
from markets.engine.visibility import masked
from markets.journal import histories
from markets.journal.histories import Change, Page, Position
from markets.rest import serializers
from markets.rest.markets import MARKETS, MarketView
from markets.wire import codec
from proto import exchange_pb2 as wire
from realtime.limits import RateClass


class _History(MarketView):
    """Of a market that the caller sees whole. Histories know nobody: whose a row is, is left out here."""

    queries = {"GET": PageQuery}

    def cost(self) -> tuple[RateClass, int]:
        return "expensive", 1

    @property
    def wanted(self) -> tuple[int, int]:
        """The number of the row before, and how many rows."""
        return self.query.get("cursor", 0), self.query["limit"]

    def told(self, form: type[Serializer[Any]], page: Page[Any], write: Callable[[Any], Message]) -> Response:
        results = form([write(row) for _, row in page.rows], many=True).data
        return Response({"results": results, "next": str(page.rows[-1][0]) if page.more else None})


class TradeHistory(_History):
    @operation(
        "get_full_trade_history",
        "Every trade, oldest first",
        page_of(serializers.Trade, "TradePage"),
        tag=MARKETS,
    )
    def get(self, request: Request, market_id: int) -> Response:
        """As the market hides it: ids may read 0, your own too. Class expensive."""
        market = self.market(market_id)
        hidden = masked(market, self.viewer.sudo)

        def write(row: Traded) -> wire.Trade:
            trade = wire.Trade()
            codec.write_trade(trade, row, hidden)
            return trade

        return self.told(serializers.Trade, histories.read_trades(connection, market.id, *self.wanted), write)


class OrderHistory(_History):
    @operation(
        "get_full_order_history",
        "Every order's size over time, oldest change first",
        page_of(serializers.OrderChange, "OrderChangePage"),
        tag=MARKETS,
    )
    def get(self, request: Request, market_id: int) -> Response:
        """An order begins with all of it open; it ends with 0.00, or still rests. Class expensive."""
        market = self.market(market_id)
        hidden = masked(market, self.viewer.sudo)

        def write(row: Change) -> wire.OrderChange:
            change = wire.OrderChange()
            codec.write_change(change, row, hidden)
            return change

        return self.told(serializers.OrderChange, histories.read_orders(connection, market.id, *self.wanted), write)


class Positions(_History):
    @operation(
        "get_market_positions",
        "Who holds what, by account",
        page_of(serializers.Position, "PositionPage"),
        tag=MARKETS,
    )
    def get(self, request: Request, market_id: int) -> Response:
        """Where the market hides account ids: yours, and all others together as account 0. Every page is of its own
        moment. Class expensive."""
        market, who = self.market(market_id), self.viewer
        only = who.accounts if masked(market, who.sudo) else None

        def write(row: Position) -> wire.Position:
            return wire.Position(account_id=row.account, position=row.position)

        return self.told(
            serializers.Position, histories.read_positions(connection, market.id, *self.wanted, only=only), write
        )
