"""A market in which bots trade with each other, without an exchange: price-time priority and money, nothing else."""

import random
from collections.abc import Sequence
from statistics import mean

from exchange_client import exchange_pb2 as pb
from exchange_client.book import Order
from exchange_client.bots.house import kinds_of
from exchange_client.bots.trader import Bot
from exchange_client.bots.worth import Worth
from exchange_client.views import MarketView, Portfolio

from tests.client.script import cancelled, order, trade

CASH = 100_000 * 10_000
FIRST_ACCOUNT = 3


class Mirrored(random.Random):
    """Draws the mirror image of a direction where random.Random draws it; everything else is the same."""

    def uniform(self, a: float, b: float) -> float:
        assert a == -b, "only draws around zero have a mirror image"
        return -super().uniform(a, b)

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        assert mu == 0
        return -super().gauss(mu, sigma)


class Floor:
    """Bots act in turn, a step each. `prices`: of every trade, 1/100 chip."""

    def __init__(self, market: pb.Market, bots: Sequence[Bot]) -> None:
        self.view = MarketView(market.id)
        self.view.market = market
        self.prices: list[int] = []
        self._bots = bots
        self._portfolios = [Portfolio(FIRST_ACCOUNT + number) for number in range(len(bots))]
        for portfolio in self._portfolios:
            portfolio.cash = portfolio.available = CASH
        self._orders = 0

    def run(self, steps: int) -> None:
        """`steps`: of all bots together."""
        for number in range(steps):
            bot, portfolio = self._bots[number % len(self._bots)], self._portfolios[number % len(self._bots)]
            for request in bot.step(self.view, portfolio):
                match request.body:
                    case pb.CancelOrder(order_id=order_id):
                        self._tell(portfolio, cancelled((order_id, 0)))
                    case pb.CreateOrder() as body:
                        self._place(portfolio, body)

    @property
    def middle(self) -> float:
        """Of the last fifty trades: bids and offers alternate, so one trade is off the middle."""
        return mean(self.prices[-50:])

    def _place(self, portfolio: Portfolio, body: pb.CreateOrder) -> None:
        against = self.view.book.side(pb.OFFER if body.side == pb.BID else pb.BID)
        sign = 1 if body.side == pb.BID else -1
        met = [resting for resting in against if sign * (body.price - resting.price) >= 0]
        if body.post_only and met:
            return
        open_ = body.size
        for resting in met:
            if resting.account_id == portfolio.id:  # as CANCEL_RESTING
                self._tell(portfolio, cancelled((resting.id, 0)))
            elif open_:
                open_ -= self._trade(portfolio, body.side, resting, min(open_, resting.open))
        if open_ and body.time_in_force == pb.GTC:
            self._orders += 1
            rest = order(self._orders, body.side, body.price, body.size, open_=open_, account=portfolio.id)
            self._tell(portfolio, pb.OrderCreated(order=rest))

    def _trade(self, taker: Portfolio, side: int, resting: Order, size: int) -> int:
        maker = self._portfolios[resting.account_id - FIRST_ACCOUNT]
        signed = size if side == pb.BID else -size
        left = resting.open - size
        maker.apply(pb.Fills(fills=[pb.Fill(order_id=resting.id, open=left)]))
        for portfolio, change in ((taker, signed), (maker, -signed)):
            cash, position = portfolio.cash - change * resting.price, portfolio.position(1) + change
            worst = self.view.market.min_settlement if position > 0 else self.view.market.max_settlement
            exposure = pb.Exposure(market_id=1, position=position)
            update = pb.PortfolioUpdated(cash=cash, available=cash + position * worst, exposures=[exposure])
            portfolio.apply(update)
        self.prices.append(resting.price)
        self.view.apply(pb.Trades(trades=[trade(len(self.prices), resting.price, size, resting.id, left)]))
        return size

    def _tell(self, portfolio: Portfolio, body: pb.OrderCreated | pb.OrdersCancelled) -> None:
        portfolio.apply(body)
        self.view.apply(body)


def house(seed: int, draws: type[random.Random] = random.Random) -> list[Bot]:
    """The house bots, each with draws of its own."""
    kinds = sorted(kinds_of(Worth(draws(f"worth {seed}"))).items())
    return [kind(draws(f"{role} {seed}")) for role, kind in kinds]
