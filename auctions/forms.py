"""What a person typed about an auction. The exchange's rules are checked by the exchange."""

from typing import Any

from django import forms
from django.utils.safestring import SafeString

from accounts import money
from accounts.forms import KeyedForm, LinesField, UnitsField

NAME_MAX = 80  # characters, as below
DESCRIPTION_MAX = 4_000
PRICE_MAX = 2**63 - 1


class AuctionForm(KeyedForm):
    """Without a price it cannot be bought at once. The picture is looked at by auctions/pictures.py."""

    name = forms.CharField(max_length=NAME_MAX)
    description = LinesField(max_length=DESCRIPTION_MAX, required=False)
    price = UnitsField(decimals=money.CASH_DECIMALS, required=False)
    picture = forms.FileField(required=False)


class EditForm(AuctionForm):
    """What it began with comes back with it: only what was changed is sent, so that two editors do not meet."""

    name = forms.CharField(max_length=NAME_MAX, show_hidden_initial=True)
    description = LinesField(max_length=DESCRIPTION_MAX, required=False, show_hidden_initial=True)
    price = UnitsField(decimals=money.CASH_DECIMALS, required=False, show_hidden_initial=True)
    remove_picture = forms.BooleanField(required=False)

    def initials(self) -> list[SafeString]:
        """What it began with, hidden."""
        return [bound.as_hidden(only_initial=True) for bound in self if bound.field.show_hidden_initial]

    def clean(self) -> dict[str, Any]:
        if not set(self.changed_data) - {"key"}:
            raise forms.ValidationError("You have changed nothing.")
        return self.cleaned_data


class BuyForm(KeyedForm):
    """`price` is the one that the page showed, in 1/10,000 chip."""

    price = forms.IntegerField(min_value=0, max_value=PRICE_MAX)
