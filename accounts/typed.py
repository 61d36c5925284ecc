"""What a person typed comes back: the last form that was not carried out is kept until a page shows it.

A form comes back with its key, so sending it again cannot do twice what was done after all. The session keeps it. For
people who are signed out a cookie does, because an outsider may fill no table.
"""

import uuid
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.selectors import typed_id

KEPT = "typed"  # session key: a Sent
COOKIE = f"typed_{settings.COOKIE_SUFFIX}"  # a signed Sent
COOKIE_SECONDS = 3600
COOKIE_CHARACTERS_MAX = 3_500  # browsers take cookies of 4 KB
CHARACTERS_MAX = 120_000  # of a form in the session: two descriptions take 96,000; of a longer one only the key is kept
NEVER_KEPT = ("csrfmiddlewaretoken", "next")


class Sent(NamedTuple):
    """A form: its address, and its fields as a query string."""

    address: str
    text: str

    @property
    def fields(self) -> QueryDict:
        return QueryDict(self.text)


def keep(request: HttpRequest, *, used_key: bool = False) -> bool:
    """Keeps the form that was sent, and returns whether all of it is kept.

    With `used_key` it gets a new key: its own stands for another command.
    """
    sent = _sent(request, "key" if used_key else "")
    whole = sent is not None and len(sent.text) <= CHARACTERS_MAX
    if sent is not None and not whole:
        sent = Sent(sent.address, urlencode({"key": sent.fields.get("key", "")}))
    if sent is not None and len(sent.text) <= CHARACTERS_MAX:
        request.session[KEPT] = sent
    return whole


def keep_signed_out(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Keeps the form that was sent in the browser, if it names the account that it acts for; returns whether it did."""
    sent = _sent(request)
    if sent is None or "account" not in sent.fields:
        return False
    value = signing.dumps(sent, salt=COOKIE, compress=True)
    if len(value) > COOKIE_CHARACTERS_MAX:
        return False
    secure = request.is_secure()
    response.set_cookie(COOKIE, value, COOKIE_SECONDS, httponly=True, secure=secure, samesite="Lax")
    return True


def claim(request: HttpRequest, may_act_as: Callable[[int], object]) -> int | None:
    """After a sign-in: keeps the browser's form if the person may act as its account, and returns the account's id."""
    try:
        sent = Sent(*signing.loads(request.COOKIES[COOKIE], salt=COOKIE, max_age=COOKIE_SECONDS))
    except (KeyError, signing.BadSignature):
        return None
    account = typed_id(sent.fields.get("account", ""))
    if account is None or not may_act_as(account):
        return None
    request.session[KEPT] = sent
    return account


def take(request: HttpRequest, address: str) -> QueryDict | None:
    """The kept form of this address, for the page that is being made. The next page does not get it."""
    if KEPT in request.session and request.session[KEPT][0] == address:
        request.typed = Sent(*request.session.pop(KEPT))  # type: ignore[attr-defined]
    taken: Sent | None = getattr(request, "typed", None)
    return taken.fields if taken and taken.address == address else None


def sent_or_kept(request: HttpRequest) -> QueryDict | None:
    """The data for the form of a page that posts to its own address; None for a new form."""
    return request.POST if request.method == "POST" else take(request, request.path)


def came_from(request: HttpRequest) -> str:
    """The address of our page that the form was on; "" if the browser does not say."""
    parts = urlsplit(request.headers.get("Referer", ""))
    query = f"?{parts.query}" if parts.query else ""
    page = parts.path + query
    ours = parts.netloc == request.get_host() and url_has_allowed_host_and_scheme(page, {request.get_host()})
    return page if ours else ""  # a path that begins with // leads to another site


def new_key() -> str:
    """A new idempotency key for a form: a form that is sent twice acts once."""
    return uuid.uuid4().hex


def _sent(request: HttpRequest, *without: str) -> Sent | None:
    """The form that was sent; None if the request is no form, or has a password."""
    if request.method != "POST" or any("password" in name for name in request.POST):
        return None
    fields = request.POST.copy()
    for name in (*NEVER_KEPT, *without):
        fields.pop(name, None)
    return Sent(request.path, fields.urlencode())
