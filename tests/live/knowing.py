"""Compares what a reader of the streams knows with the tables: all that its person may see, and nothing else."""

from collections.abc import Collection

from exchange_client import Exchange, Portfolio
from exchange_client import exchange_pb2 as pb

from tests.live.tables import Row, Tables

TAPE = 50  # trades that a snapshot shows


def resting(reader: Exchange, market: int) -> dict[int, list[tuple[int, ...]]]:
    book = reader.book(market)
    return {
        side: [(o.id, o.account_id, o.price, o.size, o.open, o.filled) for o in ladder]
        for side, ladder in ((pb.BID, book.bids), (pb.OFFER, book.offers))
    }


def tape(reader: Exchange, market: int) -> list[tuple[int, ...]]:
    last = list(reader.market(market).tape)[-TAPE:]
    return [(t.id, t.price, t.size, t.maker_order_id, t.taker_order_id) for t in last]


def exposures(portfolio: Portfolio) -> dict[int, tuple[int, ...]]:
    return {
        market: (e.position, e.bid_size, e.bid_value, e.offer_size, e.offer_value, e.worst, e.cost, e.realised)
        for market, e in portfolio.exposures.items()
    }


def definition(market: pb.Market) -> Row:
    """The market in the form of Tables.markets."""
    settled = market.settle_price if market.HasField("settle_price") else None
    terms = (market.min_settlement, market.max_settlement, market.tick_size, market.smallest_size)
    shown = (market.name, market.description, market.owner_id, *terms, market.status, settled)
    return *shown, market.category, market.pinned, market.hide_account_ids


def auctions(reader: Exchange) -> dict[int, Row]:
    return {
        id: (
            it.seller_id,
            it.name,
            it.description,
            it.picture,
            it.buy_now_price if it.HasField("buy_now_price") else None,
            it.status,
            it.buyer_id or None,
            it.settle_price if it.HasField("settle_price") else None,
        )
        for id, it in reader.state.public.auctions.items()
    }


def knows_the_tables(reader: Exchange, tables: Tables, account: int) -> None:
    """Asserts that the reader agrees with the tables. `account`: the user account of its person."""
    mine = tables.reach(account)
    knows_the_markets(reader, tables, mine)
    accounts = tables.accounts()
    assert {id: account.name for id, account in reader.state.public.accounts.items()} == {
        id: name for id, (name, _, _) in accounts.items()
    }
    assert auctions(reader) == tables.auctions()
    assert sorted(reader.state.portfolios) == mine
    for id, portfolio in reader.state.portfolios.items():
        assert (portfolio.cash, portfolio.available) == accounts[id][1:]
        assert {owner.owner_id: owner.credit for owner in portfolio.owners} == tables.owners(id)
        assert exposures(portfolio) == tables.exposures(id)
        open_orders = tables.rows("SELECT id FROM markets_order WHERE account_id = ? AND open > 0", id)
        assert sorted(portfolio.orders) == sorted(row[0] for row in open_orders)


def knows_the_markets(reader: Exchange, tables: Tables, mine: Collection[int]) -> None:
    """People know books of markets they see and definitions of markets they own or ever traded in; no others."""
    state, sudo, lists, markets = reader.state, reader.state.sudo, tables.lists(), tables.markets()
    seen = sorted(id for id in markets if sudo or not lists.get(id) or lists[id].intersection(mine))
    assert sorted(state.markets) == seen
    assert state.market_ids() == {*seen, *tables.concerned(mine)}
    for id in state.market_ids():
        shown = state.market(id)
        assert shown is not None
        assert definition(shown) == markets[id]
        assert shown.restricted == bool(lists.get(id))
        assert not shown.visible_to.ids, "only replies to operators show who is listed"
        assert id in seen or (shown.volume, shown.HasField("last_price")) == (0, False)
    for id in seen:
        hidden = markets[id][-1] and not sudo
        assert resting(reader, id) == tables.book(id, hidden)
        assert tape(reader, id) == tables.tape(id, TAPE)
