"""Forms about accounts. They read what a person typed; the exchange's rules are checked by the exchange."""

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
from realtime.rights import WITHOUT_SUDO, Scope

UNKNOWN_SHOWN = 5  # names that are nobody's, in a refusal


class UnitsField(forms.CharField):
    """A decimal number as integer units: with 2 decimals "48.5" is 4850."""

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
        """Those of CharField measure text; what is left here is an int."""


class LinesField(forms.CharField):
    """Several lines. Browsers end them with CR LF, the exchange with LF."""

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n")


class KeyedForm(forms.Form):
    """A form that acts once, though it may be posted twice."""

    key = forms.CharField(max_length=KEY_CHARACTERS_MAX, required=False)


class OnlyChanges(forms.Form):
    """Fields with show_hidden_initial come back with what they began with: only what was changed is sent, so that two
    editors do not meet, also if the form is sent twice. What else is sent, such as a file, is a change too."""

    def initials(self) -> list[SafeString]:
        """What it began with, hidden."""
        return [bound.as_hidden(only_initial=True) for bound in self if bound.field.show_hidden_initial]

    def clean(self) -> dict[str, Any]:
        if not set(self.changed_data) - {"key", "reason"}:
            raise forms.ValidationError("You did not change anything.")
        return self.cleaned_data


class AltForm(KeyedForm):
    name = forms.CharField(max_length=ACCOUNT_NAME_CHARACTERS_MAX)


class AccountField(forms.CharField):
    """An account by its name; None if it is not required and nothing is said."""

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
    """Accounts by name or id, one per line or with commas; their ids in order, each once. A line that is a name with a
    comma in it is that name."""

    def to_python(self, value: Any) -> tuple[int, ...]:
        text = value or ""
        if "\0" in text:  # PostgreSQL refuses to compare with it
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
    def written(accounts: Iterable[Account]) -> str:
        """As it is typed. A name that reads as an id is told by its id."""
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
    """What a token is for, as bits of Scope. Reading is always in."""

    CHOICES = (
        (int(Scope.TRADE), "Trade: place and cancel orders"),
        (int(Scope.TRANSFER), "Transfer: pay, and buy at auctions"),
        (int(Scope.MANAGE), "Manage: create and change accounts, shares, markets and auctions"),
    )
    SUDO = (int(Scope.SUDO), "Sudo: use operator rights")

    def __init__(self, *, sudo: bool, **kwargs: Any) -> None:
        choices = (*self.CHOICES, self.SUDO) if sudo else self.CHOICES
        initial = [scope for scope, _ in self.CHOICES if scope & WITHOUT_SUDO]
        super().__init__(choices=choices, coerce=int, required=False, label="Rights", initial=initial, **kwargs)

    def clean(self, value: Any) -> int:
        scopes: list[int] = super().clean(value)
        return sum(scopes, int(Scope.READ))


class DaysField(forms.TypedChoiceField):
    """When a token expires; None: never."""

    CHOICES = ((1, "in a day"), (7, "in a week"), (30, "in 30 days"), (365, "in a year"), (0, "never"))

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=self.CHOICES, coerce=int, label="Expires", initial=30, **kwargs)

    def clean(self, value: Any) -> datetime | None:
        days = super().clean(value)
        return timezone.now() + timedelta(days=days) if days else None


class TokenForm(KeyedForm):
    """A token for oneself. `sudo`: whether it may be for operating too."""

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
