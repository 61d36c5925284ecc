"""Who acts: the signed-in person, and the account that the browser acts as. The session keeps the account."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import NON_FIELD_ERRORS
from django.forms import Form
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.authentication import is_operator
from accounts.models import Account, User
from accounts.selectors import Branch, other_account, tree, typed_id
from accounts.services import ensure_user_account
from accounts.sudo import is_on
from accounts.typed import COOKIE, came_from, claim, keep, keep_signed_out, new_key
from proto.exchange_pb2 import KEY_CONFLICT, OUTCOME_UNKNOWN, ClientMessage, ServerMessage
from realtime import gateway
from realtime.errors import RequestFailed
from realtime.rights import Rights

SESSION_KEY = "acting_as"
NO_DATA: Mapping[str, Any] = MappingProxyType({})

REFUSALS = {  # where the exchange's own sentence does not tell what to do with the form
    OUTCOME_UNKNOWN: "The exchange did not answer in time, so this may or may not have happened. Press the button "
    "again: it does not happen a second time.",
    KEY_CONFLICT: "This form was sent before with other entries. Check them, and send it again if they are right.",
}

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Acting:
    """A person and the account acted as.

    `tree` holds the accounts that the person may act as; the first is their own user account. `account` is one of them.
    In sudo it may be any account but the house.
    """

    user: User
    account: Account
    tree: list[Branch]
    sudo: bool = False

    @property
    def operator(self) -> bool:
        """Whether the person may turn on sudo."""
        return is_operator(self.user)

    @property
    def accounts(self) -> list[int]:
        """Ids of the accounts that the person may act as without sudo."""
        return [branch.account.id for branch in self.tree]

    def may_act_as(self, account_id: int) -> Account | None:
        """The account if the person may act as it, else None."""
        found = next((branch.account for branch in self.tree if branch.account.id == account_id), None)
        return other_account(account_id) if found is None and self.sudo else found


def acting(
    view: Callable[Concatenate[HttpRequest, Acting, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Makes a view a page for signed-in people: passes it an Acting.

    Opens the person's user account at their first visit. If they may no longer act as the session's account, they act
    as their own.
    """

    @wraps(view)
    def inner(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return sign_in_first(request)
        try:
            own = ensure_user_account(request.user)
        except RequestFailed as failed:
            return render(request, "unavailable.html", {"reason": failed.message}, status=503)
        person = Acting(request.user, own, tree(own), is_on(request.session, request.user))
        if (claimed := claim(request, person.may_act_as)) is not None:
            request.session[SESSION_KEY] = claimed  # its page acts as the account that the form was filled in for
        wanted = person.may_act_as(request.session.get(SESSION_KEY, own.id))
        if wanted is None:
            del request.session[SESSION_KEY]
            messages.info(request, f"You may no longer act as that account. You now act as {own.name}.")
        response = view(request, replace(person, account=wanted or own), *args, **kwargs)
        if COOKIE in request.COOKIES:
            response.delete_cookie(COOKIE)
        add_never_cache_headers(response)  # after sign-out nothing stays in the browser; every form has a new key
        return response

    return inner


def sign_in_first(request: HttpRequest) -> HttpResponseRedirect:
    """Leads to the sign-in page and back: after a form to the page that it was on, which shows what was typed."""
    if request.method == "GET":
        return redirect_to_login(request.get_full_path())
    response = redirect_to_login(came_from(request) or back(request, settings.LOGIN_REDIRECT_URL).url)
    what_next = (
        "Sign in to get your form back." if keep_signed_out(request, response) else "Sign in and fill it in again."
    )
    messages.error(request, f"You are signed out, so nothing was sent. {what_next}")
    return response


def posting_account(request: HttpRequest, who: Acting) -> Account | None:
    """The account that a form names. It is the account of the form's page: another tab may have switched since.

    None if the person may not act as it. The caller then sends nothing, rather than an order for another account.
    """
    named = typed_id(request.POST.get("account", ""))
    return None if named is None else who.may_act_as(named)


def ask(
    request: HttpRequest,
    who: Acting,
    message: ClientMessage,
    on_refusal: Callable[[RequestFailed], None] = lambda _: None,
) -> ServerMessage | None:
    """Sends `message` for the form's account and returns the reply.

    None if it is refused; the next page then shows why, and the form as it was sent. `on_refusal` gets the refusal of
    a message that was sent.
    """
    account = posting_account(request, who)
    if account is None:
        keep(request)
        messages.error(request, "You may no longer act as this account. Nothing was sent.")
        return None
    try:
        rights = Rights(operator=who.operator)
        reply = gateway.ask_sync(who.user.pk, message, account=account.id, sudo=who.sudo, rights=rights)
    except RequestFailed as failed:
        on_refusal(failed)
        keep(request, used_key=failed.reason == KEY_CONFLICT)
        messages.error(request, REFUSALS.get(failed.reason, failed.message))
        return None
    if reply.replayed:
        messages.info(request, "This form was sent before and acted once. This is its first answer again.")
    return reply


def carry_out(
    request: HttpRequest, who: Acting, form: Form, message: Callable[[dict[str, Any]], ClientMessage]
) -> ServerMessage | None:
    """Sends the command that a form asks for and returns the reply. `message` builds it from the cleaned data.

    None if the form or the exchange refuses; the next page shows the reasons.
    """
    if form.is_valid():
        return ask(request, who, message(form.cleaned_data))
    complain(request, form)
    return None


def complain(request: HttpRequest, form: Form) -> None:
    """Shows a form's errors on the next page, and the form as it was sent."""
    keep(request, used_key="key" in form.errors)
    for field, errors in form.errors.items():
        name = "" if field == NON_FIELD_ERRORS else f"{form[field].label}: "
        messages.error(request, name + " ".join(str(error) for error in errors))


def back(request: HttpRequest, fallback: str) -> HttpResponseRedirect:
    """Redirects to the form's `next` if it is a path on this site, else to `fallback`, the name of a page."""
    return to_page(request, request.POST.get("next", ""), fallback)


def to_page(request: HttpRequest, wanted: str, fallback: str) -> HttpResponseRedirect:
    """Redirects to `wanted` if it is a path on this site, else to `fallback`, the name of a page."""
    ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(
        wanted, {request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(wanted) if ours else redirect(fallback)


def page_context(who: Acting, *, script: Mapping[str, Any] = NO_DATA, **more: Any) -> dict[str, Any]:
    """Context of a page, with `more`, the key of its forms and the data for its script, to which `script` adds.

    The script keeps the top bar up to date. Integers go to it as text, since JavaScript's numbers cannot hold 64 bits.
    """
    page = {
        "name": "",
        "account": str(who.account.id),
        "sudo": who.sudo,
        "accountName": who.account.name,
        "available": str(who.account.available),
        "chip": settings.CHIP_NAME,
        "markets": [],
        "words": {},
        **script,
    }
    return {"who": who, "chip": settings.CHIP_NAME, "key": new_key(), "page": page, **more}
