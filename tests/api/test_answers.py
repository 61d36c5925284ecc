"""Answers of REST: statuses of refusals, rate headers, sessions, and the command that a request sends."""

import json
import threading
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client

from accounts.models import User
from accounts.rest.errors import REFUSED, STATUSES
from accounts.tokens import create_token
from proto import exchange_pb2 as pb
from realtime import gateway
from realtime.errors import RequestFailed, busy, outcome_unknown
from tests.api.conftest import LIMITS, FakeMatcher
from tests.pages.conftest import World

ORDER = {"market_id": 7, "side": "BID", "price": "48.5", "size": "2"}


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    return client.post(f"/api/v1{path}", json.dumps(body), content_type="application/json", headers=headers)


@pytest.mark.parametrize(
    ("failed", "status", "code", "retry"),
    [
        (busy("Nobody answers."), 503, "BUSY", "1"),
        (outcome_unknown(), 504, "OUTCOME_UNKNOWN", None),
        (RequestFailed(pb.EXPIRED, "It waited."), 503, "EXPIRED", "1"),
        (RequestFailed(pb.INTERNAL, "A fault."), 500, "INTERNAL", None),
        (RequestFailed(pb.QUARANTINED, "Not again."), 409, "QUARANTINED", None),
        (RequestFailed(pb.RATE_LIMITED, "Too fast.", 1_500, pb.Limits(limit=9)), 429, "RATE_LIMITED", "2"),
    ],
)
def test_a_refusal_by_the_exchange_has_its_status(
    alice: Client, matcher: FakeMatcher, failed: RequestFailed, status: int, code: str, retry: str | None
) -> None:
    matcher.refusal = failed
    answer = post(alice, "/orders", ORDER)
    assert (answer.status_code, answer.json()["code"], answer.headers.get("Retry-After")) == (status, code, retry)
    assert answer.headers["X-RateLimit-Limit"] == ("9" if failed.limits else "1000")
    assert matcher.charged == [], "a refusal by the matcher is not charged again"


def test_an_unknown_outcome_stays_unknown_though_nobody_answers_any_more(alice: Client, matcher: FakeMatcher) -> None:
    matcher.refusal, matcher.busy = outcome_unknown(), busy("Nobody answers.")
    answer = post(alice, "/orders", ORDER)
    assert (answer.status_code, answer.json()["code"]) == (504, "OUTCOME_UNKNOWN")


def test_a_read_while_nobody_answers(alice: Client, matcher: FakeMatcher, settings: Any) -> None:
    matcher.busy = busy("Nobody answers.")
    answer = alice.get("/api/v1/markets")
    assert (answer.status_code, answer.json()["code"]) == (503, "BUSY")
    assert answer.headers["X-RateLimit-Limit"] == str(settings.RATES["read"]["user"][1])
    assert (answer.headers["X-RateLimit-Remaining"], answer.headers["X-RateLimit-Reset"]) == ("0", "1")
    assert Client().get("/api/v1/status").json()["answering"] is False


def test_the_status_and_the_description_show_the_version(alice: Client, settings: Any) -> None:
    assert alice.get("/api/v1/status").json()["version"] == settings.VERSION
    assert alice.get("/api/v1/schema").json()["info"]["version"] == settings.VERSION


def test_a_fault_of_ours_is_500_and_logged(
    alice: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("markets.rest.reads.book", lambda market, depth: 1 // 0)
    answer = alice.get("/api/v1/markets/7/book")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "ZeroDivisionError" in caplog.text
    assert "division" not in answer.content.decode()


def test_every_reason_has_a_status() -> None:
    statuses = {name: STATUSES.get(number, REFUSED) for name, number in pb.Reason.items()}
    not_found = {name for name, status in statuses.items() if status == 404}
    assert not_found == {name for name in statuses if name.endswith("_NOT_FOUND")}
    assert {name for name, status in statuses.items() if status == 403} == {"NOT_ALLOWED", "SUDO_REQUIRED"}
    assert statuses["NAME_TAKEN"] == statuses["INSUFFICIENT_FUNDS"] == statuses["KEY_CONFLICT"] == 409


def test_a_refused_request_is_charged(world: World, alice: Client, matcher: FakeMatcher) -> None:
    assert post(alice, "/orders", {**ORDER, "price": 1}).status_code == 400
    assert alice.put("/api/v1/orders").status_code == 405
    assert alice.get("/api/v1/orders?x=1").status_code == 400
    user = world.alice_user.pk
    assert matcher.charged == [(user, "mutate", False, 1), (user, "mutate", False, 1), (user, "read", False, 1)]
    assert matcher.asked == []


def test_a_past_book_a_statement_and_a_history_are_expensive(alice: Client, matcher: FakeMatcher) -> None:
    alice.get("/api/v1/markets/7/book?at=1")
    alice.get("/api/v1/statement")
    for path in ("history/trades", "history/orders", "positions"):
        alice.get(f"/api/v1/markets/7/{path}")
    alice.get("/api/v1/portfolio")
    assert [rate_class for _, rate_class, *_ in matcher.charged] == ["expensive"] * 5 + ["read"]


def test_a_request_sends_the_command_of_the_contract(world: World, alice: Client, matcher: FakeMatcher) -> None:
    body = {**ORDER, "time_in_force": "IOC", "self_trade": "DECREMENT"}
    headers = {"Idempotency-Key": "k-1", "X-Act-As": "4", "X-Request-Id": "r-1"}
    assert post(alice, "/orders", body, **headers).status_code == 201
    ((user, message, more),) = matcher.asked
    assert (user, more["account"], more["sudo"], more["limits"]) == (world.alice_user.pk, 4, False, True)
    assert message == pb.ClientMessage(
        request_id="r-1",
        create_order=pb.CreateOrder(
            market_id=7,
            side=pb.BID,
            price=4_850,
            size=200,
            time_in_force=pb.IOC,
            self_trade=pb.DECREMENT,
            client_order_id="k-1",
        ),
    )


# --- Sessions


def test_a_signed_in_browser_needs_a_csrf_token_to_change(world: World, matcher: FakeMatcher, settings: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(world.alice_user)
    assert browser.get("/api/v1/me").json()["username"] == "alice"
    refused = post(browser, "/orders", ORDER)
    assert (refused.status_code, refused.json()["code"]) == (403, "NOT_ALLOWED")
    assert (len(matcher.asked), len(matcher.charged)) == (0, 1), "only the read before"
    assert refused.headers["X-RateLimit-Limit"] == str(
        settings.SIGN_IN_FAILURES_PER_ADDRESS_MAX * settings.RATE_FACTOR
    ), "of the address"
    browser.get("/accounts/")  # a page with forms
    token = browser.cookies[settings.CSRF_COOKIE_NAME].value
    assert post(browser, "/orders", ORDER, **{"X-CSRFToken": token}).status_code == 201


@pytest.mark.parametrize("path", ["/time", "/me", "/orders"])
def test_a_wrong_token_is_counted_whatever_else_is_wrong(db: None, path: str) -> None:
    cache.clear()
    stranger = Client(headers={"Authorization": "Bearer xt_wrong", "Accept": "text/html"})
    first, second = (stranger.get(f"/api/v1{path}") for _ in range(2))
    assert (first.status_code, first.json()["code"]) == (401, "NOT_AUTHENTICATED")
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in (first, second)]
    assert left[0] - left[1] == 1


def test_wrong_tokens_keep_no_good_one_out(world: World, matcher: FakeMatcher, settings: Any) -> None:
    cache.clear()
    settings.SIGN_IN_FAILURES_PER_ADDRESS_MAX = 2
    settings.RATE_FACTOR = 1
    stranger = Client(headers={"Authorization": "Bearer xt_wrong"})
    assert [stranger.get("/api/v1/me").status_code for _ in range(3)] == [401, 401, 429]
    refused = stranger.get("/api/v1/me")
    wait_ms = refused.json()["details"]["retry_after_ms"]
    assert 0 < wait_ms <= settings.SIGN_IN_FAILURES_SECONDS * 1_000
    assert int(refused.headers["Retry-After"]) * 1_000 == wait_ms
    _, secret = create_token(world.alice_user, "bot")
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/v1/me").status_code == 200


def test_a_browser_has_sudo_only_while_its_session_has(world: World, matcher: FakeMatcher) -> None:
    world.alice_user.is_staff = True
    world.alice_user.save()
    world.alice_user.user_permissions.add(Permission.objects.get(codename="operate_exchange"))
    browser = Client(headers={"X-Sudo": "true"})
    browser.force_login(world.alice_user)
    refused = browser.get("/api/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (403, "SUDO_REQUIRED")


# --- What needs no sign-in


@pytest.fixture
def beating(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "is_answering", lambda: True)


def away(*args: Any, **more: Any) -> None:
    raise OperationalError("the database is away")


def test_a_token_that_cannot_be_looked_up_is_busy(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.rest.authentication.look_up", away)
    answer = alice.get("/api/v1/me", headers={"X-Request-Id": "r1"})
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "BUSY", "1")
    assert answer.headers["X-Request-Id"] == "r1"
    assert "X-RateLimit-Limit" in answer.headers


def test_health_is_503_with_a_sentence_while_the_matcher_is_not_heard(settings: Any) -> None:
    """Without access to the database, and for every kind of caller."""
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Cookie": f"{settings.SESSION_COOKIE_NAME}=x"}):
        answer = Client(headers=headers).get("/api/v1/health")
        assert (answer.status_code, answer.json()["code"]) == (503, "BUSY")
        assert answer.json()["message"] == "This process does not hear the matcher."
        assert answer.headers["Retry-After"] == "1"


def test_health_is_200_for_everybody_without_database_and_cache(
    beating: None, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(cache, "add", away)
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Cookie": f"{settings.SESSION_COOKIE_NAME}=x"}):
        answer = Client(headers=headers).get("/api/v1/health")
        assert (answer.status_code, answer.json()) == (200, {"answering": True})


def test_the_status_says_what_is_wrong(beating: None, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.api.HEAD_SECONDS", 0.0)

    def problems() -> Any:
        answer = Client(headers={"Authorization": "Bearer nonsense"}).get("/api/v1/status")
        assert answer.status_code == 200
        assert set(answer.json()) == {"version", "answering", "problems", "seq", "at", "up_since"}
        return answer.json()["problems"]

    assert problems() == []
    monkeypatch.setattr("exchange.api.JournalEntry.objects.aggregate", away)
    assert problems() == ["database"]
    monkeypatch.setattr(gateway, "is_answering", lambda: False)
    monkeypatch.setattr(cache, "add", away)
    assert problems() == ["database", "matcher"]


def test_the_status_does_not_wait_for_a_database_that_hangs(beating: None, monkeypatch: pytest.MonkeyPatch) -> None:
    returns = threading.Event()
    monkeypatch.setattr("exchange.api.DATABASE_SECONDS_MAX", 0.01)
    monkeypatch.setattr("exchange.api.JournalEntry.objects.aggregate", lambda **more: returns.wait() and {"head": 7})
    try:
        assert Client().get("/api/v1/status").json()["problems"] == ["database"]
    finally:
        returns.set()


def test_the_contract_and_the_pages_of_the_api_need_no_sign_in(db: None) -> None:
    contract = Client().get("/proto/exchange.proto")
    assert contract.getvalue().startswith(b"// The wire contract")
    docs = Client().get("/api/docs")
    assert docs.status_code == 200
    assert "unsafe" not in docs.headers["Content-Security-Policy"]
    assert "//" not in docs.content.decode().replace("<!DOCTYPE html>", "").replace("https://", "//")


def test_ones_own_account_gets_the_name_that_was_asked_for(world: World, matcher: FakeMatcher) -> None:
    """Not the name of the sign-in, with which any other first request opens it."""
    newcomer = User.objects.create_user("new.comer@school")
    browser = Client(headers={"Authorization": f"Bearer {create_token(newcomer, 'test')[1]}"})
    opened = pb.Account(id=9, name="Ally")
    matcher.reply = pb.ServerMessage(seq=7, limits=LIMITS, account_created=pb.AccountCreated(account=opened))
    answer = browser.post("/api/v1/me/account", {"name": "Ally"}, content_type="application/json")
    assert (answer.status_code, answer.json()["account"]["name"]) == (201, "Ally")
    assert [(user, message.create_user_account.name) for user, message, _ in matcher.asked] == [(newcomer.pk, "Ally")]
