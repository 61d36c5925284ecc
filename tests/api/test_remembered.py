"""What REST remembers of tokens: when it counts, and which changes end it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from accounts import remembered
from accounts.authentication import LAST_USED_EVERY, by_bearer
from accounts.models import ApiToken, User
from accounts.remembered import look_up, recall
from accounts.tokens import create_token, revoke_token
from realtime import gateway
from realtime.errors import Outdated
from tests.api.conftest import FakeMatcher
from tests.pages.conftest import World


class Beats:
    """A matcher that is heard, and its count of revocations."""

    count: int | None = 7
    told = 0

    def tell(self) -> None:
        self.told += 1


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> Iterator[Beats]:
    found = Beats()
    monkeypatch.setattr(gateway, "revocations", lambda: found.count)
    monkeypatch.setattr(gateway, "revoked_sync", found.tell)
    yield found
    remembered._tokens.clear()


@pytest.fixture
def secret(world: World) -> str:
    return create_token(world.alice_user, "bot")[1]


# --- When it counts


def test_a_token_is_recalled_without_the_database(
    secret: str, beats: Beats, world: World, django_assert_num_queries: Any
) -> None:
    assert recall(secret) is None
    found = look_up(secret)
    with django_assert_num_queries(0):
        known = recall(secret)
    assert known is not None
    assert (known.found, known.own, known.as_of) == (found, world.alice.id, 7)


@pytest.mark.parametrize("count", [8, None])
def test_nothing_is_recalled_after_a_revocation_or_without_a_matcher(
    secret: str, beats: Beats, count: int | None
) -> None:
    look_up(secret)
    beats.count = count
    assert recall(secret) is None


def test_a_revocation_during_the_look_up_counts(secret: str, beats: Beats, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(secret: str) -> Any:
        found = by_bearer(secret)
        beats.count = 8
        return found

    monkeypatch.setattr("accounts.remembered.by_bearer", slowly)
    assert look_up(secret) is not None
    assert recall(secret) is None


def test_nothing_is_remembered_without_a_matcher(secret: str, beats: Beats) -> None:
    beats.count = None
    assert look_up(secret) is not None
    assert not remembered._tokens


def test_a_token_is_forgotten_when_it_expires_or_its_use_is_to_be_written(
    world: World, beats: Beats, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = timezone.now() + timedelta(seconds=20)
    for expires_at, seconds in ((ends, 20.0), (None, LAST_USED_EVERY.total_seconds())):
        secret = create_token(world.alice_user, "bot", expires_at)[1]
        look_up(secret)
        known = recall(secret)
        assert known is not None
        assert known.until - timezone.now().timestamp() == pytest.approx(seconds, abs=10)
        with monkeypatch.context() as later:
            later.setattr("accounts.remembered.time.time", lambda until=known.until: until)
            assert recall(secret) is None


def test_a_wrong_token_is_not_remembered_and_memory_has_a_bound(
    world: World, beats: Beats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "TOKENS_MAX", 2)
    assert look_up("xt_wrong") is None
    secrets = [create_token(world.alice_user, f"bot {number}")[1] for number in range(3)]
    for secret in secrets:
        look_up(secret)
    assert [recall(secret) is not None for secret in secrets] == [False, True, True]


# --- What tells the matcher


def renew_password(user: User) -> None:
    user.set_password("another")
    user.save()


CHANGES: dict[str, tuple[Callable[[User, ApiToken, Group], object], bool]] = {
    "a revoked token": (lambda user, token, group: revoke_token(token), True),
    "a deleted token": (lambda user, token, group: token.delete(), True),
    "a changed token": (lambda user, token, group: token.save(), True),
    "a changed person": (lambda user, token, group: user.save(), True),
    "a new password": (lambda user, token, group: renew_password(user), True),
    "a role given": (lambda user, token, group: user.groups.add(Group.objects.create(name="New")), True),
    "a role taken away": (lambda user, token, group: user.groups.clear(), True),
    "a permission taken away": (lambda user, token, group: user.user_permissions.clear(), True),
    "a role that changes": (lambda user, token, group: group.permissions.clear(), True),
    "a role that is deleted": (lambda user, token, group: group.delete(), True),
    "a sign-in": (lambda user, token, group: user.save(update_fields=["last_login"]), False),
    "a new person": (lambda user, token, group: User.objects.create(username="new"), False),
    "a new token": (lambda user, token, group: create_token(user, "another"), False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_ends_a_credential_is_told_to_the_matcher(
    world: World, beats: Beats, django_capture_on_commit_callbacks: Any, change: str
) -> None:
    do, is_told = CHANGES[change]
    user, token = world.alice_user, create_token(world.alice_user, "bot")[0]
    group = Group.objects.create(name="Role")
    permission = Permission.objects.get(codename="operate_exchange")
    group.permissions.add(permission)
    user.groups.add(group)
    user.user_permissions.add(permission)
    assert beats.told == 0
    with django_capture_on_commit_callbacks(execute=True):
        do(user, token, group)
        assert beats.told == 0, "only after the commit"
    assert bool(beats.told) == is_told


# --- A request that relies on memory


class Distrust(FakeMatcher):
    """Takes only requests whose credential was just looked up."""

    refused = 0

    async def draw(self, *args: Any, as_of: int | None = None, **more: Any) -> Any:
        self._check(as_of)
        return await super().draw(*args, **more)

    async def ask(self, *args: Any, as_of: int | None = None, **more: Any) -> Any:
        self._check(as_of)
        return await super().ask(*args, **more)

    def _check(self, as_of: int | None) -> None:
        if as_of is not None:
            self.refused += 1
            raise Outdated


@pytest.fixture
def distrust(matcher: FakeMatcher, beats: Beats, monkeypatch: pytest.MonkeyPatch) -> Distrust:
    fake = Distrust()
    monkeypatch.setattr(gateway, "ask", fake.ask)
    monkeypatch.setattr(gateway, "draw", fake.draw)
    return fake


def test_an_outdated_request_looks_its_token_up_again(world: World, secret: str, distrust: Distrust) -> None:
    bot = Client(headers={"Authorization": f"Bearer {secret}"})
    look_up(secret)
    assert bot.get("/api/v1/me").status_code == 200
    assert bot.post("/api/v1/orders/out", {}, content_type="application/json").status_code != 401
    assert distrust.refused == 2
    ApiToken.objects.update(revoked_at=timezone.now())  # the process has not heard of it
    for answer in (bot.get("/api/v1/me"), bot.post("/api/v1/orders/out", {}, content_type="application/json")):
        assert (answer.status_code, answer.json()["code"]) == (401, "NOT_AUTHENTICATED")
    assert len(distrust.asked) == 1
