"""Who sends a request, as which account, and with or without sudo. A socket remembers it; a request has headers."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from rest_framework.request import Request

from accounts import sudo
from accounts.models import Account, User
from accounts.rest.authentication import Session, SignedIn
from accounts.rest.errors import Refusal, not_found, unreadable
from accounts.selectors import other_account, reach, typed_id
from accounts.services import ensure_user_account
from proto.exchange_pb2 import ACCOUNT_NOT_FOUND
from realtime.rights import SUDO_REFUSED, Rights, Scope, missing_scope


@dataclass(frozen=True)
class Caller:
    """A signed-in sender. `wanted` is the account in X-Act-As; 0 means the token's account, or the person's own."""

    user: User
    signed_in: SignedIn
    sudo: bool
    wanted: int

    @property
    def rights(self) -> Rights:
        return self.signed_in.rights

    @cached_property
    def own(self) -> Account:
        """The user account, which the first request opens. Raises RequestFailed if the exchange does not answer."""
        return ensure_user_account(self.user)

    @cached_property
    def reach(self) -> Collection[int]:
        """The ids of the accounts that they may act as without sudo."""
        return {self.rights.bound} if self.rights.bound else reach(self.own.id)

    @cached_property
    def account(self) -> Account:
        """The account acted as. Raises Refusal ACCOUNT_NOT_FOUND if they may not act as it."""
        id = self.wanted or self.rights.bound or self.own.id
        if id == self.own.id and id in self.reach:
            return self.own
        found = other_account(id)
        if found is None or not (id in self.reach or (self.sudo and not self.rights.bound)):
            raise not_theirs(id)
        return found

    def check(self, scope: Scope) -> None:
        """Raises Refusal NOT_ALLOWED if the token lacks the scope."""
        if not self.rights.scopes & scope:
            raise Refusal(403, "NOT_ALLOWED", missing_scope(scope))


def not_theirs(account: int) -> Refusal:
    """The refusal for an account that does not exist, or that this person may not act as."""
    return not_found(ACCOUNT_NOT_FOUND, f"You have no account {account} to act as.")


def caller(request: Request) -> Caller:
    """The sender of an authenticated request. Raises Refusal 400 for malformed headers, 403 if sudo is refused."""
    user, signed_in = request.user, request.auth
    assert isinstance(user, User)
    assert isinstance(signed_in, SignedIn)
    wanted = typed_id(request.headers.get("X-Act-As", "0"))
    if wanted is None:
        raise unreadable("This must be the id of an account.", "X-Act-As")
    return Caller(user, signed_in, _sudo(request, user, signed_in.rights), wanted)


def _sudo(request: Request, user: User, rights: Rights) -> bool:
    asked = request.headers.get("X-Sudo", "false")
    if asked not in ("true", "false"):
        raise unreadable("This must be true or false.", "X-Sudo")
    if asked == "false":
        return False
    if not rights.operator or not rights.scopes & Scope.SUDO:
        raise Refusal(403, "NOT_ALLOWED", SUDO_REFUSED)
    in_browser = isinstance(request.successful_authenticator, Session)
    if in_browser and not sudo.is_on(request._request.session, user):
        raise Refusal(403, "SUDO_REQUIRED", "Turn on sudo in the pages first. They ask for your password again.")
    return True
