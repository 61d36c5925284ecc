"""One-click sign-in for the demo class: only with DEMO=1, and only for a browser on the machine that serves it."""

import os

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port

from accounts.models import User
from realtime.addresses import LOCAL_HOSTS, is_loopback

PEOPLE = {"alice": "Alice", "bob": "Bob", "carol": "Carol", "operator": "the operator"}


def is_open(request: HttpRequest) -> bool:
    """Whether this request may use it. Forwarded headers mean that somebody else's browser is behind a proxy."""
    host, _ = split_domain_port(request.get_host())
    forwarded = any(header == "HTTP_FORWARDED" or header.startswith("HTTP_X_FORWARDED") for header in request.META)
    return settings.DEMO and _bound_to_loopback() and host in LOCAL_HOSTS and not forwarded


def people() -> list[tuple[str, str]]:
    """Those of the demo's people who are there, with the words on their buttons. Nobody is made here."""
    there = set(User.objects.filter(username__in=PEOPLE, is_active=True).values_list("username", flat=True))
    return [(username, name) for username, name in PEOPLE.items() if username in there]


def person(username: str) -> User | None:
    return User.objects.filter(username=username, is_active=True).first() if username in PEOPLE else None


def _bound_to_loopback() -> bool:
    """runexchange names the address that it listens on in EXCHANGE_BIND; another server does not, and has no demo."""
    return is_loopback(os.environ.get("EXCHANGE_BIND", ""))
