"""The tables that the engine owns, and how many rows are written with one statement.

A thread that steps through rows loses the interpreter lock at every one of them, so rows are never written one by
one: SQLite gets an INSERT .. VALUES of many rows, PostgreSQL an INSERT .. SELECT FROM unnest with an array a column.
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
    Trade,
)

Row = Sequence[Any]

# Of one INSERT .. VALUES, and of one DELETE. SQLite takes 32,766 variables and the widest table has 19 columns; more
# rows gain nothing.
ROWS_MAX = 256

# Pages of SQLite's write-ahead log (64 MiB) before a commit copies them into the database. With the usual 1,000 every
# twelfth full batch waits for that, for longer than all it does itself.
WAL_PAGES = 16_000

# Python's SQLite driver looks for an adapter of every value that is not exactly int, str or bytearray, which takes it
# longer than to bind one.
PLAIN: dict[type, type] = {models.BinaryField: bytearray, models.BooleanField: int}


class Table:
    """The columns of a model in the model's order, but for a key that the database makes.

    Where the fields `key` are there already, a write changes the fields `changing` of that row instead, if any.
    """

    def __init__(self, model: type[models.Model], key: Sequence[str] = (), changing: Sequence[str] = ()) -> None:
        self.name = model._meta.db_table
        self.fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
        self.columns = ", ".join(f'"{field.column}"' for field in self.fields)
        self.casts = [(i, PLAIN[type(field)]) for i, field in enumerate(self.fields) if type(field) in PLAIN]
        column = {field.name: f'"{field.column}"' for field in self.fields}
        self.key = [column[name] for name in key]
        changes = ", ".join(f"{column[name]} = excluded.{column[name]}" for name in changing)
        instead = f"UPDATE SET {changes}" if changing else "NOTHING"
        self.on_conflict = f" ON CONFLICT ({', '.join(self.key)}) DO {instead}" if key else ""

    def delete(self, rows: int, placeholder: str) -> str:
        """A statement that deletes the rows of so many keys, which are numbers."""
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
        *("name", "name_key", "description", "status", "settle_price", "last_price"),
        *("category", "pinned", "hide_account_ids", "volume"),
    ),
)
VISIBILITY = Table(MarketVisibility, key=("market", "account"))
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
    """A connection to the exchange's database of one's own: outside the pool, of no thread, closed by its owner."""
    connection = connections[DEFAULT_DB_ALIAS].copy()
    connection.settings_dict["OPTIONS"].pop("pool", None)
    connection.inc_thread_sharing()
    return connection


def fetch(connection: BaseDatabaseWrapper, query: str, *values: int | str) -> list[tuple[Any, ...]]:
    """All rows of a query, as the driver gives them: no model instances."""
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


class Writer(Protocol):
    """Writes through one connection, which must be open."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commits what is inserted inside. After an error the transaction may still be open: close the connection."""

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """One statement, unless the rows exceed what one can hold."""

    def delete(self, table: Table, keys: Sequence[Row]) -> None:
        """One statement, unless the keys exceed what one can hold. One that is not there does no harm."""


def _statements(keys: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """The keys of each: an edit may strike a thousand accounts from a list, and a batch hold hundreds of edits."""
    return (keys[start : start + ROWS_MAX] for start in range(0, len(keys), ROWS_MAX))


class SqliteWriter:
    """A statement has a power of two of rows: few texts, prepared once and then found again by the driver."""

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
        for some in _statements(keys):
            self._raw.execute(table.delete(len(some), "?"), list(chain.from_iterable(some)))


@cache
def _insert_values(table: Table, rows: int) -> str:
    row = f"({', '.join('?' * len(table.fields))})"
    values = ", ".join([row] * rows)
    return f'INSERT INTO "{table.name}" ({table.columns}) VALUES {values}{table.on_conflict}'  # noqa: S608 - our names


class PostgresWriter:
    """One prepared statement a table whatever the number of rows, and one round trip a transaction."""

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
        for some in _statements(keys):
            self._cursor.execute(table.delete(len(some), "%s"), list(chain.from_iterable(some)))


def _insert_unnest(table: Table, connection: BaseDatabaseWrapper) -> str:
    # A cast to varchar(n) would cut a longer text without a word; varchar leaves it to the column to refuse it.
    kinds = [str(field.db_type(connection)).partition("(")[0] for field in table.fields]
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    return f'INSERT INTO "{table.name}" ({table.columns}) SELECT * FROM unnest({arrays}){table.on_conflict}'  # noqa: S608


def _array(field: models.Field[Any, Any], column: Sequence[Any]) -> str:
    """A column as PostgreSQL spells an array. The driver does it too, in four times the time."""
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
    return PostgresWriter(connection) if connection.vendor == "postgresql" else SqliteWriter(connection)
