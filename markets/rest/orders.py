"""The REST door to orders, and to what an account holds and was paid."""

from collections.abc import Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Ownership
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


class _Orders(MarketView):
    def written(self, orders: Sequence[models.Order]) -> list[wire.Order]:
        return reads.order_messages(orders, self.viewer.account)


class Orders(_Orders):
    queries = {"GET": serializers.OrdersQuery}

    @operation("list_orders", "Your orders, newest first", page_of(serializers.Order, "OrderPage"), tag=ORDERS)
    def get(self, request: Request) -> Response:
        """Of the account acted as, finished ones too."""
        query = self.query
        rows = selectors.orders_of(self.viewer.account, self.viewer)
        if "market_id" in query:
            rows = rows.filter(market_id=query["market_id"])
        if "client_order_id" in query:
            rows = rows.filter(client_order_id=query["client_order_id"])
        if "open" in query:
            rows = rows.filter(open__gt=0) if query["open"] else rows.filter(open=0)
        return page(serializers.Order, rows, query, self.written)

    @operation(
        "create_order", "Place an order", serializers.OrderCreated, status=201, body=serializers.NewOrder, tag=ORDERS
    )
    def post(self, request: Request) -> Response:
        """For the account acted as. Send the same again after a lost answer: it is placed once."""
        said: dict[str, Any] = self.said(serializers.NewOrder)
        key = self.key
        if key and said["client_order_id"] not in ("", key):
            raise Refusal(409, "KEY_CONFLICT", "The header Idempotency-Key says another one.", "client_order_id")
        said["client_order_id"] = said["client_order_id"] or key
        create = ClientMessage(create_order=wire.CreateOrder(**said))
        return self.carried_out(serializers.OrderCreated, create, 201, "/api/v1/orders/{order.id}")


class Order(_Orders):
    @operation("get_order", "One of your orders", serializers.Order, tag=ORDERS)
    def get(self, request: Request, order_id: int) -> Response:
        """Of the account acted as."""
        found = selectors.orders_of(self.viewer.account, self.viewer).filter(pk=order_id).first()
        if found is None:
            raise not_found(wire.ORDER_NOT_FOUND, f"You have no order {order_id}.")
        return Response(serializers.Order(self.written([found])[0]).data)

    @operation("cancel_order", "Cancel an order", serializers.OrdersCancelled, tag=ORDERS)
    def delete(self, request: Request, order_id: int) -> Response:
        """An open one of the account acted as. Class cancel."""
        self.said(Empty)
        if order_id == 0:
            raise not_found(wire.ORDER_NOT_FOUND, "You have no order 0.")
        cancel = wire.CancelOrder(order_id=order_id, key=self.key)
        return self.carried_out(serializers.OrdersCancelled, ClientMessage(cancel_order=cancel))


class CancelByClientId(MarketView):
    @operation(
        "cancel_by_client_order_id",
        "Cancel an order by its client_order_id",
        serializers.OrdersCancelled,
        body=serializers.OrderNamed,
        tag=ORDERS,
    )
    def post(self, request: Request) -> Response:
        """An open one of the account acted as. Class cancel."""
        said = self.said(serializers.OrderNamed)
        cancel = wire.CancelOrder(**said, key=self.key)
        return self.carried_out(serializers.OrdersCancelled, ClientMessage(cancel_order=cancel))


class Out(MarketView):
    @operation("out", "Cancel all orders", serializers.OrdersCancelled, body=serializers.NewOut, tag=ORDERS)
    def post(self, request: Request) -> Response:
        """Of the account acted as: everywhere, in one market, of one side. Class cancel."""
        said = self.said(serializers.NewOut)
        return self.carried_out(serializers.OrdersCancelled, ClientMessage(out=wire.Out(**said, key=self.key)))


class Portfolio(MarketView):
    @operation("get_portfolio", "What the account acted as holds", serializers.Portfolio, tag=MONEY)
    def get(self, request: Request) -> Response:
        """Cash, what of it is available, what is at stake where, and whose the money is."""
        stakes = selectors.holdings(self.viewer)
        account = stakes[0].exposure.account if stakes else self.caller.account  # as it stood with these stakes
        owners = Ownership.objects.filter(account=account).order_by("owner_id")
        said = {
            "account_id": account.id,
            "cash": account.cash,
            "available": account.available,
            "exposures": stakes,
            "owners": owners,
        }
        return Response(serializers.Portfolio(said).data)


class Statement(MarketView):
    queries = {"GET": serializers.StatementQuery}

    def cost(self) -> tuple[RateClass, int]:
        return "expensive", 1

    @operation("get_statement", "The statement, newest first", serializers.StatementPage, tag=MONEY)
    def get(self, request: Request) -> Response:
        """Every transfer, trade and payout of the account acted as, and the balance after it. Class expensive."""
        query = self.query
        seq, id = map(int, query["cursor"].split("-")) if "cursor" in query else (0, 0)
        found, more = lines(self.caller.account.id, (seq, id) if seq else None, query["limit"])
        said = serializers.StatementLine(found, many=True).data
        return Response({"results": said, "next": found[-1].cursor if more else None})
