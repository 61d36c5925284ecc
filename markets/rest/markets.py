"""The REST door to markets: definitions, books now and then, trades, events, and what is done about a market."""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

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
from markets.rest.event_serializers import EventsPage
from markets.rest.events import rendered
from proto import exchange_pb2 as wire
from proto.exchange_pb2 import ClientMessage
from realtime.limits import RateClass

MARKETS = "markets"


class MarketView(ExchangeView):
    """Of markets, as the caller sees them."""

    @property
    def viewer(self) -> Viewer:
        who = self.caller
        return Viewer(who.reach, who.account.id, who.sudo)

    def market(self, market_id: int, least: Degree = WHOLE) -> models.Market:
        """The market, if the caller sees at least so much of it. Raises MARKET_NOT_FOUND, for a hidden one too."""
        found = visibility.market(self.viewer, market_id)
        if found is None or found.degree < least:
            raise not_found(wire.MARKET_NOT_FOUND, f"There is no market {market_id}.")
        return found


class Markets(MarketView):
    queries = {"GET": serializers.MarketsQuery}

    @operation("list_markets", "Markets, oldest first", page_of(serializers.Market, "MarketPage"), tag=MARKETS)
    def get(self, request: Request) -> Response:
        """All that you see, and those that you own or have traded in."""
        who, query = self.viewer, self.query
        rows: QuerySet[models.Market] = visibility.known(who)
        if "status" in query:
            rows = rows.filter(status=query["status"])

        def write(markets: Sequence[models.Market]) -> list[wire.Market]:
            return reads.market_messages(markets, who.sudo)

        return page(serializers.Market, rows, query, write, newest_first=False)

    @operation(
        "create_market", "Open a market", serializers.MarketChanged, status=201, body=serializers.NewMarket, tag=MARKETS
    )
    def post(self, request: Request) -> Response:
        """The account acted as becomes its owner. Class expensive."""
        said = self.said(serializers.NewMarket)
        ids = wire.AccountIds(ids=said.pop("visible_to"))
        create = wire.CreateMarket(**said, visible_to=ids if ids.ids else None, key=self.key)
        message = ClientMessage(create_market=create)
        return self.carried_out(serializers.MarketChanged, message, 201, "/api/v1/markets/{market.id}")


class Market(MarketView):
    @operation("get_market", "A market", serializers.Market, tag=MARKETS)
    def get(self, request: Request, market_id: int) -> Response:
        """Its definition and status."""
        (message,) = reads.market_messages([self.market(market_id, KNOWN)], self.caller.sudo)
        return Response(serializers.Market(message).data)

    @operation("edit_market", "Edit a market", serializers.MarketChanged, body=serializers.MarketEdit, tag=MARKETS)
    def patch(self, request: Request, market_id: int) -> Response:
        """Its owner describes it; the rest is for operators in sudo."""
        said: dict[str, Any] = self.said(serializers.MarketEdit)
        if "visible_to" in said:
            said["visible_to"] = wire.AccountIds(ids=said["visible_to"])
        edit = wire.EditMarket(market_id=market_id, **said, key=self.key)
        return self.carried_out(serializers.MarketChanged, ClientMessage(edit_market=edit))


class MarketStatus(MarketView):
    @operation(
        "set_market_status",
        "Open, pause or close a market (sudo)",
        serializers.MarketChanged,
        body=serializers.NewStatus,
        tag=MARKETS,
    )
    def post(self, request: Request, market_id: int) -> Response:
        """CLOSED is for good: the book is emptied, what remains is to settle."""
        said = self.said(serializers.NewStatus)
        status = wire.SetMarketStatus(market_id=market_id, **said, key=self.key)
        return self.carried_out(serializers.MarketChanged, ClientMessage(set_market_status=status))


class Settlement(MarketView):
    @operation(
        "settle_market", "Settle a market", serializers.MarketChanged, body=serializers.NewSettlement, tag=MARKETS
    )
    def post(self, request: Request, market_id: int) -> Response:
        """By its owner, or an operator in sudo, at a price within its bounds. For good."""
        said = self.said(serializers.NewSettlement)
        settle = wire.SettleMarket(market_id=market_id, **said, key=self.key)
        return self.carried_out(serializers.MarketChanged, ClientMessage(settle_market=settle))


class Book(MarketView):
    queries = {"GET": serializers.BookQuery}

    def cost(self) -> tuple[RateClass, int]:
        return ("expensive" if "at" in self.request.query_params else "read"), 1

    @operation("get_book", "The book, now or then", serializers.Book, tag=MARKETS)
    def get(self, request: Request, market_id: int) -> Response:
        """With `at` as it was when the journal stood there; past the journal's end, as it is."""
        market, query = self.market(market_id), self.query
        if "at" not in query:
            return Response(serializers.Book(reads.book(market.id, query["depth"])).data)
        try:
            past = reads.past_book(market.id, query["at"], query["depth"])
        except LookupError as error:
            raise not_found(wire.MARKET_NOT_FOUND, str(error)) from error
        return Response(serializers.Book(past).data)


class RestingOrders(MarketView):
    queries = {"GET": PageQuery}

    @operation(
        "list_resting_orders", "Resting orders, oldest first", page_of(serializers.Order, "OrderPage"), tag=MARKETS
    )
    def get(self, request: Request, market_id: int) -> Response:
        """Order by order what the book adds up."""
        market, who = self.market(market_id), self.viewer
        rows = models.Order.objects.filter(market=market, open__gt=0)

        def write(orders: Sequence[models.Order]) -> list[wire.Order]:
            return reads.order_messages(orders, who.account, masked(market, who.sudo))

        return page(serializers.Order, rows, self.query, write, newest_first=False)


class Trades(MarketView):
    queries = {"GET": PageQuery}

    @operation("list_trades", "A market's trades, newest first", page_of(serializers.Trade, "TradePage"), tag=MARKETS)
    def get(self, request: Request, market_id: int) -> Response:
        """Your own are in your statement, with the orders that they filled."""
        market = self.market(market_id)
        hidden = masked(market, self.viewer.sudo)
        rows = models.Trade.objects.filter(market=market)
        return page(serializers.Trade, rows, self.query, lambda trades: reads.trade_messages(trades, hidden))


class Events(MarketView):
    queries = {"GET": serializers.EventsQuery}

    @operation("list_events", "What happened in a market after a seq", EventsPage, tag=MARKETS)
    def get(self, request: Request, market_id: int) -> Response:
        """The journal's entries that touched it, as its stream told them."""
        market, query, who = self.market(market_id), self.query, self.viewer
        found = market_outcomes(connection, market.id, query["after"], query["limit"] + 1)
        shown = found[: query["limit"]]
        hidden = masked(market, who.sudo)
        events = [event for entry in shown for event in rendered(entry, market.id, hidden, who.sudo)]
        after = shown[-1].seq if shown else query["after"]
        return Response({"events": events, "after": after, "more": len(found) > len(shown)})
