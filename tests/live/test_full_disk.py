"""The disk is full: no lost command is acknowledged, and once there is room the exchange continues by itself."""

import itertools
import random
from collections.abc import Callable, Sequence

import pytest
from websockets.exceptions import ConnectionClosed

from proto import exchange_pb2 as pb
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
from tests.live.raw_socket import RawSocket, signed_in
from tests.live.requests import bid
from tests.live.tables import Tables
from tests.patience import STEP_SECONDS_MAX

PAGES_LEFT = 100  # of 4 KiB
END_SECONDS = STEP_SECONDS_MAX


def pages_of(template: Template) -> int:
    return int(
        Tables({"DATABASE_URL": f"sqlite:///{template.folder / 'exchange.sqlite3'}"}).rows("PRAGMA page_count")[0][0]
    )


async def fill(live: LiveExchange, people: Sequence[Person]) -> None:
    async with sockets_of(live, people) as sockets:
        markets = await two_markets(sockets[0])
        await run_until(people, sockets, markets)


async def order_for_ever(alice: RawSocket) -> None:
    """Sends orders that leave only their journal entries."""
    for number in itertools.count():
        await alice.ask(create_order=bid(1, 100, 100, time_in_force=pb.IOC, client_order_id=f"room {number}"))


async def test_a_full_disk_ends_the_exchange_and_it_recovers_with_room(
    start_exchange: Callable[..., LiveExchange], template: Template
) -> None:
    live = start_exchange(
        DJANGO_SETTINGS_MODULE="tests.live.settings.full_disk",
        DATABASE_PAGES_MAX=str(pages_of(template) + PAGES_LEFT),
    )
    people = [Person(name, random.Random(name)) for name in NAMES]
    await fill(live, people)
    assert live.process is not None
    assert live.process.wait(END_SECONDS) == 1
    assert "did not take the batch: database or disk is full" in live.log.read_text()
    assert not list((live.folder / "crash").glob("*"))  # no command is quarantined
    acknowledged_are_there_once(Tables(live.env), people)
    assert sum(len(person.acknowledged) for person in people) > 100
    head = Tables(live.env).head

    # After a restart it serves reads, and ends at the next command that needs room.
    live.start()
    async with signed_in(live.ws_url, live.token("alice")) as alice:
        assert any(message.HasField("account_state") for message in alice.received)
        with pytest.raises(ConnectionClosed):
            await order_for_ever(alice)
    assert live.process.wait(END_SECONDS) == 1

    live.env["DATABASE_PAGES_MAX"] = "1000000"
    live.start()
    acknowledged_are_there_once(Tables(live.env), people)
    async with sockets_of(live, people) as sockets:
        for person, socket in zip(people, sockets):
            unanswered = [key for key in person.asked if key not in person.acknowledged and key not in person.refused]
            await ask_again(person, socket, unanswered)
    acknowledged_are_there_once(Tables(live.env), people)
    assert Tables(live.env).head > head
    live.verify()
    assert live.stop() == 0
