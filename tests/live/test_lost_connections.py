"""PostgreSQL ends every connection of the web process, as its restart does. No page and no REST answer is 500 for it.

The matcher keeps its connections: what it does without them is another matter.
"""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import requests

from tests.live.exchange import Browser, Template, manage
from tests.live.test_roles import SplitExchange

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

PAGES = ("/", "/portfolio/", "/transfers/", "/accounts/", "/auctions/", "/sign-in/")
READS = ("/me", "/accounts", "/markets", "/orders", "/portfolio", "/transfers", "/status", "/health")
AT_ONCE = 12  # requests that make the pool grow
ENDINGS = 5


class NamedExchange(SplitExchange):
    """A split exchange. PostgreSQL knows the connections of its web process by the application's name."""

    def launch(self) -> None:
        self.launch_matcher()
        env = {**self.env, "DATABASE_URL": f"{self.env['DATABASE_URL']}&application_name=the-web"}
        with self.log.open("a") as log:
            arguments = ("runexchange", "--role", "web", "--port", str(self.port))
            self.process = manage(*arguments, env=env, stdout=log, stderr=subprocess.STDOUT)

    def end_connections(self) -> int:
        """Ends the connections of the web process. Returns how many there were."""
        with psycopg.connect(self.env["DATABASE_URL"], autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'the-web'"
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
        path: requests.get(f"{split.url}/api/v1{path}", headers=headers, timeout=20).status_code for path in READS
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
