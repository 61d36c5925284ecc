"""The events of a market as rest_events.py writes them, for the description."""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from accounts.rest.fields import Code, Id, Price, Size
from markets.rest.serializers import MAY_BE_HIDDEN


class _Event(serializers.Serializer[Any]):
    seq = Id()
    at = serializers.DateTimeField()


class OrderCreatedEvent(_Event):
    """It rests with `open`, behind those at its price."""

    type = serializers.ChoiceField(choices=["order_created"])
    order_id = Id()
    account_id = Id(help_text=MAY_BE_HIDDEN)
    side = Code("Side")
    price = Price()
    size = Size()
    open = Size()
    time_in_force = Code("TimeInForce")
    post_only = serializers.BooleanField()


class TradeEvent(_Event):
    """`maker_open` is what rests of the maker's order now."""

    type = serializers.ChoiceField(choices=["trade"])
    trade_id = Id()
    price = Price()
    size = Size()
    buyer_id = Id()
    seller_id = Id()
    taker_side = Code("Side")
    maker_order_id = Id()
    maker_open = Size()
    taker_order_id = Id()


class OrderCancelledEvent(_Event):
    """`open` still rests of it."""

    type = serializers.ChoiceField(choices=["order_cancelled"])
    order_id = Id()
    open = Size()
    cause = Code("CancelCause")


class MarketDefinedEvent(_Event):
    """As it was made, or edited."""

    type = serializers.ChoiceField(choices=["market_created", "market_edited"])
    name = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField()
    pinned = serializers.BooleanField()
    hide_account_ids = serializers.BooleanField()
    visible_to = serializers.ListField(child=Id(), allow_null=True)


class StatusChangedEvent(_Event):
    type = serializers.ChoiceField(choices=["status_changed"])
    status = Code("MarketStatus")


class BookClearedEvent(_Event):
    """Every resting order is gone."""

    type = serializers.ChoiceField(choices=["book_cleared"])


class MarketSettledEvent(_Event):
    type = serializers.ChoiceField(choices=["market_settled"])
    price = Price()


EVENTS: dict[str, type[serializers.Serializer[Any]] | serializers.Serializer[Any]] = {
    "order_created": OrderCreatedEvent,
    "trade": TradeEvent,
    "order_cancelled": OrderCancelledEvent,
    "market_created": MarketDefinedEvent,
    "market_edited": MarketDefinedEvent,
    "status_changed": StatusChangedEvent,
    "book_cleared": BookClearedEvent,
    "market_settled": MarketSettledEvent,
}


class EventsPage(serializers.Serializer[Any]):
    """Ask again with `after`: while `more`, at once."""

    events = PolymorphicProxySerializer("MarketEvent", EVENTS, resource_type_field_name="type", many=True)
    after = Id()
    more = serializers.BooleanField()
