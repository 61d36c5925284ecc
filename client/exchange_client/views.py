"""What each kind of stream shows: the public stream, a market's, its summary, an account's. Pure.

A view applies protobuf messages and keeps copies of them: a message that was taken out of a frame would keep the whole
frame in memory. All figures are whole numbers in the wire's units.
"""

from collections import deque
from collections.abc import Iterable
from copy import deepcopy
from typing import Protocol

from google.protobuf.message import Message

from exchange_client import exchange_pb2 as pb
from exchange_client.book import Book, Order

TAPE_TRADES = 200  # the latest
TRANSFERS = 100  # the latest


class View(Protocol):
    def clear(self) -> None:
        """Forgets everything: a snapshot follows, or the stream is not followed any more."""

    def apply(self, body: Message) -> None:
        """Applies one message of the stream. Ignores those that do not concern the view."""


class PublicView:
    """Everybody's accounts and the auction board, by id. For definitions of markets see State.market()."""

    accounts: dict[int, pb.Account]
    auctions: dict[int, pb.Auction]

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.accounts = {}
        self.auctions = {}

    def apply(self, body: Message) -> None:
        match body:
            case pb.Accounts():
                self.accounts.update({account.id: deepcopy(account) for account in body.accounts})
            case pb.AccountCreated():
                self.accounts[body.account.id] = deepcopy(body.account)
            case pb.Auctions():
                self.auctions.update({auction.id: deepcopy(auction) for auction in body.auctions})
            case pb.AuctionCreated() | pb.AuctionUpdated() | pb.AuctionSettled():
                self.auctions[body.auction.id] = deepcopy(body.auction)
            case pb.AuctionWithdrawn():
                self.auctions.pop(body.auction.id, None)


class MarketView:
    """One market: its definition (`market`), its `book`, and its latest 200 trades, oldest first (`tape`).

    Where the market hides account ids, they are 0.
    """

    def __init__(self, market_id: int) -> None:
        self.id = market_id
        self.book = Book()
        self.tape: deque[pb.Trade] = deque(maxlen=TAPE_TRADES)
        self.market = pb.Market(id=market_id)

    def clear(self) -> None:
        self.book.clear()
        self.tape.clear()
        self.market = pb.Market(id=self.id)

    @property
    def last_price(self) -> int | None:
        """The price of the latest trade, in 1/100 chip; None: there is none yet."""
        if self.tape:
            return self.tape[-1].price
        return self.market.last_price if self.market.HasField("last_price") else None

    def apply(self, body: Message) -> None:
        match body:
            case pb.Trades():
                self._traded(body)
            case pb.OrderCreated():
                self.book.add(Order.of(body.order))
            case pb.OrdersCancelled():
                for cancelled in body.orders:
                    self.book.fall_to(cancelled.order_id, cancelled.open, traded=False)
            case pb.Orders():
                for order in body.orders:
                    self.book.add(Order.of(order))
            case pb.BookCleared():
                self.book.clear()
            case pb.MarketUpdated() | pb.MarketSettled() | pb.MarketCreated():
                self.market = deepcopy(body.market)
            case pb.Markets():
                for market in body.markets:
                    self.market = deepcopy(market)

    def _traded(self, trades: pb.Trades) -> None:
        for trade in trades.trades:
            self.tape.append(deepcopy(trade))
            self.book.fall_to(trade.maker_order_id, trade.maker_open, traded=True)


class SummaryView:
    """One market's summary: best prices, resting sizes, the last trade. It is kept in `summaries`, by market id."""

    def __init__(self, market_id: int, summaries: dict[int, pb.MarketSummary]) -> None:
        self.id = market_id
        self._summaries = summaries

    def clear(self) -> None:
        self._summaries.pop(self.id, None)

    def apply(self, body: Message) -> None:
        if isinstance(body, pb.MarketSummary):
            self._summaries[self.id] = deepcopy(body)


class Portfolio:
    """One account: `cash` and `available` in 1/10,000 chip, `exposures` by market id, open `orders` by id, `owners`,
    and the latest 100 `transfers`, oldest first."""

    def __init__(self, account_id: int) -> None:
        self.id = account_id
        self.orders: dict[int, Order] = {}
        self.exposures: dict[int, pb.Exposure] = {}
        self.transfers: deque[pb.Transfer] = deque(maxlen=TRANSFERS)
        self.clear()

    def clear(self) -> None:
        self.account = pb.Account(id=self.id)
        self.owners: list[pb.Owner] = []
        self.cash = 0
        self.available = 0
        self.orders.clear()
        self.exposures.clear()
        self.transfers.clear()

    def position(self, market_id: int) -> int:
        """In 1/100; negative: short."""
        exposure = self.exposures.get(market_id)
        return exposure.position if exposure else 0

    def orders_in(self, market_id: int) -> list[Order]:
        """Open orders of one market, oldest first."""
        return [order for order in self.orders.values() if order.market_id == market_id]

    def apply(self, body: Message) -> None:
        match body:
            case pb.PortfolioUpdated():
                self._updated(body)
            case pb.OwnersChanged() if body.account.id == self.id:
                self.owners = [deepcopy(owner) for owner in body.owners]
            case pb.OrderCreated():
                self._opened(body.order)
            case pb.OrdersCancelled():
                for cancelled in body.orders:
                    self._fall_to(cancelled.order_id, cancelled.open, traded=False)
            case pb.Fills():
                for fill in body.fills:
                    self._fall_to(fill.order_id, fill.open, traded=True)
            case pb.AccountState():
                self._stated(body)
            case pb.Orders():
                for order in body.orders:
                    self._opened(order)
            case pb.TransferCreated():
                self.transfers.append(deepcopy(body.transfer))
            case pb.Transfers():
                self.transfers.extend(map(deepcopy, body.transfers))
            case pb.AccountCreated() if body.account.id == self.id:
                self.account = deepcopy(body.account)
                self.owners = [deepcopy(owner) for owner in body.owners]

    def _stated(self, state: pb.AccountState) -> None:
        self.account = deepcopy(state.account)
        self.owners = [deepcopy(owner) for owner in state.owners]
        self.cash = state.cash
        self.available = state.available
        self._exposed(state.exposures)

    def _updated(self, update: pb.PortfolioUpdated) -> None:
        self.cash = update.cash
        self.available = update.available
        self._exposed(update.exposures)
        if update.owners:
            self.owners = [deepcopy(owner) for owner in update.owners]

    def _exposed(self, exposures: Iterable[pb.Exposure]) -> None:
        self.exposures.update({exposure.market_id: deepcopy(exposure) for exposure in exposures})

    def _opened(self, order: pb.Order) -> None:
        if order.open > 0 and order.id not in self.orders:
            self.orders[order.id] = Order.of(order)

    def _fall_to(self, order_id: int, open_: int, *, traded: bool) -> None:
        order = self.orders.get(order_id)
        if order is None:
            return
        order.fall_to(open_, traded=traded)
        if order.open == 0:
            del self.orders[order_id]
