"""Every ClientMessage member, page, console page and REST operation has a row in docs/permissions.md.

Those that need none are listed here with the reason.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from exchange.api import description
from proto import exchange_pb2 as pb
from tests.live.permissions.asking import OPERATIONS
from tests.live.permissions.stage import Scene

# Pages that are the same for everybody, or that belong to the framework.
OPEN = {
    "accounts:theme": "only sets a cookie with a colour",
    "docs": "the description of the REST API",
    "schema": "the same, for programs",
    "contract": "the description of the socket",
    "help": "the guide: tests/pages/test_help.py",
    "help_page": "the same",
    "help_wheel": "the client's package",
    "accounts:demo_sign_in": "with DEMO only, which starts on a loopback address only: tests/pages",
}
# Pages of the admin that belong to the framework.
CONSOLE_OPEN = {
    "login": "redirects to the sign-in: tests/pages",
    "logout": "the own session: tests/admin/test_rights.py",
    "password_change": "the own password",
    "password_change_done": "the same",
    "autocomplete": "fills form fields, with the rights of their tables: tests/admin/test_rights.py",
    "jsi18n": "translations only",
    "accounts_apitoken_history": "same rights as the row: tests/admin/test_rights.py",
    "view_on_site": "redirects to a page of the exchange",
    None: "redirects from old addresses of rows to new ones",
}
# Sign-in and sign-out: tests/pages/test_sign_in.py and tests/live/test_signing_out.py.
SIGN_IN = re.compile("account_|sign_in_afresh$|provider_sign_in$|openid_connect_callback$")
# REST operations that everybody may use, signed in or not.
OPEN_OPERATIONS = {"get_time", "get_status", "get_health"}


class Anything:
    """Stands for anything in a scene: only addresses matter here."""

    account = 1

    def __getattr__(self, name: str) -> Any:
        return self

    def __getitem__(self, key: Any) -> str:
        return "1" * 32  # as long as the name of a picture

    def __call__(self, *args: Any, **more: Any) -> int:
        return 1

    def __index__(self) -> int:
        return 1

    def __str__(self) -> str:
        return "1"


SCENE = Scene(Anything(), 1, Anything(), 1)  # type: ignore[arg-type]


def asked(door: str) -> list[Any]:
    return [getattr(operation, door)(SCENE) for operation in OPERATIONS.values() if door in operation.doors]


def test_every_message_of_a_client_has_a_row() -> None:
    members = {field.name for field in pb.ClientMessage.DESCRIPTOR.oneofs_by_name["message"].fields}
    assert {name for request in asked("socket") for name in request} == members


def views(patterns: list[URLPattern | URLResolver], space: str = "") -> set[str]:
    found = set()
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            found.add(f"{space}{pattern.name}")
        elif pattern.namespace != "admin" and str(pattern.pattern) != "api/v1/":
            found |= views(pattern.url_patterns, f"{pattern.namespace}:" if pattern.namespace else "")
    return found


def test_every_address_of_a_page_has_a_row() -> None:
    named = {name for name in views(get_resolver().url_patterns) if not SIGN_IN.match(name)}
    rows = {resolve(urlsplit(path).path).view_name for path, _ in asked("pages")}
    assert rows & set(OPEN) == set()
    assert named - rows - set(OPEN) - {"None"} == set()


def pages_of_the_console(patterns: list[Any]) -> set[str | None]:
    found: set[str | None] = set()
    for pattern in patterns:
        found |= pages_of_the_console(pattern.url_patterns) if isinstance(pattern, URLResolver) else {pattern.name}
    return found


def test_every_page_of_the_console_has_a_row() -> None:
    paths = [path for request in asked("console") for path, _ in (request if isinstance(request, list) else [request])]
    rows = {resolve(urlsplit(path).path).url_name for path in paths}
    assert rows & set(CONSOLE_OPEN) == set()
    assert pages_of_the_console(admin.site.get_urls()) - rows - set(CONSOLE_OPEN) == set()


def test_every_operation_of_the_rest_door_has_a_row() -> None:
    found = set()
    requests = [(method, urlsplit(path).path) for method, path, *_ in asked("rest")]
    for path, methods in description()["paths"].items():
        template = re.compile(re.sub(r"\{\w+\}", "[^/]+", path.removeprefix("/api/v1")) + "$")
        for method, operation in methods.items():
            if not any(method.upper() == asked and template.match(request) for asked, request in requests):
                found.add(operation["operationId"])
    assert found == OPEN_OPERATIONS
