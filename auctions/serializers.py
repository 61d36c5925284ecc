"""Bodies, queries and answers of REST about auctions.

Answers read messages of exchange.proto, or rows with the same field names.
"""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.rest.fields import DESCRIPTION, NAME, AmountIn, Cash, Code, Id, Moment, Strict, Text, Whole
from accounts.rest.pages import PageQuery
from accounts.serializers import RepliedSerializer
from auctions.models import PICTURE_NAME_CHARACTERS
from auctions.pictures import NAME_PATTERN
from realtime.limits import AUCTION_NAME_CHARACTERS_MAX

PICTURE_NAME: dict[str, Any] = {"reason": "INVALID_TEXT", "allow_blank": True, "max_length": PICTURE_NAME_CHARACTERS}
PICTURE = "The name of a picture that you uploaded to /pictures."
PRICE = "Null or left out: nobody can buy it at once."

SHOWN = ["OPEN", "SETTLED"]  # withdrawn auctions are not listed

# --- Requests


class NewAuction(Strict):
    example = {"name": "Desk lamp", "description": "Brass, hardly used.", "buy_now_price": "25"}

    name = Text(**NAME, help_text=f"1 to {AUCTION_NAME_CHARACTERS_MAX} printable characters.")
    description = Text(**DESCRIPTION, default="")
    picture = Text(**PICTURE_NAME, default="", help_text=PICTURE)
    buy_now_price = AmountIn(required=False, allow_null=True, help_text=PRICE)


class AuctionEdit(Strict):
    """Only the fields that you send change."""

    example = {"buy_now_price": "20"}

    name = Text(**NAME, required=False)
    description = Text(**DESCRIPTION, required=False)
    picture = Text(**PICTURE_NAME, required=False, help_text=f"{PICTURE} Empty: no picture.")
    buy_now_price = AmountIn(required=False, allow_null=True, help_text="Null: nobody can buy it at once any more.")


class Purchase(Strict):
    example = {"price": "25"}

    price = AmountIn(help_text="The price that you saw. If it has changed since, the code is PRICE_CHANGED.")


class Sale(Strict):
    example = {"buyer_id": 5, "price": "25"}

    buyer_id = Whole(help_text="Any account but the seller's.")
    price = AmountIn()


@extend_schema_field(OpenApiTypes.BINARY)
class File(serializers.FileField):
    """A file of a form."""


class PictureSent(Strict):
    """A JPEG, PNG, WebP or GIF of at most 5 MB."""

    picture = File(allow_empty_file=True)


class AuctionsQuery(PageQuery):
    status = Code("Auction.Status", only=SHOWN, required=False)


# --- Answers


class AuctionSerializer(serializers.Serializer[Any]):
    id = Id()
    seller_id = Id()
    name = serializers.CharField()
    description = serializers.CharField()
    picture = serializers.CharField(help_text='Shown at /pictures/<picture>; "" if there is none.')
    buy_now_price = Cash(allow_null=True)
    status = Code("Auction.Status")
    buyer_id = serializers.SerializerMethodField(help_text="null until it is settled.")
    settle_price = Cash(allow_null=True)
    created_at = Moment(source="created_us")

    @extend_schema_field(Id(allow_null=True))
    def get_buyer_id(self, auction: Any) -> int | None:
        return auction.buyer_id or None


class AuctionChangedSerializer(RepliedSerializer):
    auction = AuctionSerializer()


class PictureKeptSerializer(serializers.Serializer[Any]):
    """Use the name in an auction. Only the newest of the pictures that no auction shows are kept."""

    picture = serializers.RegexField(f"^{NAME_PATTERN}$")
