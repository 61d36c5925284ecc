"""Who may see and do what in the console: asks every view of every table as every kind of person."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.urls import reverse

from accounts.console.operations import Operation
from accounts.models import ApiToken, User
from accounts.tokens import create_token
from auctions.models import Auction
from markets.models import MarketVisibility, Order, Payout, Side
from tests.admin.conftest import CHIP, Class, FakeGateway, authenticated, browser

OWN_TABLES = {ApiToken, User}  # not owned by the engine: staff who may not operate do not see them


def console() -> Iterator[tuple[type[Any], Any]]:
    """The tables of this project, with their ModelAdmin."""
    for model, shown in admin.site._registry.items():
        if model._meta.app_label in ("accounts", "markets", "auctions") and model.__module__.split(".")[0] != "allauth":
            yield model, shown


def operations() -> Iterator[tuple[Any, type[Operation]]]:
    for _, shown in console():
        for operation in shown.operations:
            yield shown, operation


@pytest.fixture
def rows(world: Class) -> None:
    """At least one row in every table."""
    world.order(world.alice, Side.BID, 4_000, 300)
    world.trade(4_000, 100, world.alice, world.bob)
    world.exposure(world.alice, position=100)
    Payout.objects.create(market=world.rain, account=world.bob, position=100, price=50, amount=5_000, seq=2)
    MarketVisibility.objects.create(market=world.rain, account=world.bob)
    create_token(world.alice_user, "laptop")
    Auction.objects.create(id=3, seller=world.bob, name="Lamp", status=1, creator=0, created_us=0, seq=2)
    world.alice.paid.create(id=1, to_account=world.bob, amount=CHIP, kind=1, at_us=0, seq=2)


def pages() -> list[tuple[str, type[Any], str]]:
    """(name, model, kind of page) of every view. The kind of a view that acts contains "operation"."""
    found = []
    for model, shown in console():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found += [(f"{name}_changelist", model, "table"), (f"{name}_change", model, "row")]
        found += [
            (f"{name}_{one.slug}", model, "row operation" if one.of_row else "operation") for one in shown.operations
        ]
    return found


def address(name: str, model: type[Any], kind: str) -> str:
    return reverse(name, args=[model._default_manager.order_by("-pk").first().pk] if kind.startswith("row") else [])


PAGES = pages()


def test_the_table_of_pages_is_not_empty() -> None:
    """The rows that the tests below look at."""
    assert {name for name, _, kind in PAGES if "operation" in kind} == {
        "admin:accounts_account_gift",
        "admin:accounts_account_collect",
        "admin:accounts_ownership_revoke",
        "admin:accounts_ownership_redistribute",
        "admin:accounts_apitoken_make",
        "admin:accounts_apitoken_revoke",
        *(f"admin:auctions_auction_{slug}" for slug in ("edit", "settle", "withdraw")),
        *(
            f"admin:markets_market_{slug}"
            for slug in ("create", "resume", "pause", "cancel-only", "close", "settle", "edit")
        ),
    }
    assert len([name for name, _, kind in PAGES if kind == "table"]) == 13


def statuses(user: User | None, form: dict[str, str] | None = None) -> dict[str, int]:
    """The final status of each page, or with a form of each operation. 401 stands for the sign-in page."""
    client, found = browser(user), {}
    for page in PAGES:
        if form is None or "operation" in page[2]:
            where = address(*page)
            response = client.get(where, follow=True) if form is None else client.post(where, form, follow=True)
            last = response.redirect_chain[-1][0] if response.redirect_chain else where
            found[page[0]] = 401 if last.startswith("/sign-in/") else response.status_code
    return found


@pytest.mark.usefixtures("rows", "exchange")
class TestEveryPage:
    def test_is_hidden_from_who_is_not_signed_in(self) -> None:
        assert statuses(None) == {name: 401 for name, _, _ in PAGES}

    def test_is_hidden_from_students(self, world: Class) -> None:
        assert statuses(world.alice_user) == {name: 403 for name, _, _ in PAGES}

    def test_is_hidden_from_staff_without_a_permission(self, world: Class) -> None:
        assert statuses(world.staff_user) == {name: 403 for name, _, _ in PAGES}

    def test_viewers_read_what_the_engine_owns_and_do_nothing(self, world: Class) -> None:
        assert statuses(world.viewer_user) == {
            name: 403 if model in OWN_TABLES or "operation" in kind else 200 for name, model, kind in PAGES
        }

    def test_is_shown_to_operators_but_for_the_tokens_of_others(self, world: Class) -> None:
        others = {"admin:accounts_apitoken_revoke": 404}
        assert statuses(world.operator_user) == {name: 200 for name, _, _ in PAGES} | others

    def test_is_shown_to_administrators(self, world: Class) -> None:
        assert statuses(world.admin_user) == {name: 200 for name, _, _ in PAGES}

    def test_asks_who_may_see_it_for_sudo(self, world: Class, settings: Any) -> None:
        """The history of a row and the search behind fields count too, because both show names."""
        search = "/admin/autocomplete/?app_label=markets&model_name=order&field_name=market&term="
        more = ("/admin/", "/admin/accounts/", "/admin/markets/market/7/history/", search)
        for user in (world.viewer_user, world.operator_user, world.admin_user, world.root_user):
            user.set_password("pass phrase")
            user.save()
            client = browser(user)
            authenticated(client, user, seconds_ago=settings.SUDO_SECONDS + 1)
            for where in (*(address(*page) for page in PAGES if "operation" not in page[2]), *more):
                response = client.get(where)
                assert (response.status_code, response["Location"][:15]) == (302, "/sign-in/again/"), where

    def test_only_operators_see_buttons(self, world: Class) -> None:
        for path in ("/admin/markets/market/", "/admin/markets/market/7/change/", "/admin/"):
            assert "console-buttons" not in browser(world.viewer_user).get(path).content.decode()
            assert "console-buttons" in browser(world.operator_user).get(path).content.decode()


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(("who", "answer"), [("nobody", 401), ("student", 403), ("staff", 403), ("viewer", 403)])
def test_nobody_else_can_post_an_operation(who: str, answer: int, world: Class, exchange: FakeGateway) -> None:
    people = {"student": world.alice_user, "staff": world.staff_user, "viewer": world.viewer_user}
    user = people.get(who)
    form = {"key": "k", "price": "50", "amount": "5", "name": "x", "person": "alice", "days": "1", "buyer": "alice"}
    tokens = list(ApiToken.objects.values("pk", "revoked_at"))
    assert set(statuses(user, form).values()) == {answer}
    assert exchange.asked == []
    assert list(ApiToken.objects.values("pk", "revoked_at")) == tokens


@pytest.mark.usefixtures("rows")
def test_an_operation_needs_the_csrf_token(world: Class, exchange: FakeGateway) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.operator_user)
    authenticated(client, world.operator_user)
    for page in PAGES:
        if "operation" in page[2]:
            assert client.post(address(*page), {"key": "k", "price": "50", "amount": "5"}).status_code == 403
    assert exchange.asked == []


def test_a_permission_without_being_staff_is_not_enough(world: Class, exchange: FakeGateway) -> None:
    world.operator_user.is_staff = False
    world.operator_user.save()
    response = browser(world.operator_user).post("/admin/markets/market/7/pause/", {"key": "k"}, follow=True)
    assert response.status_code == 403
    assert exchange.asked == []


@pytest.mark.usefixtures("rows")
def test_an_operation_of_a_row_that_is_not_there_is_not_found(operator: Client) -> None:
    for id in ("8", "9" * 30):
        assert operator.get(f"/admin/markets/market/{id}/settle/").status_code == 404
    assert Order.objects.count() == 1


class TestSudo:
    """An operation asks for the password if it was not given for a while (rules, section 8)."""

    PAUSE = "/admin/markets/market/7/pause/"

    def test_after_a_while_it_asks_for_the_password_and_comes_back(
        self, operator: Client, world: Class, exchange: FakeGateway, settings: Any
    ) -> None:
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
        world.operator_user.set_password("pass phrase")
        world.operator_user.save()
        operator.force_login(world.operator_user)
        authenticated(operator, world.operator_user, seconds_ago=settings.SUDO_SECONDS + 1)
        again = f"/sign-in/again/?next={self.PAUSE}"
        for response in (operator.get(self.PAUSE), operator.post(self.PAUSE, {"key": "k"})):
            assert (response.status_code, response["Location"]) == (302, again)
        assert exchange.asked == []
        wrong = operator.post(again, {"password": "wrong"})
        assert wrong.status_code == 200
        right = operator.post(again, {"password": "pass phrase"})
        assert (right.status_code, right["Location"]) == (302, self.PAUSE)
        assert operator.get(self.PAUSE).status_code == 200

    def test_who_has_no_password_signs_in_afresh(
        self, operator: Client, world: Class, exchange: FakeGateway, settings: Any
    ) -> None:
        authenticated(operator, world.operator_user, seconds_ago=settings.SUDO_SECONDS + 1)
        response = operator.post(self.PAUSE, {"key": "k"})
        again = f"/sign-in/afresh/?next={self.PAUSE}"
        assert (response.status_code, response["Location"]) == (302, again)
        assert exchange.asked == []
        assert self.PAUSE in operator.get(again).content.decode()
        assert "_auth_user_id" in operator.session, "a link signs nobody out"
        signed_out = operator.post(again, {"next": self.PAUSE})
        assert (signed_out.status_code, signed_out["Location"]) == (302, f"/sign-in/?next={self.PAUSE}")
        assert "_auth_user_id" not in operator.session
        assert operator.get("/admin/").status_code == 302

    def test_it_lasts_for_its_time(self, operator: Client, world: Class, settings: Any) -> None:
        authenticated(operator, world.operator_user, seconds_ago=settings.SUDO_SECONDS - 60)
        assert operator.get(self.PAUSE).status_code == 200

    def test_a_session_that_nobody_has_signed_in_to_has_none(self, world: Class, exchange: FakeGateway) -> None:
        client = Client()
        client.force_login(world.operator_user)
        assert client.post(self.PAUSE, {"key": "k"}).status_code == 302
        assert exchange.asked == []

    def test_a_part_that_renews_itself_has_the_whole_page_ask(
        self, operator: Client, world: Class, settings: Any
    ) -> None:
        authenticated(operator, world.operator_user, seconds_ago=settings.SUDO_SECONDS + 1)
        response = operator.get("/admin/", headers={"HX-Request": "true"})
        assert (response.status_code, response["HX-Refresh"], response.content) == (200, "true", b"")
        assert SESSION_KEY in operator.session  # a poll does not end the session

    def test_the_way_out_needs_none(self, operator: Client, world: Class, settings: Any) -> None:
        authenticated(operator, world.operator_user, seconds_ago=settings.SUDO_SECONDS + 1)
        operator.post("/admin/logout/")
        assert SESSION_KEY not in operator.session


class TestDanger:
    """An operation that cannot be undone asks again sooner (DANGER_SECONDS)."""

    GIFT = "/admin/accounts/account/3/gift/"

    @pytest.fixture
    def late(self, operator: Client, world: Class, settings: Any) -> Client:
        """An operator whose sign-in is recent enough for sudo, but not for dangerous operations."""
        world.operator_user.set_password("pass phrase")
        world.operator_user.save()
        operator.force_login(world.operator_user)
        authenticated(operator, world.operator_user, seconds_ago=settings.DANGER_SECONDS + 1)
        return operator

    @pytest.mark.usefixtures("rows")
    def test_is_what_it_is_said_to_be(self, late: Client, world: Class) -> None:
        create_token(world.operator_user, "own")
        asked = {page[0] for page in PAGES if "operation" in page[2] and late.get(address(*page)).status_code == 302}
        assert asked == {
            *(f"admin:accounts_account_{slug}" for slug in ("gift", "collect")),
            *(f"admin:accounts_ownership_{slug}" for slug in ("revoke", "redistribute")),
            "admin:accounts_apitoken_revoke",
            "admin:markets_market_close",
            "admin:markets_market_settle",
            *(f"admin:auctions_auction_{slug}" for slug in ("settle", "withdraw")),
        }

    def test_what_was_typed_is_there_after_the_password_and_not_yet_sent(
        self, late: Client, exchange: FakeGateway
    ) -> None:
        again = f"/sign-in/again/?next={self.GIFT}"
        response = late.post(self.GIFT, {"key": "k", "amount": "12.5", "note": "for luck"})
        assert (response.status_code, response["Location"]) == (302, again)
        assert late.post(again, {"password": "pass phrase"})["Location"] == self.GIFT
        assert exchange.asked == []
        page = late.get(self.GIFT).content.decode()
        for words in ('value="12.5"', 'value="for luck"', 'name="key" value="k"'):
            assert words in page
        assert 'value="12.5"' not in late.get(self.GIFT).content.decode()  # it is filled in only once

    def test_is_done_in_time(self, operator: Client, world: Class, exchange: FakeGateway, settings: Any) -> None:
        authenticated(operator, world.operator_user, seconds_ago=settings.DANGER_SECONDS - 60)
        operator.post(self.GIFT, {"key": "k", "amount": "5"})
        assert len(exchange.asked) == 1
