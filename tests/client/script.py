"""A scripted exchange for tests of the client: builders of its messages, and a server that sends them on demand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from exchange_client import Backoff, Exchange
from exchange_client import exchange_pb2 as pb
from google.protobuf.message import Message
from websockets.asyncio.server import ServerConnection, serve

from tests.patience import STEP_SECONDS_MAX

WAIT_SECONDS = STEP_SECONDS_MAX
EPOCH = 7
OWN = 3  # the account of the token's owner
MEMBERS = pb.ServerMessage.DESCRIPTOR.oneofs_by_name["message"].fields
FIELD_OF: dict[object, str] = {member.message_type: member.name for member in MEMBERS}


def say(body: Message, *, seq: int = 0, reply_to: str = "", replayed: bool = False) -> pb.ServerMessage:
    message = pb.ServerMessage(request_id=reply_to, seq=seq, received_us=1 if reply_to else 0, replayed=replayed)
    getattr(message, FIELD_OF[body.DESCRIPTOR]).CopyFrom(body)
    return message


def piece(stream: str, prev_seq: int, seq: int, *bodies: Message) -> list[pb.ServerMessage]:
    position = pb.StreamPosition(stream=stream, prev_seq=prev_seq, seq=seq)
    return [say(position), *(say(body, seq=seq) for body in bodies)]


def snapshot(stream: str, seq: int, *bodies: Message) -> list[pb.ServerMessage]:
    return [say(pb.SnapshotBegin(stream=stream)), *map(say, bodies), say(pb.SnapshotEnd(stream=stream, seq=seq))]


def frame(*messages: pb.ServerMessage) -> pb.ServerFrame:
    return pb.ServerFrame(messages=messages)


def order(
    number: int, side: pb.Side.ValueType, price: int, size: int, *, open_: int | None = None, account: int = 9
) -> pb.Order:
    rest = size if open_ is None else open_
    return pb.Order(
        id=number,
        market_id=1,
        account_id=account,
        side=side,
        price=price,
        size=size,
        open=rest,
        filled=size - rest,
    )


def trade(number: int, price: int, size: int, maker_order: int, maker_open: int) -> pb.Trade:
    return pb.Trade(id=number, market_id=1, price=price, size=size, maker_order_id=maker_order, maker_open=maker_open)


def cancelled(*orders: tuple[int, int]) -> pb.OrdersCancelled:
    """(order, how much of it still rests)."""
    return pb.OrdersCancelled(
        orders=[pb.CancelledOrder(order_id=number, market_id=1, open=rest) for number, rest in orders]
    )


def authenticated(epoch: int = EPOCH) -> pb.ServerMessage:
    return say(pb.Authenticated(user_id=1, account_id=OWN, name="Alice", epoch=epoch, seq=10), reply_to="hello")


def ready(account: int = OWN) -> pb.ServerMessage:
    return say(pb.ActingAs(account_id=account), reply_to="hello")


def first_snapshots() -> list[pb.ServerMessage]:
    """Snapshots at seq 10. Alice has 1,000 chips. In market 1 Bob's bid of 10 @ 40 and his offer of 5 @ 60 rest."""
    market = pb.Market(id=1, name="Rain", min_settlement=0, max_settlement=10_000, tick_size=1, smallest_size=1)
    market.status = pb.OPEN
    alice = pb.Account(id=OWN, name="Alice", kind=pb.USER)
    state = pb.AccountState(account=alice, cash=10_000_000, available=10_000_000)
    resting = pb.Orders(orders=[order(1, pb.BID, 4000, 1000), order(2, pb.OFFER, 6000, 500)])
    return [
        *snapshot(f"account.{OWN}", 10, state, pb.Orders(), pb.Transfers()),
        *snapshot("public", 10, pb.Accounts(accounts=[alice]), pb.Markets(markets=[market])),
        *snapshot("market.1", 10, pb.Markets(markets=[market]), resting, pb.Trades()),
    ]


class Socket:
    """The exchange's end of one socket."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket

    @property
    def user_agent(self) -> str | None:
        assert self._socket.request is not None
        return self._socket.request.headers.get("User-Agent")

    async def receive(self) -> list[pb.ClientMessage]:
        """The messages of the next frame."""
        async with asyncio.timeout(WAIT_SECONDS):
            data = await self._socket.recv(decode=False)
        return list(pb.ClientFrame.FromString(data).messages)

    async def request(self) -> pb.ClientMessage:
        """The only message of the next frame."""
        (message,) = await self.receive()
        return message

    async def send(self, *messages: pb.ServerMessage) -> None:
        await self._socket.send(frame(*messages).SerializeToString())

    async def send_raw(self, data: bytes | str) -> None:
        await self._socket.send(data)

    async def reply(self, request: pb.ClientMessage, body: Message, *, seq: int = 20, replayed: bool = False) -> None:
        await self.send(say(body, seq=seq, reply_to=request.request_id, replayed=replayed))

    async def welcome(self, epoch: int = EPOCH) -> pb.Authenticate:
        """Signs the client in and sends first_snapshots. Returns the client's Authenticate."""
        hello = await self.request()
        await self.send(authenticated(epoch), *first_snapshots(), ready())
        return hello.authenticate

    async def close(self, code: int) -> None:
        await self._socket.close(code)

    def cut(self) -> None:
        """Ends the connection without a close frame."""
        self._socket.transport.abort()


class FakeExchange:
    """A server. The test accepts each new socket."""

    def __init__(self) -> None:
        self.url = ""
        self._sockets: asyncio.Queue[Socket] = asyncio.Queue()

    async def accept(self) -> Socket:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._sockets.get()

    async def serve_socket(self, socket: ServerConnection) -> None:
        self._sockets.put_nowait(Socket(socket))
        await socket.wait_closed()


@asynccontextmanager
async def fake_exchange() -> AsyncIterator[FakeExchange]:
    exchange = FakeExchange()
    async with serve(exchange.serve_socket, "127.0.0.1", 0, compression=None, close_timeout=1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        exchange.url = f"ws://127.0.0.1:{port}/ws"
        yield exchange


@asynccontextmanager
async def connected(server: FakeExchange, **options: Any) -> AsyncIterator[tuple[Exchange, Socket]]:
    """A ready client and the other end of its socket. The client does not reconnect if the socket is lost."""
    opening = asyncio.create_task(welcome(server))
    async with Exchange.connect(server.url, "secret", markets=[1], backoff=Backoff(reconnects=0), **options) as x:
        yield x, await opening


async def welcome(server: FakeExchange) -> Socket:
    socket = await server.accept()
    await socket.welcome()
    return socket
