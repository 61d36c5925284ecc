"""Who sends a request: a bearer token, or the session of a signed-in browser, whose changes carry a CSRF token."""

from datetime import timedelta

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.console.rights import may_operate
from accounts.models import ApiToken, User
from accounts.tokens import find_token
from realtime.rights import EVERYTHING, Rights

LAST_USED_EVERY = timedelta(minutes=1)


def by_bearer(secret: str) -> tuple[User, Rights] | None:
    """The person, and what the token is good for; None if it opens nothing."""
    token = find_token(secret)
    if token is None:
        return None
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > LAST_USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token.user, Rights(may_operate(token.user), EVERYTHING, 0)


class Bearer(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, Rights] | None:
        scheme, _, secret = get_authorization_header(request).partition(b" ")
        if not scheme:
            return None
        found = by_bearer(secret.decode("latin-1").strip()) if scheme.lower() == b"bearer" else None
        if found is None:
            raise AuthenticationFailed("This token opens nothing: it is wrong, expired or revoked.")
        return found

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class Session(SessionAuthentication):
    def authenticate(self, request: Request) -> tuple[User, Rights] | None:
        user = request._request.user
        if not isinstance(user, User) or not user.is_active:
            return None
        self.enforce_csrf(request)
        return user, Rights(may_operate(user))
