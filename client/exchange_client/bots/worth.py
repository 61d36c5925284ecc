"""What markets are worth: a price for each market that the house knows roughly and nobody sees exactly.

A fair walk: each step goes up or down by the same part of the distance to the nearer bound, so it has no drift and
never leaves the bounds. Bots that know it roughly move the market's price after it (Kyle 1985: what the informed know
reaches the price through their orders, and the noise of the others hides it).
"""

import random

from exchange_client.bots.trader import middle, price_range
from exchange_client.views import MarketView

STEP_PART = 200  # a step is the distance to the nearer bound / this
ERROR_PART = 100  # the standard error of a glimpse: the bounds' range / this


class Worth:
    """A walk for each market. It starts at the price at which it is first asked for."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._values: dict[int, float] = {}

    def glimpse(self, view: MarketView) -> float:
        """Moves the market's walk by one step. Returns what it is worth, with an error. 1/100 chip."""
        low, high = view.market.min_settlement, view.market.max_settlement
        value = self._values.get(view.id, middle(view))
        step = min(value - low, high - value) / STEP_PART
        value += step if self._rng.uniform(-1, 1) > 0 else -step
        self._values[view.id] = value
        return value + self._rng.gauss(0, price_range(view.market) / ERROR_PART)
