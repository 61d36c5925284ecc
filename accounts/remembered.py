"""API tokens that were looked up for a request to REST, so that the next request needs no database.

What a process remembers counts as long as its count of revocations is the matcher's. Requests carry the count that
they rely on, and the matcher refuses those that rely on another (gateway.ask). So every process refuses a token as soon
as it is revoked. Remembered tokens are also looked up every few seconds, like those of sockets, for what changes
outside the exchange. A token is remembered for LAST_USED_EVERY at most.
"""

import time
from collections.abc import Hashable
from hashlib import sha256
from threading import Lock
from typing import NamedTuple

from accounts import authentication
from accounts.authentication import LAST_USED_EVERY, SignIn, by_bearer, is_access_token
from accounts.selectors import user_account
from realtime import gateway

TOKENS_MAX = 10_000


class Remembered(NamedTuple):
    """`own` is the id of the person's account; `until` is a Unix time."""

    found: SignIn
    own: int
    as_of: int
    until: float


_tokens: dict[bytes, Remembered] = {}  # by digest of the secret
_lock = Lock()


def recall(secret: str) -> Remembered | None:
    """What is remembered of a token. It takes no time."""
    known = _tokens.get(_digest(secret)) if _tokens else None
    return known if known is not None and known.as_of == gateway.revocations() and time.time() < known.until else None


def look_up(secret: str) -> SignIn | None:
    """by_bearer(), which takes the database. Remembers an API token that is good."""
    as_of = gateway.revocations()  # before the query, so that a revocation meanwhile counts
    found = by_bearer(secret)
    own = user_account(found.user.pk) if found is not None else None  # once it is there, it stays
    with _lock:
        _tokens.pop(_digest(secret), None)
        if found is not None and own is not None and as_of is not None and not is_access_token(secret):
            if len(_tokens) >= TOKENS_MAX:
                del _tokens[next(iter(_tokens))]
            _tokens[_digest(secret)] = Remembered(found, own.pk, as_of, _until(found))
    return found


async def revoked(credentials: set[Hashable]) -> set[Hashable]:
    """authentication.revoked(), for the credentials of sockets. Forgets remembered tokens that are no longer good."""
    with _lock:
        remembered = {known.found.principal.credential for known in _tokens.values()}
    gone = await authentication.revoked(credentials | remembered)
    with _lock:
        for digest, known in list(_tokens.items()):
            if known.found.principal.credential in gone:
                del _tokens[digest]
    return gone


def _until(found: SignIn) -> float:
    until = time.time() + LAST_USED_EVERY.total_seconds()
    return min(until, found.expires_at.timestamp()) if found.expires_at is not None else until


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
