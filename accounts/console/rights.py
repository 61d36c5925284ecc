"""Who may do what in the operator console (rules, section 8)."""

import time
from typing import TypeGuard

from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import resolve_url

from accounts.authentication import is_operator
from accounts.models import User

SIGN_IN_AFRESH = "sign_in_afresh"  # session key: the provider shall ask who it is, though it may remember


def may_operate(user: User | AnonymousUser) -> TypeGuard[User]:
    """Send commands with sudo, make people and tokens: active staff with the operator permission."""
    return isinstance(user, User) and is_operator(user)


def may_manage(user: User | AnonymousUser, person: User) -> bool:
    """Change this person or make a token for them. To become somebody else with rights takes a superuser: else the
    journal would name the wrong operator."""
    return may_operate(user) and (user.is_superuser or user == person or not (person.is_staff or person.is_superuser))


def has_sudo(request: HttpRequest, user: User) -> bool:
    """The person, whose session it is, has shown who they are within SUDO_SECONDS."""
    records = get_authentication_records(request, user)
    return bool(records) and time.time() - records[-1]["at"] < settings.SUDO_SECONDS


def ask_again(request: HttpRequest, user: User) -> HttpResponseRedirect:
    """To the password, then back to the form; who has none signs in afresh."""
    back = request.get_full_path()
    if user.has_usable_password():
        return redirect_to_login(back, resolve_url("account_reauthenticate"))
    logout(request)
    request.session[SIGN_IN_AFRESH] = True
    return redirect_to_login(back)
