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

View = Callable[..., HttpResponseBase]


def may_operate(user: User | AnonymousUser) -> TypeGuard[User]:
    """Whether they may send commands with sudo: active staff with the operator permission."""
    return isinstance(user, User) and is_operator(user)


def may_view(user: User | AnonymousUser) -> TypeGuard[User]:
    """Whether they may see all that the engine owns, also hidden ids and restricted markets: operators, and staff with
    the view permission."""
    if not isinstance(user, User) or not user.is_active or not user.is_staff:
        return False
    return user.has_perm(settings.VIEW_PERMISSION) or is_operator(user)


def may_manage(user: User | AnonymousUser, person: User, permission: str = "accounts.change_user") -> bool:
    """Whether they may do to this person what the permission allows, like change them.

    Only superusers may change other staff, and people who hold a permission that they lack: whoever sets a password can
    sign in as that person, and the journal would name the wrong operator. It counts what people would have as staff.
    """
    if not may_operate(user) or not user.has_perm(permission):
        return False
    if user.is_superuser or user == person:
        return True
    return not (person.is_staff or person.is_superuser) and held(Q(user=person) | Q(group__user=person)) <= (
        user.get_all_permissions()
    )


def held(by: Q) -> set[str]:
    """The permissions given to these people or groups, also those that they cannot use now."""
    found = Permission.objects.filter(by).values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in found}


def ask_again(request: HttpRequest, user: User) -> HttpResponseRedirect:
    """Leads to the password page and back here. People without a password sign in again."""
    page = "account_reauthenticate" if user.has_usable_password() else settings.SIGN_IN_AFRESH_URL
    return redirect_to_login(request.get_full_path(), resolve_url(page))


def recent_sign_in_required(view: View) -> View:
    """Asks for the password if it was last given more than DANGER_SECONDS ago.

    For changes with which somebody at an open browser could let themselves in for good.
    """

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, User) or is_recent(request.session, user, settings.DANGER_SECONDS):
            return view(request, *args, **kwargs)
        return ask_again(request, user)

    return inner
