"""Builds the pieces of a snapshot between SnapshotBegin and SnapshotEnd. Each piece is a small encoded ServerFrame."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from markets.engine.book import Market
from markets.engine.commands import AuctionStatus
from markets.engine.engine import Engine
from markets.engine.ledger import Account
from markets.engine.visibility import NOTHING, WHOLE, degree_of
from markets.wire import codec
from markets.wire.frames import piece
from proto import exchange_pb2 as pb

T = TypeVar("T")

SNAPSHOT_PIECE = 1_000  # orders, accounts, markets or transfers in one piece
DESCRIBED_PIECE = 15  # auctions in one piece: even with the longest descriptions they fit a frame


def public_pieces(engine: Engine) -> Iterator[bytes]:
    """All accounts' names, all definitions of markets that everybody sees, all auctions except withdrawn ones."""
    for accounts in chunks(map(codec.account_message, engine.accounts.values())):
        yield piece(accounts=pb.Accounts(accounts=accounts))
    for markets in chunks(codec.market_message(market) for market in engine.markets.values() if not market.visible_to):
        yield piece(markets=pb.Markets(markets=markets))
    listed = (auction for auction in engine.auctions.values() if auction.status != AuctionStatus.WITHDRAWN)
    for auctions in chunks(map(codec.auction_message, listed), DESCRIBED_PIECE):
        yield piece(auctions=pb.Auctions(auctions=auctions))


def account_pieces(engine: Engine, account: Account) -> Iterator[bytes]:
    """The account's figures, the restricted markets that it sees or knows, its open orders, its last transfers."""
    own = (account.id,)
    state = pb.AccountState(
        account=codec.account_message(account),
        owners=codec.owner_messages(account),
        cash=account.cash,
        available=account.available,
    )
    for market, exposure in account.exposures.items():
        if degree_of(engine, exposure.market, own) > NOTHING:
            codec.write_exposure(state.exposures.add(), market, exposure)
    yield piece(account_state=state)
    restricted = ((m, degree_of(engine, m, own)) for m in engine.markets.values() if m.visible_to)
    known = (codec.market_message(m, with_book=degree == WHOLE) for m, degree in restricted if degree > NOTHING)
    for markets in chunks(known):
        yield piece(markets=pb.Markets(markets=markets))
    mine = (codec.order_message(o, own=True) for e in account.exposures.values() for o in e.orders.values())
    for orders in chunks(mine):
        yield piece(orders=pb.Orders(orders=orders))
    for transfers in chunks(map(codec.transfer_message, account.transfers)):
        yield piece(transfers=pb.Transfers(transfers=transfers))


def market_pieces(market: Market, masked: bool) -> Iterator[bytes]:
    """The market's definition, each side of its book in order of priority, its last trades."""
    yield piece(markets=pb.Markets(markets=[codec.market_message(market)]))
    for orders in chunks(
        codec.order_message(order, own=False, masked=masked) for side in (market.bids, market.offers) for order in side
    ):
        yield piece(orders=pb.Orders(orders=orders))
    tape = pb.Trades()
    for trade in market.tape:
        codec.write_trade(tape.trades.add(), trade, masked)
    if tape.trades:
        yield piece(trades=tape)


def summary_pieces(market: Market, defined: bool = True) -> Iterator[bytes]:
    """The market's summary. If its definition changed (`defined`), the definition comes first."""
    if defined:
        yield piece(markets=pb.Markets(markets=[codec.market_message(market)]))
    yield piece(market_summary=codec.summary_message(market))


def chunks(items: Iterable[T], size: int = SNAPSHOT_PIECE) -> Iterator[list[T]]:
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part
