"""A market maker: quotes several levels on both sides of the price that it believes in.

Its belief starts at the middle of the market, moves randomly by small steps, and follows the trades and, in the house,
what the market is worth. The larger its long position, the lower it quotes; beyond its limit it quotes one side only.
Quotes that are right already keep their place in the queue; the others are replaced in one frame, cancels first.
"""

import math
import random
import sys
from collections.abc import Iterator
from typing import Any

from exchange_client import exchange_pb2 as pb
from exchange_client.book import Ladder
from exchange_client.bots.command_line import main
from exchange_client.bots.trader import middle, on_tick, order, price_range, size_for
from exchange_client.bots.worth import Worth
from exchange_client.messages import Request
from exchange_client.requests import cancel_order
from exchange_client.views import MarketView, Portfolio

LEVELS = 4  # a side
SPREAD_PART = 200  # the distance between levels: the bounds' range / this
MONEY_PART = 40  # at stake on one side of one market: the available money / this
POSITION_QUOTES = 3  # the largest position: all quotes of one side x this
LEAN_LEVELS = 2  # at its largest position it quotes so many levels lower or higher
WANDER_PART = 2  # each step the belief moves randomly by up to the distance between levels / this
FOLLOW_PART = 8  # each step it moves by 1 / this of its distance to the last trade, and to the worth

Quote = tuple[pb.Side.ValueType, int]


class MarketMaker:
    name = "Market maker"

    def __init__(self, rng: random.Random, worth: Worth | None = None) -> None:
        self._rng = rng
        self._worth = worth
        self._beliefs: dict[int, float] = {}  # market -> price

    def step(self, view: MarketView, portfolio: Portfolio) -> list[Request[Any]]:
        market = view.market
        size = size_for(portfolio.available // MONEY_PART // LEVELS, market)
        belief = self._beliefs[view.id] = self._move(view)
        wanted = set(self._quotes(view, portfolio, belief, size))
        own = portfolio.orders_in(market.id)
        kept = {(order.side, order.price) for order in own} & wanted
        stale = [item for item in own if (item.side, item.price) not in kept]
        new = sorted(wanted - kept, key=lambda quote: abs(quote[1] - belief))
        return [
            *(cancel_order(item.id) for item in stale),
            *(order(market.id, side, price, size, post_only=True) for side, price in new),
        ]

    def _quotes(self, view: MarketView, portfolio: Portfolio, belief: float, size: int) -> Iterator[Quote]:
        market, step = view.market, _step(view.market)
        position, limit = portfolio.position(market.id), size * LEVELS * POSITION_QUOTES
        centre = belief - LEAN_LEVELS * step * min(max(position / limit, -1), 1)
        others_bid = _best_of_others(view.book.bids, portfolio)
        others_offer = _best_of_others(view.book.offers, portfolio)
        # Prices on a grid as wide as the distance between levels: a small move changes only the outermost quotes.
        highest_bid = math.floor(centre / step - 0.5) * step
        lowest_offer = math.ceil(centre / step + 0.5) * step
        for level in range(LEVELS):
            bid, offer = highest_bid - level * step, lowest_offer + level * step
            if others_offer is not None:
                bid = min(bid, others_offer - market.tick_size)
            if others_bid is not None:
                offer = max(offer, others_bid + market.tick_size)
            if position < limit:
                yield pb.BID, on_tick(bid, pb.BID, market)
            if position > -limit:
                yield pb.OFFER, on_tick(offer, pb.OFFER, market)

    def _move(self, view: MarketView) -> float:
        """The next belief, a price within the bounds."""
        belief = self._beliefs.get(view.id, middle(view))
        guides = [] if view.last_price is None else [float(view.last_price)]
        if self._worth is not None:
            guides.append(self._worth.glimpse(view))
        wander = self._rng.uniform(-1, 1) * _step(view.market) / WANDER_PART
        belief += wander + sum(guide - belief for guide in guides) / FOLLOW_PART
        margin = price_range(view.market) / 20
        return min(max(belief, view.market.min_settlement + margin), view.market.max_settlement - margin)


def _step(market: pb.Market) -> int:
    """The distance between levels: a multiple of the tick, 1/100 chip."""
    return max(price_range(market) // SPREAD_PART // market.tick_size, 1) * market.tick_size


def _best_of_others(side: Ladder, portfolio: Portfolio) -> int | None:
    return next((order.price for order in side if order.id not in portfolio.orders), None)


if __name__ == "__main__":
    sys.exit(main(MarketMaker))
