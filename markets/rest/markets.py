"""REST views of markets: definitions, books, trades and events; creating, editing, pausing and settling a market."""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.rest.bodies import written
from accounts.rest.errors import not_found
from accounts.rest.pages import PageQuery, page, page_of
from accounts.rest.schema import operation
from accounts.rest.views import ExchangeView
from markets import models
from markets.engine.visibility import KNOWN, WHOLE, Degree, masked
from markets.journal.entries import market_outcomes
from markets.reads import visibility
from markets.reads.visibility import Viewer
from markets.rest import reads, serializers
from markets.rest.event_serializers import EventsPageSerializer
from markets.rest.events import rendered
from proto import exchange_pb2 as wire
from proto.exchange_pb2 import ClientMessage
from realtime.limits import RateClass

MARKETS = "markets"


class MarketView(ExchangeView):
    """The base of views that show markets as the caller may see them."""

    @property
    def viewer(self) -> Viewer:
        who = self.caller
        return Viewer(who.reach, who.account.id, who.sudo)

    def market(self, market_id: int, least: Degree = WHOLE) -> models.Market:
        """The market, if the caller sees at least this degree of it. Raises Refusal MARKET_NOT_FOUND otherwise."""
        found = visibility.market(self.viewer, market_id)
        if found is None or found.degree < least:
            raise not_found(wire.MARKET_NOT_FOUND, f"There is no market {market_id}.")
        return found


class MarketList(MarketView):
    queries = {"GET": serializers.MarketsQuery}

    @operation(
        "list_markets", "Markets, oldest first", page_of(serializers.MarketSerializer, "MarketPage"), tag=MARKETS
    )
    def get(self, request: Request) -> Response:
        """Markets that you may see, own, or have traded in."""
        who, query = self.viewer, self.query
        rows: QuerySet[models.Market] = visibility.known(who)
        if "status" in query:
            rows = rows.filter(status=query["status"])

        def write(markets: Sequence[models.Market]) -> list[wire.Market]:
            return reads.market_messages(markets, who.sudo)

        return page(serializers.MarketSerializer, rows, query, write, newest_first=False)

    @operation(
        "create_market",
        "Create a market",
        serializers.MarketChangedSerializer,
        status=201,
        body=serializers.NewMarket,
        tag=MARKETS,
    )
    async def post(self, request: Request) -> Response:
        """The account acted as becomes its owner. Rate class expensive."""
        fields = self.body(serializers.NewMarket)
        ids = wire.AccountIds(ids=fields.pop("visible_to"))
        create = wire.CreateMarket(**fields, visible_to=ids if ids.ids else None, key=self.key)
        message = ClientMessage(create_market=create)
        return await self.execute(serializers.MarketChangedSerializer, message, 201, "/api/v1/markets/{market.id}")


class MarketDetail(MarketView):
    @operation("get_market", "A market", serializers.MarketSerializer, tag=MARKETS)
    def get(self, request: Request, market_id: int) -> Response:
        """Its definition and status."""
        (message,) = reads.market_messages([self.market(market_id, KNOWN)], self.caller.sudo)
        return Response(written(serializers.MarketSerializer, message))

    @operation(
        "edit_market", "Edit a market", serializers.MarketChangedSerializer, body=serializers.MarketEdit, tag=MARKETS
    )
    async def patch(self, request: Request, market_id: int) -> Response:
        """Its owner may change the description. Operators in sudo may change everything else too."""
        fields: dict[str, Any] = self.body(serializers.MarketEdit)
        if "visible_to" in fields:
            fields["visible_to"] = wire.AccountIds(ids=fields["visible_to"])
        edit = wire.EditMarket(market_id=market_id, **fields, key=self.key)
        return await self.execute(serializers.MarketChangedSerializer, ClientMessage(edit_market=edit))


class SetMarketStatus(MarketView):
    @operation(
        "set_market_status",
        "Open, pause or close a market (sudo)",
        serializers.MarketChangedSerializer,
        body=serializers.NewStatus,
        tag=MARKETS,
    )
    async def post(self, request: Request, market_id: int) -> Response:
        """CLOSED cannot be undone: it cancels all orders, and only a settlement can follow."""
        fields = self.body(serializers.NewStatus)
        status = wire.SetMarketStatus(market_id=market_id, **fields, key=self.key)
        return await self.execute(serializers.MarketChangedSerializer, ClientMessage(set_market_status=status))


class SettleMarket(MarketView):
    @operation(
        "settle_market",
        "Settle a market",
        serializers.MarketChangedSerializer,
        body=serializers.NewSettlement,
        tag=MARKETS,
    )
    async def post(self, request: Request, market_id: int) -> Response:
        """For its owner, or an operator in sudo, at a price within its bounds. This cannot be undone."""
        fields = self.body(serializers.NewSettlement)
        settle = wire.SettleMarket(market_id=market_id, **fields, key=self.key)
        return await self.execute(serializers.MarketChangedSerializer, ClientMessage(settle_market=settle))


class BookDetail(MarketView):
    queries = {"GET": serializers.BookQuery}

    def cost(self) -> tuple[RateClass, int]:
        return ("expensive" if "at" in self.request.query_params else "read"), 1

    @operation("get_book", "The order book, now or in the past", serializers.BookSerializer, tag=MARKETS)
    def get(self, request: Request, market_id: int) -> Response:
        """With `at`, the book after that entry of the journal; beyond the journal's end, the book as it is now."""
        market, query = self.market(market_id), self.query
        if "at" not in query:
            return Response(written(serializers.BookSerializer, reads.book(market.id, query["depth"])))
        try:
            past = reads.past_book(market.id, query["at"], query["depth"])
        except LookupError as error:
            raise not_found(wire.MARKET_NOT_FOUND, str(error)) from error
        return Response(written(serializers.BookSerializer, past))


class RestingOrderList(MarketView):
    queries = {"GET": PageQuery}

    @operation(
        "list_resting_orders",
        "Resting orders, oldest first",
        page_of(serializers.OrderSerializer, "OrderPage"),
        tag=MARKETS,
    )
    def get(self, request: Request, market_id: int) -> Response:
        """The single orders that the book adds up."""
        market, who = self.market(market_id), self.viewer
        rows = models.Order.objects.filter(market=market, open__gt=0)

        def write(orders: Sequence[models.Order]) -> list[wire.Order]:
            return reads.order_messages(orders, who.account, masked(market, who.sudo))

        return page(serializers.OrderSerializer, rows, self.query, write, newest_first=False)


class TradeList(MarketView):
    queries = {"GET": PageQuery}

    @operation(
        "list_trades", "A market's trades, newest first", page_of(serializers.TradeSerializer, "TradePage"), tag=MARKETS
    )
    def get(self, request: Request, market_id: int) -> Response:
        """Your own trades are in your statement too, with the orders that they filled."""
        market = self.market(market_id)
        hidden = masked(market, self.viewer.sudo)
        rows = models.Trade.objects.filter(market=market)
        return page(serializers.TradeSerializer, rows, self.query, lambda trades: reads.trade_messages(trades, hidden))


class EventList(MarketView):
    queries = {"GET": serializers.EventsQuery}

    @operation("list_events", "A market's events after a seq", EventsPageSerializer, tag=MARKETS)
    def get(self, request: Request, market_id: int) -> Response:
        """The market's entries of the journal, as its stream published them."""
        market, query, who = self.market(market_id), self.query, self.viewer
        found = market_outcomes(connection, market.id, query["after"], query["limit"] + 1)
        shown = found[: query["limit"]]
        hidden = masked(market, who.sudo)
        events = [event for entry in shown for event in rendered(entry, market.id, hidden, who.sudo)]
        after = shown[-1].seq if shown else query["after"]
        return Response({"events": events, "after": after, "more": len(found) > len(shown)})
