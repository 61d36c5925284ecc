"""`manage.py backup PATH`: saves the database, the secret and the pictures in a new folder, also while it is used."""

import os
import shutil
import sqlite3
import subprocess
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from psycopg.conninfo import make_conninfo

from markets.models import JournalEntry

DUMP_FILE = "postgresql.dump"  # of pg_dump, for pg_restore
BESIDE = ("secret_key", "pictures")  # of VAR_DIR; without the secret everybody would have to sign in again
# What pg_dump must know of a DATABASE_URL. Others of Django's parameters are psycopg's own.
SERVER = (
    "dbname",
    "host",
    "hostaddr",
    "port",
    "user",
    "service",
    "passfile",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
)
UNFINISHED = ".unfinished"


class Command(BaseCommand):
    help = "Save the database, the secret and the pictures in the new folder PATH. The exchange may run meanwhile."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="a folder that does not exist yet")

    def handle(self, *args: Any, path: Path, **options: Any) -> None:
        if path.exists():
            raise CommandError(f"{path} exists already, and a backup overwrites nothing. Name a new folder.")
        if JournalEntry._meta.db_table not in connection.introspection.table_names():
            raise CommandError("There is no exchange in this database. Is it the right EXCHANGE_VAR or DATABASE_URL?")
        draft = path.with_name(path.name + UNFINISHED)
        try:
            draft.mkdir(mode=0o700)
            saved = _save_database(draft)
            _save_files(draft)
            draft.rename(path)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=not isinstance(error, FileExistsError))
            raise CommandError(f"Nothing was saved: {error}.") from error
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        size = sum(file.stat().st_size for file in path.rglob("*"))
        self.stdout.write(self.style.SUCCESS(f"Saved {path / saved} and what belongs to it: {size:,} bytes."))
        self.stdout.write("It holds the secret and all tokens' digests: keep it as safe as the exchange itself.")


def _save_database(folder: Path) -> str:
    """Saves the database as it is at one moment. Returns the file's name."""
    if connection.vendor == "sqlite":
        name = Path(connection.settings_dict["NAME"]).name  # as VAR_DIR has it, so that the folder can be the next one
        _copy_sqlite(folder / name)
        return name
    _dump_postgresql(folder / DUMP_FILE)
    return DUMP_FILE


def _copy_sqlite(path: Path) -> None:
    """In one step, which reads one snapshot: writers do not wait for it, and it does not begin anew for them."""
    _make_private(path)
    connection.ensure_connection()
    target = sqlite3.connect(path)
    try:
        connection.connection.backup(target)
    finally:
        target.close()


def _dump_postgresql(path: Path) -> None:
    """By pg_dump, which reads one snapshot. Raises CommandError with its words if it fails."""
    _make_private(path)
    parameters = connection.get_connection_params()
    server = make_conninfo(**{name: parameters[name] for name in SERVER if name in parameters})
    command = ("pg_dump", "--format=custom", "--no-owner", f"--file={path}", f"--dbname={server}")
    env = dict(os.environ)
    if "password" in parameters:
        env["PGPASSWORD"] = parameters["password"]  # other people of the machine can read command lines
    try:
        subprocess.run(command, env=env, check=True, capture_output=True, text=True)  # noqa: S603 - our own words
    except FileNotFoundError as error:
        raise CommandError("pg_dump is missing: install PostgreSQL's client programs.") from error
    except subprocess.CalledProcessError as error:
        raise CommandError(f"pg_dump failed: {error.stderr.strip()}") from error


def _make_private(path: Path) -> None:
    path.touch(mode=0o600, exist_ok=False)


def _save_files(folder: Path) -> None:
    """After the database: a picture is stored before the command that names it."""
    for name in BESIDE:
        source = settings.VAR_DIR / name
        if source.is_dir():
            (folder / name).mkdir()
            for file in source.iterdir():
                _copy(file, folder / name / file.name)
        elif source.exists():
            _copy(source, folder / name)


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        return  # a picture that was replaced meanwhile
