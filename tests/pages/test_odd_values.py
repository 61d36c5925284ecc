"""Every form, field and address of the pages with values that no browser sends: an answer, never an error of ours."""

from collections.abc import Iterator
from urllib.parse import quote_from_bytes

import pytest
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.pages.conftest import FakeGateway, World
from tests.pages.html import read
from tests.pages.test_every_page import PATHS, busy  # noqa: F401 - a fixture

ODD = {
    "empty": b"",
    "a word": b"bob",
    "NUL": b"a\x00b",
    "no UTF-8": b"\xff\xfe",
    "half a surrogate pair": b"\xed\xa0\x80",
    "another direction": "\u202egnp.exe".encode(),
    "digits of another script": "٣".encode(),
    "22 digits": b"9" * 22,
    "minus": b"-1",
    "an exponent": b"1e999",
    "no number": b"nan",
    "long": b"x" * 5_000,
    "another host": b"//evil.example/",
    "a broken address": b"http://[",
    "a script": b"javascript:alert(1)",
    "lines": b"a\r\nSet-Cookie: b=c",
}
URLENCODED = "application/x-www-form-urlencoded"

Form = tuple[str, dict[str, str]]


def encode(fields: dict[str, bytes]) -> str:
    return "&".join(f"{name}={quote_from_bytes(value)}" for name, value in fields.items())


def forms(browser: Client) -> dict[tuple[str, ...], Form]:
    """(address, fields) of the forms of all pages, one of each kind."""
    found: dict[tuple[str, ...], Form] = {}
    for path in PATHS:
        for form in read(browser.get(path)).named("form"):
            fields = {
                field.attributes["name"]: field.attributes.get("value", "")
                for field in form.walk()
                if field.tag in ("input", "select", "textarea", "button") and "name" in field.attributes
            }
            action = form.attributes.get("action", "") or path
            kind = "".join(character for character in action if not character.isdigit())
            found.setdefault((form.attributes.get("method", "get"), kind, *fields), (action, fields))
    return found


def fine(response: HttpResponseBase) -> bool:
    """Whether it is an answer, and leads nowhere else."""
    leads_to = response.headers.get("Location", "/")
    return response.status_code < 500 and leads_to.startswith("/") and not leads_to.startswith("//")


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_every_field_of_every_form(
    busy: Client,  # noqa: F811
    exchange: FakeGateway,
    value: bytes,
) -> None:
    kinds = forms(busy)
    assert len(kinds) > 15
    for method, *_ in kinds:
        assert method in ("get", "post")
    for (method, *_), (action, fields) in kinds.items():
        for name in {**fields, "next": ""}:
            sent = encode({**{key: given.encode() for key, given in fields.items()}, name: value})
            if method == "post":
                response = busy.post(action, sent, content_type=URLENCODED)
            else:
                response = busy.get(f"{action.partition('?')[0]}?{sent}")
            assert fine(response), (action, name, response.status_code, response.headers.get("Location"))


def addresses(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, list[str]]]:
    """(route, names of its variables) of every page. Those of the console have a test of their own."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if route.startswith(("admin/", "api/", "^api/")):
            continue
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        else:
            yield route, list(pattern.pattern.regex.groupindex)


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_every_address(busy: Client, exchange: FakeGateway, world: World, value: bytes) -> None:  # noqa: F811
    for route, names in addresses(get_resolver().url_patterns):
        path = "/" + route.strip("^$")
        for _ in names:
            begin = path.index("(?P<" if "(?P<" in path else "<")
            end = path.index(")", begin) + 1 if "(?P<" in path else path.index(">", begin) + 1
            path = path[:begin] + quote_from_bytes(value) + path[end:]
        for query in ("", encode(dict.fromkeys(("next", "before", "price", "q", "page", "from", "to"), value))):
            response = busy.get(f"{path}?{query}")
            assert fine(response), (path, query, response.status_code)
