"""PostgreSQL ends every connection of the web process, as its restart does. No page and no REST answer is 500 for it.

The matcher keeps its connections: what it does without them is another matter.
"""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from tests.live.exchange import Browser, SplitExchange, Template, manage
from tests.patience import STEP_SECONDS_MAX

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

PAGES = ("/", "/portfolio/", "/transfers/", "/accounts/", "/auctions/", "/sign-in/")
READS = ("/me", "/accounts", "/markets", "/orders", "/portfolio", "/transfers", "/status", "/health")
AT_ONCE = 12  # requests that make the pool grow
ENDINGS = 5
RETURN_SECONDS_MAX = STEP_SECONDS_MAX  # for hanging; it takes two or three


class NamedExchange(SplitExchange):
    """A split exchange. PostgreSQL knows the connections of its web process by the application's name."""

    def launch(self) -> None:
        self.launch_matcher()
        env = {**self.env, "DATABASE_URL": f"{self.env['DATABASE_URL']}&application_name=the-web"}
        with self.log.open("a") as log:
            arguments = ("runexchange", "--role", "web", "--port", str(self.port))
            self.process = manage(*arguments, env=env, stdout=log, stderr=subprocess.STDOUT)

    @property
    def name(self) -> str:
        """The name of the database."""
        return urlsplit(self.env["DATABASE_URL"]).path[1:]

    def allow_connections(self, allow: bool) -> None:
        """False: PostgreSQL refuses new connections to the exchange's database, as while it restarts."""
        with psycopg.connect(self.template.postgres_url, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{self.name}" ALLOW_CONNECTIONS {allow}'.encode())

    def end_connections(self) -> int:
        """Ends the connections of the web process. Returns how many there were."""
        with psycopg.connect(self.template.postgres_url, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE application_name = 'the-web' AND datname = %s",
                (self.name,),
            ).fetchall()
        return len(ended)


@pytest.fixture
def split(postgres_template: Template, redis_url: str, tmp_path: Path) -> Iterator[NamedExchange]:
    exchange = NamedExchange(postgres_template, tmp_path / "split", {"REDIS_URL": redis_url})
    yield exchange
    exchange.close()


def statuses(split: NamedExchange, browser: Browser) -> dict[str, int]:
    """The status of each page and read."""
    headers = {"Authorization": f"Bearer {split.token('alice')}"}
    found = {path: browser.get(path).status for path in PAGES}
    return found | {
        path: requests.get(f"{split.url}/api/v1{path}", headers=headers, timeout=STEP_SECONDS_MAX).status_code
        for path in READS
    }


def test_pages_and_rest_go_on_with_new_connections(split: NamedExchange) -> None:
    browser = split.browser("alice")
    assert set(statuses(split, browser).values()) == {200}
    for _ in range(ENDINGS):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            assert {page.status for page in pool.map(browser.get, PAGES * 8)} == {200}
        assert split.end_connections() > 2
        assert set(statuses(split, browser).values()) == {200}
    assert "Traceback" not in split.log.read_text()


def test_the_status_says_that_the_database_is_away_and_everything_answers_after_its_return(
    split: NamedExchange,
) -> None:
    browser = split.browser("alice")

    def status() -> Any:
        answer = requests.get(f"{split.url}/api/v1/status", timeout=STEP_SECONDS_MAX)
        assert answer.status_code == 200
        return answer.json()

    seq = status()["seq"]
    assert seq > 0
    split.allow_connections(False)
    split.end_connections()
    assert (status()["problems"], status()["seq"]) == (["database"], seq)
    assert requests.get(f"{split.url}/api/v1/health", timeout=STEP_SECONDS_MAX).status_code == 200
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(browser.get, path) for path in PAGES]
        assert status()["problems"] == ["database"]
        split.allow_connections(True)
        assert {page.result().status for page in waiting} == {200}
    last = time.monotonic() + RETURN_SECONDS_MAX
    while status()["problems"] and time.monotonic() < last:
        time.sleep(0.1)
    assert status()["problems"] == []
    assert set(statuses(split, browser).values()) == {200}
