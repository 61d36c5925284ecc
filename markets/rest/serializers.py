"""Bodies, queries and answers of REST about markets and orders.

Answers read messages of exchange.proto, or rows with the same field names. Their classes end in Serializer, which
drf-spectacular leaves out of the component's name.
"""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.rest.fields import (
    DESCRIPTION,
    ID_PATTERN,
    NAME,
    Cash,
    Code,
    Flag,
    FlagText,
    Id,
    Moment,
    Price,
    PriceIn,
    Size,
    SizeIn,
    Strict,
    Text,
    Whole,
    WholeText,
)
from accounts.rest.pages import CURSOR, LIMIT_DEFAULT, LIMIT_MAX, PageQuery, PageSerializer
from accounts.serializers import OwnerSerializer, RepliedSerializer
from markets.engine.listing import LISTED_MAX
from proto import exchange_pb2 as wire
from realtime import limits

DEPTH_DEFAULT = 100
DEPTH_MAX = 1_000
STATUSES = ["OPEN", "CANCEL_ONLY", "PAUSED", "CLOSED"]  # SETTLED is not one: a settlement has an operation of its own
STATEMENT_KINDS = ["TRANSFER", "TRADE", "PAYOUT"]
CLIENT_ORDER_ID: dict[str, Any] = {"reason": "INVALID_TEXT", "max_length": limits.KEY_CHARACTERS_MAX}
CATEGORY: dict[str, Any] = {
    "reason": "INVALID_TEXT",
    "allow_blank": True,
    "max_length": limits.CATEGORY_CHARACTERS_MAX,
}
MAY_BE_HIDDEN = "0 if the market hides it."
VISIBLE_TO = "Accounts that may see the market and trade there. Empty: everybody. Only operators in sudo may set it."

# --- Requests


class NewMarket(Strict):
    example = {
        "name": "Rain days",
        "description": "Days of rain this month.",
        "min_settlement": "0",
        "max_settlement": "31",
        "tick_size": "0.05",
    }

    name = Text(**NAME, help_text=f"1 to {limits.MARKET_NAME_CHARACTERS_MAX} characters, unique.")
    description = Text(**DESCRIPTION, default="")
    min_settlement = PriceIn()
    max_settlement = PriceIn()
    tick_size = PriceIn(required=False, help_text="0.01 if you leave it out.")
    smallest_size = SizeIn(required=False, help_text="0.01 if you leave it out.")
    category = Text(**CATEGORY, default="")
    pinned = Flag(default=False, help_text="Only operators in sudo may set it.")
    visible_to = serializers.ListField(child=Whole(), default=list, max_length=LISTED_MAX, help_text=VISIBLE_TO)
    hide_account_ids = Flag(default=False, help_text="Only operators in sudo may set it.")

    def to_internal_value(self, data: Any) -> Any:
        """Turns an explicit "0" into -1, which the exchange refuses. In exchange.proto 0 would mean the default."""
        fields = super().to_internal_value(data)
        return fields | {name: -1 for name in ("tick_size", "smallest_size") if fields.get(name) == 0}


class MarketEdit(Strict):
    """Only the fields that you send change."""

    example = {"description": "Days of rain this month, by the class's gauge."}

    name = Text(**NAME, required=False, help_text="Only operators in sudo may set it.")
    description = Text(**DESCRIPTION, required=False)
    category = Text(**CATEGORY, required=False)
    pinned = Flag(required=False)
    visible_to = serializers.ListField(child=Whole(), required=False, max_length=LISTED_MAX, help_text=VISIBLE_TO)
    hide_account_ids = Flag(required=False)


class NewStatus(Strict):
    example = {"status": "PAUSED"}

    status = Code("MarketStatus", only=STATUSES)


class NewSettlement(Strict):
    example = {"price": "12"}

    price = PriceIn()


class NewOrder(Strict):
    """client_order_id is the idempotency key of an order. If you send the header too, it must be the same."""

    example = {"market_id": 1, "side": "BID", "price": "48.5", "size": "3", "client_order_id": "my-first"}

    market_id = Whole()
    side = Code("Side")
    price = PriceIn()
    size = SizeIn()
    time_in_force = Code("TimeInForce", required=False)
    post_only = Flag(default=False)
    self_trade = Code("SelfTrade", required=False)
    client_order_id = Text(default="", allow_blank=True, **CLIENT_ORDER_ID)


class OrderNamed(Strict):
    example = {"client_order_id": "my-first"}

    client_order_id = Text(**CLIENT_ORDER_ID)


class NewOut(Strict):
    example = {"market_id": 1, "side": "OFFER"}

    market_id = Whole(default=0, help_text="0 or left out: every market.")
    side = Code("Side", required=False, help_text="Left out: both sides.")


class MarketsQuery(PageQuery):
    status = Code("MarketStatus", required=False)


class BookQuery(Strict):
    at = WholeText(required=False, help_text="A seq of the journal: the book as it was then (rate class expensive).")
    depth = WholeText(min_value=1, max_value=DEPTH_MAX, default=DEPTH_DEFAULT, help_text="Levels per side.")


class EventsQuery(Strict):
    after = WholeText(default=0, help_text="The last seq that you know.")
    limit = WholeText(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT, help_text="Entries of the journal.")


class OrdersQuery(PageQuery):
    market_id = WholeText(required=False)
    open = FlagText(required=False, help_text="true: only resting orders; false: only others.")
    client_order_id = Text(required=False, **CLIENT_ORDER_ID)


class StatementQuery(Strict):
    limit = WholeText(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT, help_text="Lines per page.")
    cursor = serializers.RegexField(f"^{ID_PATTERN}-{ID_PATTERN}$", required=False, help_text=CURSOR)


# --- Answers


class MarketSerializer(serializers.Serializer[Any]):
    id = Id()
    name = serializers.CharField()
    description = serializers.CharField()
    owner_id = Id()
    min_settlement = Price()
    max_settlement = Price()
    tick_size = Price()
    smallest_size = Size()
    status = Code("MarketStatus")
    settle_price = Price(allow_null=True)
    last_price = Price(allow_null=True, help_text="Also null if you may not see the book.")
    volume = Size(help_text="The size of all its trades; 0.00 if you may not see the book.")
    category = serializers.CharField()
    pinned = serializers.BooleanField()
    hide_account_ids = serializers.BooleanField()
    restricted = serializers.BooleanField(help_text="true: only some accounts see it.")
    visible_to = serializers.SerializerMethodField(help_text="null, except for operators in sudo.")
    created_at = Moment(source="created_us")

    def get_visible_to(self, market: wire.Market) -> list[int] | None:
        return list(market.visible_to.ids) if market.HasField("visible_to") else None


class LevelSerializer(serializers.Serializer[Any]):
    price = Price()
    size = Size()
    orders = serializers.IntegerField(min_value=1)


class BookSerializer(serializers.Serializer[Any]):
    """The book after the market's entry `seq`, best prices first. The stream from that seq on keeps it up to date."""

    market_id = Id()
    seq = Id()
    status = Code("MarketStatus")
    last_price = Price(allow_null=True)
    bids = LevelSerializer(many=True)
    offers = LevelSerializer(many=True)


class OrderSerializer(serializers.Serializer[Any]):
    """filled + open + cancelled = size."""

    id = Id()
    market_id = Id()
    account_id = Id(help_text=MAY_BE_HIDDEN)
    side = Code("Side")
    price = Price()
    size = Size()
    open = Size()
    filled = Size()
    time_in_force = Code("TimeInForce")
    post_only = serializers.BooleanField()
    client_order_id = serializers.CharField(help_text="Only on your own orders.")
    created_at = Moment(source="created_us")


class TradeSerializer(serializers.Serializer[Any]):
    """Account ids are 0 if the market hides them."""

    id = Id()
    market_id = Id()
    price = Price()
    size = Size()
    buyer_id = Id()
    seller_id = Id()
    taker_side = Code("Side")
    maker_order_id = Id()
    taker_order_id = Id()
    at = Moment(source="at_us")


class OrderSentSerializer(serializers.Serializer[Any]):
    """An order as it was sent."""

    account_id = Id(help_text=MAY_BE_HIDDEN)
    side = Code("Side")
    price = Price()
    size = Size()
    time_in_force = Code("TimeInForce")
    post_only = serializers.BooleanField()


class OrderChangeSerializer(serializers.Serializer[Any]):
    """What one command did to one order. One of created, trade_id and cancelled says how; the other two are null."""

    seq = Id()
    at = Moment(source="at_us")
    order_id = Id()
    open = Size(help_text="How much of it is open from now on.")
    created = serializers.SerializerMethodField()
    trade_id = serializers.SerializerMethodField()
    cancelled = serializers.SerializerMethodField()

    @extend_schema_field(OrderSentSerializer(allow_null=True))
    def get_created(self, change: wire.OrderChange) -> Any:
        return OrderSentSerializer(change.created).data if change.HasField("created") else None

    @extend_schema_field(Id(allow_null=True))
    def get_trade_id(self, change: wire.OrderChange) -> int | None:
        return change.trade_id if change.HasField("trade_id") else None

    @extend_schema_field(Code("CancelCause", allow_null=True))
    def get_cancelled(self, change: wire.OrderChange) -> str | None:
        return wire.CancelCause.Name(change.cancelled) if change.HasField("cancelled") else None


class PositionSerializer(serializers.Serializer[Any]):
    account_id = Id(help_text="0 if the market hides account ids: all others together.")
    position = Size(help_text="Negative: short.")


class CancelledOrderSerializer(serializers.Serializer[Any]):
    order_id = Id()
    market_id = Id()
    open = Size(help_text="What still rests of it.")
    cause = Code("CancelCause")


class MarketChangedSerializer(RepliedSerializer):
    market = MarketSerializer()


class OrderCreatedSerializer(RepliedSerializer):
    order = OrderSerializer()
    trades = TradeSerializer(many=True)


class OrdersCancelledSerializer(RepliedSerializer):
    orders = CancelledOrderSerializer(many=True)


class ExposureSerializer(serializers.Serializer[Any]):
    """An account's position, open orders and profit in one market (docs/rules.md, section 6)."""

    market_id = Id(source="exposure.market_id")
    position = Size(source="exposure.position")
    bid_size = Size(source="exposure.bid_size")
    bid_value = Cash(source="exposure.bid_value")
    offer_size = Size(source="exposure.offer_size")
    offer_value = Cash(source="exposure.offer_value")
    worst = Cash(source="exposure.worst_case")
    cost = Cash(source="exposure.cost")
    realised = Cash(source="exposure.realised")
    average_entry = Cash(allow_null=True)
    mark = Price(allow_null=True)
    unrealised = Cash(allow_null=True)


class PortfolioSerializer(serializers.Serializer[Any]):
    account_id = Id()
    cash = Cash()
    available = Cash()
    exposures = ExposureSerializer(many=True)
    owners = OwnerSerializer(many=True)


class StatementLineSerializer(serializers.Serializer[Any]):
    """One amount. On a payout, price is the settlement price and size the position."""

    seq = Id()
    kind = serializers.ChoiceField(choices=STATEMENT_KINDS)
    at = Moment(source="at_us")
    amount = Cash(help_text="Negative: the account paid it.")
    balance = Cash(help_text="The account's cash after this line.")
    transfer_id = Id(allow_null=True)
    trade_id = Id(allow_null=True)
    market_id = Id(allow_null=True)
    order_id = Id(allow_null=True)
    side = Code("Side", allow_null=True)
    price = Price(allow_null=True)
    size = Size(allow_null=True)


class StatementPageSerializer(PageSerializer):
    results = StatementLineSerializer(many=True)
