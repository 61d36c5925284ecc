"""Access tokens of the provider: where keys come from, and what a token allows. tests/live tries forged ones."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Permission

from accounts import provider
from accounts.authentication import AccessTokenCredential, _revoked, by_bearer
from accounts.models import User
from accounts.services import MARKET_OPERATORS, follow_operator_role
from accounts.sudo import _may_sudo
from realtime.rights import EVERYTHING, Rights
from tests.admin.conftest import Class
from tests.live.provider import AUDIENCE, ID, ROLE, Provider
from tests.live.provider import provider as running_provider


@pytest.fixture(scope="module")
def school() -> Iterator[Provider]:
    with running_provider() as one:
        yield one


@pytest.fixture
def known(settings: Any, school: Provider, world: Class) -> Class:
    """Alice and the operator Olivia, who have signed in once with the provider."""
    settings.OIDC_ISSUER, settings.OIDC_AUDIENCE, settings.OIDC_ID = school.issuer, AUDIENCE, ID
    settings.OIDC_OPERATOR_ROLE = ROLE
    for user in (world.alice_user, world.operator_user):
        SocialAccount.objects.create(user=user, provider=ID, uid=f"sub-{user.username}")
    return world


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    return clock


class TestKeys:
    def test_are_fetched_once_a_minute_at_most_whatever_is_asked_for(self, school: Provider, clock: Clock) -> None:
        keys = provider.ProviderKeys(school.issuer)
        school.requests.clear()
        for n in range(50):
            assert keys.find(f"forged {n}") is None
        assert keys.find(school.kid) is not None
        assert len(school.asked("/jwks")) == 1
        clock.now += provider.FETCH_EVERY_SECONDS + 1
        for n in range(50):
            assert keys.find(f"forged {n}") is None
        assert len(school.asked("/jwks")) == 2

    def test_a_new_one_is_found_and_the_old_one_forgotten(self, school: Provider, clock: Clock) -> None:
        keys, old = provider.ProviderKeys(school.issuer), school.kid
        assert keys.find(old) is not None
        school.rotate()
        assert school.kid != old
        assert keys.find(school.kid) is None  # not yet
        clock.now += provider.FETCH_EVERY_SECONDS + 1
        assert keys.find(school.kid) is not None
        assert keys.find(old) is None

    def test_one_that_was_withdrawn_does_not_stay_for_long(self, school: Provider, clock: Clock) -> None:
        keys, old = provider.ProviderKeys(school.issuer), school.kid
        assert keys.find(old) is not None
        school.rotate()
        clock.now += provider.KEYS_SECONDS + 1
        assert keys.find(old) is None

    def test_stay_while_the_provider_is_away(self, clock: Clock) -> None:
        with running_provider() as one:
            keys, kid = provider.ProviderKeys(one.issuer), one.kid
            assert keys.find(kid) is not None
        clock.now += provider.KEYS_SECONDS + 1
        assert keys.find(kid) is not None
        assert keys.find("another") is None

    def test_are_of_who_calls_itself_as_we_do(self, school: Provider) -> None:
        assert provider.ProviderKeys(school.issuer + "/").find(school.kid) is None


class TestRights:
    def test_are_everything_of_the_person_until_it_expires(self, known: Class, school: Provider) -> None:
        alice, ends = known.alice_user, int(time.time()) + 100
        found = by_bearer(school.sign("sub-alice", exp=ends))
        assert found is not None
        assert found.user == alice
        assert found.principal.rights == Rights(False, EVERYTHING, 0)
        leeway = provider.LEEWAY_SECONDS
        assert found.principal.credential == AccessTokenCredential(alice.pk, ends + leeway, False)

    def test_an_operators_take_the_claim_and_the_permission(self, known: Class, school: Provider) -> None:
        said = {
            (sub, named): bool((found := by_bearer(school.sign(sub, roles=roles))) and found.principal.rights.operator)
            for sub in ("sub-alice", "sub-olivia")
            for named, roles in ((True, ["x", ROLE]), (False, ["x"]), (False, None))
        }
        assert [key for key, operator in said.items() if operator] == [("sub-olivia", True)]

    def test_none_without_an_audience_in_the_settings(self, known: Class, school: Provider, settings: Any) -> None:
        token = school.sign("sub-alice")
        assert by_bearer(token) is not None
        settings.OIDC_AUDIENCE = ""
        assert by_bearer(token) is None

    def test_end(self, known: Class) -> None:
        alice, olivia, now = known.alice_user, known.operator_user, int(time.time())
        lasting, over = (
            AccessTokenCredential(alice.pk, now + 60, False),
            AccessTokenCredential(alice.pk, now - 1, False),
        )
        operator, nobody = AccessTokenCredential(olivia.pk, now + 60, True), AccessTokenCredential(999, now + 60, False)
        every = {lasting, over, operator, nobody}
        assert _may_sudo({*every}) == {operator}
        assert _revoked({*every}) == {over, nobody}
        olivia.user_permissions.clear()
        assert _may_sudo({*every}) == set()
        assert _revoked({*every}) == {over, nobody, operator}
        User.objects.filter(pk=alice.pk).update(is_active=False)
        assert _revoked({*every}) == every


class TestClaim:
    @pytest.mark.parametrize(
        "said", [ROLE, [ROLE], ["x", ROLE], [{"id": "1", "key": ROLE}], [{"key": "x"}, {"name": ROLE}]]
    )
    def test_names_operators(self, settings: Any, said: Any) -> None:
        settings.OIDC_OPERATOR_ROLE = ROLE
        assert provider.names_operator({"roles": said})
        assert not provider.names_operator({"role": said})
        settings.OIDC_ROLES_CLAIM = "https://school.example/roles"
        assert provider.names_operator({"https://school.example/roles": said})

    @pytest.mark.parametrize(
        "said", [None, "", [], {}, "x", f"{ROLE}s", f"x {ROLE}", [[ROLE]], [{"id": ROLE}], {"key": "x"}, 1, [None]]
    )
    def test_or_does_not(self, settings: Any, said: Any) -> None:
        settings.OIDC_OPERATOR_ROLE = ROLE
        assert not provider.names_operator({"roles": said})
        settings.OIDC_OPERATOR_ROLE = ""
        assert not provider.names_operator({"roles": said})


class TestRole:
    """Operators follow the provider's claim. Rights given in the console stay."""

    def operates(self, user: User) -> tuple[bool, bool]:
        fresh = User.objects.get(pk=user.pk)
        return fresh.is_staff, fresh.has_perm("markets.operate_exchange")

    def test_comes_and_goes(self, known: Class) -> None:
        for _ in range(2):
            follow_operator_role(known.alice_user, True)
            assert self.operates(known.alice_user) == (True, True)
        follow_operator_role(known.alice_user, False)
        assert self.operates(known.alice_user) == (False, False)

    def test_does_not_touch_operators_of_ours(self, known: Class) -> None:
        for user in (known.operator_user, known.root_user, known.staff_user):
            before = self.operates(user)
            follow_operator_role(user, False)
            assert self.operates(user) == before
        known.alice_user.user_permissions.add(Permission.objects.get(codename="operate_exchange"))
        follow_operator_role(known.alice_user, True)
        follow_operator_role(known.alice_user, False)
        assert self.operates(known.alice_user) == (True, True)

    def test_means_nothing_if_the_settings_name_none(self, known: Class, settings: Any) -> None:
        follow_operator_role(known.alice_user, True)
        settings.OIDC_OPERATOR_ROLE = ""
        follow_operator_role(known.alice_user, False)
        follow_operator_role(known.bob_user, True)
        assert self.operates(known.alice_user) == (True, True)
        assert self.operates(known.bob_user) == (False, False)
        assert known.alice_user.groups.get().name == MARKET_OPERATORS
