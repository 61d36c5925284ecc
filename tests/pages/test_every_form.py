"""Every form of the pages: it has one key for one intent, and nothing typed into it is lost."""

import secrets
from typing import NamedTuple

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.acting import SESSION_KEY
from accounts.typed import CHARACTERS_MAX, COOKIE, COOKIE_CHARACTERS_MAX, KEPT
from proto import exchange_pb2 as pb
from realtime.errors import RequestFailed
from tests.pages.conftest import FakeGateway, World, browser_of
from tests.pages.html import Element, fields, read, toasts
from tests.pages.test_every_page import PATHS
from tests.pages.test_every_page import busy as busy  # a fixture

# They set a state: sent twice, they set the same one.
WITHOUT_KEY = ("/act-as/", "/theme/", "/sudo/", "/sign-out/", "/keys/1/revoke/", "/password/reset/")
HIDDEN = ("csrfmiddlewaretoken", "next")
TWO_READINGS = "Write 1500 or 1.5: “1,500” can mean both."


class Filled(NamedTuple):
    """A form of a page, and what a person types into it. Texts in `numbers` are numbers."""

    path: str
    testid: str
    numbers: dict[str, str]
    texts: dict[str, str]

    def form(self, browser: Client) -> Element:
        return read(browser.get(self.path)).all(self.testid)[0]

    def typed(self, browser: Client) -> dict[str, str]:
        """The fields of a new form with what was typed."""
        begun = {name: value for name, value in fields(self.form(browser)).items() if name not in HIDDEN}
        return {**begun, **self.texts, **self.numbers}

    def send(self, browser: Client, data: dict[str, str], **headers: str) -> Element:
        """The page that the browser shows after it sent the form."""
        action = self.form(browser).attributes["action"]
        return read(browser.post(action, data, follow=True, headers=headers))

    def again(self, page: Element) -> dict[str, str]:
        """The form on a page that came back, as it would be sent."""
        found = fields(page.all(self.testid)[0])
        return {name: value for name, value in found.items() if name not in HIDDEN}


AUCTION_TEXTS = {"name": "Vase", "description": "It stands."}
MARKET_NUMBERS = {"min_settlement": "-4,5", "max_settlement": "1 000", "tick_size": ".5", "smallest_size": "1"}
FORMS = (
    Filled(
        "/markets/7/",
        "ticket",
        {"price": "48,5", "size": "2"},
        {"side": "offer", "time_in_force": "IOC", "post_only": "on"},
    ),
    Filled("/transfers/", "transfer-form", {"amount": "0,125"}, {"to": "Bob", "note": "lunch"}),
    Filled("/portfolio/", "transfer-form", {"amount": "0,125"}, {"to": "Bob", "note": "lunch"}),
    Filled("/portfolio/", "alt-form", {}, {"name": "Desk"}),
    Filled("/accounts/", "share-form", {}, {"receiver": "Bob"}),
    Filled(
        "/markets/new/",
        "market-form",
        MARKET_NUMBERS,
        {"name": "Fog", "description": "Days of fog.", "category": "Practice"},
    ),
    Filled("/markets/8/describe/", "describe-form", {}, {"description": "Days of snow."}),
    Filled("/auctions/new/", "auction-form", {"price": "12,5"}, AUCTION_TEXTS),
    Filled("/auctions/2/edit/", "auction-form", {"price": "12,5"}, {**AUCTION_TEXTS, "remove_picture": "on"}),
)
every_form = pytest.mark.parametrize("filled", FORMS, ids=lambda filled: filled.path + filled.testid)


def posting(page: Element) -> list[Element]:
    return [form for form in page.named("form") if form.attributes["method"] == "post"]


@pytest.mark.parametrize("path", PATHS)
def test_it_has_a_key_of_its_own(busy: Client, path: str) -> None:
    forms = [form for form in posting(read(busy.get(path))) if form.attributes.get("action") not in WITHOUT_KEY]
    keys = [fields(form).get("key", "") for form in forms]
    assert all(keys)
    assert len(set(keys)) == len(keys)


def test_the_table_has_all_that_can_be_filled_in(busy: Client) -> None:
    """But the ticket of another market, and the form for a token: Django renders it, test_keys.py has its refusals."""
    found = {
        (path, form.testid)
        for path in PATHS
        for form in posting(read(busy.get(path)))
        if "key" in fields(form)
        and any(e.attributes.get("type") != "hidden" for e in form.walk() if e.tag in ("input", "textarea"))
    }
    assert found - {("/keys/", "key-form"), ("/markets/8/", "ticket")} == {
        (filled.path, filled.testid) for filled in FORMS
    }


@every_form
@pytest.mark.parametrize("code", [pb.INSUFFICIENT_FUNDS, pb.BUSY, pb.OUTCOME_UNKNOWN])
def test_after_a_refusal_it_is_as_it_was_sent(
    busy: Client, exchange: FakeGateway, filled: Filled, code: "pb.Reason.ValueType"
) -> None:
    """The key too, so that what was done after all is not done again."""
    exchange.refusal = RequestFailed(code, "No.")
    data = filled.typed(busy)
    page = filled.send(busy, data)
    assert len(exchange.asked) == 1
    assert len(toasts(page)) == 1
    assert filled.again(page) == data
    assert filled.again(read(busy.get(filled.path))) != data, "the next page has a new form"


@every_form
def test_a_key_that_stands_for_something_else_is_replaced(busy: Client, exchange: FakeGateway, filled: Filled) -> None:
    exchange.refusal = RequestFailed(pb.KEY_CONFLICT, "No.")
    data = filled.typed(busy)
    again = filled.again(filled.send(busy, data))
    assert again.pop("key") not in ("", data.pop("key"))
    assert again == data


@pytest.mark.parametrize(
    ("filled", "number"),
    [(filled, number) for filled in FORMS for number in filled.numbers],
    ids=lambda value: value if isinstance(value, str) else value.path + value.testid,
)
def test_a_number_with_two_readings_is_refused(
    busy: Client, exchange: FakeGateway, filled: Filled, number: str
) -> None:
    data = {**filled.typed(busy), number: "1,500"}
    page = filled.send(busy, data)
    (said,) = toasts(page)
    assert said.endswith(f": {TWO_READINGS}")
    assert exchange.asked == []
    assert filled.again(page) == data


@every_form
def test_it_waits_while_somebody_signs_in_again(
    busy: Client, world: World, exchange: FakeGateway, filled: Filled
) -> None:
    """Also the account that it was filled in for."""
    data = filled.typed(busy)
    action = filled.form(busy).attributes["action"]
    busy.logout()
    signing_in = busy.post(action, data, headers={"Referer": f"http://testserver{filled.path}"})
    assert signing_in.headers["Location"] == f"/sign-in/?next={filled.path}"
    assert "You are signed out, so nothing was sent." in read(busy.get("/sign-in/")).text
    busy.force_login(world.alice_user)
    assert filled.again(read(busy.get(filled.path))) == data
    assert exchange.asked == []


@every_form
def test_it_comes_back_when_its_token_has_expired(world: World, busy: Client, filled: Filled) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(world.alice_user)
    data = filled.typed(browser)
    headers = {"Origin": "http://testserver", "Referer": f"http://testserver{filled.path}"}
    page = filled.send(browser, {**data, "csrfmiddlewaretoken": "x" * 64}, **headers)
    assert toasts(page) == ["This form had expired, so nothing was sent. Check it and send it again."]
    assert filled.again(page) == data


def test_a_page_that_leads_to_another_site_is_not_gone_back_to(world: World) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(world.alice_user)
    data = {**FORMS[0].typed(browser), "csrfmiddlewaretoken": "x" * 64}
    headers = {"Origin": "http://testserver", "Referer": "http://testserver//elsewhere.example/"}
    assert browser.post("/markets/7/orders/", data, headers=headers).status_code == 403


def test_it_comes_back_when_its_account_is_gone(busy: Client) -> None:
    busy.post("/markets/7/orders/", {**FORMS[0].typed(busy), "account": "3", "price": "48.5"})
    assert fields(FORMS[0].form(busy))["price"] == "48.5"


class TestWhatIsNotKept:
    TICKET = FORMS[0]

    def signed_out(self, busy: Client, *without: str, **changes: str) -> None:
        data = {**self.TICKET.typed(busy), **changes}
        for name in without:
            del data[name]
        busy.logout()
        busy.post("/markets/7/orders/", data, headers={"Referer": "http://testserver/markets/7/"})

    def test_somebody_elses_form(self, busy: Client, world: World) -> None:
        self.signed_out(busy)
        busy.force_login(world.bob_user)
        assert fields(self.TICKET.form(busy))["price"] == ""
        assert not busy.cookies[COOKIE].value
        assert KEPT not in busy.session

    def test_a_form_of_no_account(self, busy: Client, world: World) -> None:
        self.signed_out(busy, "account")
        assert COOKIE not in busy.cookies

    def test_a_form_that_is_too_long(self, busy: Client, exchange: FakeGateway) -> None:
        exchange.refusal = RequestFailed(pb.BUSY, "No.")
        busy.post("/markets/7/orders/", {**self.TICKET.typed(busy), "key": "k1", "more": "x" * CHARACTERS_MAX})
        assert busy.session[KEPT][1] == "key=k1", "sent again it cannot act twice"
        self.signed_out(busy, more=secrets.token_hex(COOKIE_CHARACTERS_MAX))
        assert COOKIE not in busy.cookies
        assert "Sign in and fill it in again." in read(busy.get("/sign-in/")).text

    def test_anything_that_an_outsider_sends(self, busy: Client) -> None:
        """No row: outsiders fill no table."""
        self.signed_out(busy)
        assert COOKIE in busy.cookies
        assert not Session.objects.exists()

    def test_a_form_that_the_exchange_did_not_sign(self, busy: Client) -> None:
        busy.cookies[COOKIE] = "x:y"
        assert fields(self.TICKET.form(busy))["price"] == ""

    def test_a_form_of_another_site(self, world: World) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(world.alice_user)
        browser.get("/markets/7/")
        for headers in ({"Origin": "http://elsewhere.example"}, {}, {"Referer": "http://elsewhere.example/"}):
            assert browser.post("/markets/7/orders/", self.TICKET.texts, headers=headers).status_code == 403
        assert KEPT not in browser.session


def test_the_account_of_a_form_that_waits_is_acted_as(busy: Client, world: World) -> None:
    """A new sign-in begins as the person's own account. The form would pay from that one."""
    busy.post("/act-as/", {"account": str(world.team.id)})
    filled = FORMS[1]
    data = filled.typed(busy)
    assert data["account"] == str(world.team.id)
    busy.logout()
    busy.post("/transfers/new/", data, headers={"Referer": "http://testserver/transfers/"})
    busy.force_login(world.alice_user)
    assert filled.again(read(busy.get("/transfers/"))) == data
    assert busy.session[SESSION_KEY] == world.team.id


def test_a_form_that_was_sent_before_says_so(world: World, exchange: FakeGateway) -> None:
    exchange.reply = pb.ServerMessage(replayed=True)
    page = FORMS[1].send(browser_of(world.alice_user), FORMS[1].typed(browser_of(world.alice_user)))
    assert toasts(page)[0] == "This form was sent before and acted once. This is its first answer again."


@pytest.mark.parametrize(("side", "wire"), [("", pb.SIDE_UNSPECIFIED), ("bid", pb.BID), ("offer", pb.OFFER)])
def test_each_button_of_a_form_is_an_intent(
    alice: Client, exchange: FakeGateway, side: str, wire: "pb.Side.ValueType"
) -> None:
    alice.post("/markets/7/cancel/", {"account": "2", "side": side, "key": "k" * 32})
    assert exchange.last.message.out == pb.Out(market_id=7, side=wire, key="k" * 32 + side[:1])


def test_cancelling_all_has_not_the_key_of_a_cancel_that_was_refused(busy: Client, exchange: FakeGateway) -> None:
    """Both forms have one address."""
    exchange.refusal = RequestFailed(pb.OUTCOME_UNKNOWN, "No.")
    before = read(busy.get("/markets/7/"))
    (row,) = [form for form in posting(before) if form.attributes.get("data-form") == "cancel"]
    every = before.one("cancel-all-form")
    for form, same in ((row, False), (every, True)):
        page = read(busy.post(form.attributes["action"], fields(form), follow=True))
        again = fields(page.one("cancel-all-form"))["key"]
        assert again != fields(row)["key"]
        assert (again == fields(every)["key"]) == same


def test_a_token_is_revoked_twice_with_the_same_answer(alice: Client, world: World) -> None:
    made = fields(read(alice.get("/keys/")).one("key-form"))
    alice.post("/keys/", {**made, "name": "bot"})
    (revoke,) = [f for f in posting(read(alice.get("/keys/"))) if f.attributes["action"].endswith("/revoke/")]
    answers = [toasts(read(alice.post(revoke.attributes["action"], follow=True))) for _ in range(2)]
    assert answers == [["“bot” is revoked. Its open connections close within seconds."]] * 2
