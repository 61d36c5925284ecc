"""One-click sign-in for the demo class. It works only with DEMO=1 and for a browser on the serving machine."""

import os

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port

from accounts.models import User
from realtime.addresses import LOCAL_HOSTS, is_loopback

PEOPLE = {"alice": "Alice", "bob": "Bob", "carol": "Carol", "operator": "the operator"}


def is_open(request: HttpRequest) -> bool:
    """Whether this request may use the demo sign-in. Forwarded headers mean a proxy, so perhaps another machine."""
    host, _ = split_domain_port(request.get_host())
    forwarded = any(header == "HTTP_FORWARDED" or header.startswith("HTTP_X_FORWARDED") for header in request.META)
    return settings.DEMO and _bound_to_loopback() and host in LOCAL_HOSTS and not forwarded


def people() -> list[tuple[str, str]]:
    """Usernames of the demo's people who exist and are active, with their button labels. Creates nobody."""
    there = set(User.objects.filter(username__in=PEOPLE, is_active=True).values_list("username", flat=True))
    return [(username, name) for username, name in PEOPLE.items() if username in there]


def person(username: str) -> User | None:
    """The active user if they are one of the demo's people, else None."""
    return User.objects.filter(username=username, is_active=True).first() if username in PEOPLE else None


def _bound_to_loopback() -> bool:
    """runexchange puts its listening address into EXCHANGE_BIND. Other servers do not, so they offer no demo."""
    return is_loopback(os.environ.get("EXCHANGE_BIND", ""))
