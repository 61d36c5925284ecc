"""Forms about accounts, and the fields they share. A form checks the input; the engine checks the rules."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts import money
from accounts.models import TOKEN_NAME_CHARACTERS_MAX, Account
from accounts.selectors import Branch, account_named, accounts_written
from realtime.limits import (
    ACCOUNT_NAME_CHARACTERS_MAX,
    KEY_CHARACTERS_MAX,
    NOTE_CHARACTERS_MAX,
    TYPED_ACCOUNT_CHARACTERS_MAX,
    TYPED_NUMBER_CHARACTERS_MAX,
)
from realtime.rights import Scope

UNKNOWN_SHOWN = 5  # unknown names that a refusal lists


class UnitsField(forms.CharField):
    """Reads a decimal number as integer units: with 2 decimals "48.5" becomes 4850."""

    def __init__(self, *, decimals: int, **kwargs: Any) -> None:
        super().__init__(max_length=TYPED_NUMBER_CHARACTERS_MAX, **kwargs)
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
        """Runs none: CharField's validators measure text, and the value is an int."""


class LinesField(forms.CharField):
    """Text of several lines. Browsers end lines with CR LF; the exchange uses LF."""

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n")


class KeyedForm(forms.Form):
    """A form with an idempotency key: posted twice, it acts once."""

    key = forms.CharField(max_length=KEY_CHARACTERS_MAX, required=False)


class OnlyChanges(forms.Form):
    """A form that refuses to be sent without a change.

    A field with show_hidden_initial posts its first value too, so only changed fields are sent. Two editors of
    different fields do not overwrite each other, even if a form is sent twice. Any other field that is filled in, such
    as a file, counts as a change.
    """

    def initials(self) -> list[SafeString]:
        """Hidden inputs with the first values."""
        return [bound.as_hidden(only_initial=True) for bound in self if bound.field.show_hidden_initial]

    def clean(self) -> dict[str, Any]:
        if not set(self.changed_data) - {"key", "reason"}:
            raise forms.ValidationError("You did not change anything.")
        return self.cleaned_data


class AltForm(KeyedForm):
    name = forms.CharField(max_length=ACCOUNT_NAME_CHARACTERS_MAX)


class AccountField(forms.CharField):
    """An account by its name; None if the field is optional and empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=TYPED_ACCOUNT_CHARACTERS_MAX, **kwargs)

    def clean(self, value: Any) -> Account | None:
        name = super().clean(value)
        if not name:
            return None
        account = account_named(name)
        if account is None:
            raise forms.ValidationError("There is no account with this name.")
        return account


class AccountsField(forms.Field):
    """Accounts by name or id, separated by lines or commas. The value is their ids, sorted and unique.

    A whole line that is an account's name is read as that name, even with a comma in it.
    """

    def to_python(self, value: Any) -> tuple[int, ...]:
        text = value or ""
        if "\0" in text:  # PostgreSQL refuses NUL in text
            raise forms.ValidationError("Enter names or ids, one per line.")
        lines = [" ".join(line.split()) for line in text.splitlines()]
        found = accounts_written({part for line in lines for part in (line, *_parts(line))})
        names = [name for line in lines for name in ([line] if line in found else _parts(line))]
        unknown = [name for name in names if name not in found]
        if unknown:
            more = f" and {len(unknown) - UNKNOWN_SHOWN} more" if len(unknown) > UNKNOWN_SHOWN else ""
            raise forms.ValidationError(f"There is no account {', '.join(unknown[:UNKNOWN_SHOWN])}{more}.")
        return tuple(sorted({found[name] for name in names}))

    @staticmethod
    def as_typed(accounts: Iterable[Account]) -> str:
        """The field's text for these accounts. An account whose name is digits is written as its id."""
        return "\n".join(str(one.pk) if one.name.isdigit() else one.name for one in accounts)


def _parts(line: str) -> list[str]:
    return [part.strip() for part in line.split(",") if part.strip()]


class TransferForm(KeyedForm):
    to = AccountField()
    amount = UnitsField(decimals=money.CASH_DECIMALS)
    note = forms.CharField(max_length=NOTE_CHARACTERS_MAX, required=False)


class ShareForm(KeyedForm):
    receiver = AccountField()


class ScopesField(forms.TypedMultipleChoiceField):
    """A token's rights, as bits of Scope. READ is always included."""

    CHOICES = (
        (int(Scope.TRADE), "Trade: place and cancel orders"),
        (int(Scope.TRANSFER), "Transfer: pay, and buy at auctions"),
        (int(Scope.MANAGE), "Manage: create and change accounts, shares, markets and auctions"),
    )
    SUDO = (int(Scope.SUDO), "Sudo: use operator rights")

    def __init__(self, *, sudo: bool, **kwargs: Any) -> None:
        choices = (*self.CHOICES, self.SUDO) if sudo else self.CHOICES
        initial = [int(Scope.TRADE)]  # the least with which a bot can do its work
        super().__init__(choices=choices, coerce=int, required=False, label="Rights", initial=initial, **kwargs)

    def clean(self, value: Any) -> int:
        scopes: list[int] = super().clean(value)
        return sum(scopes, int(Scope.READ))


class DaysField(forms.TypedChoiceField):
    """The time at which a token expires; None means never."""

    CHOICES = ((1, "in a day"), (7, "in a week"), (30, "in 30 days"), (365, "in a year"), (0, "never"))

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=self.CHOICES, coerce=int, label="Expires", initial=30, **kwargs)

    def clean(self, value: Any) -> datetime | None:
        days = super().clean(value)
        return timezone.now() + timedelta(days=days) if days else None


class TokenForm(KeyedForm):
    """A new token for the person themselves. `sudo`: whether to offer operator rights."""

    key = forms.CharField(max_length=KEY_CHARACTERS_MAX, widget=forms.HiddenInput)
    name = forms.CharField(
        max_length=TOKEN_NAME_CHARACTERS_MAX, widget=forms.TextInput({"class": "input input-sm w-full"})
    )
    account = forms.TypedChoiceField(
        label="Acts as",
        required=False,
        coerce=int,
        empty_value=None,
        widget=forms.Select({"class": "select select-sm"}),
    )
    days = DaysField(widget=forms.Select({"class": "select select-sm"}))

    def __init__(self, *args: Any, tree: list[Branch], sudo: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = [(branch.account.id, branch.account.name) for branch in tree]
        self.fields["account"].choices = [("", "all my accounts"), *mine]  # type: ignore[attr-defined]
        self.fields["scopes"] = ScopesField(sudo=sudo, widget=forms.CheckboxSelectMultiple({"class": "checkbox"}))
