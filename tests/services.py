"""Fixtures for servers and programs that some tests need (a pytest plugin, named in pyproject.toml).

Tests make what they can for themselves: databases on the machine's PostgreSQL, a Redis server of their own. If
something is missing the test is skipped, and the end of the run says how to get it. With REQUIRE_SERVICES=1 (.ci/run)
it fails instead.
"""

import os
import pwd
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest
import redis

from tests.live.redis_server import RedisServer
from tests.patience import CONNECT_SECONDS_MAX, STEP_SECONDS_MAX

INDEX_SECONDS = 15  # pip waits so long for each answer, and tries twice
SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp")
REDIS_URL = "redis://127.0.0.1:6379/9"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def missing(what: str, remedy: str) -> None:
    """Ends the test: skips it on a person's machine, fails it where everything must run."""
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"{what} is missing and REQUIRE_SERVICES=1")
    pytest.skip(f"{what} is missing. To run this: {remedy}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was skipped, one line for each reason."""
    reports = terminalreporter.getreports("skipped")
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports if report.longrepr)
    if reasons:
        terminalreporter.section("skipped")
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count} skipped: {reason}")


# --- PostgreSQL


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """DATABASE_URL of a database on a server where we may create others. Each test creates its own."""
    problem = "no server answers on this machine"
    for url in _postgres_urls():
        try:
            with psycopg.connect(url, connect_timeout=CONNECT_SECONDS_MAX) as connection:
                row = connection.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
                if row.fetchone() == (True,):
                    return url
            problem = f"{url} lets us in, but not create databases"
        except psycopg.OperationalError as error:
            problem = str(error).splitlines()[0]
    missing(
        f"PostgreSQL ({problem})",
        "start it and `createuser --createdb $USER`, or set TEST_POSTGRES_URL to a server and a role with CREATEDB",
    )
    raise AssertionError("unreachable")


def _postgres_urls() -> Iterator[str]:
    """Where a server may let us in: over its socket by our system user, or over TCP without a password."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield given
        return
    user = pwd.getpwuid(os.geteuid()).pw_name
    sockets = [f"postgres://{user}@/postgres?host={quote(folder, safe='')}" for folder in SOCKET_FOLDERS]
    yield from sockets
    yield from (f"postgres://{role}@127.0.0.1:5432/postgres" for role in (user, "postgres"))
    if os.geteuid() == 0:
        _create_role(user)
        yield from sockets


def _create_role(name: str) -> None:
    """Root may become the server's administrator: creates a role of the system user's name, if there is none."""
    statement = f'CREATE ROLE "{name}" LOGIN CREATEDB'
    if shutil.which("psql"):
        command = ("su", "postgres", "-c", f"psql --no-psqlrc --dbname=postgres --command='{statement}'")
        subprocess.run(command, cwd="/", capture_output=True, timeout=STEP_SECONDS_MAX)


# --- Redis and programs


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """REDIS_URL of a server that tests may flush: TEST_REDIS_URL, one of our own, or the machine's."""
    given = os.environ.get("TEST_REDIS_URL")
    if given is None and shutil.which("redis-server"):
        server = RedisServer()
        yield server.url
        server.stop()
        return
    url = given or REDIS_URL
    try:
        redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS_MAX).ping()
    except redis.ConnectionError as error:
        missing(f"Redis ({error})", "install redis-server, or set TEST_REDIS_URL")
    yield url


@pytest.fixture(scope="session")
def package_index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Needs pip to reach its package index, so that it can build and install."""
    folder = str(tmp_path_factory.mktemp("index"))
    limits = ("--retries", "1", "--timeout", str(INDEX_SECONDS))
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder)
    if subprocess.run([*pip, *limits, "setuptools"], capture_output=True).returncode:
        missing("pip's package index", "connect to it")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """For playwright's executable_path: the system's browser, nothing is downloaded."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        missing("chromium", f"install one of {', '.join(CHROMIUM_NAMES)}")
    return str(found)
