"""People who send many requests at once and remember what was acknowledged, for tests that kill the exchange."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import RawSocket, signed_in
from tests.live.requests import bid, offer
from tests.live.tables import Tables

IN_FLIGHT_MAX = 200  # commands of one person
FRAME_COMMANDS_MAX = 20
AGAIN_AT_ONCE = 100
NAMES = ("alice", "bob", "carol", "student0", "student1", "student2")
_run = itertools.count(1)


class Person:
    """One person. `asked` and `acknowledged` are by idempotency key and span sockets and restarts."""

    def __init__(self, name: str, rng: random.Random) -> None:
        self.name = name
        self.account = 0
        self.asked: dict[str, dict[str, Any]] = {}
        self.acknowledged: dict[str, int] = {}  # key -> seq
        self.refused: dict[str, int] = {}  # key -> reason
        self._rng = rng
        self._placed: list[str] = []  # client_order_ids
        self._prefix = f"{name} {next(_run)}"
        self._numbers = itertools.count(1)

    def request(self, markets: Sequence[int], others: Sequence[int]) -> pb.ClientMessage:
        """A random request: mostly an order that trades; sometimes a cancel, an Out, a transfer, an alt or a market."""
        rng, key = self._rng, f"{self._prefix} {next(self._numbers)}"
        market, dice = rng.choice(markets), rng.random()
        asked: dict[str, Any]
        if dice < 0.25 and self._placed:
            cancel = pb.CancelOrder(client_order_id=rng.choice(self._placed), key=key)
            asked = {"cancel_order": cancel}
        elif dice < 0.30:
            asked = {"out": pb.Out(market_id=market, side=rng.choice((pb.SIDE_UNSPECIFIED, pb.BID, pb.OFFER)), key=key)}
        elif dice < 0.40:
            transfer = pb.MakeTransfer(to_account_id=rng.choice(others), amount=rng.randint(1, 500), key=key)
            transfer.from_account_id = self.account
            asked = {"make_transfer": transfer}
        elif dice < 0.41:
            asked = {"create_account": pb.CreateAccount(name=key, key=key)}
        elif dice < 0.42:
            asked = {"create_market": pb.CreateMarket(name=key, max_settlement=100, key=key)}
        else:
            side, price = rng.choice((bid, offer)), rng.randint(4_900, 5_100)
            asked = {"create_order": side(market, price, rng.randint(1, 300), client_order_id=key)}
            self._placed = [*self._placed[-100:], key]
        self.asked[key] = asked
        return pb.ClientMessage(request_id=key, **asked)

    def record(self, reply: pb.ServerMessage) -> None:
        if reply.request_id not in self.asked:
            return
        if reply.HasField("refused"):
            self.refused[reply.request_id] = reply.refused.code
        elif reply.WhichOneof("message"):
            self.refused.pop(reply.request_id, None)  # asked again
            known = self.acknowledged.setdefault(reply.request_id, reply.seq)
            assert known == reply.seq, "the same key was acknowledged as two commands"

    @property
    def in_flight(self) -> int:
        return len(self.asked) - len(self.acknowledged.keys() | self.refused.keys())


async def trade(person: Person, socket: RawSocket, markets: Sequence[int], others: Sequence[int]) -> None:
    """Trades until the socket is lost. All that the exchange sent by then has been received."""
    rng = random.Random(person.name)
    lost_before = person.in_flight
    try:
        while True:
            while person.in_flight - lost_before < IN_FLIGHT_MAX:
                await socket.send(*(person.request(markets, others) for _ in range(rng.randint(1, FRAME_COMMANDS_MAX))))
            for message in await socket.receive():
                person.record(message)
            socket.received.clear()
    except ConnectionClosed:
        await _read_what_is_left(person, socket)


async def _read_what_is_left(person: Person, socket: RawSocket) -> None:
    """Needed because a send may fail before everything that had arrived was read."""
    while True:
        try:
            for message in await socket.receive():
                person.record(message)
        except ConnectionClosed:
            return


@asynccontextmanager
async def sockets_of(live: LiveExchange, people: Sequence[Person]) -> AsyncIterator[list[RawSocket]]:
    """A signed-in socket for each person."""
    async with AsyncExitStack() as stack:
        sockets = []
        for person in people:
            socket = await stack.enter_async_context(signed_in(live.ws_url, live.token(person.name)))
            person.account = socket.account
            sockets.append(socket)
        yield sockets


async def two_markets(socket: RawSocket) -> list[int]:
    """Always the same two markets; the first call makes them."""
    requests = [pb.CreateMarket(name=name, max_settlement=10_000, key=name) for name in ("Oil", "Tin")]
    return [(await socket.ask(create_market=request)).market_created.market.id for request in requests]


async def ask_again(person: Person, socket: RawSocket, keys: Sequence[str]) -> list[pb.ServerMessage]:
    """Sends the same requests with the same keys again, in order; returns the replies."""
    for begin in range(0, len(keys), AGAIN_AT_ONCE):
        some = keys[begin : begin + AGAIN_AT_ONCE]
        await socket.send(*(pb.ClientMessage(request_id=key, **person.asked[key]) for key in some))
        await socket.reply(some[-1])
    asked = set(keys)
    replies = [message for message in socket.received if message.request_id in asked]
    for reply in replies:
        person.record(reply)
    assert [reply.request_id for reply in replies] == list(keys)
    return replies


async def run_until(people: Sequence[Person], sockets: Sequence[RawSocket], markets: Sequence[int]) -> None:
    """All people trade until all sockets are lost."""
    accounts = [person.account for person in people]
    await asyncio.gather(
        *(
            trade(person, socket, markets, [account for account in accounts if account != person.account])
            for person, socket in zip(people, sockets)
        )
    )


def acknowledged_are_there_once(tables: Tables, people: Sequence[Person]) -> None:
    """Asserts that the journal has each acknowledged command once, at its seq, and no refused one."""
    there = tables.keyed()
    assert [key for key, seqs in there.items() if len(seqs) > 1] == []
    for person in people:
        found = {key: there.get((person.account, key)) for key in person.acknowledged}
        assert found == {key: [seq] for key, seq in person.acknowledged.items()}
        assert [key for key in person.refused if (person.account, key) in there] == []
