"""Triggers that keep the journal append-only.

They refuse UPDATE, DELETE, TRUNCATE and any INSERT whose seq is not the next one. The latter also stops REPLACE, and
fences a second matcher. A migration that rebuilds the table silently drops them, so every migrate installs them
(markets/apps.py), and the exchange does not start without them (markets/checks.py).
"""

from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "markets_journalentry"

SQLITE = {
    "journal_next": """CREATE TRIGGER journal_next BEFORE INSERT ON markets_journalentry
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM markets_journalentry)
BEGIN SELECT RAISE(ABORT, 'the journal takes the next seq only'); END""",
    "journal_no_update": """CREATE TRIGGER journal_no_update BEFORE UPDATE ON markets_journalentry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    "journal_no_delete": """CREATE TRIGGER journal_no_delete BEFORE DELETE ON markets_journalentry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
}

# On an empty journal every statement is let through: test runners truncate empty tables.
POSTGRES_APPEND_ONLY = """
BEGIN
    IF EXISTS (SELECT FROM markets_journalentry) THEN
        RAISE EXCEPTION 'the journal is append-only'
            USING ERRCODE = 'integrity_constraint_violation', TABLE = 'markets_journalentry';
    END IF;
    RETURN NULL;
END
"""
# `added` holds the rows of the statement. seq is unique, so as many rows as from first to last leave no gap.
POSTGRES_NEXT = """
DECLARE
    first bigint;
    last bigint;
    rows bigint;
BEGIN
    SELECT min(seq), max(seq), count(*) INTO first, last, rows FROM added;
    IF rows > 0 AND (
        last - first + 1 <> rows
        OR last <> (SELECT max(seq) FROM markets_journalentry)
        OR NOT (first = 1 OR EXISTS (SELECT FROM markets_journalentry WHERE seq = first - 1))
    ) THEN
        RAISE EXCEPTION 'the journal takes the next seq only'
            USING ERRCODE = 'integrity_constraint_violation', TABLE = 'markets_journalentry';
    END IF;
    RETURN NULL;
END
"""
POSTGRES = {
    "journal_next": (f"AFTER INSERT ON {TABLE} REFERENCING NEW TABLE AS added", POSTGRES_NEXT),
    "journal_no_change": (f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {TABLE}", POSTGRES_APPEND_ONLY),
}


def install(using: str, **_: Any) -> None:
    """Installs the triggers, unless all are there as defined here. Receiver of post_migrate."""
    connection = connections[using]
    if TABLE not in connection.introspection.table_names() or not find_missing(connection):
        return
    with transaction.atomic(using), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for name, definition in SQLITE.items():
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
                cursor.execute(definition)
        else:
            for name, (when, body) in POSTGRES.items():
                cursor.execute(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
                cursor.execute(f"CREATE OR REPLACE TRIGGER {name} {when} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")
                cursor.execute(f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {name}")


def find_missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of the triggers that are missing, different from here, or switched off."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", (TABLE,))
            return sorted(SQLITE.keys() - {name for name, text in cursor.fetchall() if text == SQLITE.get(name)})
        cursor.execute(
            "SELECT tgname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
            " WHERE tgrelid = to_regclass(%s) AND tgenabled = 'A'",
            (TABLE,),
        )
        return sorted(POSTGRES.keys() - {name for name, body in cursor.fetchall() if body == POSTGRES[name][1]})
