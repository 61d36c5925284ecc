"""API tokens: how bots sign in. The secret is shown once, where it was made; what is kept of it is a digest."""

import secrets
from datetime import datetime
from hashlib import sha256

from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiToken, User

SECRET_BYTES = 32
PREFIX_CHARACTERS = 8  # kept in clear, to tell tokens apart: 48 of the 256 bits


def create_token(user: User, name: str, expires_at: datetime | None = None) -> tuple[ApiToken, str]:
    """A new token of this person, and its secret, which nobody can find out again."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    token = ApiToken.objects.create(
        user=user, name=name, prefix=secret[:PREFIX_CHARACTERS], digest=_digest(secret), expires_at=expires_at
    )
    return token, secret


def revoke_token(token: ApiToken) -> bool:
    """From now on it opens nothing; open sockets close within seconds. False if it was revoked before."""
    return ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()) == 1


def find_token(secret: str) -> ApiToken | None:
    """The token of this secret, with its user: not revoked, not expired, of an active person; else None."""
    in_time = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    good = ApiToken.objects.filter(in_time, revoked_at=None, user__is_active=True)
    return good.select_related("user").filter(digest=_digest(secret)).first()


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
