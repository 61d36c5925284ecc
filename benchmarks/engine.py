"""Part `engine`: the engine alone with all its checks, and two order books from PyPI with the same operations."""

import gc
import time
from collections.abc import Callable, Iterator
from random import Random

from lightmatchingengine.lightmatchingengine import LightMatchingEngine
from lightmatchingengine.lightmatchingengine import Side as LightSide
from pyorderbook import Book, Order, ask, bid

from benchmarks.report import Goal, Row
from benchmarks.setting import Setting
from markets.engine.commands import CancelOrder, Command, CreateHouse, CreateMarket, CreateOrder, CreateUserAccount
from markets.engine.engine import Engine

PEOPLE = 50
MARKETS = 10
MID = 5_000  # 1/100 chip
CASH = 10**12  # 1/10,000 chip
BATCH = 256  # commands; after each batch the matcher takes the changes
FIRST = 5_000  # resting orders that fill the books first, outside the measurement

Step = tuple[Callable[..., object], tuple[object, ...]]
Timed = tuple[float, int]  # seconds of the measured commands, orders open at the end


def opening(people: int, markets: int) -> Iterator[Command]:
    """Yields the commands that create the house, the users and the markets. User n has account n + 1."""
    yield CreateHouse(0, 0, True, "")
    for user in range(1, people + 1):
        yield CreateUserAccount(user, 0, False, "", f"Trader {user}", CASH)
    for number in range(1, markets + 1):
        yield CreateMarket(1, 2, True, "", f"Market {number}", "", 0, 2 * MID, 1, 1, markets)


def opened(people: int, markets: int) -> Engine:
    """Returns an engine that has executed opening()."""
    engine = Engine()
    for command in opening(people, markets):
        engine.apply(command, 1)
    engine.take_changed()
    return engine


def operations(count: int, seed: int = 1) -> list[CreateOrder | CancelOrder]:
    """Returns FIRST resting orders, then about half resting orders, a quarter crossing orders and a quarter cancels.
    Order n is the n-th order created.

    No order crosses another of the same account: the other books know no accounts, and would trade there.
    """
    rng = Random(seed)
    engine = opened(PEOPLE, MARKETS)
    made: list[CreateOrder | CancelOrder] = []
    resting: list[int] = []  # order ids; some are no longer open
    while len(made) < count:
        dice = rng.random() if len(made) >= FIRST else 0.0
        side, market = rng.randint(1, 2), rng.randint(1, MARKETS)
        away = rng.randint(1, 30) if dice < 0.5 else -rng.randint(1, 5)
        price = MID - away if side == 1 else MID + away
        command: CreateOrder | CancelOrder
        if dice < 0.75:
            user = _stranger(engine, rng, market, side, price)
            name, size = f"bot{user}-{len(made)}", 100 * rng.randint(1, 20)
            command = CreateOrder(user, user + 1, False, name, market, side, price, size, 0, False, 0)
        else:
            command = _cancel(engine, rng, resting)
        engine.apply(command, 1)
        made.append(command)
        if isinstance(command, CreateOrder):
            resting.append(engine.next_order - 1)
    return made


def _stranger(engine: Engine, rng: Random, market: int, side: int, price: int) -> int:
    """Returns a random user without an order that the new order could trade with."""
    sign = 1 if side == 1 else -1
    while True:
        user = rng.randint(1, PEOPLE)
        exposure = engine.accounts[user + 1].exposures.get(market)
        own = exposure.orders.values() if exposure else ()
        if not any(order.side != side and sign * order.price <= sign * price for order in own):
            return user


def _cancel(engine: Engine, rng: Random, resting: list[int]) -> CancelOrder:
    """Returns the cancel of a random open order."""
    while True:
        number = rng.randrange(len(resting))
        resting[number], resting[-1] = resting[-1], resting[number]
        order = engine.orders.get(resting.pop())
        if order is not None:
            return CancelOrder(order.account - 1, order.account, False, "", order.id, "")


# --- The three subjects. The requests are ready before the clock runs. Each subject creates its own orders and ids.


def exchange(commands: list[CreateOrder | CancelOrder]) -> Timed:
    """Measures our engine."""
    engine = opened(PEOPLE, MARKETS)
    for command in commands[:FIRST]:
        engine.apply(command, 1)
    batches = [commands[begin : begin + BATCH] for begin in range(FIRST, len(commands), BATCH)]
    apply = engine.apply
    quiet()
    began = time.perf_counter()
    for batch in batches:
        for command in batch:
            apply(command, 1)
        engine.take_changed()
    return time.perf_counter() - began, len(engine.orders)


def pyorderbook(commands: list[CreateOrder | CancelOrder]) -> Timed:
    """Measures the package pyorderbook."""
    book = Book()
    made: list[Order] = []

    def place(new: Callable[..., Order], *fields: object) -> None:
        order = new(*fields)
        made.append(order)
        book.match(order)

    def cancel(number: int) -> None:
        book.cancel(made[number - 1])

    steps: list[Step] = []
    for command in commands:
        if isinstance(command, CreateOrder):
            new = bid if command.side == 1 else ask
            steps.append((place, (new, f"Market {command.market}", command.price, command.size)))
        else:
            steps.append((cancel, (command.order,)))
    return timed(steps), len(book.order_map)


def lightmatchingengine(commands: list[CreateOrder | CancelOrder]) -> Timed:
    """Measures the package lightmatchingengine."""
    engine = LightMatchingEngine()  # type: ignore[no-untyped-call]
    market_of: list[int] = []
    steps: list[Step] = []
    for command in commands:
        if isinstance(command, CreateOrder):
            side = LightSide.BUY if command.side == 1 else LightSide.SELL
            market_of.append(command.market)
            steps.append((engine.add_order, (command.market, command.price, command.size, side)))
        else:
            steps.append((engine.cancel_order, (command.order, market_of[command.order - 1])))
    seconds = timed(steps)
    sides = [side for book in engine.order_books.values() for side in (book.bids, book.asks)]
    return seconds, sum(len(level) for side in sides for level in side.values())


def timed(steps: list[Step]) -> float:
    """Executes all steps. Returns the seconds of those after the FIRST."""
    for step, fields in steps[:FIRST]:
        step(*fields)
    rest = steps[FIRST:]
    quiet()
    began = time.perf_counter()
    for step, fields in rest:
        step(*fields)
    return time.perf_counter() - began


def quiet() -> None:
    """Freezes all objects, as the server does after its start, so that the garbage collector skips them."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def alone(setting: Setting) -> list[Row]:
    count = setting.size(100_000, 5_000)
    commands = operations(FIRST + count)
    subjects = (exchange, pyorderbook, lightmatchingengine)
    runs = [[subject(commands) for subject in subjects] for _ in range(setting.runs)]
    left = {open_orders for run in runs for _, open_orders in run}
    assert len(left) == 1, f"they did not do the same: {left} orders are open"
    gc.unfreeze()
    ours, book, light = ([count / seconds for seconds, _ in found] for found in zip(*runs))
    mix = f"{PEOPLE} accounts, {MARKETS} markets, {left.pop():,} orders open at the end"
    unchecked = "a book alone: no accounts, no risk, no keys"
    return [
        Row("the engine with all risk checks", "commands/s", ours, Goal(200_000), mix),
        Row("pyorderbook", "commands/s", book, None, unchecked),
        Row("lightmatchingengine", "commands/s", light, None, unchecked),
        Row("engine ÷ pyorderbook", "×", [a / b for a, b in zip(ours, book)], Goal(1.0)),
        Row("engine ÷ lightmatchingengine", "×", [a / b for a, b in zip(ours, light)]),
    ]
