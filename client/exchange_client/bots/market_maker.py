"""A market maker: quotes several levels on both sides of the price that it believes in.

Its belief starts at the last trade (or the middle of the bounds), moves randomly by small steps and follows the trades.
The larger its long position, the lower it quotes; beyond its limit it quotes one side only. Quotes that are right
already keep their place in the queue; the others are replaced in one frame, cancels first.
"""

import random
import sys
from collections.abc import Iterator
from typing import Any

from exchange_client import exchange_pb2 as pb
from exchange_client.book import Ladder
from exchange_client.bots.command_line import main
from exchange_client.bots.trader import on_tick, order, size_for
from exchange_client.messages import Request
from exchange_client.requests import cancel_order
from exchange_client.views import MarketView, Portfolio

LEVELS = 4  # a side
SPREAD_PART = 200  # half the spread, and the distance between levels: the bounds' range / this
CASH_PART = 40  # at stake on one side of one market: the cash / this
POSITION_QUOTES = 3  # the largest position: all quotes of one side x this
WANDER_CHANCE = 0.5
LEAN_PART = 8  # each step the belief moves by 1 / this of its distance to the last trade

Quote = tuple[pb.Side.ValueType, int]


class MarketMaker:
    name = "Market maker"

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._beliefs: dict[int, int] = {}  # market -> price

    def step(self, view: MarketView, portfolio: Portfolio) -> list[Request[Any]]:
        market = view.market
        size = size_for(max(portfolio.cash, 0) // CASH_PART // LEVELS, _range(market), market)
        wanted = set(self._quotes(view, portfolio, size))
        own = portfolio.orders_in(market.id)
        kept = {(order.side, order.price) for order in own} & wanted
        stale = [item for item in own if (item.side, item.price) not in kept]
        return [
            *(cancel_order(item.id) for item in stale),
            *(
                order(market.id, side, price, size, post_only=True)
                for side, price in sorted(
                    wanted - kept, key=lambda quote: (quote[0], abs(quote[1] - self._belief(view)))
                )
            ),
        ]

    def _quotes(self, view: MarketView, portfolio: Portfolio, size: int) -> Iterator[Quote]:
        market = view.market
        step = max(_range(market) // SPREAD_PART // market.tick_size, 1) * market.tick_size
        position, limit = portfolio.position(market.id), size * LEVELS * POSITION_QUOTES
        # Prices on a grid as wide as the distance between levels: a step up or down changes only the outermost quotes.
        centre = (self._move(view, step) - 2 * step * position // limit) // step * step
        others_bid = _best_of_others(view.book.bids, portfolio)
        others_offer = _best_of_others(view.book.offers, portfolio)
        for level in range(1, LEVELS + 1):
            bid, offer = centre - level * step, centre + level * step
            if others_offer is not None:
                bid = min(bid, others_offer - market.tick_size)
            if others_bid is not None:
                offer = max(offer, others_bid + market.tick_size)
            if position < limit:
                yield pb.BID, on_tick(bid, market)
            if position > -limit:
                yield pb.OFFER, on_tick(offer, market)

    def _move(self, view: MarketView, step: int) -> int:
        """The next belief, a price within the bounds."""
        belief = self._belief(view)
        if self._rng.random() < WANDER_CHANCE:
            belief += self._rng.choice((-1, 1)) * max(step // 2, view.market.tick_size)
        if view.last_price is not None:
            belief += (view.last_price - belief) // LEAN_PART
        margin = _range(view.market) // 20
        belief = min(max(belief, view.market.min_settlement + margin), view.market.max_settlement - margin)
        self._beliefs[view.id] = belief
        return belief

    def _belief(self, view: MarketView) -> int:
        if view.id in self._beliefs:
            return self._beliefs[view.id]
        middle = (view.market.min_settlement + view.market.max_settlement) // 2
        return middle if view.last_price is None else view.last_price


def _range(market: pb.Market) -> int:
    return market.max_settlement - market.min_settlement


def _best_of_others(side: Ladder, portfolio: Portfolio) -> int | None:
    return next((order.price for order in side if order.id not in portfolio.orders), None)


if __name__ == "__main__":
    sys.exit(main(MarketMaker))
