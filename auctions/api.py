"""The REST door to the auction board, and to the pictures on it."""

from collections.abc import Mapping
from typing import IO, Any

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework import parsers
from rest_framework.request import Request
from rest_framework.response import Response

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


class Auctions(ExchangeView):
    queries = {"GET": serializers.AuctionsQuery}

    @operation("list_auctions", "Auctions, newest first", page_of(serializers.Auction, "AuctionPage"), tag=AUCTIONS)
    def get(self, request: Request) -> Response:
        """All but the withdrawn ones."""
        query, rows = self.query, on_the_board()
        if "status" in query:
            rows = rows.filter(status=query["status"])
        return page(serializers.Auction, rows, query)

    @operation(
        "create_auction",
        "Put something on the board",
        serializers.AuctionChanged,
        status=201,
        body=serializers.NewAuction,
        tag=AUCTIONS,
    )
    def post(self, request: Request) -> Response:
        """The account acted as sells it. Class expensive."""
        said = self.said(serializers.NewAuction)
        create = ClientMessage(create_auction=wire.CreateAuction(**said, key=self.key))
        return self.carried_out(serializers.AuctionChanged, create, 201, "/api/v1/auctions/{auction.id}")


class Auction(ExchangeView):
    @operation("get_auction", "An auction", serializers.Auction, tag=AUCTIONS)
    def get(self, request: Request, auction_id: int) -> Response:
        """One that is open or sold."""
        found = on_the_board().filter(pk=auction_id).first()
        if found is None:
            raise not_found(wire.AUCTION_NOT_FOUND, f"There is no auction {auction_id}.")
        return Response(serializers.Auction(found).data)

    @operation(
        "edit_auction", "Edit an auction", serializers.AuctionChanged, body=serializers.AuctionEdit, tag=AUCTIONS
    )
    def patch(self, request: Request, auction_id: int) -> Response:
        """Its seller, or an operator in sudo, while it is open. A picture that nothing shows any more goes."""
        said: dict[str, Any] = self.said(serializers.AuctionEdit)
        if "buy_now_price" in said and said["buy_now_price"] is None:
            said = {name: value for name, value in said.items() if name != "buy_now_price"} | {"no_buy_now_price": True}
        edit = wire.EditAuction(auction_id=auction_id, **said, key=self.key)
        shown = models.Auction.objects.filter(pk=auction_id).values_list("picture", flat=True)
        before = next(iter(shown), "")
        response = self.carried_out(serializers.AuctionChanged, ClientMessage(edit_auction=edit))
        pictures.discard(before)
        return response

    @operation("withdraw_auction", "Withdraw an auction", serializers.AuctionChanged, tag=AUCTIONS)
    def delete(self, request: Request, auction_id: int) -> Response:
        """Its seller, or an operator in sudo, while it is open. It leaves the board for good."""
        self.said(Empty)
        withdraw = wire.WithdrawAuction(auction_id=auction_id, key=self.key)
        return self.carried_out(serializers.AuctionChanged, ClientMessage(withdraw_auction=withdraw))


class Purchase(ExchangeView):
    @operation("buy_auction", "Buy now", serializers.AuctionChanged, body=serializers.Purchase, tag=AUCTIONS)
    def post(self, request: Request, auction_id: int) -> Response:
        """The account acted as pays the price that you saw, and gets it."""
        said = self.said(serializers.Purchase)
        buy = wire.BuyAuction(auction_id=auction_id, **said, key=self.key)
        return self.carried_out(serializers.AuctionChanged, ClientMessage(buy_auction=buy))


class Settlement(ExchangeView):
    @operation(
        "settle_auction", "Settle an auction (sudo)", serializers.AuctionChanged, body=serializers.Sale, tag=AUCTIONS
    )
    def post(self, request: Request, auction_id: int) -> Response:
        """To this buyer at this price. For good."""
        said = self.said(serializers.Sale)
        settle = wire.SettleAuction(auction_id=auction_id, **said, key=self.key)
        return self.carried_out(serializers.AuctionChanged, ClientMessage(settle_auction=settle))


# --- Pictures


class RawPicture(parsers.BaseParser):
    media_type = "application/octet-stream"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return {"picture": SimpleUploadedFile("picture", stream.read())}  # the server has bounded the body


class NamedPicture(RawPicture):
    media_type = "image/*"


class FormWithPicture(parsers.MultiPartParser):
    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """Refusal 400 too for what Django finds suspicious, like a thousand fields."""
        try:
            parsed = super().parse(*args, **kwargs)
        except SuspiciousOperation as error:
            raise unreadable("The form is not one picture.") from error
        given = [*parsed.data.lists(), *parsed.files.lists()]
        if twice := next((name for name, values in given if len(values) > 1), None):
            raise unreadable("This is there twice.", twice)
        return {**parsed.data.dict(), **parsed.files.dict()}


class Pictures(ExchangeView):
    """No command: nothing of it is in the journal, so it takes no key."""

    keyed = False
    parser_classes = (FormWithPicture, RawPicture, NamedPicture)

    @operation(
        "upload_picture",
        "Send a picture",
        serializers.PictureKept,
        status=201,
        body={"multipart/form-data": serializers.PictureSent, "application/octet-stream": RAW},
        tag=AUCTIONS,
    )
    def post(self, request: Request) -> Response:
        """A JPEG, PNG, WebP or GIF of at most 5 MB, alone or in a form. It is painted anew; the answer names it for an
        auction. Class expensive."""
        self.charge("expensive")
        self.caller.check(Scope.MANAGE)
        sent = self.said(serializers.PictureSent)
        try:
            name = pictures.keep(sent["picture"])
        except TooManyPictures as busy:
            raise RequestFailed(wire.BUSY, str(busy)) from busy
        except PictureRefused as refused:
            raise Refusal(409, "INVALID_FRAME", str(refused), "picture") from refused
        pictures.sweep()
        return Response({"picture": name}, 201, headers={"Location": f"/pictures/{name}"})
