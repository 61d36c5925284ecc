"""Kills the exchange with SIGKILL at random moments, under the load of real sockets, and starts it again.

Every acknowledged command is in the journal once, none is half done, and `verify` finds nothing wrong.
"""

import asyncio
import os
import random
from collections.abc import Callable, Sequence

import pytest

from tests.live.exchange import LiveExchange, Template
from tests.live.load import (
    NAMES,
    Person,
    acknowledged_are_there_once,
    ask_again,
    run_until,
    sockets_of,
    two_markets,
)
from tests.live.tables import Tables

Start = Callable[..., LiveExchange]

ROUNDS = 5
POSTGRES_ROUNDS = 2
SOAK_ROUNDS = 25
KILL_SECONDS = (0.05, 1.5)  # after the load began; drawn from a uniform distribution
ASKED_AGAIN = 20  # each person repeats so many of their last acknowledged commands


async def round_of(live: LiveExchange, people: Sequence[Person], rng: random.Random) -> None:
    assert live.process is not None
    async with sockets_of(live, people) as sockets:
        markets = await two_markets(sockets[0])
        load = asyncio.create_task(run_until(people, sockets, markets))
        await asyncio.sleep(rng.uniform(*KILL_SECONDS))
        live.process.kill()
        await load
    await asyncio.to_thread(live.kill)  # reaps it


async def asked_again_they_are_answered_as_before(live: LiveExchange, people: Sequence[Person]) -> int:
    """Returns how many commands had been done although their replies were lost."""
    happened = 0
    async with sockets_of(live, people) as sockets:
        for person, socket in zip(people, sockets):
            known = list(person.acknowledged)[-ASKED_AGAIN:]
            assert all(reply.replayed for reply in await ask_again(person, socket, known))
            unknown = [key for key in person.asked if key not in person.acknowledged and key not in person.refused]
            happened += sum(r.replayed for r in await ask_again(person, socket, unknown))
    return happened


async def kill_and_look(live: LiveExchange, rounds: int) -> None:
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    people = [Person(name, rng) for name in NAMES]
    for number in range(rounds):
        await round_of(live, people, rng)
        await asyncio.to_thread(live.start)
        acknowledged_are_there_once(Tables(live.env), people)
        happened = await asked_again_they_are_answered_as_before(live, people)
        acknowledged_are_there_once(Tables(live.env), people)
        await asyncio.to_thread(live.verify)
        count = sum(len(person.acknowledged) for person in people)
        head = Tables(live.env).head
        print(f"round {number + 1}: {count} acknowledged, {happened} done without an answer, head {head}")
    assert sum(len(person.acknowledged) for person in people) > 50 * rounds
    assert live.stop() == 0


async def test_killed_on_sqlite_nothing_acknowledged_is_lost(start_exchange: Start) -> None:
    await kill_and_look(start_exchange(), ROUNDS)


@pytest.mark.postgres
async def test_killed_on_postgresql_nothing_acknowledged_is_lost(
    start_exchange: Start, postgres_template: Template
) -> None:
    await kill_and_look(start_exchange(postgres_template), POSTGRES_ROUNDS)


@pytest.mark.soak
async def test_killed_many_times_on_sqlite_nothing_acknowledged_is_lost(start_exchange: Start) -> None:
    await kill_and_look(start_exchange(), SOAK_ROUNDS)


@pytest.mark.soak
@pytest.mark.postgres
async def test_killed_many_times_on_postgresql_nothing_acknowledged_is_lost(
    start_exchange: Start, postgres_template: Template
) -> None:
    await kill_and_look(start_exchange(postgres_template), SOAK_ROUNDS)
