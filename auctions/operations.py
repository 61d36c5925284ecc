"""What operators do about auctions. Each operation sends a command."""

from typing import Any

from django import forms
from django.conf import settings
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from accounts import money
from accounts.console.operations import CommandOperation, OperationForm
from accounts.forms import AccountField, LinesField, OnlyChanges, UnitsField
from auctions import pictures
from auctions.forms import edit_message
from auctions.models import Auction, AuctionStatus
from proto import exchange_pb2 as pb
from proto.exchange_pb2 import ClientMessage, ServerMessage
from realtime import limits

DECIMAL = UnfoldAdminTextInputWidget({"inputmode": "decimal"})


class OpenAuctionOperation(CommandOperation):
    """An operation that is offered only while the auction is open."""

    @classmethod
    def offered(cls, row: Auction) -> bool:
        return row.status == AuctionStatus.OPEN


class EditAuctionForm(OnlyChanges, OperationForm):
    name = forms.CharField(
        max_length=limits.AUCTION_NAME_CHARACTERS_MAX, show_hidden_initial=True, widget=UnfoldAdminTextInputWidget
    )
    description = LinesField(
        max_length=limits.DESCRIPTION_CHARACTERS_MAX,
        required=False,
        show_hidden_initial=True,
        widget=UnfoldAdminTextareaWidget({"rows": 5}),
    )
    price = UnitsField(
        label="Buy-it-now price",
        decimals=money.CASH_DECIMALS,
        required=False,
        show_hidden_initial=True,
        widget=DECIMAL,
        help_text="Empty: nobody can buy it at once.",
    )
    remove_picture = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)


class EditAuction(OpenAuctionOperation):
    slug = "edit"
    title = "Edit"
    icon = "edit"
    form_class = EditAuctionForm

    def get_initial(self) -> dict[str, Any]:
        price = self.row.buy_now_price
        shown = {"name": self.row.name, "description": self.row.description}
        return {
            **super().get_initial(),
            **shown,
            "price": "" if price is None else money.plain(price, money.CASH_DECIMALS),
        }

    def message(self, form: OperationForm) -> ClientMessage:
        return ClientMessage(edit_auction=edit_message(self.row.pk, form))

    def done(self, reply: ServerMessage) -> str:
        return f"{reply.auction_updated.auction.name} is saved"

    def after(self, reply: ServerMessage) -> str:
        """Deletes the picture's file if no auction shows it any more."""
        pictures.discard(self.row.picture)
        return super().after(reply)


class WithdrawAuction(OpenAuctionOperation):
    slug = "withdraw"
    title = "Withdraw"
    icon = "remove_shopping_cart"
    danger = True

    def intro(self) -> str:
        return f"{self.row.name} of {self.row.seller.name} leaves the board. This cannot be undone."

    def message(self, form: OperationForm) -> ClientMessage:
        withdraw = pb.WithdrawAuction(auction_id=self.row.pk, key=form.cleaned_data["key"])
        return ClientMessage(withdraw_auction=withdraw)

    def done(self, reply: ServerMessage) -> str:
        return f"{reply.auction_withdrawn.auction.name} is withdrawn"


class SettleAuctionForm(OperationForm):
    buyer = AccountField(
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        help_text="The name of any account but the seller's.",
    )
    price = UnitsField(
        decimals=money.CASH_DECIMALS, widget=DECIMAL, help_text="The buyer must have this much available."
    )


class SettleAuction(OpenAuctionOperation):
    slug = "settle"
    title = "Settle"
    icon = "gavel"
    danger = True
    form_class = SettleAuctionForm

    def intro(self) -> str:
        return f"The buyer gets {self.row.name} and pays {self.row.seller.name}. This cannot be undone."

    def message(self, form: OperationForm) -> ClientMessage:
        fields = form.cleaned_data
        settle = pb.SettleAuction(
            auction_id=self.row.pk, buyer_id=fields["buyer"].pk, price=fields["price"], key=fields["key"]
        )
        return ClientMessage(settle_auction=settle)

    def done(self, reply: ServerMessage) -> str:
        sold = reply.auction_settled.auction
        price = f"{money.chips(sold.settle_price)} {settings.CHIP_NAME}"
        return f"{sold.name} is sold for {price}"
