"""Measures what durability costs: commits of one order and of a full batch, start-up, a market's past, `verify`.

python -m benchmarks.journal                                      SQLite in a temporary directory
DATABASE_URL=postgres://... python -m benchmarks.journal          an empty database on a server
python -m benchmarks.journal --entries 1000000                    start, past and proof of so long a journal too
"""

import argparse
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

import django

FOLDER = tempfile.TemporaryDirectory(prefix="exchange-bench-")  # removed at exit
os.environ["EXCHANGE_VAR"] = FOLDER.name
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - these need the settings

from markets.audit.verification import verify  # noqa: E402
from markets.engine.commands import (  # noqa: E402
    CancelOrder,
    Command,
    CreateHouse,
    CreateMarket,
    CreateOrder,
    CreateUserAccount,
)
from markets.engine.engine import Engine  # noqa: E402
from markets.engine.errors import Rejected  # noqa: E402
from markets.journal.checkpoints import market_state  # noqa: E402
from markets.journal.journal import Journal, Outcome  # noqa: E402
from markets.journal.tables import open_snapshot  # noqa: E402

PEOPLE = 50
MARKETS = 3
START_US = 1_700_000_000_000_000
MID = 5_000  # 1/100 chip
BATCH = 256
SECONDS = 4.0  # of commits of each size
RESTING = 100_000  # open orders of the long journal


class Day:
    """Orders as a class of bots sends them: near the mid; half of them trade; one command in five is a cancel."""

    def __init__(self, engine: Engine, seed: int = 1) -> None:
        self.engine = engine
        self.random = Random(seed)
        self.sent = 0

    def opening(self) -> Iterator[Command]:
        yield CreateHouse(0, 0, True, "")
        for user in range(1, PEOPLE + 1):
            yield CreateUserAccount(user, 0, False, "", f"Trader {user}", 10**13)
        for number in range(1, MARKETS + 1):
            yield CreateMarket(1, 2, True, "", f"Market {number}", "", 0, 2 * MID, 1, 1)

    def orders(self) -> Iterator[Command]:
        while True:
            self.sent += 1
            user = self.random.randint(1, PEOPLE)
            resting = self.engine.accounts[user + 1].open_by_key
            if resting and self.random.random() < 0.2:
                yield CancelOrder(user, user + 1, False, "", 0, next(reversed(resting)))
                continue
            yield self._order(user, int(self.random.gauss(8, 12)))

    def resting(self, count: int) -> Iterator[Command]:
        """Yields orders too far from the mid to trade."""
        for number in range(count):
            self.sent += 1
            yield self._order(1 + number % PEOPLE, self.random.randint(200, MID - 1))

    def _order(self, user: int, away: int) -> Command:
        side = self.random.randint(1, 2)
        return CreateOrder(
            user,
            user + 1,
            False,
            f"bot{user}-{self.sent:09}",
            self.random.randint(1, MARKETS),
            side,
            MID - away if side == 1 else MID + away,
            100 * self.random.randint(1, 20),
            0,
            False,
            0,
        )

    def batch(self, commands: Iterator[Command], size: int) -> list[Outcome]:
        """Applies the next `size` commands that are accepted, or fewer if there are no more. Returns their outcomes."""
        outcomes: list[Outcome] = []
        for command in commands:
            at_us = START_US + self.engine.seq
            try:
                events = self.engine.apply(command, at_us)
            except Rejected:
                continue
            outcomes.append(Outcome(self.engine.seq, at_us, command, events))
            if len(outcomes) == size:
                break
        return outcomes


class Cost(NamedTuple):
    """The cost of one commit in milliseconds. `cpu` is the CPU time of the whole process."""

    wall: float
    cpu: float


def commits(journal: Journal, day: Day, size: int, seconds: float) -> list[Cost]:
    """Commits batches of `size` commands for so many seconds."""
    costs = []
    orders = day.orders()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        outcomes = day.batch(orders, size)
        changed = day.engine.take_changed()
        wall, cpu = time.perf_counter(), time.process_time()
        journal.commit_and_wait(day.engine, outcomes, changed)
        costs.append(Cost((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3))
    return costs


def show(size: int, costs: list[Cost]) -> None:
    walls = sorted(cost.wall for cost in costs)
    median = statistics.median(walls)
    print(
        f"batch of {size:3}: {len(costs):5} commits, least {walls[0]:6.2f}, median {median:6.2f} (CPU"
        f" {statistics.median(cost.cpu for cost in costs):6.2f}), p99 {walls[len(walls) * 99 // 100]:6.2f} ms;"
        f" {median * 1e3 / size:6.1f} us an order"
    )


def timed(what: str, function: Callable[[], object], times: int = 1) -> None:
    costs = []
    for _ in range(times):
        began = time.perf_counter()
        function()
        costs.append((time.perf_counter() - began) * 1e3)
    print(f"{what}: median {statistics.median(costs):,.0f} ms, most {max(costs):,.0f} ms of {times}")


def run(entries: int) -> None:
    call_command("migrate", verbosity=0)
    journal = Journal()
    day = Day(journal.load())
    journal.commit_and_wait(day.engine, day.batch(day.opening(), 10**6), day.engine.take_changed())
    gc.freeze()
    for _ in range(2):  # interleaved, so that a disturbance shows
        for size in (1, 16, BATCH):
            show(size, commits(journal, day, size, SECONDS / 2))
    if entries:
        long_journal(journal, day, entries)
    journal.close()


def start() -> None:
    journal = Journal()
    journal.load()
    journal.close()


def long_journal(journal: Journal, day: Day, entries: int) -> None:
    """Lengthens the journal to `entries` and measures start-up, a market's past and `verify`."""
    for commands in (day.resting(RESTING), day.orders()):
        while day.engine.seq < entries and (outcomes := day.batch(commands, BATCH)):
            journal.commit_and_wait(day.engine, outcomes, day.engine.take_changed())
    print(f"{day.engine.seq:,} entries, {len(day.engine.orders):,} open orders, {day.engine.next_trade - 1:,} trades")
    timed("start", start)
    with open_snapshot() as connection:
        timed(
            "a market's past",
            lambda: market_state(connection, day.random.randint(1, MARKETS), day.random.randint(100, day.engine.seq)),
            times=30,
        )
    timed("verify", lambda: list(verify()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=0)
    run(parser.parse_args().entries)


if __name__ == "__main__":
    main()
