"""Pages and forms about accounts, tokens, sudo and colours. Forms redirect to a page and work without scripts."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import demo, money
from accounts.acting import (
    SESSION_KEY,
    Acting,
    acting,
    back,
    carry_out,
    page_context,
    posting_account,
    to_page,
)
from accounts.console.rights import ask_again, may_operate
from accounts.forms import AltForm, KeyedForm, ShareForm, TokenForm, TransferForm
from accounts.models import AccountKind, ApiToken
from accounts.selectors import account_named, people, possessions, typed_id
from accounts.sudo import is_recent, turn_off, turn_on
from accounts.tokens import MadeBefore, TokenRefused, astray, create_token_once, live_tokens, revoke_token
from accounts.typed import new_key, take
from proto.exchange_pb2 import ClientMessage, CreateAccount, LeaveAccount, MakeTransfer, ShareAccount

SUDO_WANTED = "sudo_wanted"  # session key: [person, page to return to], while another page asks for the password
THEMES = ("light", "dark")
THEME_COOKIE = "theme"
THEME_SECONDS = 365 * 24 * 3600


@require_POST
@acting
def act_as(request: HttpRequest, who: Acting) -> HttpResponse:
    """Switches the account that this browser acts as. Operators in sudo may give any account's name."""
    name = request.POST.get("name", "")
    account = account_named(name) if name and who.sudo else posting_account(request, who)
    if account is None:
        messages.error(request, "You may not act as this account.")
    else:
        request.session[SESSION_KEY] = account.id
        messages.success(request, f"You now act as {account.name}.")
    return back(request, settings.PORTFOLIO_PAGE)


@require_GET
@acting
def accounts(request: HttpRequest, who: Acting) -> HttpResponse:
    """Lists the accounts that the person may act as, with their owners. The acting account may share or leave some."""
    context: dict[str, Any] = {
        "here": "accounts",
        "possessions": possessions(who.tree, who.account),
        "may_share": who.account.kind == AccountKind.USER,
        "people": people(),
    }
    return render(request, "accounts/accounts.html", page_context(who, **context))


@require_POST
@acting
def share(request: HttpRequest, who: Acting, account_id: int) -> HttpResponse:
    def message(data: dict[str, Any]) -> ClientMessage:
        command = ShareAccount(account_id=account_id, receiver_id=data["receiver"].id, key=data["key"])
        return ClientMessage(share_account=command)

    form = ShareForm(request.POST)
    if reply := carry_out(request, who, form, message):
        receiver = form.cleaned_data["receiver"]
        messages.success(request, f"{receiver.name} now owns {reply.owners_changed.account.name} with you.")
    return redirect("accounts:accounts")


@require_POST
@acting
def leave(request: HttpRequest, who: Acting, account_id: int) -> HttpResponse:
    def message(data: dict[str, Any]) -> ClientMessage:
        return ClientMessage(leave_account=LeaveAccount(account_id=account_id, key=data["key"]))

    if reply := carry_out(request, who, KeyedForm(request.POST), message):
        messages.success(request, f"You left {reply.owners_changed.account.name}.")
    return redirect("accounts:accounts")


@require_POST
@acting
def create_alt(request: HttpRequest, who: Acting) -> HttpResponse:
    def message(data: dict[str, Any]) -> ClientMessage:
        return ClientMessage(create_account=CreateAccount(name=data["name"], key=data["key"]))

    if reply := carry_out(request, who, AltForm(request.POST), message):
        messages.success(request, f"{reply.account_created.account.name} is created. Act as it to trade with it.")
    return back(request, settings.PORTFOLIO_PAGE)


@require_POST
@acting
def make_transfer(request: HttpRequest, who: Acting) -> HttpResponse:
    """Pays from the form's account to another, given by name."""
    payer = typed_id(request.POST.get("account", "")) or 0

    def message(data: dict[str, Any]) -> ClientMessage:
        to, amount, note, key = (data[name] for name in ("to", "amount", "note", "key"))
        transfer = MakeTransfer(from_account_id=payer, to_account_id=to.id, amount=amount, note=note, key=key)
        return ClientMessage(make_transfer=transfer)

    form = TransferForm(request.POST)
    if carry_out(request, who, form, message):
        paid, to = money.chips(form.cleaned_data["amount"]), form.cleaned_data["to"]
        messages.success(request, f"Sent {paid} {settings.CHIP_NAME} to {to.name}.")
    return back(request, settings.PORTFOLIO_PAGE)


@require_http_methods(["GET", "POST"])
@acting
def keys(request: HttpRequest, who: Acting) -> HttpResponse:
    """Lists the person's API tokens, with a form for a new one. The page shows a new secret once.

    A token with sudo is never asked for a password. So only an operator who authenticated recently may create one.
    """
    operator = may_operate(who.user)
    recent = operator and is_recent(request.session, who.user)
    if operator and not recent and "sudo" in request.GET:
        return ask_again(request, who.user)
    form = TokenForm(take(request, request.path), initial={"key": new_key()}, tree=who.tree, sudo=recent)
    secret = ""
    if request.method == "POST":
        form = TokenForm(request.POST, tree=who.tree, sudo=recent)
        try:
            secret = _make_token(form, who) if form.is_valid() else ""
        except MadeBefore as made:
            messages.error(request, str(made))
            return redirect("accounts:keys")
        except TokenRefused as refused:
            form.add_error(None, str(refused))
    tokens = list(live_tokens(who.user).select_related("account"))
    context: dict[str, Any] = {
        "here": "keys",
        "form": form,
        "secret": secret,
        "tokens": tokens,
        "astray": astray(tokens),
    }
    return render(request, "accounts/keys.html", page_context(who, may_have_sudo=operator and not recent, **context))


def _make_token(form: TokenForm, who: Acting) -> str:
    """Creates a token of the person and returns its secret."""
    data = form.cleaned_data
    return create_token_once(
        who.user,
        data["key"],
        who.user,
        data["name"],
        expires_at=data["days"],
        scopes=data["scopes"],
        account=who.may_act_as(data["account"]) if data["account"] else None,
    )[1]


@require_POST
@acting
def revoke_key(request: HttpRequest, who: Acting, token_id: int) -> HttpResponse:
    token = ApiToken.objects.filter(user=who.user, pk=token_id).first()
    if token is None:
        messages.error(request, "You have no such token.")
    else:
        revoke_token(token)  # a second time it changes nothing
        messages.success(request, f"“{token.name}” is revoked. Its open connections close within seconds.")
    return redirect("accounts:keys")


@acting
def sudo_switch(request: HttpRequest, who: Acting) -> HttpResponseBase:
    """Turns sudo on or off. Asks for the password first if the last one is too old. 404 for anyone but operators.

    A GET comes back from the password page. It turns sudo on only if a POST asked for it before, and only once.
    """
    if not may_operate(request.user):
        raise Http404
    if request.method == "POST" and "off" in request.POST:
        turn_off(request)
        messages.success(request, "Sudo is off.")
        return back(request, settings.LOGIN_REDIRECT_URL)
    if request.method == "POST":
        request.session[SUDO_WANTED] = [request.user.pk, request.POST.get("next", "")]
    person, page = request.session.get(SUDO_WANTED, (None, ""))
    if person != request.user.pk:
        return redirect(settings.LOGIN_REDIRECT_URL)
    if not is_recent(request.session, request.user):
        return ask_again(request, request.user)
    del request.session[SUDO_WANTED]
    turn_on(request, request.user)
    messages.success(request, "Sudo is on: you have operator rights until it ends by itself.")
    return to_page(request, page, settings.LOGIN_REDIRECT_URL)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keeps light or dark in a cookie, so that the first paint has it. Any other value means the system's choice."""
    response = back(request, settings.LOGIN_REDIRECT_URL)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(THEME_COOKIE, chosen, max_age=THEME_SECONDS, secure=request.is_secure(), samesite="Lax")
    else:
        response.delete_cookie(THEME_COOKIE)
    return response


def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Signs in one of the demo's people; 404 for anybody else. The CSRF middleware has checked the form."""
    person = demo.person(request.POST.get("who", "")) if request.method == "POST" and demo.is_open(request) else None
    if person is None:
        raise Http404
    login(request, person, backend=settings.AUTHENTICATION_BACKENDS[0])
    record_authentication(request, person, method="demo")
    return back(request, settings.LOGIN_REDIRECT_URL)
