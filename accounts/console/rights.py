"""Who may see and do what in the operator console (rules, section 8)."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeGuard

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, Permission
from django.contrib.auth.views import redirect_to_login
from django.db.models import Q
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url

from accounts.authentication import is_operator
from accounts.models import User
from accounts.sudo import is_recent

VIEW_PERMISSION = "markets.view_exchange"

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
    superuser: else the journal would name the wrong operator. Rights that they would have as staff count, too."""
    if not may_operate(user) or not user.has_perm(permission):
        return False
    if user.is_superuser or user == person:
        return True
    return not (person.is_staff or person.is_superuser) and held(Q(user=person) | Q(group__user=person)) <= (
        user.get_all_permissions()
    )


def held(by: Q) -> set[str]:
    """The permissions that these people or groups were given, whether or not they may use them now."""
    found = Permission.objects.filter(by).values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in found}


def ask_again(request: HttpRequest, user: User) -> HttpResponseRedirect:
    """To the password, then back to the form; who has none signs in afresh."""
    page = "account_reauthenticate" if user.has_usable_password() else "sign_in_afresh"
    return redirect_to_login(request.get_full_path(), resolve_url(page))


def of_who_was_asked_lately(view: View) -> View:
    """The view, for who has shown within DANGER_SECONDS who they are: what it changes would let somebody at an open
    browser in for good."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, User) or is_recent(request.session, user, settings.DANGER_SECONDS):
            return view(request, *args, **kwargs)
        return ask_again(request, user)

    return inner
