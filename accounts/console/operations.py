"""Operations: what operators do. Each is a view of its own with a form that acts once.

An operation is never a save_model or an add form. Those run inside a transaction, and on SQLite it holds the lock that
the journal needs to commit the command for which the view waits.
"""

from typing import Any, ClassVar, NamedTuple

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.db.models.options import Options
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property
from django.views.generic import FormView
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.acting import REFUSALS
from accounts.console.rights import ask_again, may_operate
from accounts.forms import KeyedForm
from accounts.models import User
from accounts.services import ensure_user_account
from accounts.sudo import is_recent
from accounts.typed import keep, new_key, take
from proto.exchange_pb2 import KEY_CONFLICT, ClientMessage, ServerMessage
from realtime import gateway
from realtime.errors import RequestFailed
from realtime.limits import KEY_CHARACTERS_MAX, REASON_CHARACTERS_MAX


class OperationForm(KeyedForm):
    """Its key is made when the form is first shown, so that a double click or a reload acts once.

    The reason of a command is kept in the journal; the reason of another operation in Django's log.
    """

    key = forms.CharField(max_length=KEY_CHARACTERS_MAX, widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=REASON_CHARACTERS_MAX,
        widget=UnfoldAdminTextInputWidget,
        help_text="Kept with this action. Only the console shows it.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields([name for name in self.fields if name != "reason"])  # fields not named here come last


class Button(NamedTuple):
    url: str
    title: str
    icon: str
    danger: bool = False


class Operation(FormView[OperationForm]):
    """A view that a ModelAdmin lists in its `operations`. It acts on one row of the table, unless `of_row` is False."""

    slug: ClassVar[str]
    title: ClassVar[str]
    icon: ClassVar[str]
    danger: ClassVar[bool] = False  # needs a sign-in within DANGER_SECONDS
    of_row: ClassVar[bool] = True
    form_class: type[OperationForm] = OperationForm
    template_name = "admin/operation.html"
    model_admin: Any = None

    @classmethod
    def offered(cls, row: Any) -> bool:
        """Whether the row's page shows the button."""
        return True

    @classmethod
    def route(cls, model_admin: ModelAdmin) -> URLPattern:
        opts = model_admin.opts
        acts = cls.as_view(model_admin=model_admin)
        acts.asks_itself = True  # type: ignore[attr-defined]  # dispatch() asks for the password, see site.py
        view = model_admin.admin_site.admin_view(acts)
        where = f"<int:object_id>/{cls.slug}/" if cls.of_row else f"{cls.slug}/"
        return path(where, view, name=f"{opts.app_label}_{opts.model_name}_{cls.slug}")

    @classmethod
    def button(cls, opts: "Options[Any]", row: Model | None = None) -> Button:
        name = f"admin:{opts.app_label}_{opts.model_name}_{cls.slug}"
        return Button(reverse(name, args=[row.pk] if row else []), cls.title, cls.icon, cls.danger)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_operate(request.user):
            raise PermissionDenied
        if not is_recent(request.session, request.user, settings.DANGER_SECONDS if self.danger else None):
            keep(request)
            return ask_again(request, request.user)  # a sign-in as another person empties the session
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        """Fills in what was typed before the password was asked for. The person looks at it and sends it again."""
        typed = take(self.request, self.request.path) if self.request.method == "GET" else None
        return {**super().get_form_kwargs(), **({"data": typed} if typed else {})}

    @property
    def operator(self) -> User:
        assert may_operate(self.request.user)  # checked in dispatch()
        return self.request.user

    @cached_property
    def row(self) -> Any:
        """The row that the address names. None for an operation of the whole table."""
        if not self.of_row:
            return None
        return get_object_or_404(self.model_admin.get_queryset(self.request), pk=self.kwargs["object_id"])

    def intro(self) -> str:
        """The text above the form: what will happen."""
        return ""

    def get_initial(self) -> dict[str, Any]:
        return {"key": new_key()}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = self.model_admin.admin_site
        self.request.current_app = site.name  # as the admin's own views do
        shown = {"title": self.title, "opts": self.model_admin.opts, "original": self.row, "back": self.back()}
        return super().get_context_data(**site.each_context(self.request), **shown, **kwargs)

    def back(self) -> str:
        """The address to which "Cancel" and a success lead."""
        opts = self.model_admin.opts
        page, args = ("change", [self.row.pk]) if self.row else ("changelist", [])
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}", args=args)


class CommandOperation(Operation):
    """Sends a command with sudo, as the operator's own account. The reply comes after the commit."""

    form_class: type[OperationForm] = OperationForm

    def message(self, form: OperationForm) -> ClientMessage:
        raise NotImplementedError

    def done(self, reply: ServerMessage) -> str:
        """What has happened, as a sentence without its full stop."""
        raise NotImplementedError

    def form_valid(self, form: OperationForm) -> HttpResponse:
        try:
            own = ensure_user_account(self.operator)
            message = self.message(form)
            message.reason = form.cleaned_data["reason"]
            reply = gateway.ask_sync(self.operator.pk, message, account=own.pk, sudo=True)
        except RequestFailed as failed:
            return self.refused(form, failed)
        again = ", sent twice and done once" if reply.replayed else ""
        messages.success(self.request, f"{self.done(reply)}: entry {reply.seq}{again}.")
        return redirect(self.after(reply))

    def after(self, reply: ServerMessage) -> str:
        return self.back()

    def refused(self, form: OperationForm, failed: RequestFailed) -> HttpResponse:
        """Shows the form again with the reason. It keeps its key, unless the key was used with other entries."""
        form.add_error(None, REFUSALS.get(failed.reason, failed.message))
        if failed.reason == KEY_CONFLICT:
            form.data = {**dict(form.data.items()), "key": new_key()}
        return self.form_invalid(form)
