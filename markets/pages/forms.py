"""Forms about orders and markets. A form checks the input; the engine checks tick, bounds and funds."""

from typing import Any

from django import forms
from django.conf import settings

from accounts import money
from accounts.forms import KeyedForm, LinesField, OnlyChanges, UnitsField
from markets.models import Market, Side, TimeInForce
from realtime.limits import DESCRIPTION_CHARACTERS_MAX, INT64_MAX, KEY_CHARACTERS_MAX, MARKET_NAME_CHARACTERS_MAX


class PriceField(UnitsField):
    """A price, or another number in units of 1/100."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(decimals=money.PRICE_DECIMALS, **kwargs)


class StepField(PriceField):
    """A step of prices or sizes, at least 0.01."""

    def clean(self, value: Any) -> Any:
        step = super().clean(value)
        if step <= 0:  # 0 on the wire means the default
            raise forms.ValidationError("Enter at least 0.01.")
        return step


class TicketForm(KeyedForm):
    """A new order. `key` becomes its client_order_id."""

    side = forms.TypedChoiceField(choices=[("bid", Side.BID), ("offer", Side.OFFER)], coerce=lambda s: Side[s.upper()])
    price = PriceField()
    size = UnitsField(decimals=money.SIZE_DECIMALS)
    time_in_force = forms.TypedChoiceField(
        choices=[(tif.name, tif.label) for tif in TimeInForce], coerce=lambda name: TimeInForce[name]
    )
    post_only = forms.BooleanField(required=False)


class CancelForm(KeyedForm):
    """What to cancel: one order by its id, else all orders of a side, else all orders.

    The buttons of a form share its key, so the side becomes a part of the command's key.
    """

    key = forms.CharField(max_length=KEY_CHARACTERS_MAX - 1, required=False)

    order = forms.IntegerField(min_value=1, max_value=INT64_MAX, required=False)
    side = forms.ChoiceField(choices=[("bid", "bid"), ("offer", "offer")], required=False)

    def clean_order(self) -> Any:
        return self.cleaned_data["order"] or 0

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("key") and data.get("side"):
            data["key"] += data["side"][0]
        return data


# --- People's own markets


def public_categories() -> list[tuple[str, str]]:
    """Choices of a market's category."""
    return [("", "None"), *((name, name) for name in settings.PUBLIC_CATEGORIES)]


class MarketForm(KeyedForm):
    """A new market. Fields are named as in CreateMarket. The console's form has those that only operators set."""

    name = forms.CharField(max_length=MARKET_NAME_CHARACTERS_MAX)
    description = LinesField(max_length=DESCRIPTION_CHARACTERS_MAX, required=False)
    category = forms.ChoiceField(choices=public_categories, required=False)
    min_settlement = PriceField(label="Lowest settlement price", initial="0")
    max_settlement = PriceField(label="Highest settlement price", initial="100")
    tick_size = StepField(initial="0.01")
    smallest_size = StepField(initial="0.01")


class DescribeForm(OnlyChanges, KeyedForm):
    """A market's new description."""

    description = LinesField(max_length=DESCRIPTION_CHARACTERS_MAX, required=False, show_hidden_initial=True)


class SettlementForm(forms.Form):
    """A price at which to preview the settlement of `market`. It changes nothing."""

    price = PriceField(label="Settlement price")

    def __init__(self, *args: Any, market: Market, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.market = market
        low, high = money.price(market.min_settlement), money.price(market.max_settlement)
        self.fields["price"].help_text = f"From {low} to {high}."

    def clean_price(self) -> int:
        price: int = self.cleaned_data["price"]
        if not self.market.min_settlement <= price <= self.market.max_settlement:
            raise forms.ValidationError(str(self.fields["price"].help_text))
        return price


class SettleForm(SettlementForm, KeyedForm):
    """The confirmation, which settles the market."""
