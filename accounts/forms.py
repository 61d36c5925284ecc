"""Forms about accounts. They read what a person typed; the exchange's rules are checked by the exchange."""

from typing import Any

from django import forms

from accounts import money
from accounts.models import Account
from accounts.selectors import account_named

TYPED_MAX = 24  # characters of a number
KEY_MAX = 36


class UnitsField(forms.CharField):
    """A decimal number as integer units: with 2 decimals "48.5" is 4850."""

    def __init__(self, *, decimals: int, **kwargs: Any) -> None:
        super().__init__(max_length=TYPED_MAX, **kwargs)
        self.decimals = decimals

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            return money.parse(text, self.decimals)
        except ValueError as wrong:
            raise forms.ValidationError(str(wrong)) from wrong

    def run_validators(self, value: Any) -> None:
        """Those of CharField measure text; what is left here is an int."""


class LinesField(forms.CharField):
    """Several lines. Browsers end them with CR LF, the exchange with LF."""

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n")


class KeyedForm(forms.Form):
    """A form that acts once, though it may be posted twice."""

    key = forms.CharField(max_length=KEY_MAX, required=False)


class AltForm(KeyedForm):
    name = forms.CharField(max_length=40)


class AccountField(forms.CharField):
    """An account by its name."""

    def clean(self, value: Any) -> Account:
        account = account_named(super().clean(value))
        if account is None:
            raise forms.ValidationError("There is no account of this name.")
        return account


class TransferForm(KeyedForm):
    to = AccountField(max_length=80)
    amount = UnitsField(decimals=money.CASH_DECIMALS)
    note = forms.CharField(max_length=200, required=False)


class ShareForm(KeyedForm):
    receiver = AccountField(max_length=80)
