"""Fixtures for servers and programs that some tests need (a pytest plugin, named in pyproject.toml).

If one is missing the test is skipped. With REQUIRE_SERVICES=1 (.ci/run) it fails instead.
"""

import os
import shutil
import subprocess
import sys

import psycopg
import pytest
import redis

CONNECT_SECONDS = 2
INDEX_SECONDS = 15  # pip waits so long for each answer, and tries twice
# Over the local socket the server knows us by our system user, so no password is needed.
POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgres:///exchange?host=/var/run/postgresql")
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def missing(what: str) -> None:
    """Ends the test: skips it on a person's machine, fails it where everything must run."""
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"{what} is missing and REQUIRE_SERVICES=1")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """DATABASE_URL of a PostgreSQL database. Its role may create databases."""
    try:
        psycopg.connect(POSTGRES_URL, connect_timeout=CONNECT_SECONDS).close()
    except psycopg.OperationalError as error:
        missing(f"PostgreSQL ({error})")
    return POSTGRES_URL


@pytest.fixture(scope="session")
def redis_url() -> str:
    """REDIS_URL of a database that tests may flush."""
    try:
        redis.from_url(REDIS_URL, socket_connect_timeout=CONNECT_SECONDS).ping()
    except redis.ConnectionError as error:
        missing(f"Redis ({error})")
    return REDIS_URL


@pytest.fixture(scope="session")
def package_index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Needs pip to reach its package index, so that it can build and install."""
    folder = str(tmp_path_factory.mktemp("index"))
    limits = ("--retries", "1", "--timeout", str(INDEX_SECONDS))
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder)
    if subprocess.run([*pip, *limits, "setuptools"], capture_output=True).returncode:
        missing("pip's package index")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """For playwright's executable_path: the system's browser, nothing is downloaded."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        missing("chromium")
    return str(found)
