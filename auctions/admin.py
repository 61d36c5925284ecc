"""The operator console's table of auctions."""

from typing import Any, ClassVar

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from accounts import money
from accounts.console.filters import AccountFilter
from accounts.console.tables import ReadOnlyAdmin, entry_link
from accounts.console.words import person, when
from auctions.models import Auction, AuctionStatus
from auctions.operations import EditAuction, SettleAuction, WithdrawAuction

LABELS = {
    AuctionStatus.OPEN.label: "success",
    AuctionStatus.WITHDRAWN.label: "danger",
    AuctionStatus.SETTLED.label: "info",
}


class SellerOrBuyer(AccountFilter):
    fields = ("seller_id", "buyer_id")


@admin.register(Auction)
class AuctionAdmin(ReadOnlyAdmin):
    account_link = "auctions"
    operations = (EditAuction, SettleAuction, WithdrawAuction)
    list_display = ("id", "name", "state", "seller", "buy_now_price", "buyer", "settle_price")
    list_display_links = ("id", "name")
    list_filter = ("status", SellerOrBuyer)
    list_filter_submit = True
    list_select_related = ("seller", "buyer")
    ordering = ("-id",)
    raw_id_fields = ("seller", "buyer")
    search_fields = ("id", "name")
    titles: ClassVar = {"settle_price": "settled at"}
    instead: ClassVar = {"status": "state", "description": "text", "picture": "shown"}
    written: ClassVar = {
        "buy_now_price": money.cash,
        "settle_price": money.cash,
        "creator": person,
        "created_us": when,
        "seq": entry_link,
    }

    @display(description="status", ordering="status", label=LABELS)
    def state(self, auction: Auction) -> str:
        return auction.get_status_display()

    @admin.display(description="description")
    def text(self, auction: Auction) -> str:
        return auction.description  # a method, because the theme keeps line breaks only for these

    @admin.display(description="picture")
    def shown(self, auction: Auction) -> SafeString | None:
        if not auction.picture:
            return None
        return format_html('<img src="{}" alt="" width="320">', reverse("auctions:picture", args=[auction.picture]))

    def view_on_site(self, auction: Any) -> str | None:
        withdrawn = auction.status == AuctionStatus.WITHDRAWN
        return None if withdrawn else reverse("auctions:auction", args=[auction.pk])
