"""Sudo in the browser: operator rights for one session, until SUDO_SECONDS after the last authentication.

Sockets of that session may turn sudo on as long (rules, section 8).
"""

import time
from collections.abc import Hashable
from types import SimpleNamespace
from typing import cast

from allauth.account.internal.flows.login import get_authentication_records
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

from accounts.authentication import (
    AccessTokenCredential,
    SessionCredential,
    TokenCredential,
    is_operator,
)
from accounts.models import ApiToken, User

SESSION_KEY = "sudo"


def is_recent(session: SessionBase, user: User, seconds: int | None = None) -> bool:
    """Whether `user`, the owner of the session, authenticated within `seconds`. At most SUDO_SECONDS, the default."""
    within = settings.SUDO_SECONDS if seconds is None else min(seconds, settings.SUDO_SECONDS)
    records = get_authentication_records(cast(HttpRequest, SimpleNamespace(session=session)), user)
    return bool(records) and time.time() - records[-1]["at"] < within


def is_on(session: SessionBase, user: User | AnonymousUser) -> bool:
    """Whether pages of `user`'s session act with sudo."""
    return (
        isinstance(user, User)
        and is_operator(user)
        and session.get(SESSION_KEY) == user.pk
        and is_recent(session, user)
    )


def turn_on(request: HttpRequest, user: User) -> None:
    """Turns sudo on. The caller must have checked that the user may operate, and is_recent()."""
    request.session[SESSION_KEY] = user.pk


def turn_off(request: HttpRequest) -> None:
    request.session.pop(SESSION_KEY, None)


async def may_sudo(credentials: set[Hashable]) -> set[Hashable]:
    """Those of the credentials with which a socket may have sudo on."""
    return await database_sync_to_async(_may_sudo)(credentials)


def _may_sudo(credentials: set[Hashable]) -> set[Hashable]:
    sessions = {one for one in credentials if isinstance(one, SessionCredential) and _session(one)}
    access_tokens = {one for one in credentials if isinstance(one, AccessTokenCredential) and _access_token(one)}
    return _tokens(credentials) | sessions | access_tokens


def _tokens(credentials: set[Hashable]) -> set[Hashable]:
    tokens = {one.token: one for one in credentials if isinstance(one, TokenCredential)}
    found = ApiToken.objects.filter(pk__in=tokens, user__is_active=True).select_related("user") if tokens else ()
    return {tokens[token.pk] for token in found if is_operator(token.user)}


def _session(credential: SessionCredential) -> bool:
    user = User.objects.filter(pk=credential.user, is_active=True).first()
    return user is not None and is_on(SessionStore(credential.session), user)


def _access_token(credential: AccessTokenCredential) -> bool:
    """Whether the token named the operators' role and its person still is an operator."""
    user = User.objects.filter(pk=credential.user).first()
    return credential.operator and user is not None and is_operator(user)
