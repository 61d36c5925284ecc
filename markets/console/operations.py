"""What operators do about markets. Each operation sends a command."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from accounts import money
from accounts.console.operations import CommandOperation, OperationForm
from accounts.forms import AccountsField, LinesField, OnlyChanges
from accounts.models import Account
from markets.models import Market, MarketStatus
from markets.pages.forms import PriceField, SettlementForm, StepField
from markets.reads import settlement_preview
from markets.reads.settlement_preview import Preview
from proto import exchange_pb2 as pb
from proto.exchange_pb2 import ClientMessage, ServerMessage
from realtime import limits

RUNNING = (MarketStatus.OPEN, MarketStatus.CANCEL_ONLY, MarketStatus.PAUSED)


def number() -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget({"inputmode": "decimal"})


def signed_number() -> UnfoldAdminTextInputWidget:
    """Without a keypad for decimals: on some phones it has no minus."""
    return UnfoldAdminTextInputWidget({"inputmode": "text"})


class TextField(LinesField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=UnfoldAdminTextareaWidget({"rows": 5}), **kwargs)


def shown_fields(**kwargs: Any) -> dict[str, forms.Field]:
    """The fields that only operators set: how a market is shown, and to whom."""
    text = UnfoldAdminTextInputWidget({"autocomplete": "off"})
    category = f"Any text. Other people choose from {', '.join(settings.PUBLIC_CATEGORIES)}."
    listed = (
        "Accounts that may see it and trade in it, by name or id, one per line or with commas. Empty: everybody. "
        "Open orders of accounts that may no longer trade are cancelled."
    )
    hidden = "Only operators in sudo see which account an order or a trade belongs to."
    switch = UnfoldBooleanSwitchWidget
    return {
        "category": forms.CharField(
            max_length=limits.CATEGORY_CHARACTERS_MAX, required=False, widget=text, help_text=category, **kwargs
        ),
        "pinned": forms.BooleanField(required=False, widget=switch, help_text="Listed above the others.", **kwargs),
        "visible_to": AccountsField(
            required=False, widget=UnfoldAdminTextareaWidget({"rows": 4}), help_text=listed, **kwargs
        ),
        "hide_account_ids": forms.BooleanField(required=False, widget=switch, help_text=hidden, **kwargs),
    }


class CreateMarketForm(OperationForm):
    name = forms.CharField(max_length=limits.MARKET_NAME_CHARACTERS_MAX, widget=UnfoldAdminTextInputWidget)
    description = TextField(
        max_length=limits.DESCRIPTION_CHARACTERS_MAX,
        required=False,
        help_text="What it settles on, when, and who decides.",
    )
    min_settlement = PriceField(label="Lowest settlement", initial="0", widget=signed_number())
    max_settlement = PriceField(label="Highest settlement", initial="100", widget=signed_number())
    tick_size = StepField(initial="0.01", widget=number(), help_text="Prices and both bounds are multiples of it.")
    smallest_size = StepField(initial="0.01", widget=number(), help_text="Sizes of orders are multiples of it.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields |= shown_fields()


class CreateMarket(CommandOperation):
    slug = "create"
    title = "Create a market"
    icon = "add_circle"
    of_row = False
    form_class = CreateMarketForm

    def intro(self) -> str:
        return (
            "It opens at once, and your own account owns it. Its bounds, tick and smallest size can never be changed."
        )

    def message(self, form: OperationForm) -> ClientMessage:
        fields = {name: value for name, value in form.cleaned_data.items() if name != "reason"}
        ids = fields.pop("visible_to")
        return ClientMessage(
            create_market=pb.CreateMarket(visible_to=pb.AccountIds(ids=ids) if ids else None, **fields)
        )

    def done(self, reply: ServerMessage) -> str:
        return f"{reply.market_created.market.name} is open"

    def after(self, reply: ServerMessage) -> str:
        return reverse("admin:markets_market_change", args=[reply.market_created.market.id])


class EditMarketForm(OnlyChanges, OperationForm):
    name = forms.CharField(
        max_length=limits.MARKET_NAME_CHARACTERS_MAX, show_hidden_initial=True, widget=UnfoldAdminTextInputWidget
    )
    description = TextField(max_length=limits.DESCRIPTION_CHARACTERS_MAX, required=False, show_hidden_initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields |= shown_fields(show_hidden_initial=True)
        self.order_fields([name for name in self.fields if name != "reason"])


class EditMarket(CommandOperation):
    slug = "edit"
    title = "Edit"
    icon = "edit"
    form_class = EditMarketForm

    def get_initial(self) -> dict[str, Any]:
        kept = ("name", "description", "category", "pinned", "hide_account_ids")
        listed = Account.objects.filter(sees__market=self.row).order_by("name_key")
        values = {name: getattr(self.row, name) for name in kept}
        return {**super().get_initial(), **values, "visible_to": AccountsField.as_typed(listed)}

    def message(self, form: OperationForm) -> ClientMessage:
        changed = {name: form.cleaned_data[name] for name in form.changed_data if name not in ("key", "reason")}
        if "visible_to" in changed:  # empty too: then everybody sees the market
            changed["visible_to"] = pb.AccountIds(ids=changed["visible_to"])
        edit = pb.EditMarket(market_id=self.row.pk, key=form.cleaned_data["key"], **changed)
        return ClientMessage(edit_market=edit)

    def done(self, reply: ServerMessage) -> str:
        return f"{reply.market_updated.market.name} is saved"


class SetStatus(CommandOperation):
    """The base of the operations below, one for each status that an operator can set."""

    status: ClassVar["pb.MarketStatus.ValueType"]
    from_status: ClassVar[tuple[MarketStatus, ...]]
    words: ClassVar[str]  # what the status means; shown above the form
    now: ClassVar[str]

    @classmethod
    def offered(cls, row: Market) -> bool:
        return row.status in cls.from_status

    def intro(self) -> str:
        return f"{self.row.name}: {self.words}"

    def message(self, form: OperationForm) -> ClientMessage:
        key = form.cleaned_data["key"]
        return ClientMessage(set_market_status=pb.SetMarketStatus(market_id=self.row.pk, status=self.status, key=key))

    def done(self, reply: ServerMessage) -> str:
        return f"{reply.market_updated.market.name} is {self.now}"


class Resume(SetStatus):
    slug = "resume"
    title = "Open again"
    icon = "play_arrow"
    status = pb.OPEN
    from_status = (MarketStatus.CANCEL_ONLY, MarketStatus.PAUSED)
    words = "orders trade again. Resting orders keep their place."
    now = "open"


class CancelOnly(SetStatus):
    slug = "cancel-only"
    title = "Cancel only"
    icon = "playlist_remove"
    status = pb.CANCEL_ONLY
    from_status = (MarketStatus.OPEN, MarketStatus.PAUSED)
    words = "new orders are refused. People can still cancel their resting orders."
    now = "cancel only"


class Pause(SetStatus):
    slug = "pause"
    title = "Pause"
    icon = "pause"
    status = pb.PAUSED
    from_status = (MarketStatus.OPEN, MarketStatus.CANCEL_ONLY)
    words = "new orders and cancels are refused until you open it again. Resting orders stay."
    now = "paused"


class Close(SetStatus):
    slug = "close"
    title = "Close for good"
    icon = "door_front"
    danger = True
    status = pb.CLOSED
    from_status = RUNNING
    now = "closed"

    def intro(self) -> str:
        _, count = settlement_preview.resting(self.row)
        orders = f"{count:,} open order{'s are' if count != 1 else ' is'} cancelled" if count else "no order rests"
        return f"{self.row.name} never trades again: {orders}. You can only settle it then. This cannot be undone."


class PriceForm(SettlementForm):
    price = PriceField(label="Settlement price", widget=signed_number())


class SettleForm(PriceForm, OperationForm):
    """Settles at the price that PriceForm asked for and the preview showed."""


class Settle(CommandOperation):
    slug = "settle"
    title = "Settle"
    icon = "gavel"
    danger = True
    form_class = SettleForm
    template_name = "admin/settle.html"

    @classmethod
    def offered(cls, row: Market) -> bool:
        return row.status != MarketStatus.SETTLED

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "market": self.row}

    def get_initial(self) -> dict[str, Any]:
        return {**super().get_initial(), "price": self.request.GET.get("price", "")}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Adds `asked`, the form that asks for a price, and `preview`, once there is a valid price."""
        data = self.request.POST or self.request.GET
        asked = PriceForm(data if "price" in data else None, market=self.row)
        preview = self.preview(asked)
        return super().get_context_data(asked=asked, preview=preview, trading=self.row.status in RUNNING, **kwargs)

    def preview(self, asked: PriceForm) -> Preview | None:
        if not asked.is_bound or not asked.is_valid() or not self.offered(self.row):
            return None
        return settlement_preview.preview(self.row, asked.cleaned_data["price"])

    def message(self, form: OperationForm) -> ClientMessage:
        fields = form.cleaned_data
        settle = pb.SettleMarket(market_id=self.row.pk, price=fields["price"], key=fields["key"])
        return ClientMessage(settle_market=settle)

    def done(self, reply: ServerMessage) -> str:
        market = reply.market_settled.market
        return f"{market.name} is settled at {money.price(market.settle_price)}"
