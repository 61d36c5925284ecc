"""A noise trader: buys and sells at random prices near the market, so that others find somebody to trade with.

It limits its risk: the larger its position, the likelier it trades back. In the house it knows roughly what the market
is worth, and buys rather when the market is cheaper.
"""

import random
import sys
from typing import Any

from exchange_client import exchange_pb2 as pb
from exchange_client.bots.command_line import main
from exchange_client.bots.trader import middle, on_tick, order, price_range, size_for
from exchange_client.bots.worth import Worth
from exchange_client.messages import Request
from exchange_client.requests import cancel_order
from exchange_client.views import MarketView, Portfolio

RESTING_MAX = 6  # own orders in a market
CANCEL_CHANCE = 0.25
TAKE_CHANCE = 0.35
NEAR_PART = 25  # prices are within the bounds' range / this of the middle of the market
MONEY_PART = 50  # at stake in the largest position that it accepts: the available money / this
CLIPS = 12  # one order is at most 1/12 of that position


class NoiseTrader:
    name = "Noise trader"

    def __init__(self, rng: random.Random, worth: Worth | None = None) -> None:
        self._rng = rng
        self._worth = worth

    def step(self, view: MarketView, portfolio: Portfolio) -> list[Request[Any]]:
        own = portfolio.orders_in(view.id)
        if len(own) >= RESTING_MAX or (own and self._rng.random() < CANCEL_CHANCE):
            return [cancel_order(self._rng.choice(own).id)]
        market = view.market
        limit = size_for(portfolio.available // MONEY_PART, market)
        reach = max(price_range(market) / NEAR_PART, market.tick_size)
        lean = -portfolio.position(view.id) / limit
        if self._worth is not None:
            lean += (self._worth.glimpse(view) - middle(view)) / reach
        side = pb.BID if self._rng.uniform(-1, 1) < lean else pb.OFFER
        most = max(limit // CLIPS // market.smallest_size, 1)
        size = market.smallest_size * self._rng.randint(1, most)
        best = view.book.best_offer if side == pb.BID else view.book.best_bid
        if best is not None and self._rng.random() < TAKE_CHANCE:
            return [order(view.id, side, best.price, size, time_in_force=pb.IOC)]
        return [order(view.id, side, on_tick(middle(view) + self._rng.uniform(-reach, reach), side, market), size)]


if __name__ == "__main__":
    sys.exit(main(NoiseTrader))
