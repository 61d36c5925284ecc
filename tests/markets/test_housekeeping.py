"""What nobody needs any more goes, every hour, and a database that is away for a while does not end the process."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.utils import timezone

from accounts import services
from accounts.models import ApiToken, User
from accounts.tokens import DEAD_DAYS, create_token, remove_dead_tokens, revoke_token
from markets import housekeeping
from tests.patience import STEP_SECONDS_MAX


def test_expired_sessions_go_and_others_stay(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "CLEARED_AT_ONCE", 3)
    now = timezone.now()
    for number in range(10):
        age = timedelta(minutes=number - 7.5)
        Session.objects.create(session_key=f"{number}", session_data="", expire_date=now + age)
    services.clear_sessions()
    assert sorted(Session.objects.values_list("session_key", flat=True)) == ["8", "9"]


def test_tokens_go_when_they_are_dead_for_long(db: None) -> None:
    user = User.objects.create(username="alice")
    long_ago = timezone.now() - timedelta(days=DEAD_DAYS, minutes=1)
    lately = timezone.now() - timedelta(days=DEAD_DAYS, minutes=-1)
    tokens = {
        name: create_token(user, name)[0] for name in ("live", "revoked", "expired", "revoked lately", "expired lately")
    }
    create_token(user, "expires", timezone.now() + timedelta(days=1))
    for name, moment in (("expired", long_ago), ("expired lately", lately)):
        ApiToken.objects.filter(pk=tokens[name].pk).update(expires_at=moment)
    for name, moment in (("revoked", long_ago), ("revoked lately", lately)):
        assert revoke_token(tokens[name])
        ApiToken.objects.filter(pk=tokens[name].pk).update(revoked_at=moment)
    remove_dead_tokens()
    left = set(ApiToken.objects.values_list("name", flat=True))
    assert left == {"live", "expires", "revoked lately", "expired lately"}


class Tasks:
    """Tasks that count themselves and fail in turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *failures: Exception | None) -> None:
        self.done = 0
        self._failures = list(failures)
        monkeypatch.setattr(housekeeping, "TASKS", (self.fail, self.count))
        monkeypatch.setattr(housekeeping, "PAUSE_SECONDS", 0.0)

    def fail(self, *_: Any) -> None:
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure

    def count(self) -> None:
        self.done += 1


async def test_a_failure_that_heals_keeps_nothing_from_being_done(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [OperationalError("locked"), OSError("full"), None, AssertionError("a bug")]
    tasks = Tasks(monkeypatch, *failures)
    with pytest.raises(AssertionError, match="a bug"):
        async with asyncio.timeout(STEP_SECONDS_MAX):
            await housekeeping.keep_house()
    assert tasks.done == 3
