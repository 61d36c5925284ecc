"""The table rows of a batch: a pure function of its events and of the objects that it touched."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from markets.engine.book import Market
from markets.engine.commands import Side
from markets.engine.events import PaidOut, Traded, Transferred
from markets.engine.ledger import Account, Exposure
from markets.engine.state import Changed
from markets.engine.text import name_key
from markets.journal.entries import Outcome
from markets.journal.tables import (
    ACCOUNTS,
    AUCTIONS,
    EXPOSURES,
    JOURNAL_MARKETS,
    MARKETS,
    ORDERS,
    OWNERSHIPS,
    PAYOUTS,
    TRADES,
    TRANSFERS,
    VISIBILITY,
    Row,
    Table,
)

# Events that become one row each, never changed: their fields in the order of the table's columns, then the seq.
EVENT_TABLES: dict[type, Table] = {Traded: TRADES, Transferred: TRANSFERS, PaidOut: PAYOUTS}

Rows = dict[Table, Sequence[Row]]


def project(outcomes: Iterable[Outcome], changed: Changed) -> Rows:
    """The rows of a batch by table, in the order in which they are written. Leaves out the journal's own rows."""
    return {
        **project_events(outcomes),
        ACCOUNTS: [account_row(account) for account in changed.accounts.values()],
        OWNERSHIPS: [row for account in changed.owners.values() for row in ownership_rows(account)],
        MARKETS: [market_row(market) for market in changed.markets.values()],
        VISIBILITY: [row for market in changed.visibility.values() for row in visibility_rows(market)],
        ORDERS: list(map(order_row, changed.orders.values())),
        EXPOSURES: [exposure_row(account, exposure) for (account, _), exposure in changed.exposures.items()],
        AUCTIONS: list(map(auction_row, changed.auctions.values())),
    }


def project_events(outcomes: Iterable[Outcome]) -> Rows:
    """The rows that are written once and never changed, in the order of their events."""
    touched: list[Row] = []
    rows: dict[Table, list[Row]] = {table: [] for table in EVENT_TABLES.values()}
    for seq, _, _, events, _ in outcomes:
        for event in events:
            if type(event) in EVENT_TABLES:
                rows[EVENT_TABLES[type(event)]].append((*event, seq))
        markets = {getattr(event, "market", 0) for event in events}
        touched.extend([(market, seq) for market in sorted(markets) if market])
    return {JOURNAL_MARKETS: touched, **rows}


order_row = attrgetter(*ORDERS.names)
auction_row = attrgetter(*AUCTIONS.names)


def project_levels(changed: Changed, markets: Mapping[int, Market]) -> tuple[list[Row], list[Row]]:
    """The rows of the price levels at which orders changed, and the keys of those where none rests now."""
    rows: list[Row] = []
    emptied: list[Row] = []
    for key in dict.fromkeys((order.market, order.side, order.price) for order in changed.orders.values()):
        id, side, price = key
        level = (markets[id].bids if side == Side.BID else markets[id].offers).at(price)
        if level is None:
            emptied.append(key)
        else:
            rows.append((*key, level.size, len(level)))
    return rows, emptied


def level_rows(market: Market) -> list[Row]:
    """The rows of all price levels of a market, in the order of their key."""
    rows = [
        (market.id, int(side), key * orders.sign, level.size, len(level))
        for side, orders in ((Side.BID, market.bids), (Side.OFFER, market.offers))
        for key, level in orders.levels.items()
    ]
    return [*sorted(rows)]


def account_row(account: Account) -> Row:
    return (
        account.id,
        account.name,
        name_key(account.name),
        account.kind,
        account.user or None,
        account.cash,
        account.available,
        account.creator,
        account.seq,
    )


def ownership_rows(account: Account) -> list[Row]:
    return [(owner, account.id, credit) for owner, credit in account.owners.items()]


def market_row(market: Market) -> Row:
    return (
        market.id,
        market.name,
        name_key(market.name),
        market.description,
        market.owner,
        market.min_settlement,
        market.max_settlement,
        market.tick_size,
        market.smallest_size,
        market.status,
        market.settle_price,
        market.last_price,
        market.creator,
        market.created_us,
        market.seq,
        market.category,
        market.pinned,
        market.hide_account_ids,
        market.volume,
    )


def visibility_rows(market: Market) -> list[Row]:
    return [(market.id, account) for account in market.visible_to]


def exposure_row(account: int, exposure: Exposure) -> Row:
    return (
        account,
        exposure.market.id,
        exposure.position,
        exposure.bid_size,
        exposure.bid_value,
        exposure.offer_size,
        exposure.offer_value,
        exposure.worst_case,
        exposure.cost,
        exposure.realised,
        exposure.traded,
    )
