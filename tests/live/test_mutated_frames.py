"""100,000 frames, each a mutated valid one: the process survives and its state stays right."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import RawSocket, raw_socket, signed_in
from tests.live.requests import bid, hundred, new_market, offer, one_market
from tests.live.tables import Tables
from tests.patience import STEP_SECONDS_MAX

FRAMES = 100_000
SOCKETS = 8  # signed in; two more are not, and get a twentieth of the frames
VALID_FRAMES = 1_000  # valid frames to mutate, for each socket
WINDOW = 200  # after so many frames a socket waits for the matcher, so that no command expires however slow it is
ORDERS_MIN = 1_000  # mutated orders that are accepted all the same
NO_ORDER = 2**62
CATCH_UP = "catch up "
TIMES_MAX = 5
PEOPLE = ("alice", "bob", "carol", "student0")
NUMBERS = (0, 1, 2, 3, 50, 100, 5_000, 2**31, 2**63 - 1)
Mutation = Callable[[random.Random, bytearray], bytes]


def valid(rng: random.Random) -> pb.ClientMessage:
    """A random request of the contract, mostly about orders."""
    number = rng.choice(NUMBERS)
    requests = [
        {"create_order": bid(1, rng.randint(1, 9_999), rng.randint(1, 500))},
        {"create_order": offer(1, rng.randint(1, 9_999), rng.randint(1, 500), client_order_id=f"o{rng.random()}")},
        {"create_order": bid(1, 5_000, 100, time_in_force=rng.choice((pb.IOC, pb.FOK)), self_trade=pb.DECREMENT)},
        {"cancel_order": pb.CancelOrder(order_id=rng.randint(1, 1_000))},
        {"cancel_order": pb.CancelOrder(client_order_id="o", key="k")},
        {"out": pb.Out(market_id=rng.choice((0, 1)), side=rng.choice((pb.SIDE_UNSPECIFIED, pb.BID, pb.OFFER)))},
        {"make_transfer": pb.MakeTransfer(from_account_id=2, to_account_id=rng.randint(1, 9), amount=number, note="n")},
        {"gift": pb.Gift(to_account_id=2, amount=number)},
        {"create_account": pb.CreateAccount(name=f"alt {rng.randint(1, 99)}", owner_id=rng.choice((0, 2, 3)))},
        {"create_user_account": pb.CreateUserAccount(name="again")},
        {"create_market": hundred(f"market {rng.randint(1, 99)}")},
        {"edit_market": pb.EditMarket(market_id=rng.randint(1, 9), description="d" * rng.randint(0, 100))},
        {"set_market_status": pb.SetMarketStatus(market_id=1, status=rng.choice(pb.MarketStatus.values()))},
        {"settle_market": pb.SettleMarket(market_id=rng.randint(2, 9), price=rng.randint(-1, 10_001))},
        {"act_as": pb.ActAs(account_id=rng.choice((2, 3, number)))},
        {"subscribe": pb.Subscribe(subscriptions=one_market(rng.choice((1, number))))},
        {"unsubscribe": pb.Unsubscribe(subscriptions=one_market(1))},
        {"get_full_trade_history": pb.GetFullTradeHistory(market_id=1, after=number, limit=rng.randint(0, 9))},
        {"get_full_order_history": pb.GetFullOrderHistory(market_id=1, after=number, limit=rng.randint(0, 9))},
        {"get_market_positions": pb.GetMarketPositions(market_id=rng.choice((1, number)), after=number)},
        {"authenticate": pb.Authenticate(token="x" * rng.randint(0, 50), epoch=number, from_seq=number)},
    ]
    return pb.ClientMessage(request_id=str(rng.random()), **rng.choice(requests))  # type: ignore[arg-type]


def flip(rng: random.Random, data: bytearray) -> bytes:
    for _ in range(rng.randint(1, 3)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def overwrite(rng: random.Random, data: bytearray) -> bytes:
    data[rng.randrange(len(data))] = rng.choice((0x00, 0x01, 0x7F, 0x80, 0xFF))
    return bytes(data)


def cut(rng: random.Random, data: bytearray) -> bytes:
    return bytes(data[: rng.randrange(len(data))])


def insert(rng: random.Random, data: bytearray) -> bytes:
    at = rng.randrange(len(data) + 1)
    return bytes(data[:at]) + rng.randbytes(rng.randint(1, 12)) + bytes(data[at:])


def repeat(rng: random.Random, data: bytearray) -> bytes:
    begin, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return bytes(data[:end]) + bytes(data[begin:])


def shuffle(rng: random.Random, data: bytearray) -> bytes:
    at = rng.randrange(len(data))
    return bytes(data[at:]) + bytes(data[:at])


MUTATIONS: list[Mutation] = [flip, flip, flip, overwrite, overwrite, cut, insert, repeat, shuffle]


def valid_frames(rng: random.Random) -> list[bytes]:
    """Valid frames to mutate. They are reused, because making one costs more than mutating it."""
    sizes = [rng.choice((1, 1, 1, 1, 3)) for _ in range(VALID_FRAMES)]
    return [pb.ClientFrame(messages=[valid(rng) for _ in range(size)]).SerializeToString() for size in sizes]


def mutated(rng: random.Random, frames: list[bytes]) -> bytes:
    return rng.choice(MUTATIONS)(rng, bytearray(rng.choice(frames)))


class Received:
    """What one socket was answered: each code or kind of message, and the number of orders it created."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.orders = 0  # created now, not the first answer again
        self._caught_up = asyncio.Condition()
        self._window = 0

    async def read(self, socket: RawSocket) -> None:
        while True:
            data = await socket.connection.recv()
            assert isinstance(data, bytes)
            for message in pb.ServerFrame.FromString(data).messages:
                self.kinds[kind(message)] += 1
                self.orders += message.HasField("order_created") and bool(message.request_id) and not message.replayed
                if message.request_id.startswith(CATCH_UP):
                    async with self._caught_up:
                        self._window = int(message.request_id.removeprefix(CATCH_UP))
                        self._caught_up.notify_all()

    async def catch_up(self, socket: RawSocket, window: int) -> None:
        """Waits until the exchange has answered everything that the socket has sent: a command's answer comes last."""
        cancel = pb.CancelOrder(order_id=NO_ORDER)
        await socket.send(pb.ClientMessage(request_id=f"{CATCH_UP}{window}", cancel_order=cancel))
        async with asyncio.timeout(STEP_SECONDS_MAX), self._caught_up:
            await self._caught_up.wait_for(lambda: self._window >= window)


async def bombard(socket: RawSocket, rng: random.Random, frames: int, orders: int) -> Received:
    """Sends so many mutated frames, and goes on until so many orders were accepted, but not for ever."""
    received = Received()
    valid = valid_frames(rng)
    async with asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(received.read(socket))
        window = 0
        while window * WINDOW < frames or (received.orders < orders and window * WINDOW < TIMES_MAX * frames):
            window += 1
            for _ in range(WINDOW):
                await socket.send_bytes(mutated(rng, valid))
            await received.catch_up(socket, window)
        reader.cancel()
    return received


async def bombard_unauthenticated(url: str, rng: random.Random, frames: int, received: Counter[str]) -> None:
    """A wrong sign-in may end the socket; then a new one is opened."""
    valid = valid_frames(rng)
    while frames > 0:
        async with raw_socket(url) as socket:
            try:
                for _ in range(min(frames, 50)):
                    frames -= 1
                    await socket.send_bytes(mutated(rng, valid))
                    received.update(kind(message) for message in await socket.receive())
            except ConnectionClosed:
                received["closed"] += 1


def kind(message: pb.ServerMessage) -> str:
    return (
        pb.Reason.Name(message.refused.code)
        if message.HasField("refused")
        else message.WhichOneof("message") or "nothing"
    )


async def test_100_000_mutated_frames_end_no_process(start_exchange: Callable[..., LiveExchange]) -> None:
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"SEED={seed}")
    live = start_exchange(DJANGO_SETTINGS_MODULE="tests.live.settings.unslowed")
    assert live.process is not None
    pid, received = live.process.pid, Counter[str]()
    async with signed_in(live.ws_url, live.token("operator")) as owner:  # whom nobody's frame can make settle it
        await new_market(owner)
    few = FRAMES // 40
    each = (FRAMES - 2 * few) // SOCKETS
    async with asyncio.TaskGroup() as tasks:
        sockets = [
            tasks.create_task(whole_socket(live, PEOPLE[number % len(PEOPLE)], random.Random(seed + number), each))
            for number in range(SOCKETS)
        ]
        for number in range(2):
            rng = random.Random(seed + 100 + number)
            tasks.create_task(bombard_unauthenticated(live.ws_url, rng, few, received))
    orders = sum(socket.result().orders for socket in sockets)
    for socket in sockets:
        received += socket.result().kinds
    print(dict(received.most_common()))
    assert live.process.poll() is None
    assert live.process.pid == pid
    assert received["INVALID_FRAME"] > FRAMES / 10
    assert orders >= ORDERS_MIN
    assert received["INTERNAL"] == 0, live.log.read_text()[-4000:]
    tables = Tables(live.env)
    assert tables.rows("SELECT count(*) FROM markets_order") == [(orders,)]
    assert tables.head > orders
    live.verify()
    assert live.stop() == 0


async def whole_socket(live: LiveExchange, name: str, rng: random.Random, frames: int) -> Received:
    async with signed_in(live.ws_url, live.token(name)) as socket:
        return await bombard(socket, rng, frames, ORDERS_MIN // SOCKETS)
