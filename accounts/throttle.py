"""Counts what the clients of an address get wrong or ask for, so that one of them cannot keep the others out.

Counts are kept in the cache, by fixed windows of time; processes share them over Redis. Other people's failures never
refuse a good token or session, and refuse a password only under a name that was tried often itself. A browser in which
a person has signed in before is known by a signed cookie and counted by itself.
"""

import hashlib
import logging
import time
from typing import NamedTuple

from allauth.account.adapter import get_adapter
from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from redis.exceptions import RedisError

from accounts.models import User
from realtime.addresses import network

logger = logging.getLogger(__name__)

CACHE_ERRORS = (OSError, RedisError)  # while Redis is away
KNOWN_SECONDS = 400 * 24 * 3600  # how long a browser is known: the most that browsers keep a cookie


class Count(NamedTuple):
    """How often something happened in the current window, and the seconds until that ends."""

    total: int
    wait: int


def count(what: str, who: str, seconds: int, cost: int = 1) -> Count:
    """Adds `cost` to what `who` has done, and returns the sum. While the cache is away, that is `cost`."""
    now = int(time.time())
    window, passed = divmod(now, seconds)
    key = f"count:{what}:{hashlib.sha256(who.encode(errors='replace')).hexdigest()}:{window}"
    try:
        if cost == 0:
            return Count(cache.get(key, 0), seconds - passed)
        total = cost if cache.add(key, max(cost, 0), 2 * seconds) else cache.incr(key, cost)
    except CACHE_ERRORS as error:  # the status has to say that the exchange does not answer
        logger.warning("A request was not counted: %r", error)
        total = cost
    return Count(total, seconds - passed)


def address(request: HttpRequest) -> str:
    return network(get_adapter(request).get_client_ip(request))


def failed_sign_ins(request: HttpRequest, cost: int) -> Count:
    """Adds to the failed sign-ins of the request's address, of all names and tokens."""
    return count("failed", address(request), settings.SIGN_IN_FAILURES_SECONDS, cost)


def password_wait(request: HttpRequest, name: str) -> int:
    """Counts a password as wrong before it is checked. Returns the seconds until one may be tried. 0: check this one.

    Tries at the same time see each other so. When the address has failed too often in all, a name that nobody tried in
    vain from there still gets a try, whether it is somebody's or not: the answer must not tell which names are.
    """
    of_name = _failures_of_name(request, name, 1)
    if of_name.total > settings.SIGN_IN_FAILURES_PER_NAME_MAX:
        return of_name.wait
    of_address = failed_sign_ins(request, 1)
    if of_address.total <= settings.SIGN_IN_FAILURES_PER_ADDRESS_MAX or _is_known(request, name):
        return 0
    return of_address.wait if of_name.total > 1 else 0


def password_was_right(request: HttpRequest, name: str) -> None:
    """Takes back what `password_wait` counted."""
    _failures_of_name(request, name, -1)
    failed_sign_ins(request, -1)


def know_browser(response: HttpResponseBase, user: User) -> None:
    """Marks the browser as one in which this person has signed in."""
    response.set_signed_cookie(
        _cookie(), str(user.pk), max_age=KNOWN_SECONDS, secure=settings.HTTPS, httponly=True, samesite="Lax"
    )


def _failures_of_name(request: HttpRequest, name: str, cost: int) -> Count:
    where = request.COOKIES[_cookie()] if _is_known(request, name) else address(request)
    return count("failed-name", f"{_person(name) or name.casefold()} {where}", settings.SIGN_IN_FAILURES_SECONDS, cost)


def _is_known(request: HttpRequest, name: str) -> bool:
    known = str(request.get_signed_cookie(_cookie(), default="", max_age=KNOWN_SECONDS))
    return known != "" and known == _person(name)


def _person(name: str) -> str:
    """The id of the person who signs in with this username or e-mail address. "": nobody does."""
    found = filter_users_by_email(name, prefer_verified=True, for_login=True) or [get_user_by_username(name)]
    return str(found[0].pk) if found[0] else ""


def _cookie() -> str:
    return f"{settings.SESSION_COOKIE_NAME}_known"
