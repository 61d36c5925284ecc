"""Auctions as REST reads and tells them. Answers are read off messages of the wire, or rows named alike."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.rest.fields import DESCRIPTION, NAME, AmountIn, Cash, Code, Id, Moment, Strict, Text, Whole
from accounts.rest.pages import PageQuery
from accounts.serializers import Replied
from auctions.models import PICTURE_NAME_CHARACTERS
from auctions.pictures import NAME_PATTERN
from realtime.limits import AUCTION_NAME_CHARACTERS_MAX

PICTURE_NAME: dict[str, Any] = {"reason": "INVALID_TEXT", "allow_blank": True, "max_length": PICTURE_NAME_CHARACTERS}
PICTURE = "The name of a picture that you sent to /pictures."
PRICE = "Null, or none: it cannot be bought at once."

SHOWN = ["OPEN", "SETTLED"]  # withdrawn ones are not there

# --- Requests


class NewAuction(Strict):
    example = {"name": "Desk lamp", "description": "Brass, hardly used.", "buy_now_price": "25"}

    name = Text(**NAME, help_text=f"1 to {AUCTION_NAME_CHARACTERS_MAX} printable characters.")
    description = Text(**DESCRIPTION, default="")
    picture = Text(**PICTURE_NAME, default="", help_text=PICTURE)
    buy_now_price = AmountIn(required=False, allow_null=True, help_text=PRICE)


class AuctionEdit(Strict):
    """Only the fields that are sent change."""

    example = {"buy_now_price": "20"}

    name = Text(**NAME, required=False)
    description = Text(**DESCRIPTION, required=False)
    picture = Text(**PICTURE_NAME, required=False, help_text=f"{PICTURE} Blank: none.")
    buy_now_price = AmountIn(required=False, allow_null=True, help_text="Null takes it away.")


class Purchase(Strict):
    example = {"price": "25"}

    price = AmountIn(help_text="The one that you saw; if it is another by now, PRICE_CHANGED.")


class Sale(Strict):
    example = {"buyer_id": 5, "price": "25"}

    buyer_id = Whole(help_text="Any account but the seller's.")
    price = AmountIn()


@extend_schema_field(OpenApiTypes.BINARY)
class File(serializers.FileField):
    """A part of a form that has a file name."""


class PictureSent(Strict):
    """A JPEG, PNG, WebP or GIF of at most 5 MB."""

    picture = File(allow_empty_file=True)


class AuctionsQuery(PageQuery):
    status = Code("Auction.Status", only=SHOWN, required=False)


# --- Answers


class Auction(serializers.Serializer[Any]):
    id = Id()
    seller_id = Id()
    name = serializers.CharField()
    description = serializers.CharField()
    picture = serializers.CharField(help_text='It is at /pictures/<picture>; "": none.')
    buy_now_price = Cash(allow_null=True)
    status = Code("Auction.Status")
    buyer_id = serializers.SerializerMethodField(help_text="null while it is not sold.")
    settle_price = Cash(allow_null=True)
    created_at = Moment(source="created_us")

    @extend_schema_field(Id(allow_null=True))
    def get_buyer_id(self, auction: Any) -> int | None:
        return auction.buyer_id or None


class AuctionChanged(Replied):
    auction = Auction()


class PictureKept(serializers.Serializer[Any]):
    """Name it in an auction: of those that no auction shows only the newest are kept."""

    picture = serializers.RegexField(f"^{NAME_PATTERN}$")
