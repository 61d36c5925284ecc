"""`manage.py backup`, and the restore that docs/operations.md writes down, on both databases and under load."""

import asyncio
import random
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.live.documented import blocks, shell
from tests.live.exchange import LiveExchange, Template, manage
from tests.live.load import NAMES, Person, run_until, sockets_of, two_markets
from tests.live.tables import Tables
from tests.patience import STEP_SECONDS_MAX

Start = Callable[..., LiveExchange]

PAGE = [block.text for block in blocks("docs/operations.md") if block.heading == "Backup and restore"]
BACKUP, SQLITE, POSTGRES = PAGE
ACKNOWLEDGED_BEFORE = 200  # commands, so that the load is under way
PICTURE = "0" * 32 + ".webp"


@dataclass
class Restored:
    """What a restore by the page needs, and where it leaves the data. `more`: the environment for the database."""

    folder: Path
    blocks: list[tuple[str, str]]
    more: dict[str, str]

    def run(self, text: str, env: dict[str, str]) -> str:
        for written, here in self.blocks:
            text = text.replace(written, here)
        return shell(text, {**env, **self.more, "HOME": str(self.folder)})

    @property
    def data(self) -> Path:
        return self.folder / "restored"


async def backed_up_under_load(live: LiveExchange, restored: Restored) -> tuple[list[Person], int, str]:
    """Returns the people, the head of the journal when the backup began, and what the backup printed."""
    people = [Person(name, random.Random(name)) for name in NAMES]
    async with sockets_of(live, people) as sockets:
        markets = await two_markets(sockets[0])
        load = asyncio.create_task(run_until(people, sockets, markets))
        await asyncio.to_thread(until_more_than, ACKNOWLEDGED_BEFORE, people)
        began = Tables(live.env).head
        said = await asyncio.to_thread(restored.run, BACKUP, live.env)
        await asyncio.to_thread(until_more_than, acknowledged(people), people)  # they still trade
        await asyncio.to_thread(live.kill)
        await load
    return people, began, said


def acknowledged(people: list[Person]) -> int:
    return sum(len(person.acknowledged) for person in people)


def until_more_than(commands: int, people: list[Person]) -> None:
    last = time.monotonic() + STEP_SECONDS_MAX
    while acknowledged(people) <= commands:
        assert time.monotonic() < last, f"only {acknowledged(people)} commands were acknowledged"
        time.sleep(0.01)


async def check(live: LiveExchange, restored: Restored, restore: str) -> None:
    """Backs up, restores, and goes on with what was restored."""
    pictures = live.folder / "pictures"
    pictures.mkdir(exist_ok=True)
    (pictures / PICTURE).write_bytes(b"a picture")
    browser = await asyncio.to_thread(live.browser, "alice")
    people, began, said = await backed_up_under_load(live, restored)
    assert "Saved " in said
    said = await asyncio.to_thread(restored.run, restore, live.env)
    assert "The database is right" in said
    assert Tables(live.env).head > began  # what runs was not touched
    live.env |= {"EXCHANGE_VAR": str(restored.data), "DATABASE_URL": database_url(restored)}
    tables = Tables(live.env)
    head, there = tables.head, tables.keyed()
    assert head >= began
    for person in people:  # what was acknowledged up to the backup's moment is in it
        known = {key: seq for key, seq in person.acknowledged.items() if seq <= head}
        assert known == {key: there[person.account, key][0] for key in known}
    await asyncio.to_thread(live.start)
    assert (await asyncio.to_thread(browser.get, "/portfolio/")).url == live.url + "/portfolio/"  # still signed in
    async with sockets_of(live, people) as sockets:
        assert await two_markets(sockets[0])  # the same, by their keys
    assert (restored.data / "pictures" / PICTURE).read_bytes() == b"a picture"
    assert (restored.data / "secret_key").stat().st_mode & 0o077 == 0
    assert live.stop() == 0
    await asyncio.to_thread(live.verify)


def database_url(restored: Restored) -> str:
    return restored.more.get("RESTORED_URL", f"sqlite:///{restored.data / 'exchange.sqlite3'}")


async def test_a_backup_under_load_is_restored_as_the_page_says(start_exchange: Start, tmp_path: Path) -> None:
    exchange = start_exchange()
    await check(exchange, Restored(tmp_path, [("/backups/monday", str(tmp_path / "monday"))], {}), SQLITE)


@pytest.fixture
def new_database(postgres_url: str) -> Iterator[str]:
    """A name that no database has yet; the one that gets it is dropped afterwards."""
    name = f"exchange_restored_{uuid.uuid4().hex[:12]}"
    yield name
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@pytest.mark.postgres
async def test_so_is_a_backup_of_postgresql(
    start_exchange: Start, postgres_template: Template, new_database: str, postgres_url: str, tmp_path: Path
) -> None:
    server = psycopg.conninfo.conninfo_to_dict(postgres_url)
    more = {f"PG{name.upper()}": str(server[name]) for name in ("host", "port", "user", "password") if name in server}
    more["RESTORED_URL"] = f"postgres://{server.get('user', '')}@/{new_database}?host={server.get('host', '')}"
    names = [("/backups/monday", str(tmp_path / "monday")), ("exchange_restored", new_database)]
    await check(start_exchange(postgres_template), Restored(tmp_path, names, more), POSTGRES)


def refused(env: dict[str, str], path: Path) -> str:
    """What a backup that must fail says."""
    backup = manage("backup", str(path), env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = backup.communicate(timeout=STEP_SECONDS_MAX)
    assert backup.returncode == 1, said
    return said


def test_a_backup_overwrites_nothing_and_leaves_nothing_half_done(template: Template, tmp_path: Path) -> None:
    env = template.copy(tmp_path / "exchange")
    taken = tmp_path / "taken"
    taken.write_text("mine")
    assert "exists already, and a backup overwrites nothing" in refused(env, taken)
    assert taken.read_text() == "mine"
    assert "Nothing was saved" in refused(env, tmp_path / "nowhere" / "monday")
    nothing = {**env, "DATABASE_URL": f"sqlite:///{tmp_path / 'no.sqlite3'}"}
    assert "There is no exchange in this database" in refused(nothing, tmp_path / "empty")
    unreadable = tmp_path / "exchange" / "pictures" / "folder"
    unreadable.mkdir(parents=True)
    assert "Nothing was saved" in refused(env, tmp_path / "broken")
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("no.")) == ["exchange", "taken"]
