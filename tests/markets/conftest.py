"""Fixtures for tests that commit. Each test gets its own database, a copy of a migrated template.

The journal's triggers refuse a flush, and a transaction around the test cannot undo what other threads commit.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from pytest_django import DjangoDbBlocker

from exchange.settings import database as settings_of


@contextmanager
def connected_to(url: str) -> Iterator[None]:
    """Within the context, every new connection of any thread to the exchange's database goes to this URL."""
    before, known = connections[DEFAULT_DB_ALIAS], connections.settings[DEFAULT_DB_ALIAS]
    here = settings_of(url)
    here["OPTIONS"] = {name: value for name, value in here["OPTIONS"].items() if name != "pool"}
    connections.settings.update(connections.configure_settings({DEFAULT_DB_ALIAS: here}))
    del connections[DEFAULT_DB_ALIAS]
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS].close()
        connections.settings[DEFAULT_DB_ALIAS] = known
        connections[DEFAULT_DB_ALIAS] = before


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Path:
    path = tmp_path_factory.mktemp("template") / "exchange.sqlite3"
    with django_db_blocker.unblock(), connected_to(f"sqlite:///{path}"):
        call_command("migrate", verbosity=0)
    return path


class Server:
    """Creates and drops databases on a PostgreSQL server, named after this process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made = 0

    def create(self, template: str = "template1") -> str:
        """Creates a copy of the template and returns its URL."""
        self._made += 1
        name = f"exchange_test_{os.getpid()}_{self._made}"
        self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        there = urlsplit(self._url)
        return f"{there.scheme}://{there.netloc}/{name}?{there.query}"

    def drop(self, url: str) -> None:
        self._run(f'DROP DATABASE IF EXISTS "{name_in(url)}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement.encode())


def name_in(url: str) -> str:
    return urlsplit(url).path[1:]


@pytest.fixture(scope="session")
def server(postgres_url: str) -> Server:
    return Server(postgres_url)


@pytest.fixture(scope="session")
def postgres_template(server: Server, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    url = server.create()
    with django_db_blocker.unblock(), connected_to(url):
        call_command("migrate", verbosity=0)
    yield name_in(url)
    server.drop(url)


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """URL of an empty exchange on SQLite. The test's connections go there."""
    path = tmp_path / "exchange.sqlite3"
    shutil.copy(sqlite_template, path)
    with django_db_blocker.unblock(), connected_to(f"sqlite:///{path}"):
        yield f"sqlite:///{path}"


@pytest.fixture
def postgres(server: Server, postgres_template: str, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """URL of an empty exchange on PostgreSQL. The test's connections go there."""
    url = server.create(postgres_template)
    with django_db_blocker.unblock(), connected_to(url):
        yield url
    server.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    """URL of an empty exchange. The test runs once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue(request.param)
    return url
