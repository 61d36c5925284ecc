"""Writes a long journal into the database that the environment names, or looks into its past.

python -m benchmarks.long_journal --entries 1000000 --resting 100000     prints what there is then, as JSON
python -m benchmarks.long_journal --looks 20 --seed 1                    prints the milliseconds of each look, as JSON
"""

import argparse
import gc
import json
import sys
import time
from collections.abc import Iterator
from random import Random

from benchmarks.journal import MARKETS, Day  # sets Django up
from markets.audit.replay import open_snapshot
from markets.engine.commands import CancelOrder, Command
from markets.journal.checkpoints import market_state
from markets.journal.journal import Journal
from markets.journal.tables import fetch

BATCH = 2_000  # entries in a transaction: more than an exchange would, to be done sooner


def write(entries: int, resting: int) -> dict[str, int]:
    """Straight through the journal; the orders are those of benchmarks/journal.py."""
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
    """The day's orders. Those that are never met would pile up: beyond so many, somebody's newest is cancelled."""
    for command in day.orders():
        if len(day.engine.orders) > resting:
            order = day.engine.orders[next(reversed(day.engine.orders))]
            yield CancelOrder(order.account - 1, order.account, False, "", order.id, "")
        yield command


def looks_ms(count: int, seed: int) -> list[float]:
    """At any market as it was at any entry after the opening."""
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
