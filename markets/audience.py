"""Who hears what: the one place that decides, for live messages, replays and snapshots alike.

A market's stream is for everybody who may see it, an account's stream for those who may act as it, the public stream
for all who are signed in. client_order_id and a market's cancelled ids at its close are for their account only.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from google.protobuf.message import Message

from markets import codec
from markets.engine import events
from markets.engine.book import Market
from markets.engine.commands import AuctionStatus, MarketStatus, Side
from markets.engine.engine import Engine
from markets.engine.events import CancelCause, Event
from markets.engine.ledger import Account
from markets.engine.state import HOUSE, Changed
from proto import exchange_pb2 as pb
from realtime.groups import PUBLIC, stream_of_account, stream_of_market

T = TypeVar("T")

BID, OFFER = int(Side.BID), int(Side.OFFER)

SNAPSHOT_PIECE = 1_000  # orders, accounts or markets in one message of a snapshot
DESCRIBED_PIECE = 15  # auctions: with the longest descriptions they still fit a frame


class Publication:
    """What a batch says on each stream: one ServerFrame each, to which every accepted command adds its messages."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.frames: dict[str, pb.ServerFrame] = {}
        self.seqs: dict[str, int] = {}  # of the last command that spoke on the stream
        self.new_accounts: list[Account] = []
        self.new_markets: list[Market] = []
        self.new_shares: list[events.ShareCreated] = []

    def say(self, stream: str, seq: int) -> pb.ServerMessage:
        """A new message on the stream, to be written in place."""
        frame = self.frames.get(stream)
        if frame is None:
            frame = self.frames[stream] = pb.ServerFrame()
        self.seqs[stream] = seq
        message = frame.messages.add()
        message.seq = seq
        return message

    def add(self, seq: int, happened: list[Event]) -> None:
        """The streams' part of one accepted command."""
        last = happened[-1] if happened else None
        if type(last) is events.OrderCreated:
            self._add_order(seq, last, happened)
            return
        self._add_cancelled(seq, [e for e in happened if type(e) is events.OrderCancelled])
        for event in happened:
            self._add_other(seq, event)

    def add_portfolios(self, seq: int, changed: Changed) -> None:
        """PortfolioUpdated once per account and batch, with the figures as they are now."""
        portfolios: dict[int, pb.PortfolioUpdated] = {}
        for id, account in changed.accounts.items():
            if id == HOUSE:
                continue
            stream = stream_of_account(id)
            portfolio = portfolios[id] = self.say(stream, self.seqs.get(stream, seq)).portfolio_updated
            portfolio.account_id = id
            portfolio.cash = account.cash
            portfolio.available = account.available
            if id in changed.owners:
                portfolio.owners.extend(codec.owner_messages(account))
        for (id, market), exposure in changed.exposures.items():
            codec.write_exposure(portfolios[id].exposures.add(), market, exposure)

    def _add_order(self, seq: int, created: events.OrderCreated, happened: list[Event]) -> None:
        """Trades, then cancels of resting orders, then the order itself; each account hears its own part."""
        market = stream_of_market(created.market)
        if len(happened) > 1:
            self._add_trades(seq, market, [e for e in happened if type(e) is events.Traded])
            cancelled = [e for e in happened if type(e) is events.OrderCancelled]
            self._add_cancelled(seq, cancelled, unknown_to_market=created.order)
        own = self.say(stream_of_account(created.account), seq)
        codec.write_created(own.order_created.order, created, own=True)
        if created.open:
            codec.write_created(self.say(market, seq).order_created.order, created, own=False)

    def _add_trades(self, seq: int, market: str, trades: list[events.Traded]) -> None:
        """To the market, and to each side as fills."""
        if not trades:
            return
        told = self.say(market, seq).trades.trades
        fills: dict[int, pb.Fills] = {}
        for e in trades:
            codec.write_trade(told.add(), e)
            for side, account in ((BID, e.buyer), (OFFER, e.seller)):
                if account not in fills:
                    fills[account] = self.say(stream_of_account(account), seq).fills
                    fills[account].account_id = account
                codec.write_fill(fills[account].fills.add(), e, side)

    def _add_cancelled(self, seq: int, cancelled: list[events.OrderCancelled], unknown_to_market: int = 0) -> None:
        """To their accounts; to the market too, unless it never knew the order or hears BookCleared."""
        told: dict[str, pb.OrdersCancelled] = {}
        for e in cancelled:
            streams = [stream_of_account(e.account)]
            if e.order != unknown_to_market and e.cause < CancelCause.BY_CLOSE:
                streams.append(stream_of_market(e.market))
            for stream in streams:
                if stream not in told:
                    told[stream] = self.say(stream, seq).orders_cancelled
                codec.write_cancelled(told[stream].orders.add(), e)

    def _add_other(self, seq: int, event: Event) -> None:
        match event:
            case events.AccountCreated():
                self._add_account(seq, event)
            case events.ShareCreated() | events.ShareEnded():
                self._add_share(seq, event)
            case events.Transferred():
                for side in (event.from_account, event.to_account):
                    if side != HOUSE:
                        said = self.say(stream_of_account(side), seq)
                        said.transfer_created.transfer.CopyFrom(codec.transfer_message(event))
            case events.MarketCreated():
                market = self.engine.markets[event.market]
                self.new_markets.append(market)
                self.say(PUBLIC, seq).market_created.market.CopyFrom(codec.market_message(market))
            case events.MarketEdited() | events.MarketStatusChanged():
                updated = codec.market_message(self.engine.markets[event.market])
                for stream in (PUBLIC, stream_of_market(event.market)):
                    self.say(stream, seq).market_updated.market.CopyFrom(updated)
                if type(event) is events.MarketStatusChanged and event.status == MarketStatus.CLOSED:
                    self._clear_book(seq, event.market)
            case events.MarketSettled():
                settled = codec.market_message(self.engine.markets[event.market])
                self._clear_book(seq, event.market)
                for stream in (PUBLIC, stream_of_market(event.market)):
                    self.say(stream, seq).market_settled.market.CopyFrom(settled)
            case events.AuctionCreated() | events.AuctionEdited() | events.AuctionWithdrawn() | events.AuctionSettled():
                codec.write_auction(self.say(PUBLIC, seq), self.engine, event)
            case events.PaidOut():
                paid = self.say(stream_of_account(event.account), seq).paid_out
                paid.market_id, paid.account_id, paid.position, paid.price, paid.amount = event

    def _add_account(self, seq: int, event: events.AccountCreated) -> None:
        account = self.engine.accounts[event.account]
        self.new_accounts.append(account)
        created = self.say(PUBLIC, seq).account_created
        created.account.CopyFrom(codec.account_message(account))
        if event.owner:
            told = self.say(stream_of_account(event.owner), seq).account_created
            told.CopyFrom(created)
            told.owners.extend(codec.owner_messages(account))

    def _add_share(self, seq: int, event: events.ShareCreated | events.ShareEnded) -> None:
        """To the account and to who became or ceased to be its owner."""
        account = self.engine.accounts[event.account]
        if isinstance(event, events.ShareCreated):
            self.new_shares.append(event)
        begins = isinstance(event, events.ShareCreated)
        for id, told in ((event.account, True), (event.owner, begins)):
            codec.write_owners(self.say(stream_of_account(id), seq).owners_changed, account, told)

    def _clear_book(self, seq: int, market: int) -> None:
        self.say(stream_of_market(market), seq).book_cleared.market_id = market


def listeners(engine: Engine, account: Account) -> list[int]:
    """The user ids of those who may act as the account."""
    found: dict[int, None] = {}
    waiting = [account.id]
    while waiting:
        one = engine.accounts[waiting.pop()]
        if one.user:
            found[one.user] = None
        waiting.extend(one.owners)
    return list(found)


# --- Snapshots: the pieces between SnapshotBegin and SnapshotEnd, each an encoded ServerFrame of little work


def public_pieces(engine: Engine) -> Iterator[bytes]:
    """Every account's name, every market's definition, every auction but the withdrawn ones."""
    for accounts in chunks(map(codec.account_message, engine.accounts.values())):
        yield piece(accounts=pb.Accounts(accounts=accounts))
    for markets in chunks(map(codec.market_message, engine.markets.values())):
        yield piece(markets=pb.Markets(markets=markets))
    listed = (auction for auction in engine.auctions.values() if auction.status != AuctionStatus.WITHDRAWN)
    for auctions in chunks(map(codec.auction_message, listed), DESCRIBED_PIECE):
        yield piece(auctions=pb.Auctions(auctions=auctions))


def account_pieces(engine: Engine, account: Account) -> Iterator[bytes]:
    """Figures, open orders, the last transfers."""
    state = pb.AccountState(
        account=codec.account_message(account),
        owners=codec.owner_messages(account),
        cash=account.cash,
        available=account.available,
    )
    for market, exposure in account.exposures.items():
        codec.write_exposure(state.exposures.add(), market, exposure)
    yield piece(account_state=state)
    mine = (codec.order_message(o, own=True) for e in account.exposures.values() for o in e.orders.values())
    for orders in chunks(mine):
        yield piece(orders=pb.Orders(orders=orders))
    for transfers in chunks(map(codec.transfer_message, account.transfers)):
        yield piece(transfers=pb.Transfers(transfers=transfers))


def market_pieces(market: Market) -> Iterator[bytes]:
    """Definition, book in priority order of each side, the last trades."""
    yield piece(markets=pb.Markets(markets=[codec.market_message(market)]))
    for orders in chunks(
        codec.order_message(order, own=False) for side in (market.bids, market.offers) for order in side
    ):
        yield piece(orders=pb.Orders(orders=orders))
    tape = pb.Trades()
    for trade in market.tape:
        codec.write_trade(tape.trades.add(), trade)
    if tape.trades:
        yield piece(trades=tape)


def piece(**what: Message) -> bytes:
    """A ServerFrame of one message, encoded: frames are joined by joining their bytes."""
    return pb.ServerFrame(messages=[pb.ServerMessage(**what)]).SerializeToString()  # type: ignore[arg-type]


def chunks(things: Iterable[T], most: int = SNAPSHOT_PIECE) -> Iterator[list[T]]:
    iterator = iter(things)
    while part := list(islice(iterator, most)):
        yield part
