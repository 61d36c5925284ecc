"""Authenticates by a bearer credential, or by a browser's session, whose changes also need a CSRF token."""

from typing import NamedTuple

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.authentication import is_operator
from accounts.models import User
from accounts.remembered import Remembered, look_up, recall
from realtime.rights import Rights


class SignedIn(NamedTuple):
    """What a credential is good for. If it was remembered: as of which count of revocations (gateway.ask), and with
    which account of the person's own."""

    rights: Rights
    as_of: int | None = None
    own: int = 0


class Bearer(BaseAuthentication):
    """`known` is what waits() found in memory."""

    known: Remembered | None = None

    def waits(self, request: Request) -> bool:
        """Whether authenticate() will take the database."""
        secret = _secret(request)
        self.known = recall(secret) if secret else None
        return bool(secret) and self.known is None

    def authenticate(self, request: Request) -> tuple[User, SignedIn] | None:
        secret = _secret(request)
        if secret is None:
            return None
        known = self.known or (recall(secret) if secret else None)  # of many at once, the first has looked it up
        if known is not None:
            return known.found.user, SignedIn(known.found.principal.rights, known.as_of, known.own)
        return self.look_up(request)

    @staticmethod
    def look_up(request: Request) -> tuple[User, SignedIn]:
        """Looks the credential up in the database. Raises AuthenticationFailed if it is not good."""
        secret = _secret(request)
        found = look_up(secret) if secret else None
        if found is None:
            raise AuthenticationFailed("This token is wrong, expired or revoked.")
        return found.user, SignedIn(found.principal.rights)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class Session(SessionAuthentication):
    def waits(self, request: Request) -> bool:
        """Whether authenticate() will take the database. RestHandler has no sessions."""
        return type(request._request.user) is not AnonymousUser

    def authenticate(self, request: Request) -> tuple[User, SignedIn] | None:
        user = request._request.user
        if not isinstance(user, User) or not user.is_active:
            return None
        self.enforce_csrf(request)
        return user, SignedIn(Rights(is_operator(user)))


def _secret(request: Request) -> str | None:
    """The bearer credential; "" for another kind of credential, None for none."""
    scheme, _, secret = get_authorization_header(request).partition(b" ")
    if not scheme:
        return None
    return secret.decode("latin-1").strip() if scheme.lower() == b"bearer" else ""
