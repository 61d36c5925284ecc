"""Loads an Engine from the tables: the start of the exchange, and its only recovery.

Uses raw cursors, no model instances. One query per table; for tables that grow without end, one query per account or
market that reads only the latest rows.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from markets.engine.board import Auction
from markets.engine.book import TAPE_LENGTH, Market, Order
from markets.engine.commands import Side
from markets.engine.engine import Engine
from markets.engine.events import Traded, Transferred
from markets.engine.ledger import KEYS_KEPT, TRANSFERS_KEPT, Account, Exposure, refresh, rest
from markets.journal.tables import TRADE_COLUMNS, fetch

# The condition is spelled like that of the index journal_keys. SQLite compares the text of the two, and without the
# partial index every account would read the whole journal.
NEWEST_KEYS = (
    "SELECT key, seq FROM markets_journalentry WHERE account = %s AND NOT (key = '') ORDER BY seq DESC LIMIT %s"
)


def load(connection: BaseDatabaseWrapper) -> Engine:
    """The engine as it was after the last committed batch. Nobody else may write meanwhile (lock.py).

    Leaves nothing in `changed`.
    """
    engine = Engine()
    _load_accounts(engine, connection)
    _load_markets(engine, connection)
    _load_exposures(engine, connection)
    _load_orders(engine, connection)
    _load_tapes(engine, connection)
    _load_transfers(engine, connection)
    _load_auctions(engine, connection)
    _load_keys(engine, connection)
    _load_counters(engine, connection)
    engine.take_changed()
    return engine


def _load_accounts(engine: Engine, connection: BaseDatabaseWrapper) -> None:
    for id, name, kind, user, creator, seq, cash in fetch(
        connection, "SELECT id, name, kind, user_id, creator, seq, cash FROM accounts_account ORDER BY id"
    ):
        account = Account(id, name, kind, user or 0, creator, seq)
        account.cash = cash
        engine.add_account(account)
    for account, owner, credit in fetch(
        connection, "SELECT account_id, owner_id, credit FROM accounts_ownership ORDER BY id"
    ):
        engine.add_owner(engine.accounts[account], owner, credit)


def _load_markets(engine: Engine, connection: BaseDatabaseWrapper) -> None:
    for *definition, status, settle_price, last_price, category, pinned, hidden, volume in fetch(
        connection,
        "SELECT id, name, description, owner_id, creator, min_settlement, max_settlement, tick_size, smallest_size,"
        " created_us, seq, status, settle_price, last_price, category, pinned, hide_account_ids, volume"
        " FROM markets_market ORDER BY id",
    ):
        market = Market(*definition)
        engine.add_market(market)
        market.status, market.settle_price, market.last_price = status, settle_price, last_price
        market.category, market.pinned, market.hide_account_ids = category, bool(pinned), bool(hidden)
        market.volume = volume
        if settle_price is not None:
            engine.markets_made[market.creator] -= 1
    for id, account in fetch(
        connection, "SELECT market_id, account_id FROM markets_marketvisibility ORDER BY market_id, account_id"
    ):
        engine.markets[id].visible_to[account] = None


def _load_exposures(engine: Engine, connection: BaseDatabaseWrapper) -> None:
    # In the order in which the exposures began: it decides the order of payouts, and that of cancels by Out.
    for account, market, position, cost, realised, traded in fetch(
        connection, "SELECT account_id, market_id, position, cost, realised, traded FROM markets_exposure ORDER BY id"
    ):
        exposure = Exposure(engine.markets[market])
        exposure.position, exposure.cost, exposure.realised, exposure.traded = position, cost, realised, bool(traded)
        engine.accounts[account].exposures[market] = exposure
        exposure.market.holders[account] = None


def _load_orders(engine: Engine, connection: BaseDatabaseWrapper) -> None:
    """Loads the open orders oldest first, which is their priority, and adds them to the exposures."""
    for *definition, open, filled, cancelled in fetch(
        connection,
        "SELECT id, market_id, account_id, side, price, size, time_in_force, post_only, client_order_id, created_us,"
        " seq, open, filled, cancelled FROM markets_order WHERE open > 0 ORDER BY id",
    ):
        order = Order(*definition)
        order.post_only = bool(order.post_only)
        order.open, order.filled, order.cancelled = open, filled, cancelled
        market = engine.markets[order.market]
        account = engine.accounts[order.account]
        (market.bids if order.side == Side.BID else market.offers).add(order)
        engine.orders[order.id] = order
        rest(account, account.exposures[order.market], order)
    for account in engine.accounts.values():
        for exposure in account.exposures.values():
            refresh(account, exposure)


def _load_tapes(engine: Engine, connection: BaseDatabaseWrapper) -> None:
    for market in engine.markets.values():
        newest = fetch(
            connection,
            f"SELECT {TRADE_COLUMNS} FROM markets_trade WHERE market_id = %s ORDER BY id DESC LIMIT %s",  # noqa: S608
            market.id,
            TAPE_LENGTH,
        )
        market.tape.extend(map(Traded._make, reversed(newest)))


def _load_transfers(engine: Engine, connection: BaseDatabaseWrapper) -> None:
    one_side = (
        "SELECT * FROM (SELECT id, from_account_id, to_account_id, amount, kind, note, at_us,"
        " auction FROM accounts_transfer"
        " WHERE {side} = %s ORDER BY id DESC LIMIT %s) AS {side}"
    )
    both = " UNION ALL ".join(one_side.format(side=side) for side in ("from_account_id", "to_account_id"))
    for account in engine.accounts.values():
        side_values = (account.id, TRANSFERS_KEPT)
        newest = fetch(connection, f"{both} ORDER BY 1 DESC LIMIT %s", *side_values, *side_values, TRANSFERS_KEPT)
        account.transfers.extend(map(Transferred._make, reversed(newest)))


def _load_auctions(engine: Engine, connection: BaseDatabaseWrapper) -> None:
    for *definition, status, buyer, settle_price in fetch(
        connection,
        "SELECT id, seller_id, name, description, picture, buy_now_price, creator, created_us, seq, status, buyer_id,"
        " settle_price FROM auctions_auction ORDER BY id",
    ):
        auction = Auction(*definition)
        auction.status, auction.buyer, auction.settle_price = status, buyer, settle_price
        engine.add_auction(auction)


def _load_keys(engine: Engine, connection: BaseDatabaseWrapper) -> None:
    """Loads the newest keys of each memory, which several accounts may share."""
    memories = {id(account.keys): account.keys for account in engine.accounts.values()}
    found: dict[int, list[tuple[int, int, str]]] = {memory: [] for memory in memories}
    for account in engine.accounts.values():
        newest = fetch(connection, NEWEST_KEYS, account.id, KEYS_KEPT)
        found[id(account.keys)] += [(seq, account.id, key) for key, seq in newest]
    for memory, keys in memories.items():
        for seq, account_id, key in sorted(found[memory])[-KEYS_KEPT:]:
            keys[account_id, key] = seq


def _load_counters(engine: Engine, connection: BaseDatabaseWrapper) -> None:
    (highest,) = fetch(
        connection,
        "SELECT (SELECT coalesce(max(id), 0) FROM markets_order), (SELECT coalesce(max(id), 0) FROM markets_trade),"
        " (SELECT coalesce(max(id), 0) FROM accounts_transfer)",
    )
    engine.next_order, engine.next_trade, engine.next_transfer = (most + 1 for most in highest)
    engine.next_account = max(engine.accounts, default=0) + 1
    engine.next_market = max(engine.markets, default=0) + 1
    engine.next_auction = max(engine.auctions, default=0) + 1
    head = fetch(connection, "SELECT seq, at_us FROM markets_journalentry ORDER BY seq DESC LIMIT 1")
    if head:
        engine.seq, engine.at_us = head[0]
