"""Writes a long journal into the database that the environment names, or measures look-ups of its past.

python -m benchmarks.long_journal --entries 1000000 --resting 100000     prints how much there is then, as JSON
python -m benchmarks.long_journal --looks 20 --seed 1                    prints milliseconds of each look-up, as JSON
"""

import argparse
import gc
import json
import sys
import time
from collections.abc import Iterator
from random import Random

from benchmarks.journal import MARKETS, Day  # sets Django up
from markets.engine.commands import CancelOrder, Command
from markets.journal.checkpoints import market_state
from markets.journal.journal import Journal
from markets.journal.tables import fetch, open_snapshot

BATCH = 2_000  # entries in a transaction; more than an exchange commits, to save time


def write(entries: int, resting: int) -> dict[str, int]:
    """Writes through the journal, without a matcher. The orders are those of benchmarks/journal.py."""
    journal = Journal()
    day = Day(journal.load())
    for commands in (day.opening(), day.resting(resting), trading(day, resting)):
        while (left := entries - day.engine.seq) > 0 and (outcomes := day.batch(commands, min(BATCH, left))):
            journal.commit_and_wait(day.engine, outcomes, day.engine.take_changed())
        gc.collect()
        gc.freeze()
    journal.close()
    return {"entries": day.engine.seq, "open": len(day.engine.orders), "trades": day.engine.next_trade - 1}


def trading(day: Day, resting: int) -> Iterator[Command]:
    """Yields the day's orders. While more than `resting` are open, it also cancels the newest one before each, because
    orders that never trade would pile up."""
    for command in day.orders():
        if len(day.engine.orders) > resting:
            order = day.engine.orders[next(reversed(day.engine.orders))]
            yield CancelOrder(order.account - 1, order.account, False, "", order.id, "")
        yield command


def looks_ms(count: int, seed: int) -> list[float]:
    """Looks up a random market as of a random entry after the opening. Returns the milliseconds of each look-up."""
    rng = Random(seed)
    found = []
    with open_snapshot() as connection:
        ((head,),) = fetch(connection, "SELECT max(seq) FROM markets_journalentry")
        for _ in range(count):
            market, seq = rng.randint(1, MARKETS), rng.randint(100, head)
            began = time.perf_counter()
            market_state(connection, market, seq)
            found.append((time.perf_counter() - began) * 1e3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=0)
    parser.add_argument("--resting", type=int, default=0)
    parser.add_argument("--looks", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    answer = looks_ms(options.looks, options.seed) if options.looks else write(options.entries, options.resting)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
