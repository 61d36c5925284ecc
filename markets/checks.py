"""System checks that ask the database: is the journal append-only, and are commits durable?

They are deployment checks, so `migrate`, which repairs what they find, runs without them. `manage.py check --deploy
--database default` runs them. A command that starts a matcher must run them itself:

    self.check(tags=[checks.TAG], databases=["default"], include_deployment_checks=True)
"""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from markets.journal import triggers

TAG = "journal"

SQLITE_FULL = 2  # PRAGMA synchronous = FULL


@register(TAG, deploy=True)
def check_triggers(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Error markets.E001 if a trigger of the journal is missing or changed."""
    return [
        Error(
            f"The journal of database '{alias}' is not append-only: triggers missing or changed: {', '.join(missing)}.",
            hint="Run manage.py migrate, then manage.py verify.",
            id="markets.E001",
        )
        for alias in databases or ()
        if (missing := triggers.find_missing(connections[alias]))
    ]


@register(TAG, deploy=True)
def check_durability(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Error markets.E002 if the database answers a commit before it is on the disk."""
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
