"""What operators do about accounts, shares and tokens."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts import money
from accounts.authentication import is_operator
from accounts.console.operations import CommandOperation, Operation, OperationForm
from accounts.console.rights import may_manage
from accounts.forms import AccountField, DaysField, ScopesField, UnitsField
from accounts.models import TOKEN_NAME_CHARACTERS_MAX, Account, AccountKind, ApiToken, Ownership, User
from accounts.selectors import people_acting_as
from accounts.tokens import MadeBefore, TokenRefused, create_token_once, revoke_token
from proto.exchange_pb2 import ClientMessage, ServerMessage
from proto.exchange_pb2 import Collect as CollectMessage
from proto.exchange_pb2 import Gift as GiftMessage
from proto.exchange_pb2 import Redistribute as RedistributeMessage
from proto.exchange_pb2 import RevokeShare as RevokeShareMessage
from realtime.limits import NOTE_CHARACTERS_MAX
from realtime.rights import Scope


class GiftForm(OperationForm):
    amount = UnitsField(decimals=money.CASH_DECIMALS, widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}))
    note = forms.CharField(
        max_length=NOTE_CHARACTERS_MAX,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Shown beside the transfer to people who may act as the account.",
    )


class Gift(CommandOperation):
    slug = "gift"
    title = "Give money"
    icon = "redeem"
    danger = True
    form_class = GiftForm

    @classmethod
    def offered(cls, row: Account) -> bool:
        return row.kind != AccountKind.HOUSE

    def intro(self) -> str:
        return f"The house pays {self.row.name}, who has {money.chips(self.row.cash)} {settings.CHIP_NAME} now."

    def message(self, form: OperationForm) -> ClientMessage:
        fields = form.cleaned_data
        gift = GiftMessage(to_account_id=self.row.pk, amount=fields["amount"], note=fields["note"], key=fields["key"])
        return ClientMessage(gift=gift)

    def done(self, reply: ServerMessage) -> str:
        amount = money.chips(reply.transfer_created.transfer.amount)
        return f"{amount} {settings.CHIP_NAME} went to {self.row.name}"


class Collect(Gift):
    """Takes money from an account back to the house."""

    slug = "collect"
    title = "Collect money"
    icon = "savings"

    def intro(self) -> str:
        available = f"{money.chips(self.row.available)} {settings.CHIP_NAME}"
        return f"The house takes the money from {self.row.name}, who has {available} available."

    def message(self, form: OperationForm) -> ClientMessage:
        fields = form.cleaned_data
        collect = CollectMessage(
            from_account_id=self.row.pk, amount=fields["amount"], note=fields["note"], key=fields["key"]
        )
        return ClientMessage(collect=collect)

    def done(self, reply: ServerMessage) -> str:
        amount = money.chips(reply.transfer_created.transfer.amount)
        return f"{amount} {settings.CHIP_NAME} came from {self.row.name}"


class ShareOperation(CommandOperation):
    """An operation on an owner's share of an account. It leads to the account's page, which shows who is left."""

    danger = True

    @property
    def names(self) -> tuple[str, str]:
        """The names of the owner and of the account."""
        return self.row.owner.name, self.row.account.name

    @property
    def part(self) -> dict[str, int]:
        """The share, in the fields of both commands."""
        return {"account_id": self.row.account_id, "owner_id": self.row.owner_id}

    @classmethod
    def offered(cls, row: Ownership) -> bool:
        return row.account.owners.count() > 1

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except Http404:
            messages.info(request, "This share has ended.")
            return redirect("admin:accounts_ownership_changelist")

    def after(self, reply: ServerMessage) -> str:
        return reverse("admin:accounts_account_change", args=[self.row.account_id])


class RevokeShare(ShareOperation):
    slug = "revoke"
    title = "Revoke the share"
    icon = "person_remove"

    @classmethod
    def offered(cls, row: Ownership) -> bool:
        return row.owner.kind == AccountKind.USER and super().offered(row)

    def intro(self) -> str:
        owner, account = self.names
        return f"{owner} can no longer act as {account}. Redistribute the credit first: it must be zero."

    def message(self, form: OperationForm) -> ClientMessage:
        return ClientMessage(revoke_share=RevokeShareMessage(**self.part, key=form.cleaned_data["key"]))

    def done(self, reply: ServerMessage) -> str:
        owner, account = self.names
        return f"{owner} no longer owns {account}"


class RedistributeCredit(ShareOperation):
    slug = "redistribute"
    title = "Redistribute the credit"
    icon = "call_split"

    def intro(self) -> str:
        owner, account = self.names
        theirs = f"{money.chips(self.row.credit)} {settings.CHIP_NAME} before rebalancing"
        return f"{owner}'s credit in {account} ({theirs}) goes to the other owners."

    def message(self, form: OperationForm) -> ClientMessage:
        return ClientMessage(redistribute=RedistributeMessage(**self.part, key=form.cleaned_data["key"]))

    def done(self, reply: ServerMessage) -> str:
        owner, account = self.names
        return f"{owner}'s credit in {account} went to the other owners"


NOT_THEIRS = "Administrators make tokens for people without rights, superusers for everybody. You can make your own."


class MakeTokenForm(OperationForm):
    person = forms.CharField(
        max_length=150,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        help_text="The username. Anybody who has the token trades as this person.",
    )
    name = forms.CharField(
        max_length=TOKEN_NAME_CHARACTERS_MAX,
        widget=UnfoldAdminTextInputWidget,
        help_text="What the token is for, like “market maker on my laptop”.",
    )
    scopes = ScopesField(sudo=True, widget=UnfoldAdminCheckboxSelectMultipleWidget, help_text="Every token can read.")
    account = AccountField(
        required=False,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        help_text="The name of the only account that it may act as. Empty: every account that the person may act as.",
    )
    days = DaysField(widget=UnfoldAdminSelectWidget)

    def clean_person(self) -> User:
        person = User.objects.filter(username__iexact=self.cleaned_data["person"], is_active=True).first()
        if person is None:
            raise forms.ValidationError("There is no active person with this username.")
        return person

    def clean(self) -> None:
        person, account = self.cleaned_data.get("person"), self.cleaned_data.get("account")
        if person is None:
            return
        if account is not None and person.pk not in people_acting_as({account.pk})[account.pk]:
            self.add_error("account", f"{person} cannot act as {account}.")
        if self.cleaned_data.get("scopes", 0) & Scope.SUDO and not is_operator(person):
            self.add_error("scopes", f"{person} is not an operator.")


class MakeToken(Operation):
    slug = "make"
    title = "Make a token"
    icon = "key"
    of_row = False
    form_class = MakeTokenForm

    def intro(self) -> str:
        return "A bot signs in with a token. The next page shows it once and never again."

    def get_initial(self) -> dict[str, Any]:
        return {**super().get_initial(), "person": self.request.GET.get("person", "")}

    def form_valid(self, form: OperationForm) -> HttpResponse:
        fields = form.cleaned_data
        person = fields["person"]
        if person != self.operator and not may_manage(self.operator, person, "accounts.add_apitoken"):
            form.add_error("person", NOT_THEIRS)
            return self.form_invalid(form)
        options = {"expires_at": fields["days"], "scopes": fields["scopes"], "account": fields["account"]}
        try:
            token, secret = create_token_once(self.operator, fields["key"], person, fields["name"], **options)
        except MadeBefore as made:
            messages.error(self.request, str(made))
            return redirect(self.back())
        except TokenRefused as refused:
            form.add_error(None, str(refused))
            return self.form_invalid(form)
        self.model_admin.log_addition(self.request, token, f"Made: {fields['reason']}")
        shown = self.get_context_data(form=form, token=token, secret=secret)
        answer = self.response_class(self.request, "admin/token_made.html", shown)
        answer["Cache-Control"] = "no-store"
        return answer


class RevokeToken(Operation):
    slug = "revoke"
    title = "Revoke"
    icon = "block"
    danger = True

    @classmethod
    def offered(cls, row: ApiToken) -> bool:
        return row.revoked_at is None

    def intro(self) -> str:
        return f"“{self.row.name}” of {self.row.user} stops working at once. Its sockets close within seconds."

    def form_valid(self, form: OperationForm) -> HttpResponse:
        if revoke_token(self.row):
            self.model_admin.log_change(self.request, self.row, f"Revoked: {form.cleaned_data['reason']}")
        messages.success(self.request, f"“{self.row.name}” of {self.row.user} is revoked.")
        return redirect(self.back())
