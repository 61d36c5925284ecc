"""Reads an exchange's database over a connection of its own. The exchange may be running."""

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.patience import STEP_SECONDS_MAX

Row = tuple[Any, ...]

# The engine's tables -> the columns that order their rows for comparisons.
ENGINE_TABLES = {
    "accounts_account": "id",
    "accounts_ownership": "account_id, owner_id",
    "accounts_transfer": "id",
    "markets_market": "id",
    "markets_order": "id",
    "markets_trade": "id",
    "markets_exposure": "account_id, market_id",
    "markets_payout": "market_id, account_id",
    "auctions_auction": "id",
    "markets_journalentry": "seq",
    "markets_journalmarket": "market_id, seq",
}
BID, OFFER = 1, 2
WITHDRAWN = 2  # as in auctions_auction.status


class Tables:
    """`env`: LiveExchange.env, for its DATABASE_URL."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._url = env["DATABASE_URL"]

    def rows(self, query: str, *values: object) -> list[Row]:
        """The rows of a query, in which ? stands for each parameter."""
        if self._url.startswith("sqlite:///"):
            with closing(sqlite3.connect(self._url.removeprefix("sqlite:///"), timeout=STEP_SECONDS_MAX)) as connection:
                return connection.execute(query, values).fetchall()
        with psycopg.connect(self._url) as postgres:
            return postgres.execute(query.replace("?", "%s").encode(), values).fetchall()

    def change(self, statement: str, *values: object) -> None:
        """Writes as another program would. Not for the engine's tables."""
        assert not any(table in statement for table in ENGINE_TABLES)
        assert urlsplit(self._url).scheme == "sqlite"
        with (
            closing(sqlite3.connect(self._url.removeprefix("sqlite:///"), timeout=STEP_SECONDS_MAX)) as connection,
            connection,
        ):
            connection.execute(statement, values)

    @property
    def head(self) -> int:
        """The seq of the last accepted command."""
        return int(self.rows("SELECT coalesce(max(seq), 0) FROM markets_journalentry")[0][0])

    def digest(self) -> str:
        """A digest of every row that the engine owns."""
        digest = sha256()
        for table, order in ENGINE_TABLES.items():
            for row in self.rows(f"SELECT * FROM {table} ORDER BY {order}"):
                digest.update(repr((table, row)).encode())
        return digest.hexdigest()

    def keyed(self) -> dict[tuple[int, str], list[int]]:
        """(account, idempotency key) -> seqs of the accepted commands with this key."""
        found: dict[tuple[int, str], list[int]] = {}
        for account, key, seq in self.rows(
            "SELECT account, key, seq FROM markets_journalentry WHERE key <> '' ORDER BY seq"
        ):
            found.setdefault((account, key), []).append(seq)
        return found

    def book(self, market: int, hidden: bool = False) -> dict[int, list[Row]]:
        """Resting orders of each side in priority order: (id, account, price, size, open, filled)."""
        orders = f"SELECT id, {0 if hidden else 'account_id'}, price, size, open, filled FROM markets_order"
        return {
            side: self.rows(f"{orders} WHERE market_id = ? AND open > 0 AND side = {side} ORDER BY {best}, id", market)
            for side, best in ((BID, "-price"), (OFFER, "price"))
        }

    def tape(self, market: int, most: int) -> list[Row]:
        """The last trades, oldest first: (id, price, size, maker order, taker order)."""
        trades = "SELECT id, price, size, maker_order, taker_order FROM markets_trade WHERE market_id = ?"
        return self.rows(f"{trades} ORDER BY id DESC LIMIT {most}", market)[::-1]

    def accounts(self) -> dict[int, tuple[str, int, int]]:
        """id -> (name, cash, available)."""
        found = self.rows("SELECT id, name, cash, available FROM accounts_account ORDER BY id")
        return {id: (name, cash, available) for id, name, cash, available in found}

    def exposures(self, account: int) -> dict[int, Row]:
        """market -> (position, bid size, bid value, offer size, offer value, worst, cost, realised)."""
        found = self.rows(
            "SELECT market_id, position, bid_size, bid_value, offer_size, offer_value, worst_case, cost, realised"
            " FROM markets_exposure WHERE account_id = ?",
            account,
        )
        return {market: figures for market, *rest in found for figures in [tuple(rest)]}

    def owners(self, account: int) -> dict[int, int]:
        """owner -> credit."""
        return dict(self.rows("SELECT owner_id, credit FROM accounts_ownership WHERE account_id = ?", account))

    def reach(self, account: int) -> list[int]:
        """The account and every account below it."""
        found = self.rows(
            "WITH RECURSIVE mine (id) AS (SELECT CAST(? AS bigint) UNION SELECT account_id FROM accounts_ownership"
            " JOIN mine ON owner_id = mine.id) SELECT id FROM mine ORDER BY id",
            account,
        )
        return [row[0] for row in found]

    def markets(self) -> dict[int, Row]:
        """id -> definition, status, settlement and, last, whether it hides account ids."""
        found = self.rows(
            "SELECT id, name, description, owner_id, min_settlement, max_settlement, tick_size, smallest_size, status,"
            " settle_price, category, pinned, hide_account_ids FROM markets_market"
        )
        return {id: tuple(values) for id, *values in found}

    def lists(self) -> dict[int, set[int]]:
        """Restricted market -> the accounts that may see it."""
        found: dict[int, set[int]] = {}
        for market, account in self.rows("SELECT market_id, account_id FROM markets_marketvisibility"):
            found.setdefault(market, set()).add(account)
        return found

    def concerned(self, accounts: Collection[int]) -> set[int]:
        """The markets that one of these accounts owns or ever traded in."""
        concerns = self.rows(
            "SELECT id, owner_id FROM markets_market"
            " UNION SELECT market_id, account_id FROM markets_exposure WHERE traded"
        )
        return {market for market, account in concerns if account in accounts}

    def auctions(self) -> dict[int, Row]:
        """All but withdrawn ones: id -> (seller, name, description, picture, buy-now price, status, buyer, price)."""
        found = self.rows(
            "SELECT id, seller_id, name, description, picture, buy_now_price, status, buyer_id, settle_price"
            " FROM auctions_auction WHERE status <> ?",
            WITHDRAWN,
        )
        return {id: tuple(values) for id, *values in found}

    def kinds(self) -> list[str]:
        """The kind of every command in the journal."""
        return [row[0] for row in self.rows("SELECT kind FROM markets_journalentry")]
