"""Authenticates by a bearer credential, or by a browser's session, whose changes also need a CSRF token."""

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.authentication import by_bearer, is_operator
from accounts.models import User
from realtime.rights import Rights


class Bearer(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, Rights] | None:
        scheme, _, secret = get_authorization_header(request).partition(b" ")
        if not scheme:
            return None
        found = by_bearer(secret.decode("latin-1").strip()) if scheme.lower() == b"bearer" else None
        if found is None:
            raise AuthenticationFailed("This token is wrong, expired or revoked.")
        return found.user, found.principal.rights

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class Session(SessionAuthentication):
    def authenticate(self, request: Request) -> tuple[User, Rights] | None:
        user = request._request.user
        if not isinstance(user, User) or not user.is_active:
            return None
        self.enforce_csrf(request)
        return user, Rights(is_operator(user))


def waits(request: Request) -> bool:
    """Whether to find out who asks takes the database."""
    return bool(get_authorization_header(request)) or type(request._request.user) is not AnonymousUser
