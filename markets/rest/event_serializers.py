"""Describes the events of a market that events.py renders. Only the OpenAPI description uses these serializers."""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from accounts.rest.fields import Code, Id, Price, Size
from markets.rest.serializers import MAY_BE_HIDDEN


class _EventSerializer(serializers.Serializer[Any]):
    seq = Id()
    at = serializers.DateTimeField()


class OrderCreatedEventSerializer(_EventSerializer):
    """A new order rests with `open`, behind the others at its price."""

    type = serializers.ChoiceField(choices=["order_created"])
    order_id = Id()
    account_id = Id(help_text=MAY_BE_HIDDEN)
    side = Code("Side")
    price = Price()
    size = Size()
    open = Size()
    time_in_force = Code("TimeInForce")
    post_only = serializers.BooleanField()


class TradeEventSerializer(_EventSerializer):
    """`maker_open` is what still rests of the maker's order."""

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


class OrderCancelledEventSerializer(_EventSerializer):
    """`open` is what still rests of the order."""

    type = serializers.ChoiceField(choices=["order_cancelled"])
    order_id = Id()
    open = Size()
    cause = Code("CancelCause")


class MarketDefinedEventSerializer(_EventSerializer):
    """The market was created or edited, and is now like this."""

    type = serializers.ChoiceField(choices=["market_created", "market_edited"])
    name = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField()
    pinned = serializers.BooleanField()
    hide_account_ids = serializers.BooleanField()
    visible_to = serializers.ListField(child=Id(), allow_null=True)


class StatusChangedEventSerializer(_EventSerializer):
    type = serializers.ChoiceField(choices=["status_changed"])
    status = Code("MarketStatus")


class BookClearedEventSerializer(_EventSerializer):
    """No order rests any more."""

    type = serializers.ChoiceField(choices=["book_cleared"])


class MarketSettledEventSerializer(_EventSerializer):
    type = serializers.ChoiceField(choices=["market_settled"])
    price = Price()


EVENTS: dict[str, type[serializers.Serializer[Any]] | serializers.Serializer[Any]] = {
    "order_created": OrderCreatedEventSerializer,
    "trade": TradeEventSerializer,
    "order_cancelled": OrderCancelledEventSerializer,
    "market_created": MarketDefinedEventSerializer,
    "market_edited": MarketDefinedEventSerializer,
    "status_changed": StatusChangedEventSerializer,
    "book_cleared": BookClearedEventSerializer,
    "market_settled": MarketSettledEventSerializer,
}


class EventsPageSerializer(serializers.Serializer[Any]):
    """Ask again with `after`, at once if `more` is true."""

    events = PolymorphicProxySerializer("MarketEvent", EVENTS, resource_type_field_name="type", many=True)
    after = Id()
    more = serializers.BooleanField()
