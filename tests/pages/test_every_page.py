"""Every page: the strict policy, sound HTML, colours and error texts."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client

from auctions.models import Auction
from markets.models import Side
from tests.pages.conftest import World
from tests.pages.html import Element, read

PATHS = (
    "/",
    "/markets/7/",
    "/portfolio/",
    "/accounts/",
    "/keys/",
    "/markets/999/",
    "/sign-out/",
    "/password/reset/",
    "/auctions/",
    "/auctions/1/",
    "/auctions/2/",
    "/auctions/new/",
    "/auctions/2/edit/",
    "/statement/",
    "/transfers/",
    "/markets/new/",
    "/markets/8/",
    "/markets/8/describe/",
    "/markets/8/settle/",
    "/markets/8/settle/?price=50",
    "/help/",
    "/help/protocol/",
    "/help/client/",
)


@pytest.fixture
def busy(alice: Client, world: World) -> Client:
    """Alice's browser, with something in every table."""
    world.order(world.alice, Side.BID, 4_800, 100)
    world.order(world.bob, Side.OFFER, 5_000, 100)
    world.trade(4_900, 100, world.alice, world.bob)
    world.exposure(world.alice, position=100)
    world.rain.description = "It rains.\n\n<script>alert(1)</script>"
    world.rain.save()
    mine = world.market(8, "Snow", owner=world.alice, description="<script>alert(1)</script>")
    world.exposure(world.bob, mine, position=100)
    for id, seller in ((1, world.bob), (2, world.alice)):
        listed = {"status": 1, "creator": 0, "created_us": 0, "seq": 9, "picture": "a" * 32 + ".webp"}
        Auction.objects.create(id=id, seller=seller, name="Lamp", description="It shines.", buy_now_price=5, **listed)
    return alice


def everything(page: Element) -> list[Element]:
    """All elements, also those in templates, which the script puts into the page."""
    found, waiting = [], [page]
    while waiting:
        element = waiting.pop()
        found.append(element)
        waiting.extend(child for child in element.children if isinstance(child, Element))
    return found


def against_the_policy(element: Element) -> list[str]:
    wrong = [name for name in element.attributes if name == "style" or name.startswith("on")]
    if element.tag == "style":
        wrong.append("<style>")
    if element.tag == "script" and "src" not in element.attributes:
        wrong += [] if element.attributes.get("type") == "application/json" else ["inline script"]
    addresses = (element.attributes.get(name, "") for name in ("src", "href", "action"))
    return wrong + [address for address in addresses if "//" in address or address.startswith("javascript:")]


@pytest.mark.parametrize("path", PATHS)
def test_nothing_on_it_is_against_the_strict_policy(busy: Client, path: str) -> None:
    response = busy.get(path)
    found = [(element.tag, wrong) for element in everything(read(response)) for wrong in against_the_policy(element)]
    assert found == []
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("path", PATHS)
def test_it_is_named_and_has_one_heading_of_the_first_rank(busy: Client, path: str) -> None:
    page = read(busy.get(path))
    (title,) = page.named("title")
    assert title.text.endswith("· Exchange")
    assert len(page.named("h1")) == 1


@pytest.mark.parametrize("path", PATHS)
def test_what_can_be_filled_in_has_a_label(busy: Client, path: str) -> None:
    page = read(busy.get(path))
    labelled = {label.attributes.get("for") for label in page.named("label")}
    inside = {id(field) for label in page.named("label") for field in label.walk()}
    fields = [e for e in page.walk() if e.tag in ("input", "select", "textarea")]
    assert [
        field.attributes
        for field in fields
        if field.attributes.get("type") != "hidden"
        and id(field) not in inside
        and "aria-label" not in field.attributes
        and field.attributes.get("id", "") not in labelled
    ] == []


@pytest.mark.parametrize("path", PATHS)
def test_what_is_typed_has_a_limit_that_browsers_read(busy: Client, path: str) -> None:
    limited = [e.attributes for e in everything(read(busy.get(path))) if "maxlength" in e.attributes]
    assert [field for field in limited if not field["maxlength"].isdigit()] == []


@pytest.mark.parametrize("path", PATHS)
def test_ids_are_used_once(busy: Client, path: str) -> None:
    ids = [e.attributes["id"] for e in read(busy.get(path)).walk() if "id" in e.attributes]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("path", PATHS)
def test_no_secret_in_it_stays_so_that_its_compressed_length_betrays_none(busy: Client, path: str) -> None:
    once, again = busy.get(path), busy.get(path)
    lasting = [busy.cookies[name].value for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)]
    assert [secret for secret in lasting if secret in once.content.decode()] == []
    assert hidden(once, "csrfmiddlewaretoken").isdisjoint(hidden(again, "csrfmiddlewaretoken"))
    assert hidden(once, "key").isdisjoint(hidden(again, "key"))


def hidden(response: Any, name: str) -> set[str]:
    """The values of the hidden fields with this name. Those of the script's templates are empty until it fills them."""
    fields = (e.attributes for e in everything(read(response)) if e.tag == "input")
    found = {field["value"] for field in fields if (field.get("type"), field.get("name")) == ("hidden", name)}
    return found - {""}


def test_what_people_wrote_stays_text(busy: Client, world: World) -> None:
    world.rain.name = "</title><script>alert(1)</script>"
    world.rain.save()
    for path in ("/", "/markets/7/", "/portfolio/"):
        assert b"<script>alert" not in busy.get(path).content


class TestColours:
    def html(self, browser: Client) -> dict[str, str]:
        (html,) = read(browser.get("/sign-in/")).named("html")
        return html.attributes

    def test_are_the_systems_until_one_chooses(self, db: None) -> None:
        browser = Client()
        assert "data-theme" not in self.html(browser)
        browser.post("/theme/", {"theme": "dark", "next": "/sign-in/"})
        assert self.html(browser)["data-theme"] == "dark"
        browser.post("/theme/", {"theme": ""})
        assert "data-theme" not in self.html(browser)

    def test_are_two(self, db: None) -> None:
        browser = Client()
        browser.cookies["theme"] = '"><b>'
        assert "data-theme" not in self.html(browser)
        assert "theme" not in browser.post("/theme/", {"theme": "pink"}).cookies["theme"].value


class TestErrors:
    def test_a_broken_page_speaks_and_needs_nothing(self, settings: Any) -> None:
        """Django renders it without a request, since whatever broke may break again."""
        HTMLParser().feed(html := render_to_string("500.html"))
        assert "Something went wrong" in html

    def test_a_form_without_its_token_is_explained(self, world: World) -> None:
        response: HttpResponse = Client(enforce_csrf_checks=True).post("/theme/", {"theme": "dark"})  # type: ignore[assignment]
        assert response.status_code == 403
        assert "The form was not sent" in read(response).text
