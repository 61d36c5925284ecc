"""Who gets a place next."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from exchange import turns
from exchange.turns import TooMany, Turns

served: list[str] = []


@pytest.fixture
async def one() -> AsyncIterator[Turns]:
    """One place. All of it is free again at the end."""
    made = Turns(1)
    served.clear()
    yield made
    assert (made._free, made._waiting, dict(made._count)) == (1, {}, {})


async def ask(one: Turns, name: str) -> None:
    """Asks as the session and address of the name, like a1: session 1 of address a."""
    async with one.place(name[0], name[1:]):
        served.append(name)


async def waiting(one: Turns, names: str) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(ask(one, name)) for name in names.split()]
    await asyncio.sleep(0)  # each waits
    return tasks


async def test_addresses_take_turns_and_so_do_their_sessions(one: Turns) -> None:
    async with one.place("z", ""):
        tasks = await waiting(one, "a1 a1 a1 a2 a3 b1 b1 c")
    await asyncio.gather(*tasks)
    assert served == ["a1", "b1", "c", "a2", "b1", "a3", "a1", "a1"]


async def test_requests_without_a_session_take_the_turns_of_one(one: Turns) -> None:
    async with one.place("z", ""):
        tasks = await waiting(one, "a a a a1")
    await asyncio.gather(*tasks)
    assert served == ["a", "a1", "a", "a"]


async def test_a_request_that_is_given_up_loses_its_turn_and_nothing_else(one: Turns) -> None:
    async with one.place("z", ""):
        tasks = await waiting(one, "a1 a2 b1")
        tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert served == ["b1", "a2"]


async def test_a_place_that_is_given_to_a_request_that_is_given_up_goes_on(one: Turns) -> None:
    async with one.place("z", ""):
        tasks = await waiting(one, "a1 a2")
    tasks[0].cancel()  # it has the place, but has not run since
    await asyncio.gather(*tasks, return_exceptions=True)
    assert served == ["a2"]


async def test_far_too_many_of_a_session_or_of_an_address_are_refused(
    one: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "SESSION_MAX", 2)
    monkeypatch.setattr(turns, "ADDRESS_MAX", 6)
    async with one.place("a", "1"):
        tasks = await waiting(one, "a1 a a a")
        with pytest.raises(TooMany):
            await ask(one, "a1")
        tasks += await waiting(one, "a2 b1")
        with pytest.raises(TooMany):
            await ask(one, "a3")
    await asyncio.gather(*tasks)
    assert len(served) == 6
    await ask(one, "a3")
