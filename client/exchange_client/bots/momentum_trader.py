"""A momentum trader: compares two averages of the latest trades, buys what rises and sells what falls.

Without a trend it closes its position. It takes resting orders (IOC) and leaves nothing in the book.
"""

import random
import sys
from typing import Any

from exchange_client import exchange_pb2 as pb
from exchange_client.bots.command_line import main
from exchange_client.bots.trader import order, price_range, size_for
from exchange_client.messages import Request
from exchange_client.views import MarketView, Portfolio

SLOW_TRADES = 30
FAST_TRADES = 8
SIGNAL_PART = 400  # a trend: the averages differ by more than the bounds' range / this
ACT_CHANCE = 0.5  # it does not act at every step, because others see the same trend
MONEY_PART = 60  # at stake in the largest position: the available money / this
CLIPS = 10  # one order is 1/10 of that position


class MomentumTrader:
    name = "Momentum trader"

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def step(self, view: MarketView, portfolio: Portfolio) -> list[Request[Any]]:
        if self._rng.random() >= ACT_CHANCE:
            return []
        market, position = view.market, portfolio.position(view.id)
        limit = size_for(portfolio.available // MONEY_PART, market)
        clip = size_for(portfolio.available // MONEY_PART // CLIPS, market)
        towards = trend(view) * limit
        if towards == position:
            return []
        side = pb.BID if towards > position else pb.OFFER
        best = view.book.best_offer if side == pb.BID else view.book.best_bid
        if best is None:
            return []
        return [order(view.id, side, best.price, min(clip, abs(towards - position)), time_in_force=pb.IOC)]


def trend(view: MarketView) -> int:
    """1: rising, -1: falling, 0: neither, or too few trades to know."""
    prices = [trade.price for trade in view.tape][-SLOW_TRADES:]
    if len(prices) < SLOW_TRADES:
        return 0
    fast, slow = sum(prices[-FAST_TRADES:]) * SLOW_TRADES, sum(prices) * FAST_TRADES
    signal = price_range(view.market) * FAST_TRADES * SLOW_TRADES // SIGNAL_PART
    return (fast - slow > signal) - (slow - fast > signal)


if __name__ == "__main__":
    sys.exit(main(MomentumTrader))
