"""Pages and forms about people and their accounts. Forms post and lead back to a page, with or without scripts."""

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts import demo, money
from accounts.acting import SESSION_KEY, Acting, acting, ask, back, complain, new_key
from accounts.forms import AltForm, KeyedForm, ShareForm, TransferForm
from accounts.models import AccountKind
from accounts.selectors import people, possessions
from proto.exchange_pb2 import ClientMessage, CreateAccount, LeaveAccount, MakeTransfer, ShareAccount

THEMES = ("light", "dark")
THEME_COOKIE = "theme"
THEME_SECONDS = 365 * 24 * 3600


@require_POST
@acting
def act_as(request: HttpRequest, who: Acting) -> HttpResponse:
    """Switches the account that this browser acts as."""
    named = request.POST.get("account", "")
    account = who.may_act_as(int(named)) if named.isascii() and named.isdigit() else None
    if account is None:
        messages.error(request, "You cannot act as this account.")
    else:
        request.session[SESSION_KEY] = account.id
        messages.success(request, f"You act as {account.name}.")
    return back(request, "markets:portfolio")


@require_GET
@acting
def accounts(request: HttpRequest, who: Acting) -> HttpResponse:
    """Everything that the person may act as, whose it is, and what can be shared or left as the account acted as."""
    context = {
        "who": who,
        "here": "accounts",
        "key": new_key(),
        "possessions": possessions(who.tree, who.account),
        "may_share": who.account.kind == AccountKind.USER,
        "people": people(),
    }
    return render(request, "accounts/accounts.html", context)


@require_POST
@acting
def share(request: HttpRequest, who: Acting, account_id: int) -> HttpResponse:
    form = ShareForm(request.POST)
    if not form.is_valid():
        complain(request, form)
        return redirect("accounts:accounts")
    receiver, key = form.cleaned_data["receiver"], form.cleaned_data["key"]
    message = ShareAccount(account_id=account_id, receiver_id=receiver.id, key=key)
    if reply := ask(request, who, ClientMessage(share_account=message)):
        messages.success(request, f"{receiver.name} owns {reply.owners_changed.account.name} with you now.")
    return redirect("accounts:accounts")


@require_POST
@acting
def leave(request: HttpRequest, who: Acting, account_id: int) -> HttpResponse:
    form = KeyedForm(request.POST)
    if not form.is_valid():
        complain(request, form)
        return redirect("accounts:accounts")
    message = LeaveAccount(account_id=account_id, key=form.cleaned_data["key"])
    if reply := ask(request, who, ClientMessage(leave_account=message)):
        messages.success(request, f"You have left {reply.owners_changed.account.name}.")
    return redirect("accounts:accounts")


@require_POST
@acting
def create_alt(request: HttpRequest, who: Acting) -> HttpResponse:
    form = AltForm(request.POST)
    if not form.is_valid():
        complain(request, form)
    else:
        create = CreateAccount(name=form.cleaned_data["name"], key=form.cleaned_data["key"])
        if reply := ask(request, who, ClientMessage(create_account=create)):
            messages.success(request, f"{reply.account_created.account.name} is open. Switch to it to trade with it.")
    return back(request, "markets:portfolio")


@require_POST
@acting
def make_transfer(request: HttpRequest, who: Acting) -> HttpResponse:
    """From the acting account to another by its name."""
    form = TransferForm(request.POST)
    if not form.is_valid():
        complain(request, form)
        return back(request, "markets:portfolio")
    to, amount, note, key = (form.cleaned_data[name] for name in ("to", "amount", "note", "key"))
    named = request.POST.get("account", "")
    payer = int(named) if named.isascii() and named.isdigit() else 0
    transfer = MakeTransfer(from_account_id=payer, to_account_id=to.id, amount=amount, note=note, key=key)
    if ask(request, who, ClientMessage(make_transfer=transfer)):
        messages.success(request, f"{money.chips(amount)} {settings.CHIP_NAME} went to {to.name}.")
    return back(request, "markets:portfolio")


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Light or dark, in a cookie, so that the first paint has it; anything else means as the system has it."""
    response = back(request, "markets:list")
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(THEME_COOKIE, chosen, max_age=THEME_SECONDS, secure=request.is_secure(), samesite="Lax")
    else:
        response.delete_cookie(THEME_COOKIE)
    return response


def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Signs in one of the demo's people who is there; 404 for all else. The CSRF middleware has checked the form."""
    person = demo.person(request.POST.get("who", "")) if request.method == "POST" and demo.is_open(request) else None
    if person is None:
        raise Http404
    login(request, person, backend=settings.AUTHENTICATION_BACKENDS[0])
    record_authentication(request, person, method="demo")
    return redirect("markets:list")
