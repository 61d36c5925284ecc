"""The exchange starts, keeps its state over a restart, and stops cleanly."""

import asyncio
import random
import signal
from collections.abc import Callable

import pytest

from tests.live.exchange import STOP_SECONDS_MAX, LiveExchange, Template
from tests.live.load import NAMES, Person, acknowledged_are_there_once, run_until, sockets_of, two_markets
from tests.live.raw_socket import signed_in
from tests.live.tables import Tables

Start = Callable[..., LiveExchange]

RESTART = 1012  # the close code of a restart


def test_the_exchange_starts_verifies_and_ends_with_status_0(start_exchange: Start) -> None:
    exchange = start_exchange()
    assert exchange.browser().get("/sign-in/").status == 200
    exchange.verify()
    assert exchange.stop() == 0


@pytest.mark.postgres
def test_the_exchange_does_so_on_postgresql(start_exchange: Start, postgres_template: Template) -> None:
    exchange = start_exchange(postgres_template)
    assert exchange.browser().get("/sign-in/").status == 200
    exchange.verify()
    assert exchange.stop() == 0


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_closes_every_socket_with_1012_and_exits_with_0(
    start_exchange: Start, signal_number: signal.Signals
) -> None:
    exchange = start_exchange()
    assert exchange.process is not None
    names = [name for name in exchange.people if name.startswith("student")]
    assert len(names) == 20

    async def until_closed(name: str, ready: asyncio.Barrier) -> int:
        async with signed_in(exchange.ws_url, exchange.token(name)) as socket:
            await ready.wait()
            return await socket.closed()

    ready = asyncio.Barrier(len(names) + 1)
    closing = [asyncio.create_task(until_closed(name, ready)) for name in names]
    await ready.wait()
    exchange.process.send_signal(signal_number)
    assert await asyncio.gather(*closing) == [RESTART] * len(names)
    assert await asyncio.to_thread(exchange.process.wait, STOP_SECONDS_MAX) == 0
    log = exchange.log.read_text()
    assert "Traceback" not in log
    assert "Fatal Python error" not in log


async def test_a_stop_under_load_loses_nothing_that_was_acknowledged(start_exchange: Start) -> None:
    exchange = start_exchange()
    assert exchange.process is not None
    people = [Person(name, random.Random(name)) for name in NAMES]
    async with sockets_of(exchange, people) as sockets:
        markets = await two_markets(sockets[0])
        load = asyncio.create_task(run_until(people, sockets, markets))
        await asyncio.sleep(1)
        exchange.process.terminate()
        await load
        assert [socket.connection.close_code for socket in sockets] == [RESTART] * len(sockets)
    assert await asyncio.to_thread(exchange.process.wait, STOP_SECONDS_MAX) == 0
    acknowledged_are_there_once(Tables(exchange.env), people)
    acknowledged = sum(len(person.acknowledged) for person in people)
    # The last batch was committed and acknowledged. Later commands were refused.
    keyed = len(Tables(exchange.env).keyed()) - len(markets)
    print(f"{acknowledged} acknowledged, {keyed} there")
    assert acknowledged == keyed > 100
    exchange.verify()
