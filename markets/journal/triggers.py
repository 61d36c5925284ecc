"""The journal is append-only, and the database itself sees to it.

Triggers refuse UPDATE, DELETE, TRUNCATE and any INSERT whose seq is not the next one. That stops REPLACE too, and
fences a second matcher. A migration that rebuilds the table drops them without a word: they are installed after every
migrate (markets/apps.py), and the exchange does not start without them (markets/checks.py).
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

# A statement that touches nothing is let through: test runners truncate tables that are empty.
POSTGRES_APPEND_ONLY = """
BEGIN
    IF EXISTS (SELECT FROM markets_journalentry) THEN
        RAISE EXCEPTION 'the journal is append-only'
            USING ERRCODE = 'integrity_constraint_violation', TABLE = 'markets_journalentry';
    END IF;
    RETURN NULL;
END
"""
# The rows of the statement are `added`. seq is unique, so that many with these ends are without a gap.
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
    """Receiver of post_migrate: brings the triggers to what they are here. Leaves good ones alone."""
    connection = connections[using]
    if TABLE not in connection.introspection.table_names() or not missing(connection):
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


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The triggers that are not there, or not as they are here, or switched off."""
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
