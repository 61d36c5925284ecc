"""Runs a bot: one step in one market at a time, a few commands a second, for as long as it is let.

Nothing that the exchange says ends it, except that it does not know the token.
"""

import asyncio
import logging
import random
from collections.abc import Collection
from typing import Any, Protocol

from exchange_client import exchange_pb2 as pb
from exchange_client.errors import ConnectionLost, OutcomeUnknown, Refused
from exchange_client.exchange import Exchange
from exchange_client.messages import Reply, Request
from exchange_client.views import MarketView, Portfolio

JITTER = 0.5  # a step comes up to this part of the interval early or late
FAREWELL_SECONDS = 2.0  # for the last Out

log = logging.getLogger(__name__)


class Bot(Protocol):
    """A strategy. Its own state must survive that any of its wishes is refused."""

    name: str

    def __init__(self, rng: random.Random) -> None: ...

    def step(self, view: MarketView, portfolio: Portfolio) -> list[Request[Any]]:
        """What to do now in this market, which is open. All of it travels in one frame and is done in order."""


class Trader:
    """A bot on a connection, in the markets of `only`, or in all that are open if that is empty."""

    def __init__(
        self, x: Exchange, bot: Bot, rng: random.Random, *, interval: float, only: Collection[int] = ()
    ) -> None:
        """`interval`: seconds between two steps, on average."""
        self._x = x
        self._bot = bot
        self._rng = rng
        self._interval = interval
        self._only = only
        self._last = 0  # the market of the last step
        # Markets that are seen through another account and not this one's to trade, as they were defined then.
        self._barred: dict[int, pb.Market] = {}

    async def run(self) -> None:
        """Until it is cancelled, when it takes back its orders; raises when there is no connection to be had."""
        try:
            while True:
                await self._x.until_connected()
                pause = await self._step()
                await asyncio.sleep(max(pause, self._interval * self._rng.uniform(1 - JITTER, 1 + JITTER)))
        finally:
            await self._farewell()

    async def _step(self) -> float:
        """Returns the seconds that the exchange wants us to wait."""
        try:
            view, portfolio = self._next_market(), self._x.state.portfolios.get(self._x.account_id)
            if view is None or portfolio is None:  # nothing is open
                return 0.0
            wishes = self._bot.step(view, portfolio)
            answers = await asyncio.gather(*self._x.send_many(wishes), return_exceptions=True)
            await self._x.until_heard(*(answer for answer in answers if isinstance(answer, Reply)))
            return await self._deal_with(view.id, [answer for answer in answers if isinstance(answer, BaseException)])
        except (ConnectionLost, OutcomeUnknown, Refused) as error:
            log.info("%s: %s", self._bot.name, error)
            return error.retry_after if isinstance(error, Refused) else 0.0

    def _next_market(self) -> MarketView | None:
        """The open markets in turn, new ones included."""
        open_ones = sorted(
            view.id
            for view in self._x.state.markets.values()
            if view.market.status == pb.OPEN
            and (not self._only or view.id in self._only)
            and self._barred.get(view.id) is not view.market
        )
        if not open_ones:
            return None
        self._last = next((market_id for market_id in open_ones if market_id > self._last), open_ones[0])
        return self._x.market(self._last)

    async def _deal_with(self, market_id: int, errors: list[BaseException]) -> float:
        for error in errors:
            if not isinstance(error, Refused | OutcomeUnknown | ConnectionLost):
                raise error
            log.debug("%s in market %d: %s", self._bot.name, market_id, error)
        refused = [error for error in errors if isinstance(error, Refused)]
        view = self._x.state.markets.get(market_id)
        if view is not None and any(error.code == pb.MARKET_NOT_FOUND for error in refused):
            self._barred[market_id] = view.market
        if any(error.code == pb.INSUFFICIENT_FUNDS for error in refused):
            await self._x.out(market_id)  # resting orders hold the money; begin afresh
        return max((error.retry_after for error in refused), default=0.0)

    async def _farewell(self) -> None:
        """A bot that is not there any more has no business in the book."""
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._x.out()
        except (ConnectionLost, OutcomeUnknown, Refused, TimeoutError) as error:
            log.info("%s leaves its orders: %r", self._bot.name, error)


def order(
    market_id: int,
    side: pb.Side.ValueType,
    price: int,
    size: int,
    *,
    time_in_force: pb.TimeInForce.ValueType = pb.GTC,
    post_only: bool = False,
) -> Request[pb.OrderCreated]:
    """As requests.create_order, in whole units: bots reckon in them."""
    body = pb.CreateOrder(
        market_id=market_id, side=side, price=price, size=size, time_in_force=time_in_force, post_only=post_only
    )
    return Request.of(body, pb.OrderCreated)


def on_tick(price: int, market: pb.Market) -> int:
    """The nearest price at or below that is on the tick, within the bounds."""
    return min(max(price // market.tick_size * market.tick_size, market.min_settlement), market.max_settlement)


def size_for(value: int, price_range: int, market: pb.Market) -> int:
    """The size (1/100) that can lose `value` (1/10,000 chip) over `price_range` (1/100 chip); the smallest at least."""
    size = value // max(price_range, 1)
    return max(size // market.smallest_size * market.smallest_size, market.smallest_size)
