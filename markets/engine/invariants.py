"""What must always hold (docs/architecture.md), checked before a commit for everything that the batch touched."""

from markets.engine.engine import Engine
from markets.engine.state import HOUSE, Changed


class Broken(AssertionError):
    """The engine contradicts itself. The batch must not be committed."""


class Watch:
    """Keeps running totals of all cash and of each market's positions, and checks each batch against them.

    Units: cash 1/10,000 chip, positions 1/100.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cash = {id: account.cash for id, account in engine.accounts.items()}
        self._total = sum(self._cash.values())
        self._positions: dict[tuple[int, int], int] = {}
        self._totals: dict[int, int] = {}
        for id, account in engine.accounts.items():
            for market, exposure in account.exposures.items():
                self._positions[id, market] = exposure.position
                self._totals[market] = self._totals.get(market, 0) + exposure.position

    def check(self, changed: Changed) -> None:
        """Raises Broken unless cash and each market's positions sum to zero, no available balance but the house's is
        below zero, no book is crossed and filled + open + cancelled is the size of every order.
        """
        self._check_accounts(changed)
        self._check_positions(changed)
        for order in changed.orders.values():
            if order.filled + order.open + order.cancelled != order.size or order.open < 0:
                raise Broken(f"order {order.id}: {order.filled} + {order.open} + {order.cancelled} != {order.size}")
        for id in {order.market for order in changed.orders.values()}:
            market = self._engine.markets[id]
            bid, offer = market.bids.best(), market.offers.best()
            if bid is not None and offer is not None and bid >= offer:
                raise Broken(f"market {id} is crossed: {bid} bid, {offer} offered")

    def _check_accounts(self, changed: Changed) -> None:
        for id, account in changed.accounts.items():
            self._total += account.cash - self._cash.get(id, 0)
            self._cash[id] = account.cash
            if account.cash + account.worst_case < 0 and id != HOUSE:
                raise Broken(f"account {id} could lose more than it has: {account.available}")
        if self._total:
            raise Broken(f"all cash sums to {self._total}")

    def _check_positions(self, changed: Changed) -> None:
        touched: dict[int, None] = {}
        for key, exposure in changed.exposures.items():
            market = key[1]
            self._totals[market] = self._totals.get(market, 0) + exposure.position - self._positions.get(key, 0)
            self._positions[key] = exposure.position
            touched[market] = None
        for market in touched:
            if self._totals[market]:
                raise Broken(f"positions of market {market} sum to {self._totals[market]}")
