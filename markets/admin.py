"""The operator console's tables of markets, of what happened in them, and of the journal."""

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from accounts import money
from accounts.console import filters
from accounts.console.filters import AccountFilter, PersonFilter, TypedFilter
from accounts.console.tables import EngineOwnedAdmin, ReadOnlyAdmin, entry_link, link, links
from accounts.console.words import person, when
from markets.console import figures
from markets.console.entry_text import as_json, readable
from markets.console.operations import CancelOnly, Close, CreateMarket, EditMarket, Pause, Resume, Settle
from markets.engine.text import name_key
from markets.journal.entries import COMMANDS, decode_command, decode_events
from markets.models import (
    Exposure,
    JournalEntry,
    JournalMarket,
    Market,
    MarketStatus,
    MarketVisibility,
    Order,
    Payout,
    Trade,
)

LINE_CHARACTERS = 100

LABELS = {
    MarketStatus.OPEN.label: "success",
    MarketStatus.CANCEL_ONLY.label: "warning",
    MarketStatus.PAUSED.label: "warning",
    MarketStatus.CLOSED.label: "danger",
    MarketStatus.SETTLED.label: "info",
}


class MarketFilter(TypedFilter):
    title = "market (name or id)"
    parameter_name = "market"
    fields = ("market_id",)

    def named(self, name: str) -> int | None:
        return Market.objects.filter(name_key=name_key(" ".join(name.split()))).values_list("pk", flat=True).first()


class RestrictedFilter(admin.SimpleListFilter):
    title = "visible to"
    parameter_name = "restricted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "everybody"), ("yes", "some accounts")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Market]) -> QuerySet[Market]:
        restricted = MarketVisibility.objects.values("market")
        match self.value():
            case "yes":
                return queryset.filter(pk__in=restricted)
            case "no":
                return queryset.exclude(pk__in=restricted)
        return queryset


@admin.register(Market)
class MarketAdmin(ReadOnlyAdmin):
    operations = (CreateMarket, Resume, Pause, CancelOnly, EditMarket, Close, Settle)
    list_display = (
        "id",
        "name",
        "category",
        "state",
        "min_settlement",
        "max_settlement",
        "last_price",
        "settle_price",
        "owner",
        "restricted",
    )
    list_display_links = ("id", "name")
    list_filter = ("status", "category", RestrictedFilter)
    list_select_related = ("owner",)
    ordering = ("-id",)
    raw_id_fields = ("owner",)
    search_fields = ("id", "name")
    titles: ClassVar = {
        "min_settlement": "lowest settlement",
        "max_settlement": "highest settlement",
        "settle_price": "settled at",
    }
    instead: ClassVar = {"status": "state", "description": "text"}
    also = ("visible_to", "see")
    written: ClassVar = {
        "min_settlement": money.price,
        "max_settlement": money.price,
        "tick_size": money.price,
        "settle_price": money.price,
        "last_price": money.price,
        "smallest_size": money.size,
        "volume": money.size,
        "creator": person,
        "created_us": when,
        "seq": entry_link,
    }

    @display(description="status", ordering="status", label=LABELS)
    def state(self, market: Market) -> str:
        return market.get_status_display()

    @admin.display(description="description")
    def text(self, market: Market) -> str:
        return market.description  # a method, because the theme keeps line breaks only for these

    def get_queryset(self, request: HttpRequest) -> QuerySet[Market]:
        found: QuerySet[Market] = super().get_queryset(request)
        return found.annotate(is_restricted=Exists(MarketVisibility.objects.filter(market=OuterRef("pk"))))

    @admin.display(description="restricted", boolean=True)
    def restricted(self, market: Any) -> bool:
        found: bool = market.is_restricted
        return found

    @admin.display(description="visible to")
    def visible_to(self, market: Market) -> SafeString | str:
        rows = market.listed.select_related("account").order_by("account__name_key")
        pages = [(reverse("admin:accounts_account_change", args=[row.account_id]), row.account.name) for row in rows]
        return links(pages) if pages else "everybody"

    @admin.display(description="see also")
    def see(self, market: Market) -> SafeString:
        tables = ("markets_order", "markets_trade", "markets_exposure", "markets_payout", "markets_journalentry")
        names = ("orders", "trades", "exposures", "payouts", "journal")
        found = [(reverse(f"admin:{table}_changelist"), name) for table, name in zip(tables, names)]
        return links((f"{address}?market={market.pk}", name) for address, name in found)

    def view_on_site(self, market: Market) -> str:
        return reverse("markets:market", args=[market.pk])


@admin.register(MarketVisibility)
class MarketVisibilityAdmin(EngineOwnedAdmin):
    list_display = ("market", "account")
    list_filter = (MarketFilter, AccountFilter)
    list_select_related = ("market", "account")
    raw_id_fields = ("market", "account")


class RestingFilter(DropdownFilter):
    title = "state"
    parameter_name = "state"
    template = filters.TEMPLATE

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "open"), ("done", "done")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        match self.value():
            case "open":
                return queryset.filter(open__gt=0)
            case "done":
                return queryset.filter(open=0)
        return queryset


@admin.register(Order)
class OrderAdmin(EngineOwnedAdmin):
    account_link = "orders"
    list_display = ("id", "created_us", "market", "account", "side", "price", "size", "open", "filled", "cancelled")
    list_filter = (MarketFilter, AccountFilter, RestingFilter)
    list_select_related = ("market", "account")
    raw_id_fields = ("market", "account")
    search_fields = ("id",)
    exclude = ("client_order_id",)  # only the order's account may see it (rules, section 4)
    written: ClassVar = {
        "price": money.price,
        "size": money.size,
        "open": money.size,
        "filled": money.size,
        "cancelled": money.size,
        "created_us": when,
        "seq": entry_link,
    }


class EitherTrader(AccountFilter):
    fields = ("buyer_id", "seller_id")


@admin.register(Trade)
class TradeAdmin(EngineOwnedAdmin):
    account_link = "trades"
    list_display = ("id", "at_us", "market", "price", "size", "buyer", "seller", "taker_side")
    list_filter = (MarketFilter, EitherTrader)
    list_select_related = ("market", "buyer", "seller")
    raw_id_fields = ("market", "buyer", "seller")
    search_fields = ("id",)
    written: ClassVar = {
        "price": money.price,
        "size": money.size,
        "maker_open": money.size,
        "taker_open": money.size,
        "at_us": when,
        "seq": entry_link,
    }


@admin.register(Exposure)
class ExposureAdmin(EngineOwnedAdmin):
    account_link = "exposures"
    titles: ClassVar = {"realised": "realised profit"}
    list_display = ("account", "market", "position", "bid_size", "offer_size", "worst_case", "cost", "realised")
    list_filter = (MarketFilter, AccountFilter)
    list_select_related = ("account", "market")
    raw_id_fields = ("account", "market")
    written: ClassVar = {
        "position": money.signed_size,
        "bid_size": money.size,
        "bid_value": money.cash,
        "offer_size": money.size,
        "offer_value": money.cash,
        "worst_case": money.cash,
        "cost": money.cash,
        "realised": money.signed_cash,
    }


@admin.register(Payout)
class PayoutAdmin(EngineOwnedAdmin):
    account_link = "payouts"
    list_display = ("market", "account", "position", "price", "amount")
    list_filter = (MarketFilter, AccountFilter)
    list_select_related = ("account", "market")
    raw_id_fields = ("account", "market")
    written: ClassVar = {
        "position": money.signed_size,
        "price": money.price,
        "amount": money.signed_cash,
        "seq": entry_link,
    }


class KindFilter(DropdownFilter):
    title = "command"
    parameter_name = "kind"
    template = filters.TEMPLATE

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in COMMANDS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[JournalEntry]) -> QuerySet[JournalEntry]:
        return queryset.filter(kind=self.value()) if self.value() in COMMANDS else queryset


class ActingFilter(AccountFilter):
    title = "acting account (name or id)"
    fields = ("account",)


class JournalMarketFilter(MarketFilter):
    def narrowed(self, queryset: QuerySet[Any], id: int) -> QuerySet[Any]:
        return queryset.filter(seq__in=JournalMarket.objects.filter(market_id=id).values("seq"))


@admin.register(JournalEntry)
class JournalEntryAdmin(EngineOwnedAdmin):
    account_link = "commands"
    list_display = ("seq", "at_us", "kind", "asked_for", "reason", "who", "acting_as")
    list_filter = (KindFilter, PersonFilter, ActingFilter, JournalMarketFilter)
    search_fields = ("id",)
    search_help_text = "Number of the entry"
    written: ClassVar = {"at_us": when}
    instead: ClassVar = {
        "principal": "who",
        "account": "acting_as",
        "hash": "digest",
        "command": "command_as_json",
        "events": "events_as_json",
    }
    also = ("neighbours",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[JournalEntry]:
        return figures.named_entries().order_by("-seq")

    @admin.display(description="asked for")
    def asked_for(self, entry: JournalEntry) -> str:
        return Truncator(figures.described(entry)).chars(LINE_CHARACTERS)

    @admin.display(description="person")
    def who(self, entry: Any) -> str:
        return entry.person_name or (f"user {entry.principal}" if entry.principal else "the exchange")

    @admin.display(description="acting account")
    def acting_as(self, entry: Any) -> SafeString | None:
        if entry.account_name is None:
            return None
        address = reverse("admin:accounts_account_change", args=[entry.account])
        return link(address, entry.account_name)

    @admin.display(description="command")
    def command_as_json(self, entry: JournalEntry) -> SafeString:
        return _as_text(bytes(entry.command), lambda: readable(decode_command(entry.kind, bytes(entry.command))))

    @admin.display(description="events")
    def events_as_json(self, entry: JournalEntry) -> SafeString:
        kept = bytes(entry.events)
        return _as_text(kept, lambda: [{type(one).__name__: readable(one)} for one in decode_events(kept)])

    @admin.display(description="hash")
    def digest(self, entry: JournalEntry) -> str:
        return bytes(entry.hash).hex()

    @admin.display(description="before and after")
    def neighbours(self, entry: JournalEntry) -> SafeString:
        around = JournalEntry.objects.filter(seq__in=(entry.seq - 1, entry.seq + 1)).order_by("seq")
        found = around.values_list("seq", flat=True)
        return links((reverse("admin:markets_journalentry_change", args=[seq]), f"entry {seq}") for seq in found)


def _as_text(kept: bytes, read: Any) -> SafeString:
    """The JSON with named fields. An entry of a kind that this version does not know is shown as it is stored."""
    try:
        text = as_json(read())
    except ValueError:
        text = as_json(json.loads(kept))
    return format_html('<pre class="console-json">{}</pre>', text)
