"""The exchange as a bot sees it.

    async with Exchange.connect("ws://127.0.0.1:8000/ws", token="...", markets=[1]) as x:
        placed = await x.place(1, BID, "48.25", "10")

Prices, sizes and amounts go in as Decimal or str, in chips. What comes out (books, portfolios, protobuf messages) is in
the exchange's whole numbers: see exchange_client.units.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from types import TracebackType
from typing import Self, TypeVar

from google.protobuf.message import Message

from exchange_client import exchange_pb2 as pb
from exchange_client import requests
from exchange_client.backoff import Backoff
from exchange_client.book import Book
from exchange_client.errors import Busy, RateLimited
from exchange_client.requests import Reply, Request
from exchange_client.session import ANSWER_SECONDS, Session, Settings
from exchange_client.state import State
from exchange_client.streams import streams_of
from exchange_client.units import Chips
from exchange_client.updates import QUEUE_UPDATES, Updates
from exchange_client.views import MarketView, Portfolio

A = TypeVar("A", bound=Message)
H = TypeVar("H", pb.TradeHistory, pb.OrderHistory, pb.MarketPositions)


class Exchange:
    """A connection that mends itself. Every command returns its answer, or raises Refused, OutcomeUnknown or
    ConnectionLost (exchange_client.errors). A command whose socket died is sent again with its key, so it happens once.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @classmethod
    def connect(
        cls,
        url: str,
        token: str,
        *,
        act_as: int = 0,
        markets: Iterable[int] = (),
        all_markets: bool = False,
        summaries: bool = False,
        frames_per_second: int = 0,
        answer_seconds: float = ANSWER_SECONDS,
        backoff: Backoff | None = None,
    ) -> Self:
        """`async with` opens it: authenticated, with the state of its accounts and of the markets asked for.

        `summaries`: a line of every market that one may see.

        Raises Refused if the token is, ConnectionLost if there is no connection to be had.
        """
        settings = Settings(
            url,
            token,
            act_as,
            set(markets),
            all_markets,
            summaries,
            frames_per_second=frames_per_second,
            answer_seconds=answer_seconds,
            backoff=backoff or Backoff(),
        )
        return cls(Session(settings))

    async def __aenter__(self) -> Self:
        await self._session.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    # --- Reading

    @property
    def state(self) -> State:
        return self._session.state

    @property
    def account_id(self) -> int:
        """Acted as; 0: this person has no account yet (create_user_account)."""
        return self.state.account_id

    def market(self, market_id: int) -> MarketView:
        """KeyError: not subscribed to."""
        return self.state.markets[market_id]

    def book(self, market_id: int) -> Book:
        """Stays the same object and up to date. KeyError: not subscribed to."""
        return self.market(market_id).book

    @property
    def summaries(self) -> dict[int, pb.MarketSummary]:
        """By market: best prices, what rests there, the last trade. A line comes at most 4 times a second."""
        return self.state.summaries

    def portfolio(self, account_id: int = 0) -> Portfolio:
        """Of the account acted as, or of another of one's own. KeyError: not one's own."""
        return self.state.portfolios[account_id or self.account_id]

    def updates(self, *streams: str, limit: int = QUEUE_UPDATES) -> Updates:
        """What happens from now on, on the named streams or on all: "public", "account.2", "market.1" (in sudo, where
        account ids are hidden, "market.1.unmasked"), "market.1.summary"."""
        updates = Updates(streams, limit)
        self._session.listen(updates)
        return updates

    @property
    def connected(self) -> bool:
        return self._session.connected

    async def until_connected(self) -> None:
        """After ConnectionLost: the next connection. Raises what makes it impossible."""
        await self.until(lambda: self.connected)

    async def until_heard(self, *replies: Reply[Message]) -> None:
        """Answers and streams come in no promised order: this waits until the state shows what the answers say.

        Of replies about this account's orders or money, and about auctions.
        """
        awaited = [(stream, one.seq) for one in replies for stream in streams_of(one.body, self.account_id)]
        await self.until(lambda: all((self.state.heard(stream) or 0) >= seq for stream, seq in awaited))

    async def until(self, met: Callable[[], bool]) -> None:
        """Waits for the state to be so, and looks after each frame. Raises as until_connected."""
        await self._session.until(met)

    # --- Anything

    def send(self, request: Request[A]) -> asyncio.Future[Reply[A]]:
        """A request of exchange_client.requests; await the answer now or later."""
        return self._session.send([request])[0]

    def send_many(self, many: Sequence[Request[A]]) -> list[asyncio.Future[Reply[A]]]:
        """Together in one frame (256 at most, then another): they take effect one by one, in order."""
        return self._session.send(many)

    # --- The connection

    async def act_as(self, account_id: int) -> Reply[pb.ActingAs]:
        return await self.send(requests.act_as(account_id))

    async def set_sudo(self, on: bool) -> Reply[pb.SudoSet]:
        """An operator's rights: restricted markets, hidden account ids, acting as any account but the house. They last
        through lost connections, until they are turned off, here or by the exchange (`x.state.sudo`)."""
        return await self.send(requests.set_sudo(on))

    async def subscribe(
        self, *markets: int, all_markets: bool = False, summaries: bool = False
    ) -> Reply[pb.Subscribed]:
        """Returns when the markets' snapshots are there."""
        reply = await self.send(requests.subscribe(markets, all_markets=all_markets, summaries=summaries))
        await self.until(lambda: all(map(self.state.follows, reply.body.streams)))
        return reply

    async def unsubscribe(
        self, *markets: int, all_markets: bool = False, summaries: bool = False
    ) -> Reply[pb.Unsubscribed]:
        return await self.send(requests.unsubscribe(markets, all_markets=all_markets, summaries=summaries))

    # --- Orders

    async def place(
        self,
        market_id: int,
        side: pb.Side.ValueType,
        price: Chips,
        size: Chips,
        *,
        time_in_force: pb.TimeInForce.ValueType = pb.GTC,
        post_only: bool = False,
        self_trade: pb.SelfTrade.ValueType = pb.CANCEL_RESTING,
        client_order_id: str = "",
    ) -> Reply[pb.OrderCreated]:
        return await self.send(
            requests.create_order(
                market_id,
                side,
                price,
                size,
                time_in_force=time_in_force,
                post_only=post_only,
                self_trade=self_trade,
                client_order_id=client_order_id,
            )
        )

    async def cancel(self, order_id: int = 0, *, client_order_id: str = "", key: str = "") -> Reply[pb.OrdersCancelled]:
        """By id, or by client_order_id."""
        return await self.send(requests.cancel_order(order_id, client_order_id=client_order_id, key=key))

    async def out(
        self, market_id: int = 0, side: pb.Side.ValueType = pb.SIDE_UNSPECIFIED, *, key: str = ""
    ) -> Reply[pb.OrdersCancelled]:
        """Cancels all own orders, or those of one market or side."""
        return await self.send(requests.out(market_id, side, key=key))

    # --- Accounts and money

    async def create_user_account(self, name: str) -> Reply[pb.AccountCreated]:
        return await self.send(requests.create_user_account(name))

    async def create_account(self, name: str, *, owner_id: int = 0, key: str = "") -> Reply[pb.AccountCreated]:
        return await self.send(requests.create_account(name, owner_id=owner_id, key=key))

    async def make_transfer(
        self, from_account_id: int, to_account_id: int, amount: Chips, *, note: str = "", key: str = ""
    ) -> Reply[pb.TransferCreated]:
        return await self.send(requests.make_transfer(from_account_id, to_account_id, amount, note=note, key=key))

    async def gift(
        self, to_account_id: int, amount: Chips, *, note: str = "", key: str = ""
    ) -> Reply[pb.TransferCreated]:
        return await self.send(requests.gift(to_account_id, amount, note=note, key=key))

    async def collect(
        self, from_account_id: int, amount: Chips, *, note: str = "", key: str = ""
    ) -> Reply[pb.TransferCreated]:
        return await self.send(requests.collect(from_account_id, amount, note=note, key=key))

    async def share_account(self, account_id: int, receiver_id: int, *, key: str = "") -> Reply[pb.OwnersChanged]:
        """Makes a user account an owner too."""
        return await self.send(requests.share_account(account_id, receiver_id, key=key))

    async def leave_account(self, account_id: int, *, key: str = "") -> Reply[pb.OwnersChanged]:
        """Gives up what the acting account owns of it."""
        return await self.send(requests.leave_account(account_id, key=key))

    async def revoke_share(self, account_id: int, owner_id: int, *, key: str = "") -> Reply[pb.OwnersChanged]:
        return await self.send(requests.revoke_share(account_id, owner_id, key=key))

    async def redistribute(self, account_id: int, owner_id: int, *, key: str = "") -> Reply[pb.OwnersChanged]:
        """An owner's credit goes to the other owners."""
        return await self.send(requests.redistribute(account_id, owner_id, key=key))

    # --- Markets

    async def create_market(
        self,
        name: str,
        min_settlement: Chips,
        max_settlement: Chips,
        *,
        tick_size: Chips = "0.01",
        smallest_size: Chips = "0.01",
        description: str = "",
        category: str = "",
        pinned: bool = False,
        visible_to: Iterable[int] = (),
        hide_account_ids: bool = False,
        key: str = "",
    ) -> Reply[pb.MarketCreated]:
        """`visible_to`: ids of the accounts that may trade there; none: everybody."""
        return await self.send(
            requests.create_market(
                name,
                min_settlement,
                max_settlement,
                tick_size=tick_size,
                smallest_size=smallest_size,
                description=description,
                category=category,
                pinned=pinned,
                visible_to=visible_to,
                hide_account_ids=hide_account_ids,
                key=key,
            )
        )

    async def edit_market(
        self,
        market_id: int,
        *,
        name: str | None = None,
        description: str | None = None,
        category: str | None = None,
        pinned: bool | None = None,
        visible_to: Iterable[int] | None = None,
        hide_account_ids: bool | None = None,
        key: str = "",
    ) -> Reply[pb.MarketUpdated]:
        """None leaves a field as it is. `visible_to=()`: everybody sees the market from now on."""
        return await self.send(
            requests.edit_market(
                market_id,
                name=name,
                description=description,
                category=category,
                pinned=pinned,
                visible_to=visible_to,
                hide_account_ids=hide_account_ids,
                key=key,
            )
        )

    async def set_market_status(
        self, market_id: int, status: pb.MarketStatus.ValueType, *, key: str = ""
    ) -> Reply[pb.MarketUpdated]:
        return await self.send(requests.set_market_status(market_id, status, key=key))

    async def settle_market(self, market_id: int, price: Chips, *, key: str = "") -> Reply[pb.MarketSettled]:
        return await self.send(requests.settle_market(market_id, price, key=key))

    # --- Auctions
    # --- A market's past

    def trade_history(self, market_id: int, *, after: int = 0, limit: int = 0) -> AsyncIterator[pb.TradeHistory]:
        """Every trade, oldest first, a page after another. Waits where the exchange asks to.

        `after`: the `next` of a page, to go on from there; `limit`: rows of a page at most.
        """
        return self._pages(requests.get_full_trade_history, market_id, after, limit)

    def order_history(self, market_id: int, *, after: int = 0, limit: int = 0) -> AsyncIterator[pb.OrderHistory]:
        """Every order with its size over time, oldest change first."""
        return self._pages(requests.get_full_order_history, market_id, after, limit)

    def positions(self, market_id: int, *, after: int = 0, limit: int = 0) -> AsyncIterator[pb.MarketPositions]:
        """Who holds what, by account id; where ids are hidden one's own, and 0 for all others together."""
        return self._pages(requests.get_market_positions, market_id, after, limit)

    async def _pages(
        self, ask: Callable[[int, int, int], Request[H]], market_id: int, after: int, limit: int
    ) -> AsyncIterator[H]:
        while True:
            try:
                page = (await self.send(ask(market_id, after, limit))).body
            except (RateLimited, Busy) as full:
                await asyncio.sleep(full.retry_after)
                continue
            yield page
            if not page.more:
                return
            after = page.next

    async def create_auction(
        self,
        name: str,
        *,
        description: str = "",
        picture: str = "",
        buy_now_price: Chips | None = None,
        key: str = "",
    ) -> Reply[pb.AuctionCreated]:
        return await self.send(
            requests.create_auction(
                name, description=description, picture=picture, buy_now_price=buy_now_price, key=key
            )
        )

    async def edit_auction(
        self,
        auction_id: int,
        *,
        name: str | None = None,
        description: str | None = None,
        picture: str | None = None,
        buy_now_price: Chips | None = None,
        no_buy_now_price: bool = False,
        key: str = "",
    ) -> Reply[pb.AuctionUpdated]:
        return await self.send(
            requests.edit_auction(
                auction_id,
                name=name,
                description=description,
                picture=picture,
                buy_now_price=buy_now_price,
                no_buy_now_price=no_buy_now_price,
                key=key,
            )
        )

    async def withdraw_auction(self, auction_id: int, *, key: str = "") -> Reply[pb.AuctionWithdrawn]:
        return await self.send(requests.withdraw_auction(auction_id, key=key))

    async def buy_auction(self, auction_id: int, price: Chips, *, key: str = "") -> Reply[pb.AuctionSettled]:
        """At the price that you saw; Refused with PRICE_CHANGED if it is another one now."""
        return await self.send(requests.buy_auction(auction_id, price, key=key))

    async def settle_auction(
        self, auction_id: int, buyer_id: int, price: Chips, *, key: str = ""
    ) -> Reply[pb.AuctionSettled]:
        return await self.send(requests.settle_auction(auction_id, buyer_id, price, key=key))
