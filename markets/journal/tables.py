"""The tables that the engine owns, and how many rows are written with one statement.

A thread that executes one statement per row loses the interpreter lock at each of them, so rows are never written one
by one. SQLite gets an INSERT .. VALUES of many rows, PostgreSQL an INSERT .. SELECT FROM unnest with one array per
column.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from itertools import chain
from typing import Any, Protocol

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.models import Account, Ownership, Transfer
from auctions.models import Auction
from markets.models import (
    Exposure,
    JournalEntry,
    JournalMarket,
    Market,
    MarketCheckpoint,
    MarketVisibility,
    Order,
    Payout,
    PriceLevel,
    Trade,
)

Row = Sequence[Any]

# Rows of one INSERT .. VALUES or DELETE. SQLite takes 32,766 variables and the widest table has 19 columns; more rows
# gain nothing.
ROWS_MAX = 256

# Pages of SQLite's write-ahead log (64 MiB) before a commit copies them into the database. With the default of 1,000
# every twelfth full batch waits for the copying, which takes longer than the batch itself.
WAL_PAGES = 16_000

# Python's SQLite driver looks for an adapter for every value that is not exactly int, str or bytearray. That takes
# longer than to bind the value.
PLAIN: dict[type, type] = {models.BinaryField: bytearray, models.BooleanField: int}


class Table:
    """The columns of a model in the model's order, without a key that the database makes.

    `key` names the fields by which a row is found. If a row with that key exists, a write updates its fields `changing`
    instead, or leaves it as it is if there are none.
    """

    def __init__(self, model: type[models.Model], key: Sequence[str] = (), changing: Sequence[str] = ()) -> None:
        self.name = model._meta.db_table
        self.fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
        self.names = [field.name for field in self.fields]
        self.columns = ", ".join(f'"{field.column}"' for field in self.fields)
        self.casts = [(i, PLAIN[type(field)]) for i, field in enumerate(self.fields) if type(field) in PLAIN]
        column = {field.name: f'"{field.column}"' for field in self.fields}
        self.key = [column[name] for name in key]
        changes = ", ".join(f"{column[name]} = excluded.{column[name]}" for name in changing)
        instead = f"UPDATE SET {changes}" if changing else "NOTHING"
        self.on_conflict = f" ON CONFLICT ({', '.join(self.key)}) DO {instead}" if key else ""

    def delete_statement(self, rows: int, placeholder: str) -> str:
        """A statement that deletes the rows of this many keys. Key columns are numbers."""
        row = f"({', '.join([f'CAST({placeholder} AS bigint)'] * len(self.key))})"
        keys = ", ".join([row] * rows)
        return f'DELETE FROM "{self.name}" WHERE ({", ".join(self.key)}) IN (VALUES {keys})'  # noqa: S608 - our names


JOURNAL = Table(JournalEntry)
JOURNAL_MARKETS = Table(JournalMarket)
CHECKPOINTS = Table(MarketCheckpoint)
TRANSFERS = Table(Transfer)
TRADES = Table(Trade)
TRADE_COLUMNS = (  # as the fields of the event Traded
    "id, market_id, price, size, buyer_id, seller_id, taker_side, maker_order, maker_open, taker_order, taker_open,"
    " at_us"
)
PAYOUTS = Table(Payout)
ACCOUNTS = Table(Account, key=("id",), changing=("cash", "available"))
OWNERSHIPS = Table(Ownership, key=("account", "owner"), changing=("credit",))
MARKETS = Table(
    Market,
    key=("id",),
    changing=(
        "name",
        "name_key",
        "description",
        "status",
        "settle_price",
        "last_price",
        "category",
        "pinned",
        "hide_account_ids",
        "volume",
    ),
)
VISIBILITY = Table(MarketVisibility, key=("market", "account"))
LEVELS = Table(PriceLevel, key=("market_id", "side", "price"), changing=("size", "orders"))
ORDERS = Table(Order, key=("id",), changing=("open", "filled", "cancelled"))
EXPOSURES = Table(
    Exposure,
    key=("account", "market"),
    changing=(
        "position",
        "bid_size",
        "bid_value",
        "offer_size",
        "offer_value",
        "worst_case",
        "cost",
        "realised",
        "traded",
    ),
)
AUCTIONS = Table(
    Auction,
    key=("id",),
    changing=("name", "description", "picture", "buy_now_price", "status", "buyer", "settle_price"),
)


def dedicated_connection() -> BaseDatabaseWrapper:
    """A new connection to the exchange's database, outside the pool and usable by any thread. The caller closes it."""
    connection = connections[DEFAULT_DB_ALIAS].copy()
    connection.settings_dict["OPTIONS"].pop("pool", None)
    connection.inc_thread_sharing()
    return connection


@contextmanager
def open_snapshot() -> Iterator[BaseDatabaseWrapper]:
    """A connection on which all reads show the same moment while others go on writing."""
    connection = dedicated_connection()
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            else:
                cursor.execute("BEGIN DEFERRED")
        yield connection
    finally:
        connection.close()


def fetch(connection: BaseDatabaseWrapper, query: str, *values: int | str) -> list[tuple[Any, ...]]:
    """All rows of a query as tuples, without model instances."""
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


class Writer(Protocol):
    """Writes rows through one open connection."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commits what is written inside. After an error the transaction may still be open: close the connection."""

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Inserts the rows, or updates those that exist, in as few statements as possible."""

    def delete(self, table: Table, keys: Sequence[Row]) -> None:
        """Deletes the rows with these keys, in as few statements as possible. Missing rows do no harm."""


def _chunks(keys: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """The keys in parts that fit one statement. A batch may hold hundreds of edits that each unlist 1,000 accounts."""
    return (keys[start : start + ROWS_MAX] for start in range(0, len(keys), ROWS_MAX))


class SqliteWriter:
    """Writes to SQLite. A statement has a power of two of rows: few texts, which the driver prepares once."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._raw = connection.connection
        self._raw.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._raw.execute("BEGIN IMMEDIATE")
        yield
        self._raw.execute("COMMIT")

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        start = 0
        while left := len(rows) - start:
            count = min(ROWS_MAX, 1 << (left.bit_length() - 1))
            values = list(chain.from_iterable(rows[start : start + count]))
            for position, plain in table.casts:
                values[position :: len(table.fields)] = map(plain, values[position :: len(table.fields)])
            self._raw.execute(_insert_values(table, count), values)
            start += count

    def delete(self, table: Table, keys: Sequence[Row]) -> None:
        for chunk in _chunks(keys):
            self._raw.execute(table.delete_statement(len(chunk), "?"), list(chain.from_iterable(chunk)))


@cache
def _insert_values(table: Table, rows: int) -> str:
    row = f"({', '.join('?' * len(table.fields))})"
    values = ", ".join([row] * rows)
    return f'INSERT INTO "{table.name}" ({table.columns}) VALUES {values}{table.on_conflict}'  # noqa: S608 - our names


class PostgresWriter:
    """Writes to PostgreSQL: one prepared statement per table for any number of rows, one round trip per transaction."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._raw: psycopg.Connection[Any] = connection.connection
        self._raw.prepare_threshold = 0
        self._cursor = psycopg.Cursor(self._raw)
        self._texts: dict[Table, str] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._raw.pipeline():
            self._cursor.execute("BEGIN")
            yield
            self._cursor.execute("COMMIT")

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        text = self._texts.get(table) or self._texts.setdefault(table, _insert_unnest(table, self._connection))
        self._cursor.execute(text, [_array(field, column) for field, column in zip(table.fields, zip(*rows))])

    def delete(self, table: Table, keys: Sequence[Row]) -> None:
        for chunk in _chunks(keys):
            self._cursor.execute(table.delete_statement(len(chunk), "%s"), list(chain.from_iterable(chunk)))


def _insert_unnest(table: Table, connection: BaseDatabaseWrapper) -> str:
    # A cast to varchar(n) would silently cut a longer text. With a cast to varchar the column refuses it.
    kinds = [str(field.db_type(connection)).partition("(")[0] for field in table.fields]
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    return f'INSERT INTO "{table.name}" ({table.columns}) SELECT * FROM unnest({arrays}){table.on_conflict}'  # noqa: S608


def _array(field: models.Field[Any, Any], column: Sequence[Any]) -> str:
    """A column as a PostgreSQL array literal. The driver would take four times as long."""
    if isinstance(field, models.BinaryField):
        items = [f'"\\\\x{value.hex()}"' for value in column]
    elif isinstance(field, models.CharField | models.TextField):
        items = ['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in column]
    elif field.null:
        items = ["NULL" if value is None else str(value) for value in column]
    else:
        items = list(map(str, column))
    return f"{{{','.join(items)}}}"


def writer_for(connection: BaseDatabaseWrapper) -> Writer:
    """The writer for the connection's database."""
    return PostgresWriter(connection) if connection.vendor == "postgresql" else SqliteWriter(connection)
