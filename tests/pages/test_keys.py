"""The page of API tokens: creating one, reading its secret once, listing and revoking."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, Ownership
from accounts.tokens import create_token, find_token
from realtime.rights import EVERYTHING, Scope
from tests.admin.conftest import Class, authenticated
from tests.pages.conftest import FakeGateway, World
from tests.pages.html import Element, read, toasts

FORM = {"key": "k", "name": "laptop", "days": "7", "account": "", "scopes": [str(int(Scope.TRADE))]}


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    cache.clear()


def boxes(page: Element) -> list[str]:
    (form,) = page.all("key-form")
    return [box.attributes["value"] for box in form.named("input") if box.attributes.get("type") == "checkbox"]


class TestMaking:
    def test_begins_with_the_least_that_a_bot_needs(self, alice: Client, world: World) -> None:
        (form,) = read(alice.get("/keys/")).all("key-form")
        ticked = [box.attributes["value"] for box in form.named("input") if "checked" in box.attributes]
        assert ticked == [str(int(Scope.TRADE))]

    def test_shows_the_secret_once(self, alice: Client, world: World) -> None:
        response = alice.post("/keys/", FORM)
        assert "no-store" in response["Cache-Control"]
        secret = read(response).one("secret").text
        token = find_token(secret)
        assert token is not None
        assert (token.user, token.name, token.account) == (world.alice_user, "laptop", None)
        assert token.scopes == Scope.READ | Scope.TRADE
        assert token.expires_at is not None
        assert timedelta(days=6) < token.expires_at - timezone.now() <= timedelta(days=7)
        page = read(alice.get("/keys/"))
        assert secret not in page.text
        (row,) = page.all("key")
        cells = row.cells()
        assert cells[:4] == ["laptop", f"{token.prefix}…", "read, trade", "all"]

    def test_may_be_bound_to_an_account_of_ones_own(self, alice: Client, world: World) -> None:
        alice.post("/keys/", {**FORM, "account": "5"})
        assert ApiToken.objects.get().account == world.bot

    @pytest.mark.parametrize("account", ["6", "3", "1", "999", "x"])
    def test_but_to_no_other(self, alice: Client, world: World, account: str) -> None:
        page = read(alice.post("/keys/", {**FORM, "account": account}))
        assert ApiToken.objects.count() == 0
        (name,) = [e for e in page.one("key-form").named("input") if e.attributes.get("name") == "name"]
        assert name.attributes["value"] == "laptop"  # the form keeps the input
        assert "Select a valid choice" in page.one("key-form").text

    def test_a_reload_makes_no_second_one(self, alice: Client, world: World) -> None:
        alice.post("/keys/", FORM)
        page = read(alice.post("/keys/", FORM, follow=True))
        assert toasts(page) == ["This form has made its token. If you did not keep it, revoke it here."]
        assert ApiToken.objects.count() == 1

    def test_one_too_many_is_refused(self, alice: Client, world: World, settings: Any) -> None:
        settings.API_TOKENS_MAX = 1
        create_token(world.alice_user, "first")
        page = read(alice.post("/keys/", FORM))
        assert "Revoke one first" in page.one("key-form").text
        assert ApiToken.objects.count() == 1

    def test_needs_somebody_who_is_signed_in(self, world: World) -> None:
        for response in (Client().get("/keys/"), Client().post("/keys/", FORM)):
            assert response.status_code == 302
        assert ApiToken.objects.count() == 0


class TestSudo:
    """The page offers sudo only to operators, and only after a recent authentication."""

    def test_is_not_for_everybody(self, alice: Client, world: World) -> None:
        assert boxes(read(alice.get("/keys/"))) == ["2", "4", "8"]
        alice.post("/keys/", {**FORM, "scopes": [str(int(Scope.SUDO))]})
        assert ApiToken.objects.count() == 0

    def test_is_for_operators_who_have_just_signed_in(self, db: None, exchange: FakeGateway) -> None:
        world = Class()
        client = Client()
        client.force_login(world.operator_user)
        assert boxes(read(client.get("/keys/"))) == ["2", "4", "8"]
        assert client.get("/keys/?sudo").headers["Location"].startswith("/sign-in/")
        client.force_login(world.operator_user)
        authenticated(client, world.operator_user)
        assert boxes(read(client.get("/keys/?sudo"))) == ["2", "4", "8", "16"]
        client.post("/keys/", {**FORM, "scopes": ["2", "4", "8", "16"]})
        assert ApiToken.objects.get().scopes == EVERYTHING


class TestTable:
    def test_has_ones_own_live_ones(self, alice: Client, world: World) -> None:
        create_token(world.bob_user, "Bob's")
        create_token(world.alice_user, "late", timezone.now())
        create_token(world.alice_user, "good")
        assert [row.cells()[0] for row in read(alice.get("/keys/")).all("key")] == ["good"]

    def test_says_which_opens_nothing(self, alice: Client, world: World) -> None:
        create_token(world.alice_user, "for Team", account=world.team)
        assert read(alice.get("/keys/")).one("key").cells()[3] == "Team"
        Ownership.objects.filter(account=world.team).delete()
        assert "does not work" in read(alice.get("/keys/")).one("key").cells()[3]


class TestRevoking:
    def test_ends_it(self, alice: Client, world: World) -> None:
        token, secret = create_token(world.alice_user, "laptop")
        page = read(alice.post(f"/keys/{token.pk}/revoke/", follow=True))
        assert toasts(page) == ["“laptop” is revoked. Its open connections close within seconds."]
        assert find_token(secret) is None
        assert page.all("key") == []

    def test_is_for_ones_own(self, alice: Client, world: World) -> None:
        token, secret = create_token(world.bob_user, "Bob's")
        alice.post(f"/keys/{token.pk}/revoke/")
        assert find_token(secret) is not None
