"""Proves that a database is right: `manage.py verify`, also on a running exchange, and after scenarios of the tests.

All reads show one moment. The journal is read a page at a time, so the proof needs no more memory than the engine.

0. The database's own check of its tables and indexes (integrity.py).
1. The chain: no entry was lost, changed or inserted since its hash was written. Who can write the database can also
   write a whole new chain: a hash that somebody noted elsewhere shows that it is still the same one.
2. The replay: every command, given to an empty engine, leads to the very events that are stored.
3. The tables: they are row for row what the replay says, and a start would load the state that was replayed.
4. The rules, from the tables alone (balances.py): money and positions sum to zero and follow from transfers, trades and
   payouts; exposures and price levels follow from open orders; sizes add up; no book is crossed; nobody can lose more
   than they have; every alt has owners and nobody else has, they form no circle, and no credit is below zero; every
   auction was paid for once if it is sold.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from markets.audit.balances import Difference as Difference
from markets.audit.balances import Ledger, check, require
from markets.audit.integrity import check_database, check_references
from markets.audit.replay import HEAD, Replay
from markets.engine.state import Changed
from markets.journal.checkpoints import MarketState, decode_checkpoint, encode_checkpoint
from markets.journal.entries import Outcome
from markets.journal.loading import load
from markets.journal.projection import (
    EVENT_TABLES,
    account_row,
    auction_row,
    exposure_row,
    level_rows,
    market_row,
    order_row,
    ownership_rows,
    project_events,
    visibility_rows,
)
from markets.journal.tables import (
    ACCOUNTS,
    AUCTIONS,
    EXPOSURES,
    JOURNAL_MARKETS,
    LEVELS,
    MARKETS,
    ORDERS,
    OWNERSHIPS,
    VISIBILITY,
    Row,
    Table,
    fetch,
    open_snapshot,
)

PAGE_ORDERS = 10_000  # orders compared at a time


def verify() -> Iterator[str]:
    """Yields what is proved, line by line. Raises Difference at the first thing that does not agree."""
    with open_snapshot() as connection:
        yield from check_database(connection)
        proof = Proof(connection)
        yield from proof.prove_journal()
        yield from proof.prove_tables()
        yield proof.prove_start()
        yield from check(connection, proof.ledger)
        yield from check_references(connection)
        yield from proof.say_what_to_note()


class Proof:
    """Replays the whole journal and compares the tables with it."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.ledger = Ledger()
        self._connection = connection
        self._replay = Replay(connection)
        self._counts: dict[Table, int] = dict.fromkeys((ORDERS, JOURNAL_MARKETS, *EVENT_TABLES.values()), 0)
        self._last: dict[Table, int] = dict.fromkeys(EVENT_TABLES.values(), 0)  # id of the last compared row

    # --- During the replay

    def prove_journal(self) -> Iterator[str]:
        """Replays all entries; compares checkpoints, rows of events and finished orders on the way."""
        checkpoints = fetch(self._connection, "SELECT seq, market_id FROM markets_marketcheckpoint ORDER BY seq")
        for seq, market in checkpoints:
            self._advance(seq)
            self._compare_checkpoint(market, seq)
        self._advance(HEAD)
        yield f"chain: {self._replay.engine.seq:,} entries, unbroken"
        yield "replay: every command leads to its events again"
        yield f"checkpoints: {len(checkpoints):,} are the markets as they were"

    def _advance(self, until: int) -> None:
        for outcomes in self._replay.pages(until):
            self._compare_events(outcomes)
            self._compare_finished(self._replay.engine.take_changed())

    def _compare_checkpoint(self, market: int, seq: int) -> None:
        engine = self._replay.engine
        ((stored,),) = fetch(
            self._connection,
            "SELECT state FROM markets_marketcheckpoint WHERE market_id = %s AND seq = %s",
            market,
            seq,
        )
        replayed = engine.markets.get(market) if engine.seq == seq else None
        expected = encode_checkpoint(engine, replayed) if replayed else b""
        same = stored == expected or (
            replayed is not None and _decode(market, seq, stored) == decode_checkpoint(market, seq, expected)
        )
        require(same, f"the checkpoint of market {market} as of {seq} is not the market as it was")

    def _compare_events(self, outcomes: list[Outcome]) -> None:
        """Compares the rows that events have become, and adds them to the ledger."""
        expected = project_events(outcomes)
        for table, added in expected.items():
            self._counts[table] += len(added)
        for table in EVENT_TABLES.values():
            if expected[table]:
                found = self._read_next(table, len(expected[table]))
                _compare(table, expected[table], found)
                self.ledger.add(table, found)
        of_market: dict[int, list[Row]] = {}
        for row in expected[JOURNAL_MARKETS]:
            of_market.setdefault(row[0], []).append(row)
        where = "market_id = %s AND seq BETWEEN %s AND %s ORDER BY seq"
        for market, added in of_market.items():
            stored = self._select(JOURNAL_MARKETS, where, market, outcomes[0].seq, outcomes[-1].seq)
            _compare(JOURNAL_MARKETS, added, stored)

    def _read_next(self, table: Table, count: int) -> list[Row]:
        """The next `count` rows behind those compared so far."""
        query = f'SELECT id, {table.columns} FROM "{table.name}" WHERE id > %s ORDER BY id LIMIT %s'  # noqa: S608
        found = fetch(self._connection, query, self._last[table], count)
        if found:
            self._last[table] = found[-1][0]
        return [row[1:] for row in found]

    def _compare_finished(self, changed: Changed) -> None:
        """Compares finished orders. They never change again, and the engine forgets them, so it is done on the way."""
        finished = sorted((order for order in changed.orders.values() if not order.open), key=lambda order: order.id)
        self._counts[ORDERS] += len(finished)
        for start in range(0, len(finished), PAGE_ORDERS):
            page = finished[start : start + PAGE_ORDERS]
            where = f"id IN ({', '.join(str(order.id) for order in page)}) ORDER BY id"
            _compare(ORDERS, list(map(order_row, page)), self._select(ORDERS, where))

    # --- After it

    def prove_tables(self) -> Iterator[str]:
        """Compares the tables of what exists now, and the number of rows of every table."""
        engine = self._replay.engine
        accounts = [engine.accounts[id] for id in sorted(engine.accounts)]
        owners = [row for account in accounts for row in sorted(ownership_rows(account), key=tuple)]
        markets = [market_row(engine.markets[id]) for id in sorted(engine.markets)]
        listed = [row for id in sorted(engine.markets) for row in visibility_rows(engine.markets[id])]
        exposures = [exposure_row(a.id, a.exposures[market]) for a in accounts for market in sorted(a.exposures)]
        resting = [order_row(engine.orders[id]) for id in sorted(engine.orders)]
        levels = [row for id in sorted(engine.markets) for row in level_rows(engine.markets[id])]
        auctions = [auction_row(engine.auctions[id]) for id in sorted(engine.auctions)]
        self._compare_all(ACCOUNTS, [account_row(account) for account in accounts], "true ORDER BY id")
        self._compare_all(OWNERSHIPS, owners, "true ORDER BY account_id, owner_id")
        self._compare_all(MARKETS, markets, "true ORDER BY id")
        self._compare_all(VISIBILITY, listed, "true ORDER BY market_id, account_id")
        self._compare_all(EXPOSURES, exposures, "true ORDER BY account_id, market_id")
        self._compare_all(ORDERS, resting, "open > 0 ORDER BY id")
        self._compare_all(LEVELS, levels, "true ORDER BY market_id, side, price")
        self._compare_all(AUCTIONS, auctions, "true ORDER BY id")
        for table, count in self._counts.items():
            ((found,),) = fetch(self._connection, f'SELECT count(*) FROM "{table.name}"')  # noqa: S608 - our own name
            require(found == count, f"{table.name} has {found:,} rows, by the replay {count:,}")
            yield f"{table.name}: {count:,} rows are those of the replay"

    def prove_start(self) -> str:
        """Loads the engine as a start does, and compares it with the replayed one."""
        engine, started = self._replay.engine, load(self._connection)
        require(started.digest() == engine.digest(), "a start would load another state than was replayed")
        for id, market in engine.markets.items():
            same = list(started.markets[id].holders) == list(market.holders)
            require(same, f"a start would load the accounts of market {id} in another order")
        return "start: it would load the state that was replayed"

    def say_what_to_note(self) -> Iterator[str]:
        """The hash of the newest entry, and what an unbroken chain does not prove."""
        yield f"to note in another place: the hash of entry {self._replay.engine.seq} is {self._replay.hash.hex()}"
        yield "not proved: that nobody who can write the database has rewritten the whole chain; noted hashes prove it"

    def _compare_all(self, table: Table, expected: Sequence[Row], where: str) -> None:
        self._counts[table] = self._counts.get(table, 0) + len(expected)
        _compare(table, expected, self._select(table, where))

    def _select(self, table: Table, where: str, *values: int) -> list[tuple[Any, ...]]:
        return fetch(self._connection, f'SELECT {table.columns} FROM "{table.name}" WHERE {where}', *values)  # noqa: S608


def _decode(market: int, seq: int, stored: bytes) -> MarketState:
    try:
        return decode_checkpoint(market, seq, stored)
    except (ValueError, TypeError, LookupError) as error:
        raise Difference(f"the checkpoint of market {market} as of {seq} cannot be read: {error}") from error


def _compare(table: Table, expected: Sequence[Row], found: Sequence[Row]) -> None:
    """Raises Difference with the first row and column that differ."""
    if expected == found:
        return
    for row, found_row in zip_longest(expected, found):
        if row is None or found_row is None:
            raise Difference(f"{table.name}: the table has {found_row}, the replay {row}")
        for field, value, other in zip(table.fields, row, found_row):
            if value != other:
                raise Difference(f"{table.name} {row[0]}: {field.column} is {other!r}, by the replay {value!r}")
