"""Runs a bot: one step in one market at a time, a few commands a second.

It goes on after refusals and lost connections. Only a refused token ends it.
"""

import asyncio
import logging
import math
import random
from collections.abc import Callable
from typing import Any, Protocol

from exchange_client import exchange_pb2 as pb
from exchange_client.errors import ConnectionLost, OutcomeUnknown, Refused
from exchange_client.exchange import Exchange
from exchange_client.messages import Reply, Request
from exchange_client.views import MarketView, Portfolio

JITTER = 0.5  # a step comes early or late by up to this part of the interval
FAREWELL_SECONDS = 2.0  # for the last Out

log = logging.getLogger(__name__)


Wanted = Callable[[pb.Market], bool]


def everywhere(market: pb.Market) -> bool:
    return True


class Bot(Protocol):
    """A strategy. Any of its requests may be refused, and its own state must allow for that."""

    name: str

    def __init__(self, rng: random.Random) -> None: ...

    def step(self, view: MarketView, portfolio: Portfolio) -> list[Request[Any]]:
        """The requests to send now for this market, which is open. They go in one frame and happen in order."""


class Trader:
    """A bot on a connection, in the open markets that it is `wanted` in."""

    def __init__(
        self, x: Exchange, bot: Bot, rng: random.Random, *, interval: float, wanted: Wanted = everywhere
    ) -> None:
        """`interval`: seconds between two steps, on average."""
        self._x = x
        self._bot = bot
        self._rng = rng
        self._interval = interval
        self._wanted = wanted
        self._last = 0  # the market of the last step
        # Markets that are visible, but that this account may not trade, with their definitions of that time.
        self._barred: dict[int, pb.Market] = {}

    async def run(self) -> None:
        """Runs until it is cancelled, and then cancels its orders. Raises if there will be no connection again."""
        try:
            while True:
                await self._x.until_connected()
                pause = await self._step()
                await asyncio.sleep(max(pause, self._interval * self._rng.uniform(1 - JITTER, 1 + JITTER)))
        finally:
            await self._farewell()

    async def _step(self) -> float:
        """Returns the seconds that the exchange asks to wait."""
        try:
            view, portfolio = self._next_market(), self._x.state.portfolios.get(self._x.account_id)
            if view is None or portfolio is None:  # nothing is open
                return 0.0
            requests = self._bot.step(view, portfolio)
            answers = await asyncio.gather(*self._x.send_many(requests), return_exceptions=True)
            await self._x.until_heard(*(answer for answer in answers if isinstance(answer, Reply)))
            return await self._handle_errors(
                view.id, [answer for answer in answers if isinstance(answer, BaseException)]
            )
        except (ConnectionLost, OutcomeUnknown, Refused) as error:
            log.info("%s: %s", self._bot.name, error)
            return error.retry_after if isinstance(error, Refused) else 0.0

    def _next_market(self) -> MarketView | None:
        """The next of the open markets, by id, new ones included; None: no market is open."""
        open_ones = sorted(
            view.id
            for view in self._x.state.markets.values()
            if view.market.status == pb.OPEN
            and self._wanted(view.market)
            and self._barred.get(view.id) is not view.market
        )
        if not open_ones:
            return None
        self._last = next((market_id for market_id in open_ones if market_id > self._last), open_ones[0])
        return self._x.market(self._last)

    async def _handle_errors(self, market_id: int, errors: list[BaseException]) -> float:
        """Returns the seconds that the exchange asks to wait. Raises errors of the program itself."""
        for error in errors:
            if not isinstance(error, Refused | OutcomeUnknown | ConnectionLost):
                raise error
            log.debug("%s in market %d: %s", self._bot.name, market_id, error)
        refused = [error for error in errors if isinstance(error, Refused)]
        view = self._x.state.markets.get(market_id)
        if view is not None and any(error.code == pb.MARKET_NOT_FOUND for error in refused):
            self._barred[market_id] = view.market
        if any(error.code == pb.INSUFFICIENT_FUNDS for error in refused):
            await self._x.out(market_id)  # resting orders hold the money back: start again without them
        return max((error.retry_after for error in refused), default=0.0)

    async def _farewell(self) -> None:
        """Cancels the bot's orders: nobody would look after them."""
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
    """As requests.create_order, but in whole units (1/100 chip, 1/100), in which bots calculate."""
    body = pb.CreateOrder(
        market_id=market_id, side=side, price=price, size=size, time_in_force=time_in_force, post_only=post_only
    )
    return Request.of(body, pb.OrderCreated)


def on_tick(price: float, side: pb.Side.ValueType, market: pb.Market) -> int:
    """The nearest price on the tick that is not better than `price`: below it for a bid, above it for an offer.

    Within the bounds; 1/100 chip. Rounded the same way on both sides, prices would drift that way.
    """
    tick = market.tick_size
    rounded = math.floor(price / tick) * tick if side == pb.BID else math.ceil(price / tick) * tick
    return min(max(rounded, market.min_settlement), market.max_settlement)


def middle(view: MarketView) -> float:
    """The middle of the best bid and offer; else the last trade; else the middle of the bounds. 1/100 chip."""
    bid, offer = view.book.best_bid, view.book.best_offer
    if bid and offer:
        return (bid.price + offer.price) / 2
    if view.last_price is not None:
        return view.last_price
    return (view.market.min_settlement + view.market.max_settlement) / 2


def price_range(market: pb.Market) -> int:
    """From the lowest settlement price to the highest, 1/100 chip."""
    return market.max_settlement - market.min_settlement


def size_for(value: int, market: pb.Market) -> int:
    """The size (1/100) that loses `value` (1/10,000 chip) if the price moves from one bound to the other.

    At least the market's smallest size.
    """
    size = max(value, 0) // price_range(market)
    return max(size // market.smallest_size * market.smallest_size, market.smallest_size)
