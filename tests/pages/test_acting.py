"""Who acts: the first visit opens the person's account, and the session keeps the account acted as."""

import pytest
from django.test import Client

from accounts.acting import SESSION_KEY
from accounts.models import Account, AccountKind, Ownership, User
from accounts.services import account_name
from proto import exchange_pb2 as pb
from realtime.errors import RequestFailed
from tests.pages.conftest import Asked, FakeGateway, World
from tests.pages.html import read, toasts

PAGES = ("/", "/markets/7/", "/portfolio/")


class TestFirstVisit:
    @pytest.fixture
    def carol(self, world: World, exchange: FakeGateway) -> Client:
        """She has no account yet; the exchange opens one."""
        user = User.objects.create_user("carol", first_name="Carol")

        def open_account(asked: Asked) -> None:
            world.account(9, "Carol 2", AccountKind.USER, user)
            account = pb.Account(id=9, name="Carol 2")
            exchange.reply = pb.ServerMessage(account_created=pb.AccountCreated(account=account))

        exchange.on_ask = open_account
        client = Client()
        client.force_login(user)
        return client

    def test_opens_the_account_once(self, carol: Client, exchange: FakeGateway) -> None:
        assert read(carol.get("/")).one("acting-as").text == "Acting as Carol 2"
        carol.get("/portfolio/")
        (asked,) = exchange.asked
        assert asked.message == pb.ClientMessage(create_user_account=pb.CreateUserAccount(name="Carol"))

    def test_says_so_when_the_exchange_does_not_answer(self, carol: Client, exchange: FakeGateway) -> None:
        exchange.refusal = RequestFailed(pb.BUSY, "The exchange is not answering at the moment.")
        response = carol.get("/portfolio/")
        assert response.status_code == 503
        assert "The exchange is not answering at the moment." in read(response).text

    @pytest.mark.parametrize(
        ("first", "last", "expected"),
        [
            ("Ada", "Lovelace", "Ada Lovelace"),
            ("", "", "ada"),
            ("A\u0000d\na", "", "A d a"),
            ("x" * 39, "y", "x" * 39),
            ("x" * 50, "", "x" * 40),
        ],
    )
    def test_asks_for_a_name_that_an_account_may_have(self, first: str, last: str, expected: str) -> None:
        assert account_name(User(username="ada", first_name=first, last_name=last)) == expected

    def test_somebody_whose_name_cannot_be_printed_still_gets_one(self) -> None:
        assert account_name(User(id=12, username="\u200b")) == "Trader 12"


class TestActAs:
    def switch(self, browser: Client, account: int | str, **more: str) -> list[str]:
        return toasts(read(browser.post("/act-as/", {"account": account, **more}, follow=True)))

    def test_any_account_of_the_tree_at_any_depth(self, alice: Client, world: World) -> None:
        page = read(alice.get("/portfolio/"))
        assert [option.text.rstrip(" ✓") for option in page.all("act-as-option")] == ["Alice", "Team", "Bot"]
        assert self.switch(alice, world.bot.id) == ["You now act as Bot."]
        assert read(alice.get("/portfolio/")).one("acting-as").text == "Acting as Bot"
        assert self.switch(alice, world.alice.id) == ["You now act as Alice."]

    @pytest.mark.parametrize("account", [3, 6, 1, 999, "", "x", "²"])
    def test_nobody_elses(self, alice: Client, account: int | str) -> None:
        assert self.switch(alice, account) == ["You may not act as this account."]
        assert SESSION_KEY not in alice.session

    def test_an_account_that_is_lost_is_acted_as_no_more(self, alice: Client, world: World) -> None:
        self.switch(alice, world.bot.id)
        Ownership.objects.filter(account=world.team).delete()
        page = read(alice.get("/portfolio/"))
        assert page.one("acting-as").text == "Acting as Alice"
        assert toasts(page) == ["You may no longer act as that account. You now act as Alice."]
        assert toasts(read(alice.get("/portfolio/"))) == []

    def test_an_account_with_two_ways_to_it_is_listed_once(self, alice: Client, world: World) -> None:
        Ownership.objects.create(owner=world.alice, account=world.bot, credit=0)
        options = [option.text for option in read(alice.get("/portfolio/")).all("act-as-option")]
        assert sorted(options) == ["Alice ✓", "Bot", "Team"]

    @pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
    def test_leads_back_to_our_own_pages_only(self, alice: Client, world: World, wanted: str) -> None:
        response = alice.post("/act-as/", {"account": world.bot.id, "next": wanted})
        assert response.headers["Location"] == "/portfolio/"

    def test_leads_back_to_the_page_it_came_from(self, alice: Client, world: World) -> None:
        response = alice.post("/act-as/", {"account": world.bot.id, "next": "/markets/7/"})
        assert response.headers["Location"] == "/markets/7/"


class TestSignedOut:
    @pytest.mark.parametrize("path", PAGES)
    def test_pages_lead_to_the_sign_in_and_back(self, world: World, path: str) -> None:
        assert Client().get(path).headers["Location"] == f"/sign-in/?next={path}"

    @pytest.mark.parametrize("path", ["/markets/7/orders/", "/orders/cancel/", "/act-as/", "/transfers/new/"])
    def test_forms_lead_to_the_sign_in_and_then_to_a_page(self, world: World, exchange: FakeGateway, path: str) -> None:
        assert Client().post(path).headers["Location"] == "/sign-in/?next=/"
        assert exchange.asked == []

    @pytest.mark.parametrize("path", ["/markets/7/orders/", "/orders/cancel/", "/act-as/", "/theme/"])
    def test_forms_cannot_be_got(self, alice: Client, path: str) -> None:
        assert alice.get(path).status_code == 405


def test_a_shared_computer_keeps_nothing(alice: Client) -> None:
    assert "no-store" in alice.get("/portfolio/").headers["Cache-Control"]


def test_the_bar_shows_what_the_acting_account_has_available(alice: Client, world: World) -> None:
    Account.objects.filter(id=world.bot.id).update(available=33_3334)
    alice.post("/act-as/", {"account": world.bot.id})
    assert read(alice.get("/")).one("available").text == "33.3334"
