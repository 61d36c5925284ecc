"""The guide at /help/: documents, contract and client, reachable from every page and without a sign-in."""

import re
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.conf import settings
from django.test import Client
from django.utils.html import escape

from exchange import help
from tests.pages.html import read

PAGES = [f"/help/{name}/" for name in help.PAGES]
pytestmark = pytest.mark.django_db


def links(browser: Client, path: str) -> list[str]:
    """The links of a page that stay on this site."""
    found = [link.attributes["href"] for link in read(browser.get(path)).named("a")]
    return [href.partition("#")[0] for href in found if href.startswith("/")]


def test_the_sign_in_page_leads_to_everything_that_a_newcomer_needs() -> None:
    browser = Client()
    assert {"/help/", "/help/rules/", "/help/client/", "/api/docs"} <= set(links(browser, "/sign-in/"))
    wheel = f"/help/exchange_client-{settings.VERSION}-py3-none-any.whl"
    assert {"/proto/exchange.proto", "/api/v1/schema", "/api/docs", wheel, *PAGES} <= set(links(browser, "/help/"))


@pytest.mark.parametrize("path", ["/help/", *PAGES])
def test_no_link_of_the_guide_is_dead(path: str) -> None:
    browser = Client()
    for href in set(links(browser, path)):
        assert browser.get(href, follow=True).status_code == 200, href


def test_documents_that_a_page_names_are_links() -> None:
    assert {"/help/rules/", "/help/rest/", "/help/glossary/"} <= set(links(Client(), "/help/protocol/"))


@pytest.mark.parametrize(
    ("secure", "http", "ws"), [(False, "http://", "ws://"), (True, "https://", "wss://")], ids=["http", "https"]
)
def test_examples_have_the_address_of_this_exchange(secure: bool, http: str, ws: str) -> None:
    client, rest = (
        Client().get(f"/help/{name}/", headers={"host": "localhost:9000"}, secure=secure).content.decode()
        for name in ("client", "rest")
    )
    assert help.EXAMPLE_HOST not in client + rest
    assert f"{ws}localhost:9000/ws" in client
    assert f"{http}localhost:9000/api/v1" in rest


def test_every_word_of_a_page_is_there_once_rendered() -> None:
    """Angle brackets of the documents are text, no HTML."""
    text = help.rendered("protocol")
    assert escape("`market.<id>`".strip("`")) in text
    assert "<id>" not in text
    assert re.findall(r"<script|<style| on\w+=", text) == []


def test_the_wheel_is_this_versions_client() -> None:
    answer = Client().get(f"/help/{help.wheel_name()}")
    names = ZipFile(BytesIO(b"".join(answer.streaming_content))).namelist()  # type: ignore[attr-defined]
    assert {"exchange_client/__init__.py", "exchange_client/bots/market_maker.py"} <= set(names)


@pytest.mark.parametrize(
    "path",
    ["/help/operations/", "/help/exchange_client-0.0.0-py3-none-any.whl", "/help/../settings.py", "/help/.built"],
)
def test_nothing_else_is_served(path: str) -> None:
    assert Client().get(path).status_code == 404
