"""What a person typed into the ticket. Tick, bounds and funds are checked by the exchange, which says so in words."""

from typing import Any

from django import forms

from accounts import money
from accounts.forms import KeyedForm, UnitsField
from markets.models import Side, TimeInForce

ID_MAX = 2**63 - 1


class TicketForm(KeyedForm):
    """`key` becomes the client_order_id."""

    side = forms.TypedChoiceField(choices=[("bid", Side.BID), ("offer", Side.OFFER)], coerce=lambda s: Side[s.upper()])
    price = UnitsField(decimals=money.PRICE_DECIMALS)
    size = UnitsField(decimals=money.SIZE_DECIMALS)
    time_in_force = forms.TypedChoiceField(
        choices=[(tif.name, tif.label) for tif in TimeInForce], coerce=lambda name: TimeInForce[name]
    )
    post_only = forms.BooleanField(required=False)


class CancelForm(KeyedForm):
    """One order by its id, or with neither id nor side all; with a side that side."""

    order = forms.IntegerField(min_value=1, max_value=ID_MAX, required=False)
    side = forms.ChoiceField(choices=[("bid", "bid"), ("offer", "offer")], required=False)

    def clean_order(self) -> Any:
        return self.cleaned_data["order"] or 0
