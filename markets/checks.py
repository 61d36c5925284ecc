"""System checks that ask the database.

They are deployment checks, so that `migrate`, which repairs what they find, runs without them. runexchange and whoever
else starts a matcher call them, as `manage.py check --deploy --database default` does:

    self.check(tags=[checks.TAG], databases=["default"], include_deployment_checks=True)
"""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from markets.journal import triggers

TAG = "journal"

SQLITE_FULL = 2  # of PRAGMA synchronous


@register(TAG, deploy=True)
def journal_is_guarded(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The journal's triggers are there."""
    return [
        Error(
            f"The journal of database '{alias}' is not append-only: {', '.join(missing)} missing or changed.",
            hint="Run manage.py migrate, then manage.py verify.",
            id="markets.E001",
        )
        for alias in databases or ()
        if (missing := triggers.missing(connections[alias]))
    ]


@register(TAG, deploy=True)
def commits_are_durable(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """What is acknowledged is on the disk: the database answers a commit only when it is there."""
    return [
        Error(
            f"Database '{alias}' answers a commit before it is on the disk.",
            hint="SQLite: PRAGMA synchronous = FULL. PostgreSQL: fsync = on and synchronous_commit = on.",
            id="markets.E002",
        )
        for alias in databases or ()
        if not _is_durable(connections[alias])
    ]


def _is_durable(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA synchronous")
            return bool(cursor.fetchone()[0] >= SQLITE_FULL)
        cursor.execute("SELECT current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off'")
        return bool(cursor.fetchone()[0])
