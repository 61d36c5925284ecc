"""Every member of ClientMessage, address of a page, operation of the console and of the REST door has a row in
docs/permissions.md, or stands here with a reason."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from exchange.api import description
from proto import exchange_pb2 as pb
from tests.live.permissions.asking import OPERATIONS
from tests.live.permissions.stage import Scene

# Pages that are the same for everybody, or nobody's but the framework's.
OPEN = {
    "accounts:theme": "a cookie with a colour",
    "docs": "the description of the REST door",
    "schema": "the same, for programs",
    "contract": "the description of the socket",
    "accounts:demo_sign_in": "with DEMO only, which starts on a loopback address only: tests/pages",
}
# Pages of the admin that are nobody's but the framework's.
CONSOLE_OPEN = {
    "login": "leads to the sign-in: tests/pages",
    "logout": "one's own: tests/admin/test_rights.py",
    "password_change": "one's own",
    "password_change_done": "the same",
    "autocomplete": "for the fields of forms, by the rights of their tables: tests/admin/test_rights.py",
    "jsi18n": "words",
    "accounts_apitoken_history": "as the row itself: tests/admin/test_rights.py",
    "view_on_site": "leads to a page of the exchange",
    None: "leads from old addresses of rows to the new ones",
}
# Ways in and out: tests/pages/test_sign_in.py and tests/live/test_signing_out.py.
SIGN_IN = re.compile("account_|sign_in_afresh$|provider_sign_in$|openid_connect_callback$")
# REST operations that everybody may ask for, signed in or not.
OPEN_OPERATIONS = {"get_time", "get_status"}


class Anything:
    """Stands for whatever a scene has: only addresses matter here."""

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


def test_every_message_of_a_client() -> None:
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


def test_every_address_of_a_page() -> None:
    named = {name for name in views(get_resolver().url_patterns) if not SIGN_IN.match(name)}
    rows = {resolve(urlsplit(path).path).view_name for path, _ in asked("pages")}
    assert rows & set(OPEN) == set()
    assert named - rows - set(OPEN) - {"None"} == set()


def pages_of_the_console(patterns: list[Any]) -> set[str | None]:
    found: set[str | None] = set()
    for pattern in patterns:
        found |= pages_of_the_console(pattern.url_patterns) if isinstance(pattern, URLResolver) else {pattern.name}
    return found


def test_every_page_of_the_console() -> None:
    paths = [path for request in asked("console") for path, _ in (request if isinstance(request, list) else [request])]
    rows = {resolve(urlsplit(path).path).url_name for path in paths}
    assert rows & set(CONSOLE_OPEN) == set()
    assert pages_of_the_console(admin.site.get_urls()) - rows - set(CONSOLE_OPEN) == set()


def test_every_operation_of_the_rest_door() -> None:
    found = set()
    requests = [(method, urlsplit(path).path) for method, path, *_ in asked("rest")]
    for path, methods in description()["paths"].items():
        template = re.compile(re.sub(r"\{\w+\}", "[^/]+", path.removeprefix("/api/v1")) + "$")
        for method, operation in methods.items():
            if not any(method.upper() == asked and template.match(request) for asked, request in requests):
                found.add(operation["operationId"])
    assert found == OPEN_OPERATIONS
