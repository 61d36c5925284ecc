"""Finds the person behind a socket or a request, and whether their credential is still good.

A credential is a bearer token or the session cookie of a signed-in browser.
"""

import time
from collections.abc import Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple

from allauth.socialaccount.models import SocialAccount
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import provider
from accounts.models import ApiToken, User
from accounts.selectors import user_account
from accounts.services import account_name
from accounts.tokens import find_token, good_tokens
from proto.exchange_pb2 import ClientMessage, CreateUserAccount
from realtime import gateway
from realtime.rights import Rights, Scope
from realtime.sockets import Principal

LAST_USED_EVERY = timedelta(minutes=1)  # precision of ApiToken.last_used_at: it saves a write on most connects
# Checking an access token may wait for the provider. A thread of its own keeps everybody else from waiting too.
_PROVIDER_THREAD = ThreadPoolExecutor(1, thread_name_prefix="provider")


class SignIn(NamedTuple):
    """A person with a good credential. `principal.name` is the username.

    The person may not have a user account yet (services.ensure_user_account opens it).
    """

    user: User
    principal: Principal
    expires_at: datetime | None = None  # of an API token


class TokenCredential(NamedTuple):
    """An API token. `operator`: it came in with operator rights, and is good only while its person is an operator."""

    token: int
    user: int
    operator: bool


class SessionCredential(NamedTuple):
    """A browser session. `auth_hash` changes with the password; `operator` is as above."""

    session: str
    user: int
    auth_hash: str
    operator: bool


class AccessTokenCredential(NamedTuple):
    """A provider's access token, good until `expires_at` (Unix time); `operator` is as above."""

    user: int
    expires_at: int
    operator: bool


Credential = TokenCredential | SessionCredential | AccessTokenCredential


async def authenticate(cookies: Mapping[str, str], token: str) -> Principal | None:
    """The person behind a bearer token, or without a token behind the session cookie. None if neither is good.

    Opens the person's user account if they have none; raises realtime.errors.RequestFailed if that fails.
    """
    thread = _PROVIDER_THREAD if is_access_token(token) else None
    found = await database_sync_to_async(_find, thread_sensitive=thread is None, executor=thread)(cookies, token)
    if found is None:
        return None
    principal, new_name = found
    if new_name:
        await gateway.ask(principal.user, ClientMessage(create_user_account=CreateUserAccount(name=new_name)))
    return principal


async def revoked(credentials: set[Hashable]) -> set[Hashable]:
    """Those of the credentials that are no longer good.

    Causes: logout, password change, deactivation, revocation, expiry, operator rights that were taken away, or a token
    bound to an account that its person lost.
    """
    return await database_sync_to_async(_revoked)(credentials)


def by_bearer(secret: str) -> SignIn | None:
    """The person behind an API token or a provider's access token; None if it is not good, for whatever reason.

    It may wait for the provider, so call it neither on the event loop's thread nor on the one that consumers share.
    """
    return _by_access_token(secret) if is_access_token(secret) else _by_api_token(secret)


def _by_api_token(secret: str) -> SignIn | None:
    token = find_token(secret)
    if token is None:
        return None
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > LAST_USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    operator = bool(token.scopes & Scope.SUDO) and is_operator(token.user)
    rights = Rights(operator, token.scopes, token.account_id or 0)
    signed_in = _sign_in(token.user, TokenCredential(token.pk, token.user_id, operator), rights)
    return signed_in._replace(expires_at=token.expires_at)


def _by_access_token(token: str) -> SignIn | None:
    """The person must have signed in to the pages once; name and operator role come from that sign-in.

    Operator rights also need a token that names the role.
    """
    claims = provider.access_token_claims(token)
    if claims is None:
        return None
    known = SocialAccount.objects.filter(provider=settings.OIDC_ID, uid=claims["sub"], user__is_active=True)
    account = known.select_related("user").first()
    if account is None:
        return None
    operator = provider.names_operator(claims) and is_operator(account.user)
    credential = AccessTokenCredential(account.user_id, int(claims["exp"]) + provider.LEEWAY_SECONDS, operator)
    return _sign_in(account.user, credential, Rights(operator))


def is_access_token(secret: str) -> bool:
    """A provider's signed token has three parts with dots between; an API token has no dot."""
    return "." in secret


def is_operator(user: User) -> bool:
    """Active staff with the operator permission."""
    return user.is_active and user.is_staff and user.has_perm(settings.OPERATOR_PERMISSION)


def _find(cookies: Mapping[str, str], bearer: str) -> tuple[Principal, str] | None:
    """The principal, and the name for the user account that is still to be opened ("" if there is one)."""
    found = by_bearer(bearer) if bearer else _by_session(cookies.get(settings.SESSION_COOKIE_NAME, ""))
    if found is None:
        return None
    user, principal, _ = found
    return principal, "" if user_account(user.pk) is not None else account_name(user)


def _by_session(key: str) -> SignIn | None:
    if not key:
        return None
    session = SessionStore(key)
    user = User.objects.filter(pk=session.get(SESSION_KEY, 0), is_active=True).first()
    auth_hash = session.get(HASH_SESSION_KEY, "")
    if user is None or session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    if not constant_time_compare(auth_hash, user.get_session_auth_hash()):
        return None
    operator = is_operator(user)
    return _sign_in(user, SessionCredential(key, user.pk, auth_hash, operator), Rights(operator))


def _sign_in(user: User, credential: Credential, rights: Rights) -> SignIn:
    return SignIn(user, Principal(user.pk, user.get_username(), credential, rights))


def _revoked(credentials: set[Hashable]) -> set[Hashable]:
    now = timezone.now()
    tokens = [one for one in credentials if isinstance(one, TokenCredential)]
    sessions = [one for one in credentials if isinstance(one, SessionCredential)]
    access = [one for one in credentials if isinstance(one, AccessTokenCredential)]
    gone = {*_revoked_tokens(tokens), *_revoked_sessions(sessions, now), *_ended_access(access)}
    return gone.union(_no_operators([*tokens, *sessions, *access]))


def _revoked_tokens(credentials: list[TokenCredential]) -> Iterable[Hashable]:
    good = good_tokens([one.token for one in credentials]) if credentials else set()
    return (one for one in credentials if one.token not in good)


def _revoked_sessions(credentials: list[SessionCredential], now: datetime) -> Iterable[Hashable]:
    if not credentials:
        return ()
    alive = Session.objects.filter(pk__in=[one.session for one in credentials], expire_date__gt=now)
    keys = set(alive.values_list("pk", flat=True))
    users = User.objects.filter(is_active=True).in_bulk({one.user for one in credentials})
    hashes = {pk: user.get_session_auth_hash() for pk, user in users.items()}
    return (one for one in credentials if one.session not in keys or hashes.get(one.user) != one.auth_hash)


def _ended_access(credentials: list[AccessTokenCredential]) -> Iterable[Hashable]:
    users = {one.user for one in credentials}
    active = set(User.objects.filter(pk__in=users, is_active=True).values_list("pk", flat=True)) if users else set()
    return (one for one in credentials if one.expires_at <= time.time() or one.user not in active)


def _no_operators(credentials: Iterable[Credential]) -> Iterable[Hashable]:
    """Credentials that came in with operator rights, and whose person is no operator now."""
    let_in = [one for one in credentials if one.operator]
    users = User.objects.in_bulk({one.user for one in let_in}) if let_in else {}
    operators = {pk for pk, user in users.items() if is_operator(user)}
    return (one for one in let_in if one.user not in operators)
