"""REST views of the auction board and its pictures."""

from collections.abc import Mapping
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework import parsers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.rest.bodies import written
from accounts.rest.errors import Refusal, not_found, unreadable
from accounts.rest.pages import page, page_of
from accounts.rest.schema import operation
from accounts.rest.views import ExchangeView
from accounts.serializers import Empty
from auctions import models, pictures, serializers
from auctions.pictures import PictureRefused, TooManyPictures
from auctions.selectors import on_the_board
from proto import exchange_pb2 as wire
from proto.exchange_pb2 import ClientMessage
from realtime.errors import RequestFailed
from realtime.rights import Scope

AUCTIONS = "auctions"
RAW = {"type": "string", "format": "binary", "minLength": 1}


class AuctionList(ExchangeView):
    queries = {"GET": serializers.AuctionsQuery}

    @operation(
        "list_auctions", "Auctions, newest first", page_of(serializers.AuctionSerializer, "AuctionPage"), tag=AUCTIONS
    )
    def get(self, request: Request) -> Response:
        """Open and settled auctions. Withdrawn ones are not listed."""
        query, rows = self.query, on_the_board()
        if "status" in query:
            rows = rows.filter(status=query["status"])
        return page(serializers.AuctionSerializer, rows, query)

    @operation(
        "create_auction",
        "Create an auction",
        serializers.AuctionChangedSerializer,
        status=201,
        body=serializers.NewAuction,
        tag=AUCTIONS,
    )
    async def post(self, request: Request) -> Response:
        """The seller is the account acted as. Rate class expensive."""
        fields = self.body(serializers.NewAuction)
        create = ClientMessage(create_auction=wire.CreateAuction(**fields, key=self.key))
        return await self.execute(serializers.AuctionChangedSerializer, create, 201, "/api/v1/auctions/{auction.id}")


class AuctionDetail(ExchangeView):
    @operation("get_auction", "An auction", serializers.AuctionSerializer, tag=AUCTIONS)
    def get(self, request: Request, auction_id: int) -> Response:
        """An auction that is open or settled."""
        found = on_the_board().filter(pk=auction_id).first()
        if found is None:
            raise not_found(wire.AUCTION_NOT_FOUND, f"There is no auction {auction_id}.")
        return Response(written(serializers.AuctionSerializer, found))

    @operation(
        "edit_auction",
        "Edit an auction",
        serializers.AuctionChangedSerializer,
        body=serializers.AuctionEdit,
        tag=AUCTIONS,
    )
    async def patch(self, request: Request, auction_id: int) -> Response:
        """For its seller, or an operator in sudo, while it is open. Deletes a picture that nothing shows any more."""
        fields: dict[str, Any] = self.body(serializers.AuctionEdit)
        if "buy_now_price" in fields and fields["buy_now_price"] is None:
            fields = {name: value for name, value in fields.items() if name != "buy_now_price"} | {
                "no_buy_now_price": True
            }
        edit = wire.EditAuction(auction_id=auction_id, **fields, key=self.key)
        shown = models.Auction.objects.filter(pk=auction_id).values_list("picture", flat=True)
        before = await sync_to_async(shown.first)()
        response = await self.execute(serializers.AuctionChangedSerializer, ClientMessage(edit_auction=edit))
        await sync_to_async(pictures.discard)(before or "")
        return response

    @operation("withdraw_auction", "Withdraw an auction", serializers.AuctionChangedSerializer, tag=AUCTIONS)
    async def delete(self, request: Request, auction_id: int) -> Response:
        """For its seller, or an operator in sudo, while it is open. This cannot be undone."""
        self.body(Empty)
        withdraw = wire.WithdrawAuction(auction_id=auction_id, key=self.key)
        return await self.execute(serializers.AuctionChangedSerializer, ClientMessage(withdraw_auction=withdraw))


class BuyAuction(ExchangeView):
    @operation("buy_auction", "Buy now", serializers.AuctionChangedSerializer, body=serializers.Purchase, tag=AUCTIONS)
    async def post(self, request: Request, auction_id: int) -> Response:
        """The account acted as pays the price that you saw and gets the thing."""
        fields = self.body(serializers.Purchase)
        buy = wire.BuyAuction(auction_id=auction_id, **fields, key=self.key)
        return await self.execute(serializers.AuctionChangedSerializer, ClientMessage(buy_auction=buy))


class SettleAuction(ExchangeView):
    @operation(
        "settle_auction",
        "Settle an auction (sudo)",
        serializers.AuctionChangedSerializer,
        body=serializers.Sale,
        tag=AUCTIONS,
    )
    async def post(self, request: Request, auction_id: int) -> Response:
        """Sells it to this buyer at this price. This cannot be undone."""
        fields = self.body(serializers.Sale)
        settle = wire.SettleAuction(auction_id=auction_id, **fields, key=self.key)
        return await self.execute(serializers.AuctionChangedSerializer, ClientMessage(settle_auction=settle))


# --- Pictures


class RawPicture(parsers.BaseParser):
    media_type = "application/octet-stream"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return {"picture": SimpleUploadedFile("picture", stream.read())}  # the server limits the body's size


class NamedPicture(RawPicture):
    media_type = "image/*"


class FormWithPicture(parsers.MultiPartParser):
    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """Raises Refusal 400 also where Django raises SuspiciousOperation, as for a thousand fields."""
        try:
            parsed = super().parse(*args, **kwargs)
        except SuspiciousOperation as error:
            raise unreadable("The form must contain one picture.") from error
        given = [*parsed.data.lists(), *parsed.files.lists()]
        if twice := next((name for name, values in given if len(values) > 1), None):
            raise unreadable("Field given twice.", twice)
        return {**parsed.data.dict(), **parsed.files.dict()}


class UploadPicture(ExchangeView):
    """Not a command: it is not in the journal, so it takes no key."""

    keyed = False
    parser_classes = (FormWithPicture, RawPicture, NamedPicture)

    @operation(
        "upload_picture",
        "Upload a picture",
        serializers.PictureKeptSerializer,
        status=201,
        body={"multipart/form-data": serializers.PictureSent, "application/octet-stream": RAW},
        tag=AUCTIONS,
    )
    async def post(self, request: Request) -> Response:
        """A JPEG, PNG, WebP or GIF of at most 5 MB, as the body or in a form. It is encoded anew. Use the name in the
        answer as an auction's picture. Rate class expensive."""
        await self.charge("expensive")
        self.caller.check(Scope.MANAGE)
        name = await sync_to_async(self._keep)()
        return Response({"picture": name}, 201, headers={"Location": f"/pictures/{name}"})

    def _keep(self) -> str:
        """Keeps the picture in the body under a name. Raises a refusal if it is none, or too many are decoded."""
        fields = self.body(serializers.PictureSent)
        try:
            name = pictures.keep(fields["picture"])
        except TooManyPictures as busy:
            raise RequestFailed(wire.BUSY, str(busy)) from busy
        except PictureRefused as refused:
            raise Refusal(409, "INVALID_FRAME", str(refused), "picture") from refused
        pictures.sweep()
        return name
