"""Forms about auctions. A form checks the input; the engine checks the rules."""

from django import forms

from accounts import money
from accounts.forms import KeyedForm, LinesField, OnlyChanges, UnitsField
from proto import exchange_pb2 as pb
from realtime.limits import AUCTION_NAME_CHARACTERS_MAX, DESCRIPTION_CHARACTERS_MAX, INT64_MAX


class AuctionForm(KeyedForm):
    """A new auction. Without a price nobody can buy it at once. auctions/pictures.py checks the picture."""

    name = forms.CharField(max_length=AUCTION_NAME_CHARACTERS_MAX)
    description = LinesField(max_length=DESCRIPTION_CHARACTERS_MAX, required=False)
    price = UnitsField(decimals=money.CASH_DECIMALS, required=False)
    picture = forms.FileField(required=False)
    sent_picture = forms.CharField(required=False, widget=forms.HiddenInput)  # signed, after an unknown outcome


class EditForm(OnlyChanges, AuctionForm):
    """Changes to an auction."""

    name = forms.CharField(max_length=AUCTION_NAME_CHARACTERS_MAX, show_hidden_initial=True)
    description = LinesField(max_length=DESCRIPTION_CHARACTERS_MAX, required=False, show_hidden_initial=True)
    price = UnitsField(decimals=money.CASH_DECIMALS, required=False, show_hidden_initial=True)
    remove_picture = forms.BooleanField(required=False)


def edit_message(auction_id: int, form: forms.Form) -> pb.EditAuction:
    """The command for the changes in EditForm or the console's form. It can remove the picture, but not set one."""
    data, changed = form.cleaned_data, form.changed_data
    edit = pb.EditAuction(auction_id=auction_id, key=data["key"])
    if "name" in changed:
        edit.name = data["name"]
    if "description" in changed:
        edit.description = data["description"]
    if "price" in changed and data["price"] is None:
        edit.no_buy_now_price = True
    elif "price" in changed:
        edit.buy_now_price = data["price"]
    if data["remove_picture"]:
        edit.picture = ""
    return edit


class BuyForm(KeyedForm):
    """A purchase. `price` is the one on the page, in 1/10,000 chip."""

    price = forms.IntegerField(min_value=0, max_value=INT64_MAX)
