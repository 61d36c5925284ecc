"""The proof that a database is right: `manage.py verify`, on a running exchange, and after every scenario of the tests.

Everything is read in one snapshot, a page of the journal at a time, so the proof needs no more memory than the engine.

1. The chain: no entry was lost, changed or put in between.
2. The replay: every command, given to an empty engine, brings about the very events that are stored.
3. The tables: row for row what the replay says; and a start would load the very state that was replayed.
4. The rules, from the tables alone (balances.py): money and positions sum to zero and follow from transfers,
   trades and payouts; exposures follow from open orders; sizes add up; no book is crossed; nobody can lose more than
   they have; whoever signs in has no owner, every alt account has, in no circle, and no credit is below zero.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from markets.audit.balances import Difference as Difference
from markets.audit.balances import Ledger, check, require
from markets.audit.replay import HEAD, Replay, snapshot
from markets.engine.state import Changed
from markets.journal.checkpoints import checkpoint, restore
from markets.journal.entries import Outcome
from markets.journal.loading import load
from markets.journal.projection import (
    KEPT,
    account_row,
    auction_row,
    exposure_row,
    happened,
    market_row,
    order_row,
    ownership_rows,
    visibility_rows,
)
from markets.journal.tables import (
    ACCOUNTS,
    AUCTIONS,
    EXPOSURES,
    JOURNAL_MARKETS,
    MARKETS,
    ORDERS,
    OWNERSHIPS,
    VISIBILITY,
    Row,
    Table,
    fetch,
)

PAGE_ORDERS = 10_000


def verify() -> Iterator[str]:
    """Says what is proved, line by line. Raises Difference at the first thing that does not agree."""
    with snapshot() as connection:
        proof = Proof(connection)
        yield from proof.replay()
        yield from proof.tables()
        yield proof.start()
        yield from check(connection, proof.ledger)


class Proof:
    """The whole journal replayed, and the tables compared with it as it goes."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.ledger = Ledger()
        self._connection = connection
        self._replay = Replay(connection)
        self._counts: dict[Table, int] = dict.fromkeys((ORDERS, JOURNAL_MARKETS, *KEPT.values()), 0)
        self._last: dict[Table, int] = dict.fromkeys(KEPT.values(), 0)  # id of the last row that was compared

    # --- As the journal goes by

    def replay(self) -> Iterator[str]:
        checkpoints = fetch(self._connection, "SELECT seq, market_id FROM markets_marketcheckpoint ORDER BY seq")
        for seq, market in checkpoints:
            self._advance(seq)
            self._compare_checkpoint(market, seq)
        self._advance(HEAD)
        engine, hash = self._replay.engine, self._replay.hash
        yield f"chain: {engine.seq:,} entries, unbroken; the last hash begins {hash.hex()[:16]}"
        yield "replay: every command brings about its events again"
        yield f"checkpoints: {len(checkpoints):,} are the markets as they were"

    def _advance(self, until: int) -> None:
        for outcomes in self._replay.pages(until):
            self._compare_happened(outcomes)
            self._compare_finished(self._replay.engine.take_changed())

    def _compare_checkpoint(self, market: int, seq: int) -> None:
        engine = self._replay.engine
        ((kept,),) = fetch(
            self._connection,
            "SELECT state FROM markets_marketcheckpoint WHERE market_id = %s AND seq = %s",
            *(market, seq),
        )
        known = engine.markets.get(market) if engine.seq == seq else None
        now = checkpoint(engine, known) if known else b""
        same = kept == now or (known is not None and restore(market, seq, kept) == restore(market, seq, now))
        require(same, f"the checkpoint of market {market} as of {seq} is not the market as it was")

    def _compare_happened(self, outcomes: list[Outcome]) -> None:
        expected = happened(outcomes)
        for table, added in expected.items():
            self._counts[table] += len(added)
        for table in KEPT.values():
            if expected[table]:
                found = self._next(table, len(expected[table]))
                _compare(table, expected[table], found)
                self.ledger.add(table, found)
        of_market: dict[int, list[Row]] = {}
        for row in expected[JOURNAL_MARKETS]:
            of_market.setdefault(row[0], []).append(row)
        where = "market_id = %s AND seq BETWEEN %s AND %s ORDER BY seq"
        for market, added in of_market.items():
            there = self._select(JOURNAL_MARKETS, where, market, outcomes[0].seq, outcomes[-1].seq)
            _compare(JOURNAL_MARKETS, added, there)

    def _next(self, table: Table, count: int) -> list[Row]:
        """The rows that were written after those compared so far."""
        query = f'SELECT id, {table.columns} FROM "{table.name}" WHERE id > %s ORDER BY id LIMIT %s'  # noqa: S608
        found = fetch(self._connection, query, self._last[table], count)
        if found:
            self._last[table] = found[-1][0]
        return [row[1:] for row in found]

    def _compare_finished(self, changed: Changed) -> None:
        """An order that is done never changes again: it is compared now, because the engine has forgotten it."""
        finished = sorted((order for order in changed.orders.values() if not order.open), key=lambda order: order.id)
        self._counts[ORDERS] += len(finished)
        for start in range(0, len(finished), PAGE_ORDERS):
            some = finished[start : start + PAGE_ORDERS]
            where = f"id IN ({', '.join(str(order.id) for order in some)}) ORDER BY id"
            _compare(ORDERS, list(map(order_row, some)), self._select(ORDERS, where))

    # --- At the end

    def tables(self) -> Iterator[str]:
        engine = self._replay.engine
        accounts = [engine.accounts[id] for id in sorted(engine.accounts)]
        owners = [row for account in accounts for row in sorted(ownership_rows(account), key=tuple)]
        markets = [market_row(engine.markets[id]) for id in sorted(engine.markets)]
        listed = [row for id in sorted(engine.markets) for row in visibility_rows(engine.markets[id])]
        exposures = [exposure_row(a.id, a.exposures[market]) for a in accounts for market in sorted(a.exposures)]
        resting = [order_row(engine.orders[id]) for id in sorted(engine.orders)]
        auctions = [auction_row(engine.auctions[id]) for id in sorted(engine.auctions)]
        self._compare_all(ACCOUNTS, [account_row(account) for account in accounts], "true ORDER BY id")
        self._compare_all(OWNERSHIPS, owners, "true ORDER BY account_id, owner_id")
        self._compare_all(MARKETS, markets, "true ORDER BY id")
        self._compare_all(VISIBILITY, listed, "true ORDER BY market_id, account_id")
        self._compare_all(EXPOSURES, exposures, "true ORDER BY account_id, market_id")
        self._compare_all(ORDERS, resting, "open > 0 ORDER BY id")
        self._compare_all(AUCTIONS, auctions, "true ORDER BY id")
        for table, count in self._counts.items():
            ((there,),) = fetch(self._connection, f'SELECT count(*) FROM "{table.name}"')  # noqa: S608 - our own name
            require(there == count, f"{table.name} has {there:,} rows, by the replay {count:,}")
            yield f"{table.name}: {count:,} rows are those of the replay"

    def start(self) -> str:
        """The digest does not say in which order accounts came to a market, which decides the order of payouts."""
        engine, started = self._replay.engine, load(self._connection)
        require(started.digest() == engine.digest(), "a start would load another state than was replayed")
        for id, market in engine.markets.items():
            same = list(started.markets[id].holders) == list(market.holders)
            require(same, f"a start would load the accounts of market {id} in another order")
        return "start: it would load the state that was replayed"

    def _compare_all(self, table: Table, expected: Sequence[Row], where: str) -> None:
        self._counts[table] = self._counts.get(table, 0) + len(expected)
        _compare(table, expected, self._select(table, where))

    def _select(self, table: Table, where: str, *values: int) -> list[tuple[Any, ...]]:
        return fetch(self._connection, f'SELECT {table.columns} FROM "{table.name}" WHERE {where}', *values)  # noqa: S608


def _compare(table: Table, expected: Sequence[Row], found: Sequence[Row]) -> None:
    """Raises Difference with the first row and column that differ."""
    if expected == found:
        return
    for row, there in zip_longest(expected, found):
        if row is None or there is None:
            raise Difference(f"{table.name}: the table has {there}, the replay {row}")
        for field, value, other in zip(table.fields, row, there):
            if value != other:
                raise Difference(f"{table.name} {row[0]}: {field.column} is {other!r}, by the replay {value!r}")
