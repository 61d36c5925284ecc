"""Every address and filter of the console with odd values: an answer, never an error of ours."""

from collections.abc import Iterator
from urllib.parse import quote, quote_from_bytes

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.admin.conftest import Class
from tests.admin.test_tables import TABLES, busy  # noqa: F401 - a fixture
from tests.pages.test_odd_values import ODD


def addresses(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        else:
            yield route


def of_console() -> Iterator[str]:
    return (route for route in addresses(get_resolver().url_patterns) if route.startswith("admin/"))


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_every_address(operator: Client, busy: Class, value: bytes) -> None:  # noqa: F811
    routes = [route for route in of_console() if "<" in route and "(?P" not in route]
    assert len(routes) > 50
    for route in routes:
        begin, end = route.index("<"), route.rindex(">")
        path = f"/{route[:begin]}{quote_from_bytes(value)}{route[end + 1 :]}"
        response = operator.get(path)
        assert response.status_code < 500, (path, response.status_code)


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_every_filter_and_search(operator: Client, busy: Class, value: bytes) -> None:  # noqa: F811
    for table in TABLES:
        app, name = table.split("/")
        model = next(model for model in admin.site._registry if model._meta.label_lower == f"{app}.{name}")
        fields = [field.name for field in model._meta.get_fields()]
        filters = [str(getattr(one, "parameter_name", one)) for one in admin.site._registry[model].list_filter]
        for parameter in {"q", "p", "o", "all", "_facets", "_changelist_filters", "e", *fields, *filters}:
            for lookup in ("", "__exact"):
                path = f"/admin/{table}/?{quote(parameter + lookup)}={quote_from_bytes(value)}"
                response = operator.get(path)
                assert response.status_code < 500, (path, response.status_code)
