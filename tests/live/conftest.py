"""Fixtures: real exchanges on file databases, for tests about sockets, pages and crashes."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.exchange import LiveExchange, SplitExchange, Template
from tests.live.redis_server import RedisServer
from tests.services import missing


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return Template(tmp_path_factory.mktemp("live") / "template")


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    template = Template(tmp_path_factory.mktemp("live") / "template", postgres_url)
    yield template
    template.drop(template.database)


@pytest.fixture
def start_exchange(template: Template, tmp_path: Path) -> Iterator[Callable[..., LiveExchange]]:
    """A function that starts an exchange on a database of its own. All end after the test."""
    started: list[LiveExchange] = []

    def start(use: Template = template, **more: str) -> LiveExchange:
        exchange = LiveExchange(use, tmp_path / f"exchange{len(started)}", more)
        started.append(exchange)
        return exchange

    yield start
    for exchange in started:
        exchange.close()


@pytest.fixture(scope="module")
def live(
    request: pytest.FixtureRequest, template: Template, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveExchange]:
    """One exchange for all tests of a module, and a second one for tests marked `on_both_databases` (rest.py)."""
    use: Template = request.getfixturevalue(request.param) if getattr(request, "param", None) else template
    exchange = LiveExchange(use, tmp_path_factory.mktemp("live") / "exchange")
    yield exchange
    exchange.close()


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A server that the test may stop."""
    if shutil.which("redis-server") is None:
        missing("redis-server", "install it")
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def start_split(
    postgres_template: Template, redis_server: RedisServer, tmp_path: Path
) -> Iterator[Callable[..., SplitExchange]]:
    """A function that starts an exchange in two processes over `redis_server`. All end after the test."""
    started: list[SplitExchange] = []

    def start(**more: str) -> SplitExchange:
        folder = tmp_path / f"split{len(started)}"
        exchange = SplitExchange(postgres_template, folder, {"REDIS_URL": redis_server.url, **more})
        started.append(exchange)
        return exchange

    yield start
    for exchange in started:
        exchange.close()
