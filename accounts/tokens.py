"""API tokens, with which bots sign in. A secret is shown once, when it is created; the table keeps its digest."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Account, ApiToken, User
from accounts.revocation import announce
from accounts.selectors import people_acting_as
from realtime.rights import WITHOUT_SUDO, Scope

MARK = "xt_"  # every token begins with it, so that people and scanners recognise a leaked one
SECRET_BYTES = 32
PREFIX_CHARACTERS = len(MARK) + 8  # kept in clear, to tell tokens apart: 48 of the 256 bits
DEAD_DAYS = 30  # for so long the console shows a token that is good for nothing any more
FORM_SECONDS = 24 * 3600  # how long the key of a form that created a token is kept


class TokenRefused(Exception):
    """No token is created. The text is for people."""


class TooManyTokens(TokenRefused):
    """The person already has settings.API_TOKENS_MAX live tokens."""


class MadeBefore(TokenRefused):
    """The same form has created its token: a double click, or a reload of the page that shows the secret."""


def create_token(
    user: User,
    name: str,
    expires_at: datetime | None = None,
    *,
    scopes: int = WITHOUT_SUDO,
    account: Account | None = None,
) -> tuple[ApiToken, str]:
    """Creates a token of this person. Returns it with its secret, which cannot be read again.

    `scopes` always gets READ. With `account` the token acts as that account only. Raises TooManyTokens.
    """
    secret = MARK + secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two at once cannot both pass the limit
        if live_tokens(user).count() >= settings.API_TOKENS_MAX:
            raise TooManyTokens(f"{user} has {settings.API_TOKENS_MAX} tokens already. Revoke one first.")
        token = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=secret[:PREFIX_CHARACTERS],
            digest=_digest(secret),
            expires_at=expires_at,
            scopes=scopes | Scope.READ,
            account=account,
        )
    return token, secret


def create_token_once(maker: User, key: str, user: User, name: str, **how: Any) -> tuple[ApiToken, str]:
    """create_token for a form that `maker` sends. `key` is the form's; a second call with it raises MadeBefore."""
    form = f"token:{maker.pk}:{key}"
    if not cache.add(form, True, FORM_SECONDS):
        raise MadeBefore("This form has made its token. If you did not keep it, revoke it here.")
    try:
        return create_token(user, name, **how)
    except TooManyTokens:
        cache.delete(form)
        raise


def revoke_token(token: ApiToken) -> bool:
    """Revokes a token: the next request with it is refused, and its open sockets close within seconds. False if it was
    revoked before."""
    revoked = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()) == 1
    announce()
    return revoked


def remove_dead_tokens() -> None:
    """Removes tokens that were revoked, or have expired, over DEAD_DAYS ago."""
    before = timezone.now() - timedelta(days=DEAD_DAYS)
    ApiToken.objects.filter(Q(revoked_at__lt=before) | Q(expires_at__lt=before)).delete()


def live_tokens(user: User) -> QuerySet[ApiToken]:
    """This person's tokens that are neither revoked nor expired, newest first."""
    return _live().filter(user=user)


def find_token(secret: str) -> ApiToken | None:
    """The token with this secret, and its user; None if it is not good.

    A good token is live, belongs to an active user, and is bound to no account or to one that the user may act as.
    """
    good = _live().filter(user__is_active=True, digest=_digest(secret))
    token = good.select_related("user").first()
    return token if token is not None and not astray([token]) else None


def good_tokens(ids: Iterable[int]) -> set[int]:
    """Those of the ids whose tokens find_token still finds."""
    tokens = list(_live().filter(user__is_active=True, pk__in=list(ids)))
    return {token.pk for token in tokens} - astray(tokens)


def astray(tokens: Iterable[ApiToken]) -> set[int]:
    """Ids of the tokens that are bound to an account that their person may not act as."""
    bound = [token for token in tokens if token.account_id is not None]
    people = people_acting_as({token.account_id for token in bound if token.account_id is not None})
    return {token.pk for token in bound if token.user_id not in people.get(token.account_id or 0, ())}


def _live() -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
