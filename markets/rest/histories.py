"""REST views of a market's whole past: all its trades, all changes of its orders, and who holds what."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from google.protobuf.message import Message
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts.rest.bodies import written
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
    """A history of a market that the caller sees WHOLE. journal/histories.py masks nothing, so these views do it."""

    queries = {"GET": PageQuery}

    def cost(self) -> tuple[RateClass, int]:
        return "expensive", 1

    @property
    def window(self) -> tuple[int, int]:
        """The number of the last row before the page, and the page's size."""
        return self.query.get("cursor", 0), self.query["limit"]

    def page(self, form: type[Serializer[Any]], found: Page[Any], write: Callable[[Any], Message]) -> Response:
        results = [written(form, write(row)) for _, row in found.rows]
        return Response({"results": results, "next": str(found.rows[-1][0]) if found.more else None})


class TradeHistory(_History):
    @operation(
        "get_full_trade_history",
        "Every trade, oldest first",
        page_of(serializers.TradeSerializer, "TradePage"),
        tag=MARKETS,
    )
    def get(self, request: Request, market_id: int) -> Response:
        """If the market hides account ids they are 0, your own too. Rate class expensive."""
        market = self.market(market_id)
        hidden = masked(market, self.viewer.sudo)

        def write(row: Traded) -> wire.Trade:
            trade = wire.Trade()
            codec.write_trade(trade, row, hidden)
            return trade

        return self.page(serializers.TradeSerializer, histories.read_trades(connection, market.id, *self.window), write)


class OrderHistory(_History):
    @operation(
        "get_full_order_history",
        "Every change of every order's open size, oldest first",
        page_of(serializers.OrderChangeSerializer, "OrderChangePage"),
        tag=MARKETS,
    )
    def get(self, request: Request, market_id: int) -> Response:
        """An order's first change has all of it open, its last 0.00, unless it still rests. Rate class expensive."""
        market = self.market(market_id)
        hidden = masked(market, self.viewer.sudo)

        def write(row: Change) -> wire.OrderChange:
            change = wire.OrderChange()
            codec.write_change(change, row, hidden)
            return change

        return self.page(
            serializers.OrderChangeSerializer, histories.read_orders(connection, market.id, *self.window), write
        )


class PositionList(_History):
    @operation(
        "get_market_positions",
        "Who holds what, by account",
        page_of(serializers.PositionSerializer, "PositionPage"),
        tag=MARKETS,
    )
    def get(self, request: Request, market_id: int) -> Response:
        """If the market hides account ids you get your own, and all others together as account 0. Each page shows the
        moment of its request. Rate class expensive."""
        market, who = self.market(market_id), self.viewer
        only = who.accounts if masked(market, who.sudo) else None

        def write(row: Position) -> wire.Position:
            return wire.Position(account_id=row.account, position=row.position)

        return self.page(
            serializers.PositionSerializer,
            histories.read_positions(connection, market.id, *self.window, only=only),
            write,
        )
