"""Who may see and do what in the operator console (rules, section 8)."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeGuard

from django.contrib.admin import AdminSite
from django.contrib.auth import logout
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url

from accounts.authentication import is_operator
from accounts.models import User
from accounts.sudo import is_recent

VIEW_PERMISSION = "markets.view_exchange"
SIGN_IN_AFRESH = "sign_in_afresh"  # session key: the provider shall ask who it is, though it may remember

View = Callable[..., HttpResponseBase]


def may_operate(user: User | AnonymousUser) -> TypeGuard[User]:
    """Send commands with sudo: active staff with the operator permission."""
    return isinstance(user, User) and is_operator(user)


def may_view(user: User | AnonymousUser) -> TypeGuard[User]:
    """See what the engine owns, hidden ids and restricted markets too: operators, and staff who may look."""
    if not isinstance(user, User) or not user.is_active or not user.is_staff:
        return False
    return user.has_perm(VIEW_PERMISSION) or is_operator(user)


def may_manage(user: User | AnonymousUser, person: User, permission: str = "accounts.change_user") -> bool:
    """Change this person, or what else the permission says of them. To become somebody else with rights takes a
    superuser: else the journal would name the wrong operator."""
    if not may_operate(user) or not user.has_perm(permission):
        return False
    return user.is_superuser or user == person or not (person.is_staff or person.is_superuser)


def has_sudo(request: HttpRequest, user: User, seconds: int | None = None) -> bool:
    """The person, whose session it is, has shown who they are within `seconds`, SUDO_SECONDS if nothing is said."""
    return is_recent(request.session, user, seconds)


def ask_again(request: HttpRequest, user: User) -> HttpResponseRedirect:
    """To the password, then back to the form; who has none signs in afresh."""
    back = request.get_full_path()
    if user.has_usable_password():
        return redirect_to_login(back, resolve_url("account_reauthenticate"))
    logout(request)
    request.session[SIGN_IN_AFRESH] = True
    return redirect_to_login(back)


def sudo_for_all_pages(site: AdminSite) -> None:
    """From now on every page of the console asks who may see the exchange for sudo, but for the way out.

    To be called before its addresses are made. Views with `asks_itself` ask themselves.
    """
    admin_view, way_out = site.admin_view, site.logout

    def asking(view: View, cacheable: bool = False) -> View:
        exempt = view == way_out or getattr(view, "asks_itself", False)
        return admin_view(view if exempt else _with_sudo(view), cacheable)

    site.admin_view = asking  # type: ignore[method-assign, assignment]


def _with_sudo(view: View) -> View:
    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_view(request.user) or has_sudo(request, request.user):
            return view(request, *args, **kwargs)
        if "HX-Request" in request.headers:  # a part of a page that renews itself: the whole page asks
            return HttpResponse(headers={"HX-Refresh": "true"})
        return ask_again(request, request.user)

    return inner
