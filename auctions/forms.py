"""What a person typed about an auction. The exchange's rules are checked by the exchange."""

from django import forms

from accounts import money
from accounts.forms import KeyedForm, LinesField, OnlyChanges, UnitsField
from proto import exchange_pb2 as pb
from realtime.limits import AUCTION_NAME_CHARACTERS_MAX, DESCRIPTION_CHARACTERS_MAX, INT64_MAX


class AuctionForm(KeyedForm):
    """Without a price it cannot be bought at once. The picture is looked at by auctions/pictures.py."""

    name = forms.CharField(max_length=AUCTION_NAME_CHARACTERS_MAX)
    description = LinesField(max_length=DESCRIPTION_CHARACTERS_MAX, required=False)
    price = UnitsField(decimals=money.CASH_DECIMALS, required=False)
    picture = forms.FileField(required=False)


class EditForm(OnlyChanges, AuctionForm):
    name = forms.CharField(max_length=AUCTION_NAME_CHARACTERS_MAX, show_hidden_initial=True)
    description = LinesField(max_length=DESCRIPTION_CHARACTERS_MAX, required=False, show_hidden_initial=True)
    price = UnitsField(decimals=money.CASH_DECIMALS, required=False, show_hidden_initial=True)
    remove_picture = forms.BooleanField(required=False)


def edit_message(auction_id: int, form: forms.Form) -> pb.EditAuction:
    """What was changed in EditForm or the console's form, and the removal of the picture."""
    said, changed = form.cleaned_data, form.changed_data
    edit = pb.EditAuction(auction_id=auction_id, key=said["key"])
    if "name" in changed:
        edit.name = said["name"]
    if "description" in changed:
        edit.description = said["description"]
    if "price" in changed and said["price"] is None:
        edit.no_buy_now_price = True
    elif "price" in changed:
        edit.buy_now_price = said["price"]
    if said["remove_picture"]:
        edit.picture = ""
    return edit


class BuyForm(KeyedForm):
    """`price` is the one that the page showed, in 1/10,000 chip."""

    price = forms.IntegerField(min_value=0, max_value=INT64_MAX)
