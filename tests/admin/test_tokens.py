"""Tokens are made for a person, shown once, stored as a digest, and revoked."""

import hashlib
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, Ownership
from accounts.operations import NOT_THEIRS
from accounts.tokens import TooManyTokens, create_token, find_token, revoke_token
from realtime.rights import Scope
from tests.admin.conftest import Class, FakeGateway, browser, errors, said

MAKE = "/admin/accounts/apitoken/make/"
FORM = {"key": "k", "person": "Alice", "name": "laptop", "days": "7"}


class TestTokens:
    def test_only_a_digest_of_256_random_bits_is_kept(self, world: Class) -> None:
        token, secret = create_token(world.alice_user, "laptop")
        assert re.fullmatch(r"xt_[-_A-Za-z0-9]{43}", secret)
        kept = ApiToken.objects.get(pk=token.pk)
        assert bytes(kept.digest) == hashlib.sha256(secret.encode()).digest()
        assert secret.startswith(kept.prefix)
        assert len(kept.prefix) == 11
        assert create_token(world.alice_user, "laptop")[1] != secret

    def test_the_secret_finds_it_and_its_person(self, world: Class) -> None:
        token, secret = create_token(world.alice_user, "laptop", timezone.now() + timedelta(minutes=1))
        create_token(world.bob_user, "other")
        found = find_token(secret)
        assert found is not None
        assert (found, found.user) == (token, world.alice_user)

    def test_anything_else_finds_nothing(self, world: Class) -> None:
        token, secret = create_token(world.alice_user, "laptop")
        for other in ("", "x", "\x00", "é", secret[:-1], f"{secret}x", token.prefix, bytes(token.digest).hex()):
            assert find_token(other) is None

    def test_not_when_it_is_revoked(self, world: Class) -> None:
        token, secret = create_token(world.alice_user, "laptop")
        assert revoke_token(token)
        assert find_token(secret) is None
        revoked_at = ApiToken.objects.get(pk=token.pk).revoked_at
        assert not revoke_token(token)
        assert ApiToken.objects.get(pk=token.pk).revoked_at == revoked_at

    def test_not_when_it_has_expired(self, world: Class) -> None:
        _, secret = create_token(world.alice_user, "laptop", timezone.now() - timedelta(seconds=1))
        assert find_token(secret) is None

    def test_not_when_the_person_is_deactivated(self, world: Class) -> None:
        _, secret = create_token(world.alice_user, "laptop")
        world.alice_user.is_active = False
        world.alice_user.save()
        assert find_token(secret) is None

    def test_one_of_before_scopes_is_found_and_may_all_but_sudo(self, world: Class) -> None:
        """Old tokens have no mark."""
        old = "A" * 43
        ApiToken.objects.create(
            user=world.alice_user, name="old", prefix=old[:8], digest=hashlib.sha256(old.encode()).digest()
        )
        found = find_token(old)
        assert found is not None
        assert (found.scopes, found.account_id) == (Scope.READ | Scope.TRADE | Scope.TRANSFER | Scope.MANAGE, None)

    def test_not_when_its_account_is_not_the_persons_any_more(self, world: Class) -> None:
        token, secret = create_token(world.alice_user, "for Bot", account=world.bot)
        assert find_token(secret) == token  # Alice owns Team, which owns Bot
        Ownership.objects.filter(account=world.team).delete()
        assert find_token(secret) is None

    def test_a_person_has_at_most_so_many_live_ones(self, world: Class, settings: Any) -> None:
        settings.API_TOKENS_MAX = 2
        first, _ = create_token(world.alice_user, "1")
        create_token(world.alice_user, "2")
        with pytest.raises(TooManyTokens):
            create_token(world.alice_user, "3")
        create_token(world.bob_user, "3")
        revoke_token(first)
        create_token(world.alice_user, "3", timezone.now())
        create_token(world.alice_user, "4")  # the third has expired
        assert world.alice_user.api_tokens.count() == 4


class TestMaking:
    def test_has_the_scopes_and_the_account_that_were_chosen(self, administrator: Client, world: Class) -> None:
        administrator.post(MAKE, {**FORM, "scopes": [Scope.TRADE, Scope.MANAGE], "account": " TEAM "})
        token = ApiToken.objects.get()
        assert (token.scopes, token.account) == (Scope.READ | Scope.TRADE | Scope.MANAGE, world.team)
        page = administrator.get("/admin/accounts/apitoken/").content.decode()
        assert "read, trade, manage" in page
        assert "Team" in page

    def test_only_for_an_account_of_the_persons(self, administrator: Client, world: Class) -> None:
        response = administrator.post(MAKE, {**FORM, "account": "Bob's alt"})
        assert errors(response) == {"account": ["alice cannot act as Bob's alt."]}
        assert ApiToken.objects.count() == 0

    def test_sudo_is_for_operators(self, administrator: Client, world: Class) -> None:
        response = administrator.post(MAKE, {**FORM, "scopes": [Scope.SUDO]})
        assert errors(response) == {"scopes": ["alice is not an operator."]}
        administrator.post(MAKE, {**FORM, "person": "ada", "scopes": [Scope.SUDO]})
        assert ApiToken.objects.get().scopes == Scope.READ | Scope.SUDO

    def test_one_too_many_is_told_and_the_form_can_be_sent_again(
        self, administrator: Client, world: Class, settings: Any
    ) -> None:
        settings.API_TOKENS_MAX = 1
        token, _ = create_token(world.alice_user, "1")
        response = administrator.post(MAKE, FORM)
        assert errors(response) == {"__all__": ["alice has 1 tokens already. Revoke one first."]}
        revoke_token(token)
        administrator.post(MAKE, FORM)
        assert ApiToken.objects.count() == 2

    def test_shows_the_secret_once_and_nothing_may_keep_the_page(self, administrator: Client, world: Class) -> None:
        response = administrator.post(MAKE, FORM)
        found = re.search(r'data-testid="secret">([^<]+)<', response.content.decode())
        assert found is not None
        assert "no-store" in response["Cache-Control"].split(", ")
        token = find_token(found[1])
        assert token is not None
        assert (token.user, token.name) == (world.alice_user, "laptop")
        assert token.expires_at is not None
        assert timedelta(days=6) < token.expires_at - timezone.now() <= timedelta(days=7)
        for page in (f"/admin/accounts/apitoken/{token.pk}/change/", "/admin/accounts/apitoken/"):
            assert found[1] not in administrator.get(page).content.decode()

    def test_a_token_may_have_no_end(self, administrator: Client) -> None:
        administrator.post(MAKE, {**FORM, "days": "0"})
        assert ApiToken.objects.get().expires_at is None

    def test_a_double_click_makes_one_token(self, administrator: Client) -> None:
        administrator.post(MAKE, FORM)
        response = administrator.post(MAKE, FORM)
        assert ApiToken.objects.count() == 1
        assert said(response) == ["This form has made its token. If you did not keep it, revoke it here."]

    def test_a_key_is_of_one_operator_only(self, administrator: Client, world: Class) -> None:
        administrator.post(MAKE, FORM)
        browser(world.root_user).post(MAKE, FORM)
        assert ApiToken.objects.count() == 2

    def test_needs_a_person_who_is_there_and_active(self, administrator: Client, world: Class) -> None:
        world.bob_user.is_active = False
        world.bob_user.save()
        for person in ("mallory", "bob"):
            response = administrator.post(MAKE, {**FORM, "person": person})
            assert errors(response) == {"person": ["There is no active person with this username."]}
        assert ApiToken.objects.count() == 0

    def test_only_superusers_make_tokens_for_other_operators(self, administrator: Client, world: Class) -> None:
        for person in ("steve", "root", "olivia"):
            response = administrator.post(MAKE, {**FORM, "person": person})
            assert errors(response) == {"person": [NOT_THEIRS]}
        assert ApiToken.objects.count() == 0
        administrator.post(MAKE, {**FORM, "person": "ada"})
        browser(world.root_user).post(MAKE, {**FORM, "person": "steve"})
        assert {token.user for token in ApiToken.objects.all()} == {world.admin_user, world.staff_user}

    def test_operators_see_make_and_revoke_their_own_only(self, operator: Client, world: Class) -> None:
        theirs, _ = create_token(world.alice_user, "Alice's")
        response = operator.post(MAKE, FORM)
        assert errors(response) == {"person": [NOT_THEIRS]}
        operator.post(MAKE, {**FORM, "person": "olivia", "name": "my own"})
        own = ApiToken.objects.get(user=world.operator_user)
        page = operator.get("/admin/accounts/apitoken/").content.decode()
        assert "my own" in page
        assert "Alice&#x27;s" not in page
        table = "/admin/accounts/apitoken"
        assert operator.post(f"{table}/{theirs.pk}/revoke/", {"key": "k"}).status_code == 404
        assert (
            operator.get(f"{table}/{theirs.pk}/change/").status_code == 302
        )  # redirected to the home: it does not exist for them
        operator.post(f"{table}/{own.pk}/revoke/", {"key": "k"})
        assert list(ApiToken.objects.filter(revoked_at=None)) == [theirs]

    def test_begins_with_the_person_of_the_page_one_comes_from(self, administrator: Client, world: Class) -> None:
        (account, make) = administrator.get(f"/admin/accounts/user/{world.alice_user.pk}/change/").context["buttons"]
        assert account.url == "/admin/accounts/account/2/change/"
        assert 'name="person" value="alice"' in administrator.get(make.url).content.decode()


class TestRevoking:
    def test_ends_it_and_a_second_time_does_nothing_more(self, administrator: Client, world: Class) -> None:
        token, secret = create_token(world.alice_user, "laptop")
        path = f"/admin/accounts/apitoken/{token.pk}/revoke/"
        assert administrator.get(path).status_code == 200
        assert find_token(secret) is not None
        response = administrator.post(path, {"key": "k"})
        assert said(response) == ["“laptop” of alice is revoked."]
        assert find_token(secret) is None
        administrator.post(path, {"key": "k"})
        assert [str(entry.change_message) for entry in world.admin_user.logentry_set.all()] == ["Revoked: as agreed"]

    def test_the_table_tells_their_state(self, administrator: Client, world: Class, exchange: FakeGateway) -> None:
        create_token(world.alice_user, "good")
        revoke_token(create_token(world.alice_user, "gone")[0])
        create_token(world.alice_user, "late", timezone.now() - timedelta(days=1))
        world.bob_user.is_active = False
        world.bob_user.save()
        create_token(world.bob_user, "nobody's")
        page = administrator.get("/admin/accounts/apitoken/").content.decode()
        rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in page.split("data-row")[1:]]
        states = {name: state for row in rows for state in STATES for name in NAMES if name in row and state in row}
        assert states == {"good": "active", "gone": "revoked", "late": "expired", "nobody&#x27;s": "person inactive"}


NAMES = ("good", "gone", "late", "nobody&#x27;s")
STATES = ("active", "revoked", "expired", "person inactive")
