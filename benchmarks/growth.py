"""Part `growth`: the cost of an order with many markets or resting orders, in the engine and through the socket."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random
from statistics import median

from benchmarks.engine import MID, PEOPLE, opened, quiet
from benchmarks.report import Goal, Row
from benchmarks.setting import Setting
from benchmarks.traders import Load, Trader, far_orders, latencies_ms, new_markets, order, ready
from markets.engine.commands import CancelOrder, Command, CreateOrder
from markets.engine.engine import Engine
from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange

GOAL = Goal(1.5, at_least=False)
FEW_ORDERS, MANY_ORDERS = 100, 100_000
FEW_MARKETS, SOME_MARKETS, MANY_MARKETS = 1, 10, 1_000
STUDENTS = 20
FILL_SECONDS_MAX = 120.0

Shape = tuple[int, int]  # markets, resting orders


def shapes(setting: Setting) -> dict[str, tuple[Shape, Shape]]:
    """Returns what grows, with the small and the large shape."""
    markets, orders = setting.size(MANY_MARKETS, 20), setting.size(MANY_ORDERS, 400)
    return {
        f"from {FEW_MARKETS} to {markets:,} markets": ((FEW_MARKETS, FEW_ORDERS), (markets, FEW_ORDERS)),
        f"from {FEW_ORDERS} to {orders:,} resting orders": ((SOME_MARKETS, FEW_ORDERS), (SOME_MARKETS, orders)),
    }


def grown(setting: Setting) -> list[Row]:
    rows = []
    for name, pair in shapes(setting).items():
        rows += in_engine(setting, name, pair)
        rows += through_socket(setting, name, pair)
    return rows


def ratio(name: str, unit: str, small: list[float], large: list[float]) -> Row:
    """Returns how many times as much the large shape costs, run by run."""
    beside = f"{median(small):.2f} {unit} and {median(large):.2f} {unit}"
    return Row(name, "×", [b / a for a, b in zip(small, large)], GOAL, beside)


# --- In the engine


def in_engine(setting: Setting, name: str, pair: tuple[Shape, Shape]) -> list[Row]:
    cycles = setting.size(10_000, 500)
    engines = [crowded(*shape) for shape in pair]
    costs: list[list[float]] = [[], []]
    for run in range(setting.runs + 1):
        for engine, found in zip(engines, costs):
            commands = list(errands(engine, cycles, run))
            quiet()
            began = time.perf_counter()
            for command in commands:
                engine.apply(command, 1)
            found.append((time.perf_counter() - began) * 1e6 / len(commands))
            engine.take_changed()
    warm = [found[1:] for found in costs]  # the first run includes everybody's first order in every market
    return [ratio(f"the engine's cost of a command, {name}", "µs", *warm)]


def crowded(markets: int, resting: int) -> Engine:
    """Returns an engine with so many markets and resting orders."""
    engine = opened(PEOPLE, markets)
    rng = Random(1)
    for number in range(resting):
        market = 1 + number // PEOPLE % markets  # spreads them, so that nobody reaches the limit of orders in a market
        engine.apply(place(rng, 1 + number % PEOPLE, market, f"far{number}", rng.randint(200, MID - 1)), 1)
    engine.take_changed()
    return engine


def errands(engine: Engine, cycles: int, run: int) -> Iterator[Command]:
    """Yields cycles of four commands: an order, another that trades with it, one that rests, and its cancel. The books
    are the same afterwards."""
    rng = Random(2)  # the same people and markets every run
    for number in range(cycles):
        market = rng.randint(1, len(engine.markets))
        maker, taker = rng.sample(range(1, PEOPLE + 1), 2)
        name = f"run{run}-{number}"
        yield CreateOrder(maker, maker + 1, False, f"{name}m", market, 1, MID, 100, 0, False, 0)
        yield CreateOrder(taker, taker + 1, False, f"{name}t", market, 2, MID, 100, 0, False, 0)
        yield place(rng, maker, market, f"{name}r", rng.randint(200, MID - 1))
        yield CancelOrder(maker, maker + 1, False, "", 0, f"{name}r")


def place(rng: Random, user: int, market: int, name: str, away: int) -> CreateOrder:
    """Returns an order of a random side, `away` hundredths of a chip from the mid, too far to trade."""
    side = rng.randint(1, 2)
    price = MID - away if side == 1 else MID + away
    return CreateOrder(user, user + 1, False, name, market, side, price, 100, 0, False, 0)


# --- Through the socket


def through_socket(setting: Setting, name: str, pair: tuple[Shape, Shape]) -> list[Row]:
    """Sends one order at a time. Both exchanges run all the time, and take turns to work."""
    count = setting.size(200, 20)
    costs: list[list[float]] = [[], []]
    with ExitStack() as running:
        lives = [running.enter_context(setting.exchange("grown-{}-{}".format(*shape))) for shape in pair]
        markets = [fill(live, *shape) for live, shape in zip(lives, pair)]
        for run in range(setting.runs + 1):
            for live, own, found in zip(lives, markets, costs):
                found.append(median(_latencies(live, own, count, run)))
    return [ratio(f"an order through the socket (p50), {name}", "ms", *(found[1:] for found in costs))]


def _latencies(live: LiveExchange, markets: list[int], count: int, run: int) -> list[float]:
    trader = Trader(live, "alice")
    rng = Random(run)
    requests = [
        order(number, rng.choice(markets), 1, rng.randint(1, MID - 200), 100, f"{run}-{number}")
        for number in range(count)
    ]
    found = latencies_ms(trader, requests)
    assert not trader.refused, trader.refused
    trader.ask(out=pb.Out())
    trader.close()
    return found


def fill(live: LiveExchange, markets: int, resting: int) -> list[int]:
    """Creates the markets and resting orders, and restarts the exchange, which freezes what it loads. Returns the
    markets."""
    made = new_markets(live, markets)
    traders = [Trader(live, f"student{i}") for i in range(STUDENTS)]
    each = resting // STUDENTS
    per_frame = min(each, 100)
    frames = []
    for i in range(STUDENTS):
        orders: list[pb.ClientMessage] = []
        for number, market in enumerate(made):
            share = each // len(made) + (number < each % len(made))
            orders += far_orders(f"far{i}-{market}", market, share)
        frames.append(ready(iter(orders), per_frame, each // per_frame))
    load = Load(traders, frames, per_frame, 2)
    load.run(FILL_SECONDS_MAX)
    load.settle()
    live.restart()
    return made
