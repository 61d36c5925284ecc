"""The database's own check of its tables and indexes, without our rules.

SQLite: PRAGMA integrity_check reads every page, and compares each index with its table; foreign_key_check finds rows
that point nowhere. PostgreSQL has no such check without an extension, so the columns of each index are read twice, by
the index and past it. That proves that the index gives the table's rows. It does not prove that a search for one key
would find its way, and it leaves out partial indexes and what no row uses: pg_amcheck --heapallindexed proves more.
"""

from collections.abc import Iterator

from django.db.backends.base.base import BaseDatabaseWrapper

from markets.audit.balances import Difference, require
from markets.journal.tables import fetch

# The valid B-tree indexes of this schema that hold all rows by plain columns: name, table, columns.
INDEXES = (
    "SELECT i.indexrelid::regclass::text, i.indrelid::regclass::text,"
    " (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.n) FROM unnest(i.indkey::smallint[])"
    " WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
    " WHERE k.n <= i.indnkeyatts)"
    " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam"
    " WHERE c.relnamespace = current_schema()::regnamespace AND m.amname = 'btree' AND i.indisvalid"
    " AND i.indpred IS NULL AND i.indexprs IS NULL ORDER BY 2, 1"
)
SCANS = ("seqscan", "indexscan", "indexonlyscan", "bitmapscan", "sort", "incremental_sort")
BY_INDEX = ("indexscan", "indexonlyscan")
PAST_INDEX = ("seqscan", "sort")


def check_database(connection: BaseDatabaseWrapper) -> Iterator[str]:
    """Yields what the database says of itself. Raises Difference at the first damage."""
    if connection.vendor == "sqlite":
        ((first, *_), *_) = fetch(connection, "PRAGMA integrity_check(1)")
        require(first == "ok", f"SQLite's integrity check says: {first}")
        yield "database: SQLite's integrity check finds pages, tables and indexes whole"
    else:
        yield f"database: {_compare_indexes(connection)} indexes give the rows of their tables"


def check_references(connection: BaseDatabaseWrapper) -> Iterator[str]:
    """SQLite: raises Difference if a row points to a row that is not there. PostgreSQL never lets one do so."""
    if connection.vendor == "sqlite":
        for table, row, parent, _ in fetch(connection, "PRAGMA foreign_key_check"):
            raise Difference(f"{table}: row {row} points to a row of {parent} that does not exist")
        yield "references: no row points to one that does not exist"


def _compare_indexes(connection: BaseDatabaseWrapper) -> int:
    """Compares the count and a hash of each index's columns, read by the index and past it. Returns how many."""
    indexes = fetch(connection, INDEXES)
    for name, table, columns in indexes:
        in_order = f"SELECT {columns} FROM {table} ORDER BY {columns}"  # noqa: S608 - names of the catalogue
        query = f"SELECT count(*), sum(hashtextextended(key::text, 0)::numeric) FROM ({in_order}) AS key"  # noqa: S608
        past, by = (_fetch_with(connection, scans, query) for scans in (PAST_INDEX, BY_INDEX))
        require(by == past, f"the index {name} gives {by[0][0]:,} rows that are not the {past[0][0]:,} of {table}")
    return len(indexes)


def _fetch_with(connection: BaseDatabaseWrapper, scans: tuple[str, ...], query: str) -> list[tuple[int, int]]:
    """The rows of the query, planned with these scans alone."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT scans")
        for scan in SCANS:
            cursor.execute(f"SET LOCAL enable_{scan} = {'on' if scan in scans else 'off'}")
        found = fetch(connection, query)
        cursor.execute("ROLLBACK TO SAVEPOINT scans")  # also of the settings
        cursor.execute("RELEASE SAVEPOINT scans")
    return found
