"""The exchange as a bot sees it.

    async with Exchange.connect("ws://127.0.0.1:8000/ws", token="...", markets=[1]) as x:
        placed = await x.place(1, BID, "48.2", "10")

Prices, sizes and amounts go in as Decimal or str, in chips. What comes out (books, portfolios, protobuf messages) is in
whole numbers: see exchange_client.units.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from types import GenericAlias, TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, get_args

from google.protobuf.message import Message

from exchange_client import exchange_pb2 as pb
from exchange_client import requests
from exchange_client.backoff import Backoff
from exchange_client.book import Book
from exchange_client.errors import Busy, RateLimited
from exchange_client.messages import Reply, Request
from exchange_client.session import ANSWER_SECONDS, Session, Settings
from exchange_client.state import State
from exchange_client.streams import streams_of
from exchange_client.updates import QUEUE_UPDATES, Updates
from exchange_client.views import MarketView, Portfolio

P = ParamSpec("P")
A = TypeVar("A", bound=Message)
H = TypeVar("H", pb.TradeHistory, pb.OrderHistory, pb.MarketPositions)


def sends(
    build: Callable[P, Request[A]], *, name: str = ""
) -> Callable[Concatenate["Exchange", P], Coroutine[Any, Any, Reply[A]]]:
    """A method that sends the request that `build` makes of its arguments, and returns the reply.

    Type checkers, editors and help() show the parameters and the docstring of `build`. `name`: if it is another one.
    """

    async def method(x: "Exchange", /, *args: P.args, **kwargs: P.kwargs) -> Reply[A]:
        return await x.send(build(*args, **kwargs))

    method.__name__ = name or build.__name__
    method.__qualname__ = f"Exchange.{method.__name__}"
    method.__doc__ = build.__doc__
    vars(method)["__signature__"] = _as_method(inspect.signature(build))
    return method


def _as_method(build: inspect.Signature) -> inspect.Signature:
    """With `self`, and returning a Reply where the function returns a Request."""
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    reply = GenericAlias(Reply, get_args(build.return_annotation))
    return build.replace(parameters=[itself, *build.parameters.values()], return_annotation=reply)


class Exchange:
    """A connection that is opened again when it is lost.

    Every command returns a Reply, or raises Refused, OutcomeUnknown or ConnectionLost (exchange_client.errors). If the
    connection is lost before the reply, the command is sent again with the same key, so it happens once.
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
        """Prepares a connection; `async with` opens it. It is then authenticated and has the state of your accounts and
        of the markets that you follow.

        `act_as`: an account to act as; 0: your own. `markets`: ids of the markets whose books you follow;
        `all_markets`: all that you may see, now and later; `summaries`: a summary of every market that you may see.
        `frames_per_second`: at most so many frames, joined (1 to 60); 0: each at once. `answer_seconds`: a command
        without a reply after that time raises OutcomeUnknown. `backoff`: how long to wait before connecting again.

        Raises InvalidURI (of websockets) at once. Opening raises Refused if the exchange refuses the token or `act_as`,
        ConnectionLost if it cannot be reached; both at once if trying again cannot help. Once connected, the client
        comes back however long the exchange is away.
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
        """All that the streams say, kept up to date."""
        return self._session.state

    @property
    def account_id(self) -> int:
        """The account that you act as. 0: you have none yet (create_user_account)."""
        return self.state.account_id

    def market(self, market_id: int) -> MarketView:
        """Definition, book and latest trades of a market. Raises KeyError if you do not follow it."""
        return self.state.markets[market_id]

    def book(self, market_id: int) -> Book:
        """A market's book: the same object for as long as you follow it. Raises KeyError if you do not."""
        return self.market(market_id).book

    @property
    def summaries(self) -> dict[int, pb.MarketSummary]:
        """By market id: best prices, resting sizes, the last trade. Each changes at most 4 times a second."""
        return self.state.summaries

    def portfolio(self, account_id: int = 0) -> Portfolio:
        """Money, positions and open orders of an account of yours; 0: of the one that you act as.

        Raises KeyError if the account is not yours.
        """
        return self.state.portfolios[account_id or self.account_id]

    def updates(self, *streams: str, limit: int = QUEUE_UPDATES) -> Updates:
        """An iterator of what happens from now on, on the named streams; without names, on all.

        Streams are "public", "account.2", "market.1" and "market.1.summary"; in sudo, where a market hides account ids,
        "market.1.unmasked". `limit`: updates that may wait to be read; then the iterator raises SlowConsumer.
        """
        updates = Updates(streams, limit)
        self._session.listen(updates)
        return updates

    @property
    def connected(self) -> bool:
        """Whether a command can be sent now."""
        return self._session.connected

    async def until_connected(self) -> None:
        """Waits for the next connection. Raises Refused or ConnectionLost if there will be none."""
        await self.until(lambda: self.connected)

    async def until_heard(self, *replies: Reply[Message]) -> None:
        """Waits until the state shows what these replies say: a reply may arrive before the streams.

        For replies about auctions, and about orders or money of the account that you act as. Raises as until_connected.
        """
        awaited = [(stream, one.seq) for one in replies for stream in streams_of(one.body, self.account_id)]
        await self.until(lambda: all((self.state.heard(stream) or 0) >= seq for stream, seq in awaited))

    async def until(self, met: Callable[[], bool]) -> None:
        """Waits until `met()` is true. It is called after each frame. Raises as until_connected."""
        await self._session.until(met)

    # --- Any request

    def send(self, request: Request[A]) -> asyncio.Future[Reply[A]]:
        """Sends a request of exchange_client.requests; await the reply now or later.

        Raises ConnectionLost or TooManyPending if it was not sent.
        """
        return self._session.send([request])[0]

    def send_many(self, many: Sequence[Request[A]]) -> list[asyncio.Future[Reply[A]]]:
        """Sends requests together, at most 256 in a frame. They happen one by one, in order. Raises as send."""
        return self._session.send(many)

    # --- Commands: each sends what the function of exchange_client.requests makes of the same parameters

    act_as = sends(requests.act_as)
    set_sudo = sends(requests.set_sudo)

    async def subscribe(
        self, *markets: int, all_markets: bool = False, summaries: bool = False
    ) -> Reply[pb.Subscribed]:
        """Follows these markets too. Returns when their snapshots are in the state. Parameters as connect."""
        reply = await self.send(requests.subscribe(markets, all_markets=all_markets, summaries=summaries))
        await self.until(lambda: all(map(self.state.follows, reply.body.streams)))
        return reply

    async def unsubscribe(
        self, *markets: int, all_markets: bool = False, summaries: bool = False
    ) -> Reply[pb.Unsubscribed]:
        """Follows these markets no longer. Their books are empty from then on."""
        return await self.send(requests.unsubscribe(markets, all_markets=all_markets, summaries=summaries))

    place = sends(requests.create_order, name="place")
    cancel = sends(requests.cancel_order, name="cancel")
    out = sends(requests.out)

    create_user_account = sends(requests.create_user_account)
    create_account = sends(requests.create_account)
    make_transfer = sends(requests.make_transfer)
    gift = sends(requests.gift)
    collect = sends(requests.collect)
    share_account = sends(requests.share_account)
    leave_account = sends(requests.leave_account)
    revoke_share = sends(requests.revoke_share)
    redistribute = sends(requests.redistribute)

    create_market = sends(requests.create_market)
    edit_market = sends(requests.edit_market)
    set_market_status = sends(requests.set_market_status)
    settle_market = sends(requests.settle_market)

    create_auction = sends(requests.create_auction)
    edit_auction = sends(requests.edit_auction)
    withdraw_auction = sends(requests.withdraw_auction)
    buy_auction = sends(requests.buy_auction)
    settle_auction = sends(requests.settle_auction)

    # --- A market's past

    def trade_history(self, market_id: int, *, after: int = 0, limit: int = 0) -> AsyncIterator[pb.TradeHistory]:
        """Every trade of a market, oldest first, in pages. Waits where the exchange is too busy for the next page.

        `after`: the `next` of an earlier page, to continue there. `limit`: rows of a page; 0: as many as the exchange
        chooses. Raises Refused if you may not see the market.
        """
        return self._pages(requests.get_full_trade_history, market_id, after, limit)

    def order_history(self, market_id: int, *, after: int = 0, limit: int = 0) -> AsyncIterator[pb.OrderHistory]:
        """Every change of every order's size, oldest first. Parameters and errors as trade_history."""
        return self._pages(requests.get_full_order_history, market_id, after, limit)

    def positions(self, market_id: int, *, after: int = 0, limit: int = 0) -> AsyncIterator[pb.MarketPositions]:
        """Every account's position, by account id. Where a market hides account ids: your own accounts' positions, and
        the sum of all others as account 0. Parameters and errors as trade_history."""
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
