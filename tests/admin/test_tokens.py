"""Tokens: made for a person, shown once, kept as a digest, revoked."""

import hashlib
import re
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken
from accounts.tokens import create_token, find_token, revoke_token
from tests.admin.conftest import Class, FakeGateway, browser, errors, said

MAKE = "/admin/accounts/apitoken/make/"
FORM = {"key": "k", "person": "Alice", "name": "laptop", "days": "7"}


class TestTokens:
    def test_only_a_digest_of_256_random_bits_is_kept(self, world: Class) -> None:
        token, secret = create_token(world.alice_user, "laptop")
        assert re.fullmatch(r"[-_A-Za-z0-9]{43}", secret)
        kept = ApiToken.objects.get(pk=token.pk)
        assert bytes(kept.digest) == hashlib.sha256(secret.encode()).digest()
        assert secret.startswith(kept.prefix)
        assert len(kept.prefix) == 8
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


class TestMaking:
    def test_shows_the_secret_once_and_nothing_may_keep_the_page(self, operator: Client, world: Class) -> None:
        response = operator.post(MAKE, FORM)
        found = re.search(r'data-testid="secret">([^<]+)<', response.content.decode())
        assert found is not None
        assert "no-store" in response["Cache-Control"].split(", ")
        token = find_token(found[1])
        assert token is not None
        assert (token.user, token.name) == (world.alice_user, "laptop")
        assert token.expires_at is not None
        assert timedelta(days=6) < token.expires_at - timezone.now() <= timedelta(days=7)
        for page in (f"/admin/accounts/apitoken/{token.pk}/change/", "/admin/accounts/apitoken/"):
            assert found[1] not in operator.get(page).content.decode()

    def test_a_token_may_have_no_end(self, operator: Client) -> None:
        operator.post(MAKE, {**FORM, "days": "0"})
        assert ApiToken.objects.get().expires_at is None

    def test_a_double_click_makes_one_token(self, operator: Client) -> None:
        operator.post(MAKE, FORM)
        response = operator.post(MAKE, FORM)
        assert ApiToken.objects.count() == 1
        assert said(response) == ["This form has made its token. If you did not keep it, revoke it here."]

    def test_a_key_is_of_one_operator_only(self, operator: Client, world: Class) -> None:
        operator.post(MAKE, FORM)
        browser(world.root_user).post(MAKE, FORM)
        assert ApiToken.objects.count() == 2

    def test_needs_a_person_who_is_there_and_active(self, operator: Client, world: Class) -> None:
        world.bob_user.is_active = False
        world.bob_user.save()
        for person in ("mallory", "bob"):
            response = operator.post(MAKE, {**FORM, "person": person})
            assert errors(response) == {"person": ["There is no active person of this username."]}
        assert ApiToken.objects.count() == 0

    def test_only_superusers_make_tokens_for_other_operators(self, operator: Client, world: Class) -> None:
        for person in ("steve", "root"):
            response = operator.post(MAKE, {**FORM, "person": person})
            assert errors(response) == {"person": ["Only a superuser makes tokens for other operators."]}
        assert ApiToken.objects.count() == 0
        operator.post(MAKE, {**FORM, "person": "olivia"})
        browser(world.root_user).post(MAKE, {**FORM, "person": "steve"})
        assert {token.user for token in ApiToken.objects.all()} == {world.operator_user, world.staff_user}

    def test_begins_with_the_person_of_the_page_one_comes_from(self, operator: Client, world: Class) -> None:
        (account, make) = operator.get(f"/admin/accounts/user/{world.alice_user.pk}/change/").context["buttons"]
        assert account.url == "/admin/accounts/account/2/change/"
        assert 'name="person" value="alice"' in operator.get(make.url).content.decode()


class TestRevoking:
    def test_ends_it_and_a_second_time_does_nothing_more(self, operator: Client, world: Class) -> None:
        token, secret = create_token(world.alice_user, "laptop")
        path = f"/admin/accounts/apitoken/{token.pk}/revoke/"
        assert operator.get(path).status_code == 200
        assert find_token(secret) is not None
        response = operator.post(path, {"key": "k"})
        assert said(response) == ["“laptop” of alice is revoked."]
        assert find_token(secret) is None
        operator.post(path, {"key": "k"})
        assert [str(entry.change_message) for entry in world.operator_user.logentry_set.all()] == ["Revoked."]

    def test_the_table_tells_their_state(self, operator: Client, world: Class, exchange: FakeGateway) -> None:
        create_token(world.alice_user, "good")
        revoke_token(create_token(world.alice_user, "gone")[0])
        create_token(world.alice_user, "late", timezone.now() - timedelta(days=1))
        world.bob_user.is_active = False
        world.bob_user.save()
        create_token(world.bob_user, "nobody's")
        page = operator.get("/admin/accounts/apitoken/").content.decode()
        rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in page.split("data-row")[1:]]
        states = {name: state for row in rows for state in STATES for name in NAMES if name in row and state in row}
        assert states == {"good": "active", "gone": "revoked", "late": "expired", "nobody&#x27;s": "of nobody active"}


NAMES = ("good", "gone", "late", "nobody&#x27;s")
STATES = ("active", "revoked", "expired", "of nobody active")
