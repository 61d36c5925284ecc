"""Who a socket is: by API token, or by the session cookie of a signed-in browser; and whether that still holds."""

from collections.abc import Hashable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import ApiToken, User
from accounts.selectors import user_account
from accounts.services import account_name
from accounts.tokens import find_token
from proto.exchange_pb2 import ClientMessage, CreateUserAccount
from realtime import gateway
from realtime.rights import Rights
from realtime.sockets import Principal

OPERATOR_PERMISSION = "markets.operate_exchange"
LAST_USED_EVERY = timedelta(minutes=1)  # how exact ApiToken.last_used_at is; a write on every connect would be waste


class TokenCredential(NamedTuple):
    token: int


class SessionCredential(NamedTuple):
    """`auth_hash` changes with the password."""

    session: str
    user: int
    auth_hash: str


async def authenticate(cookies: Mapping[str, str], token: str) -> Principal | None:
    """The person behind a token, or behind a session cookie if the token is empty. None if there is nobody.

    Opens the person's user account if there is none yet; raises realtime.errors.RequestFailed if that fails.
    """
    found = await database_sync_to_async(_find)(cookies, token)
    if found is None:
        return None
    principal, wish = found
    if wish:
        await gateway.ask(principal.user, ClientMessage(create_user_account=CreateUserAccount(name=wish)))
    return principal


async def revoked(credentials: set[Hashable]) -> set[Hashable]:
    """Those that are no longer good: logout, password change, deactivation, revocation, expiry."""
    return await database_sync_to_async(_revoked)(credentials)


def _find(cookies: Mapping[str, str], token: str) -> tuple[Principal, str] | None:
    """The principal, and the name of the account still to be opened ("": there is one)."""
    found = _by_token(token) if token else _by_session(cookies.get(settings.SESSION_COOKIE_NAME, ""))
    if found is None:
        return None
    user, credential = found
    operator = user.is_staff and user.has_perm(OPERATOR_PERMISSION)
    principal = Principal(user.pk, user.get_username(), credential, Rights(operator))
    return principal, "" if user_account(user.pk) is not None else account_name(user)


def _by_token(secret: str) -> tuple[User, Hashable] | None:
    token = find_token(secret)
    if token is None:
        return None
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > LAST_USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token.user, TokenCredential(token.pk)


def _by_session(key: str) -> tuple[User, Hashable] | None:
    if not key:
        return None
    session = SessionStore(key)
    user = User.objects.filter(pk=session.get(SESSION_KEY, 0), is_active=True).first()
    auth_hash = session.get(HASH_SESSION_KEY, "")
    if user is None or session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    if not constant_time_compare(auth_hash, user.get_session_auth_hash()):
        return None
    return user, SessionCredential(key, user.pk, auth_hash)


def _revoked(credentials: set[Hashable]) -> set[Hashable]:
    now = timezone.now()
    return {
        *_revoked_tokens([one for one in credentials if isinstance(one, TokenCredential)], now),
        *_revoked_sessions([one for one in credentials if isinstance(one, SessionCredential)], now),
    }


def _revoked_tokens(credentials: list[TokenCredential], now: datetime) -> Iterable[Hashable]:
    good = ApiToken.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=now),
        pk__in=[one.token for one in credentials],
        revoked_at__isnull=True,
        user__is_active=True,
    )
    known = set(good.values_list("pk", flat=True)) if credentials else set()
    return (one for one in credentials if one.token not in known)


def _revoked_sessions(credentials: list[SessionCredential], now: datetime) -> Iterable[Hashable]:
    if not credentials:
        return ()
    alive = Session.objects.filter(pk__in=[one.session for one in credentials], expire_date__gt=now)
    keys = set(alive.values_list("pk", flat=True))
    users = User.objects.filter(is_active=True).in_bulk({one.user for one in credentials})
    hashes = {pk: user.get_session_auth_hash() for pk, user in users.items()}
    return (one for one in credentials if one.session not in keys or hashes.get(one.user) != one.auth_hash)
