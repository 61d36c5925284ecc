"""REST views of an account's orders, portfolio and statement."""

from collections.abc import Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Ownership
from accounts.rest.bodies import written
from accounts.rest.errors import Refusal, not_found
from accounts.rest.pages import page, page_of
from accounts.rest.schema import operation
from accounts.serializers import Empty
from markets import models
from markets.reads import selectors
from markets.reads.statement import lines
from markets.rest import reads, serializers
from markets.rest.markets import MarketView
from proto import exchange_pb2 as wire
from proto.exchange_pb2 import ClientMessage
from realtime.limits import RateClass

ORDERS, MONEY = "orders", "money"


class _OwnOrders(MarketView):
    """The base of views that show orders of the account acted as."""

    def messages(self, orders: Sequence[models.Order]) -> list[wire.Order]:
        return reads.order_messages(orders, self.viewer.account)


class OrderList(_OwnOrders):
    queries = {"GET": serializers.OrdersQuery}

    @operation(
        "list_orders", "Your orders, newest first", page_of(serializers.OrderSerializer, "OrderPage"), tag=ORDERS
    )
    def get(self, request: Request) -> Response:
        """Orders of the account acted as, finished ones too."""
        query = self.query
        rows = selectors.orders_of(self.viewer.account, self.viewer)
        if "market_id" in query:
            rows = rows.filter(market_id=query["market_id"])
        if "client_order_id" in query:
            rows = rows.filter(client_order_id=query["client_order_id"])
        if "open" in query:
            rows = rows.filter(open__gt=0) if query["open"] else rows.filter(open=0)
        return page(serializers.OrderSerializer, rows, query, self.messages)

    @operation(
        "create_order",
        "Place an order",
        serializers.OrderCreatedSerializer,
        status=201,
        body=serializers.NewOrder,
        tag=ORDERS,
    )
    async def post(self, request: Request) -> Response:
        """Places it for the account acted as. If an answer is lost, send the request again: it is placed once."""
        fields: dict[str, Any] = self.body(serializers.NewOrder)
        key = self.key
        if key and fields["client_order_id"] not in ("", key):
            raise Refusal(409, "KEY_CONFLICT", "The header Idempotency-Key contains another key.", "client_order_id")
        fields["client_order_id"] = fields["client_order_id"] or key
        create = ClientMessage(create_order=wire.CreateOrder(**fields))
        return await self.execute(serializers.OrderCreatedSerializer, create, 201, "/api/v1/orders/{order.id}")


class OrderDetail(_OwnOrders):
    @operation("get_order", "One of your orders", serializers.OrderSerializer, tag=ORDERS)
    def get(self, request: Request, order_id: int) -> Response:
        """An order of the account acted as."""
        found = selectors.orders_of(self.viewer.account, self.viewer).filter(pk=order_id).first()
        if found is None:
            raise not_found(wire.ORDER_NOT_FOUND, f"You have no order {order_id}.")
        return Response(written(serializers.OrderSerializer, self.messages([found])[0]))

    @operation("cancel_order", "Cancel an order", serializers.OrdersCancelledSerializer, tag=ORDERS)
    async def delete(self, request: Request, order_id: int) -> Response:
        """An open order of the account acted as. Rate class cancel."""
        self.body(Empty)
        if order_id == 0:
            raise not_found(wire.ORDER_NOT_FOUND, "You have no order 0.")
        cancel = wire.CancelOrder(order_id=order_id, key=self.key)
        return await self.execute(serializers.OrdersCancelledSerializer, ClientMessage(cancel_order=cancel))


class CancelByClientId(MarketView):
    @operation(
        "cancel_by_client_order_id",
        "Cancel an order by its client_order_id",
        serializers.OrdersCancelledSerializer,
        body=serializers.OrderNamed,
        tag=ORDERS,
    )
    async def post(self, request: Request) -> Response:
        """An open order of the account acted as. Rate class cancel."""
        fields = self.body(serializers.OrderNamed)
        cancel = wire.CancelOrder(**fields, key=self.key)
        return await self.execute(serializers.OrdersCancelledSerializer, ClientMessage(cancel_order=cancel))


class CancelAllOrders(MarketView):
    @operation("out", "Cancel all orders", serializers.OrdersCancelledSerializer, body=serializers.NewOut, tag=ORDERS)
    async def post(self, request: Request) -> Response:
        """All orders of the account acted as: everywhere, in one market or on one side. Rate class cancel."""
        fields = self.body(serializers.NewOut)
        return await self.execute(
            serializers.OrdersCancelledSerializer, ClientMessage(out=wire.Out(**fields, key=self.key))
        )


class PortfolioDetail(MarketView):
    @operation("get_portfolio", "The portfolio of the account acted as", serializers.PortfolioSerializer, tag=MONEY)
    def get(self, request: Request) -> Response:
        """Its cash, its available balance, its exposure in each market, and its owners with their credits."""
        held = selectors.holdings(self.viewer)
        account = held[0].exposure.account if held else self.caller.account  # read in one query with these exposures
        owners = Ownership.objects.filter(account=account).order_by("owner_id")
        fields = {
            "account_id": account.id,
            "cash": account.cash,
            "available": account.available,
            "exposures": held,
            "owners": owners,
        }
        return Response(written(serializers.PortfolioSerializer, fields))


class StatementDetail(MarketView):
    queries = {"GET": serializers.StatementQuery}

    def cost(self) -> tuple[RateClass, int]:
        return "expensive", 1

    @operation("get_statement", "The statement, newest first", serializers.StatementPageSerializer, tag=MONEY)
    def get(self, request: Request) -> Response:
        """Every transfer, trade and payout of the account acted as, with the balance after it. Rate class expensive."""
        query = self.query
        seq, id = map(int, query["cursor"].split("-")) if "cursor" in query else (0, 0)
        found, more = lines(self.caller.account.id, (seq, id) if seq else None, query["limit"])
        results = [written(serializers.StatementLineSerializer, line) for line in found]
        return Response({"results": results, "next": found[-1].cursor if more else None})
