"""An adversary who plays at the bounds: the largest orders at the extreme prices, so that every figure grows."""

from random import Random

from markets.engine import commands as c
from markets.engine.commands import Command, SelfTrade, Side, TimeInForce
from markets.engine.engine import Engine
from markets.engine.events import AccountKind
from markets.engine.state import AMOUNT_MAX, PRICE_MAX, SIZE_MAX
from tests.engine.generator import Generator

PLAYERS = (1, 2, 3)  # user ids; the first is an operator too
GIFTS = 110  # of the largest amount: more than the largest order can lose
BOUNDS = ((0, PRICE_MAX), (-PRICE_MAX, 0), (-(10**6), PRICE_MAX), (PRICE_MAX - 1, PRICE_MAX))


class Extremes(Generator):
    """Most commands are part of a round: the richest player sells for the lowest price what they buy back for the
    highest. Each player loses in a market of their own, so what is realised there only grows.
    """

    def __init__(self, rng: Random, engine: Engine) -> None:
        super().__init__(rng, engine)
        self.planned: list[Command] = []

    def opening(self) -> list[Command]:
        people = [c.CreateUserAccount(user, 0, False, "", f"player {user}", AMOUNT_MAX) for user in PLAYERS]
        house = c.CreateHouse(0, 0, True, "")
        gifts = [c.Gift(1, 2, True, "", user + 1, AMOUNT_MAX, "") for user in PLAYERS for _ in range(GIFTS)]
        alts = [c.CreateAccount(user, user + 1, False, "", f"desk {user}", 0) for user in PLAYERS]
        markets = [c.CreateMarket(1, 2, True, "", str(bounds), "", *bounds, 1, 1) for bounds in BOUNDS]
        return [house, *people, *gifts, *alts, *markets]

    def next(self) -> Command:
        if not self.planned:
            self.planned = self.rng.choices(
                (self.lose(), [self.extreme_order()], [self.largest_transfer()], [self.out()], self.renew()),
                (60, 30, 20, 10, 1),
            )[0]
        return self.planned.pop(0)

    def lose(self) -> list[Command]:
        """A round between the two richest players, after everybody's orders are cancelled."""
        accounts = self.engine.accounts
        winner, loser = sorted(PLAYERS, key=lambda user: (accounts[user + 1].available, user))[-2:]
        market = self.live()[loser - 1]
        low, high = market.min_settlement, market.max_settlement
        trades = (
            (loser, Side.OFFER, low),
            (winner, Side.BID, low),
            (winner, Side.OFFER, high),
            (loser, Side.BID, high),
        )
        busy = sorted({order.account for side in (market.bids, market.offers) for order in side})
        outs = [c.Out(1, id, True, "", market.id, 0) for id in busy]
        return [*outs, *(self.largest_order(user, user + 1, market.id, side, price) for user, side, price in trades)]

    def largest_order(self, user: int, account: int, market: int, side: int, price: int) -> c.CreateOrder:
        terms = (TimeInForce.GTC, False, SelfTrade.CANCEL_RESTING)
        return c.CreateOrder(user, account, False, "", market, side, price, SIZE_MAX, *terms)

    def extreme_order(self) -> Command:
        """At a bound, or one tick from it; of the largest size mostly."""
        by, account, _, _ = self.head()
        market = self.rng.choice(self.live())
        low, high = market.min_settlement, market.max_settlement
        price = self.rng.choice((low, low + 1, high - 1, high))
        order = self.largest_order(by, account, market.id, self.rng.choice((Side.BID, Side.OFFER)), price)
        return order if self.rng.random() < 0.8 else order._replace(size=self.rng.choice((1, SIZE_MAX - 1)))

    def largest_transfer(self) -> Command:
        """Between a player and their own alt mostly, else between players."""
        by, account, _, _ = self.head()
        own = [id for id in self.engine.reach(by) if id != account]
        people = [one.id for one in self.engine.accounts.values() if one.kind == AccountKind.USER]
        payee = self.rng.choice(own or people) if self.rng.random() < 0.7 else self.rng.choice(people)
        amount = min(AMOUNT_MAX, max(self.engine.accounts[account].available, 1))
        return c.MakeTransfer(by, account, False, "", account, payee, amount, "")

    def renew(self) -> list[Command]:
        """Settles a market at a bound; another one like it opens."""
        market = self.rng.choice(self.live())
        bounds = (market.min_settlement, market.max_settlement)
        settle = c.SettleMarket(1, 2, True, "", market.id, self.rng.choice(bounds))
        return [settle, c.CreateMarket(1, 2, True, "", f"{bounds} {self.engine.seq}", "", *bounds, 1, 1)]
