"""Promises of the settings: security headers, database options, and one way to run the exchange."""

import pytest
from django.conf import settings
from django.contrib import messages
from django.contrib.messages.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from exchange.settings import database


def directives(client: Client, path: str) -> dict[str, str]:
    """The page's Content-Security-Policy: directive -> sources."""
    policy = client.get(path).headers["Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in policy.split(";"))


@pytest.mark.django_db
def test_pages_have_a_strict_policy(client: Client) -> None:
    found = directives(client, "/sign-in/")
    assert found["default-src"] == "'none'"
    assert found["script-src"] == found["style-src"] == "'self'"


@pytest.mark.django_db
def test_only_the_admin_may_evaluate_scripts(client: Client) -> None:
    assert "'unsafe-eval'" in directives(client, "/admin/login/")["script-src"]
    assert "unsafe" not in str(directives(client, "/administrator/"))


@pytest.mark.django_db
def test_the_admin_has_no_sign_in_of_its_own(client: Client) -> None:
    answer = client.get("/admin/login/?next=/admin/")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in/?")


@pytest.mark.django_db
def test_strangers_cannot_sign_up_unless_the_operator_allows_it(client: Client) -> None:
    form = {"username": "mallory", "password1": "a long pass phrase", "password2": "a long pass phrase"}
    client.post("/sign-up/", form)
    assert "_auth_user_id" not in client.session


def test_runserver_says_what_to_use_instead() -> None:
    with pytest.raises(CommandError, match="make run"):
        call_command("runserver", "8000")


def test_every_cookie_of_a_signed_in_browser_has_this_exchanges_suffix(rf: RequestFactory) -> None:
    request, response = rf.get("/"), HttpResponse()
    request.session = {}  # type: ignore[assignment]
    waiting = default_storage(request)
    waiting.add(messages.INFO, "Shown on the next page.")
    waiting.update(response)
    names = {*response.cookies, settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME}
    assert names == {f"{kind}_{settings.COOKIE_SUFFIX}" for kind in ("messages", "session", "csrf")}


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own options")
def test_sqlite_commits_are_durable() -> None:
    with connection.cursor() as cursor:
        values = {}
        for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout"):
            values[pragma] = cursor.execute(f"PRAGMA {pragma}").fetchone()[0]
    full, on, wait_ms = 2, 1, settings.DATABASE_WAIT_SECONDS * 1000
    assert values == {"journal_mode": "wal", "synchronous": full, "foreign_keys": on, "busy_timeout": wait_ms}


def test_postgresql_gets_a_pool_and_keeps_the_options_of_its_url() -> None:
    config = database("postgres:///exchange?host=/run/here")
    assert config["ENGINE"] == "exchange.postgresql"
    assert config["OPTIONS"]["host"] == "/run/here"
    assert config["OPTIONS"]["pool"]["max_size"] == settings.DATABASE_POOL_MAX
