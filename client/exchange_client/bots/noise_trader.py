"""A noise trader: buys and sells at random prices near the market, so that others find somebody to trade with.

It limits its risk: the larger its position, the likelier it trades back.
"""

import random
import sys
from typing import Any

from exchange_client import exchange_pb2 as pb
from exchange_client.bots.command_line import main
from exchange_client.bots.trader import on_tick, order, size_for
from exchange_client.messages import Request
from exchange_client.requests import cancel_order
from exchange_client.views import MarketView, Portfolio

RESTING_MAX = 6  # own orders in a market
CANCEL_CHANCE = 0.25
TAKE_CHANCE = 0.35
NEAR_PART = 25  # prices are within the bounds' range / this of the middle of the market
CASH_PART = 50  # at stake in the largest position that it accepts: the cash / this
CLIPS = 12  # one order is at most 1/12 of that position


class NoiseTrader:
    name = "Noise trader"

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def step(self, view: MarketView, portfolio: Portfolio) -> list[Request[Any]]:
        own = portfolio.orders_in(view.id)
        if len(own) >= RESTING_MAX or (own and self._rng.random() < CANCEL_CHANCE):
            return [cancel_order(self._rng.choice(own).id)]
        market = view.market
        price_range = market.max_settlement - market.min_settlement
        limit = size_for(max(portfolio.cash, 0) // CASH_PART, price_range, market)
        side = self._side(portfolio.position(view.id), limit)
        most = max(limit // CLIPS // market.smallest_size, 1)
        size = market.smallest_size * self._rng.randint(1, most)
        best = view.book.best_offer if side == pb.BID else view.book.best_bid
        if best is not None and self._rng.random() < TAKE_CHANCE:
            return [order(view.id, side, best.price, size, time_in_force=pb.IOC)]
        reach = max(price_range // NEAR_PART, market.tick_size)
        return [order(view.id, side, on_tick(_middle(view) + self._rng.randint(-reach, reach), market), size)]

    def _side(self, position: int, limit: int) -> pb.Side.ValueType:
        chance_to_buy = (limit - position) / (2 * limit)
        return pb.BID if self._rng.random() < chance_to_buy else pb.OFFER


def _middle(view: MarketView) -> int:
    """The middle of the best bid and offer; else the last trade; else the middle of the bounds. 1/100 chip."""
    bid, offer = view.book.best_bid, view.book.best_offer
    if bid and offer:
        return (bid.price + offer.price) // 2
    if view.last_price is not None:
        return view.last_price
    return (view.market.min_settlement + view.market.max_settlement) // 2


if __name__ == "__main__":
    sys.exit(main(NoiseTrader))
