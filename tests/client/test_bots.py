"""The bots' strategies, which are functions of a market and a portfolio."""

import math
import random
from statistics import mean, stdev
from typing import Any

import pytest
from exchange_client import Request
from exchange_client import exchange_pb2 as pb
from exchange_client.bots.market_maker import LEVELS, MarketMaker
from exchange_client.bots.momentum_trader import SLOW_TRADES, MomentumTrader, trend
from exchange_client.bots.noise_trader import RESTING_MAX, NoiseTrader
from exchange_client.bots.trader import Bot, on_tick, size_for
from exchange_client.bots.worth import Worth
from exchange_client.views import MarketView, Portfolio

from tests.client.floor import Floor, Mirrored, house
from tests.client.script import OWN, cancelled, order, trade

CASH = 100_000 * 10_000
AROUND_ZERO = pb.Market(
    id=1, min_settlement=-5_000, max_settlement=5_000, tick_size=10, smallest_size=100, status=pb.OPEN
)


class Desk:
    """One market as a bot sees it. All its commands are accepted, and its orders do not trade."""

    def __init__(
        self, *, low: int = 0, high: int = 10_000, tick: int = 10, smallest: int = 100, masked: bool = False
    ) -> None:
        self.view = MarketView(1)
        self.view.market = pb.Market(
            id=1, min_settlement=low, max_settlement=high, tick_size=tick, smallest_size=smallest, status=pb.OPEN
        )
        self.portfolio = Portfolio(OWN)
        self.portfolio.cash = self.portfolio.available = CASH
        self._masked = masked
        self._orders = 100

    def step(self, bot: Bot) -> list[Request[Any]]:
        commands = bot.step(self.view, self.portfolio)
        for body in (command.body for command in commands):
            if isinstance(body, pb.CancelOrder):
                self._tell(cancelled((body.order_id, 0)))
            elif isinstance(body, pb.CreateOrder) and body.time_in_force == pb.GTC:
                self._orders += 1
                self._tell(pb.OrderCreated(order=order(self._orders, body.side, body.price, body.size, account=OWN)))
        return commands

    def others(self, number: int, side: pb.Side.ValueType, price: int, size: int = 1000) -> None:
        self.view.apply(pb.OrderCreated(order=order(number, side, price, size)))

    def holds(self, position: int) -> None:
        self.portfolio.apply(
            pb.PortfolioUpdated(cash=CASH, available=CASH, exposures=[pb.Exposure(market_id=1, position=position)])
        )

    def prices(self, *prices: int) -> None:
        self.view.apply(pb.Trades(trades=[trade(1, price, 1, 0, 0) for price in prices]))

    def _tell(self, body: pb.OrderCreated | pb.OrdersCancelled) -> None:
        self.portfolio.apply(body)
        if self._masked and isinstance(body, pb.OrderCreated):
            body.order.account_id = 0
        self.view.apply(body)


def placed(commands: list[Request[Any]]) -> list[pb.CreateOrder]:
    return [command.body for command in commands if isinstance(command.body, pb.CreateOrder)]


@pytest.mark.parametrize(
    "desk", [Desk(), Desk(low=300, high=1800, tick=1), Desk(low=-2000, high=4000), Desk(low=0, high=100, tick=50)]
)
def test_the_maker_quotes_levels_on_both_sides_of_the_middle_first(desk: Desk) -> None:
    orders = placed(desk.step(MarketMaker(random.Random(1))))
    market = desk.view.market
    middle, width = (market.min_settlement + market.max_settlement) // 2, market.max_settlement - market.min_settlement
    assert all(order.post_only and order.price % market.tick_size == 0 for order in orders)
    assert all(abs(order.price - middle) <= max(width // 20, 3 * market.tick_size) for order in orders)
    bids = {order.price for order in orders if order.side == pb.BID}
    offers = {order.price for order in orders if order.side == pb.OFFER}
    assert max(bids) < min(offers)
    assert 1 <= len(bids) <= LEVELS
    assert 1 <= len(offers) <= LEVELS


def test_the_maker_replaces_only_what_is_wrong_and_cancels_first() -> None:
    desk, bot = Desk(), MarketMaker(random.Random(1))
    assert len(desk.step(bot)) == 2 * LEVELS
    most = 0
    for _ in range(100):
        commands = desk.step(bot)
        kinds = [type(command.body) for command in commands]
        assert kinds == sorted(kinds, key=lambda kind: kind is pb.CreateOrder)
        assert len(desk.portfolio.orders) == 2 * LEVELS
        most = max(most, len(commands))
    assert 0 < most <= 8


def test_the_maker_shifts_its_quotes_against_its_position_and_stops_at_its_limit() -> None:
    def best_bid(position: int) -> int | None:
        desk = Desk()
        desk.holds(position)
        desk.step(MarketMaker(random.Random(1)))
        return desk.view.book.best_bid.price if desk.view.book.best_bid else None

    flat, long, short, full = best_bid(0), best_bid(4000), best_bid(-4000), best_bid(10**6)
    assert flat is not None
    assert long is not None
    assert short is not None
    assert long < flat < short
    assert full is None


def test_the_maker_never_crosses_the_quotes_of_others() -> None:
    desk = Desk()
    desk.others(1, pb.OFFER, 4800)  # below its own estimate
    orders = placed(desk.step(MarketMaker(random.Random(1))))
    assert max(order.price for order in orders if order.side == pb.BID) == 4790


def test_the_maker_follows_the_last_trades() -> None:
    desk, bot = Desk(), MarketMaker(random.Random(1))
    desk.prices(8000)
    desk.step(bot)
    desk.prices(2000)
    for _ in range(60):
        desk.step(bot)
    best = desk.view.book.best_bid
    assert best is not None
    assert 1500 < best.price < 2500


def test_the_noise_trader_stays_within_the_market_and_its_number_of_orders() -> None:
    desk, bot = Desk(), NoiseTrader(random.Random(1))
    sides = set()
    for _ in range(500):
        for body in placed(desk.step(bot)):
            sides.add(body.side)
            assert 0 <= body.price <= 10_000
            assert body.price % 10 == 0
            assert body.size % 100 == 0
            assert body.size > 0
        assert len(desk.portfolio.orders) <= RESTING_MAX
    assert sides == {pb.BID, pb.OFFER}


@pytest.mark.parametrize("kind", [MarketMaker, NoiseTrader, MomentumTrader])
def test_bots_do_the_same_where_account_ids_are_hidden(kind: type[Bot]) -> None:
    """Bots know their own orders by id, from their account's stream."""

    def day(*, masked: bool) -> list[tuple[int, int, int]]:
        desk, bot, others = Desk(masked=masked), kind(random.Random(1)), random.Random(2)
        done: list[tuple[int, int, int]] = []
        for number in range(200):
            commands = desk.step(bot)
            done += [(body.side, body.price, body.size) for body in placed(commands)]
            done += [(0, command.body.order_id, 0) for command in commands if isinstance(command.body, pb.CancelOrder)]
            desk.prices(5000 + 10 * number)
            side = others.choice((pb.BID, pb.OFFER))
            desk.others(10_000 + number, side, 5000 + others.randrange(500, 3000) * (1 if side == pb.OFFER else -1))
        return done

    assert day(masked=True) == day(masked=False) != []


def test_the_maker_knows_its_own_quotes_where_ids_are_hidden() -> None:
    """If it took them for somebody else's, it would move its quotes away from them."""
    desk, bot = Desk(masked=True), MarketMaker(random.Random(1))
    for _ in range(50):
        desk.step(bot)
    bid, offer = desk.view.book.best_bid, desk.view.book.best_offer
    assert bid is not None
    assert offer is not None
    assert offer.price - bid.price == 2 * 50
    assert {resting.account_id for resting in desk.view.book.bids} == {0}


@pytest.mark.parametrize(("position", "side"), [(10**6, pb.OFFER), (-(10**6), pb.BID)])
def test_the_noise_trader_reduces_a_position_that_is_too_large(position: int, side: int) -> None:
    desk, bot = Desk(), NoiseTrader(random.Random(1))
    desk.holds(position)
    assert {body.side for _ in range(50) for body in placed(desk.step(bot))} == {side}


def test_a_trend_needs_enough_trades_and_a_large_enough_change() -> None:
    desk = Desk()
    desk.prices(*range(5000, 5000 + 100 * (SLOW_TRADES - 1), 100))
    assert trend(desk.view) == 0
    desk.prices(5000 + 100 * SLOW_TRADES)
    assert trend(desk.view) == 1
    desk.prices(*range(8000, 5000, -100))
    assert trend(desk.view) == -1
    desk.prices(*[5000] * SLOW_TRADES)
    assert trend(desk.view) == 0


def momentum(desk: Desk) -> list[pb.CreateOrder]:
    bot = MomentumTrader(random.Random(1))
    return [body for _ in range(20) for body in placed(desk.step(bot))]


def test_the_momentum_trader_takes_with_the_trend_and_closes_its_position_without() -> None:
    desk = Desk()
    desk.others(1, pb.OFFER, 6000)
    desk.others(2, pb.BID, 4000)
    assert momentum(desk) == []
    desk.prices(*range(5000, 8000, 100))
    assert {(body.side, body.price, body.time_in_force) for body in momentum(desk)} == {(pb.BID, 6000, pb.IOC)}
    desk.holds(100)
    desk.prices(*[5000] * SLOW_TRADES)
    assert {(body.side, body.price, body.size) for body in momentum(desk)} == {(pb.OFFER, 4000, 100)}


def test_the_momentum_trader_buys_nothing_if_nobody_offers() -> None:
    desk = Desk()
    desk.prices(*range(5000, 8000, 100))
    assert momentum(desk) == []


def test_the_same_seed_does_the_same() -> None:
    def day(seed: int) -> list[tuple[int, int, int]]:
        desk, bot = Desk(), NoiseTrader(random.Random(seed))
        return [(body.side, body.price, body.size) for _ in range(50) for body in placed(desk.step(bot))]

    assert day(1) == day(1) != day(2)


def test_prices_are_on_the_tick_within_the_bounds_and_never_better_than_meant() -> None:
    market = Desk(low=-100, high=200, tick=10).view.market
    assert [on_tick(price, pb.BID, market) for price in (-500, -11, 10, 19.9, 500)] == [-100, -20, 10, 10, 200]
    assert [on_tick(price, pb.OFFER, market) for price in (-500, -11, 10, 10.1, 500)] == [-100, -10, 10, 20, 200]


def test_sizes_are_what_the_money_allows_and_at_least_the_smallest() -> None:
    market = Desk(low=-100, high=200, tick=10, smallest=50).view.market
    assert [size_for(value, market) for value in (-1, 0, 300 * 120, 10**6)] == [50, 50, 100, 3300]


# --- Symmetry: a class that sees every market fall from the first minute thinks that the house cheats


def test_the_house_does_the_mirror_image_on_the_other_side_of_zero() -> None:
    """Whatever it does has a mirror image that is as likely, so that no market can drift."""
    for seed in range(5):
        floors = [Floor(AROUND_ZERO, house(seed, draws)) for draws in (random.Random, Mirrored)]
        for floor in floors:
            floor.run(2_000)
        prices, mirrored = (floor.prices for floor in floors)
        assert len(prices) > 300
        assert mirrored == [-price for price in prices]


def test_a_market_maker_alone_does_the_mirror_image_too() -> None:
    def bots(draws: type[random.Random]) -> list[Bot]:
        return [MarketMaker(draws(1)), NoiseTrader(draws(2)), MomentumTrader(draws(3))]

    floors = [Floor(AROUND_ZERO, bots(draws)) for draws in (random.Random, Mirrored)]
    for floor in floors:
        floor.run(2_000)
    assert floors[1].prices == [-price for price in floors[0].prices] != []


def test_no_market_drifts_over_200_days() -> None:
    days = []
    for seed in range(200):
        floor = Floor(AROUND_ZERO, house(seed))
        floor.run(2_000)
        days.append(floor.middle)
    assert abs(mean(days)) < 2 * stdev(days) / math.sqrt(len(days))
    assert 60 < sum(day > 0 for day in days) < 140


def test_prices_follow_the_worth_and_look_like_prices() -> None:
    floor = Floor(AROUND_ZERO, house(1))
    floor.run(2_000)
    assert max(floor.prices) - min(floor.prices) < 4_000  # of a range of 10,000
    assert len(set(floor.prices)) > 20


def test_a_worth_never_leaves_the_bounds_and_is_seen_with_an_error() -> None:
    view, worth = Desk(low=0, high=100, tick=1).view, Worth(random.Random(1))
    seen = [worth.glimpse(view) for _ in range(20_000)]
    assert all(-10 < glimpse < 110 for glimpse in seen)
    assert len(set(seen)) == len(seen)
    assert max(seen) - min(seen) > 20
