"""One WebSocket as bytes and messages, for tests that look at frames themselves (others use exchange_client)."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from proto import exchange_pb2 as pb
from tests.patience import STEP_SECONDS_MAX

WAIT_SECONDS = STEP_SECONDS_MAX  # for a message that must come: longer than the exchange waits for its database
ABNORMAL = 1006  # WebSocket close code: no close frame came

Says = Callable[[pb.ServerMessage], bool]


class RawSocket:
    """Keeps every message it receives in `received`, in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.received: list[pb.ServerMessage] = []
        self._ids = itertools.count(1)

    async def send(self, *messages: pb.ClientMessage) -> None:
        """Sends the messages in one frame."""
        await self.send_bytes(pb.ClientFrame(messages=messages).SerializeToString())

    async def send_bytes(self, data: bytes) -> None:
        await self.connection.send(data)

    async def receive(self) -> list[pb.ServerMessage]:
        """The messages of the next frame. ConnectionClosed if the socket ends first."""
        async with asyncio.timeout(WAIT_SECONDS):
            data = await self.connection.recv()
        assert isinstance(data, bytes)
        messages = list(pb.ServerFrame.FromString(data).messages)
        self.received += messages
        return messages

    async def until(self, says: Says) -> pb.ServerMessage:
        """The next message for which `says` is true."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                for message in await self.receive():
                    if says(message):
                        return message

    async def reply(self, request_id: str) -> pb.ServerMessage:
        return await self.until(lambda message: message.request_id == request_id)

    async def ask(self, **request: Any) -> pb.ServerMessage:
        """ask(create_order=pb.CreateOrder(...)) returns the reply, which may be a refusal."""
        request_id = f"ask {next(self._ids)}"
        await self.send(pb.ClientMessage(request_id=request_id, **request))
        return await self.reply(request_id)

    async def sign_in(self, token: str, **more: Any) -> list[pb.ServerMessage]:
        """The messages from Authenticated to ActingAs, or the refusal. Retries while a starting exchange is BUSY."""
        last = time.monotonic() + WAIT_SECONDS
        while True:
            begin = len(self.received)
            first = await self.ask(authenticate=pb.Authenticate(token=token, **more))
            if first.refused.code != pb.BUSY or time.monotonic() > last:
                break
            await asyncio.sleep(0.1)
        while not first.HasField("refused") and not any(m.HasField("acting_as") for m in self.received[begin:]):
            await self.receive()
        return self.received[begin:]

    @property
    def account(self) -> int:
        """The user account of the person who signed in."""
        return next(message.authenticated.account_id for message in self.received if message.HasField("authenticated"))

    def received_on(self, stream: str, seq: int) -> list[pb.ServerMessage]:
        """The messages that the stream published for the command `seq`."""
        found: list[pb.ServerMessage] = []
        here = False
        for message in self.received:
            if message.HasField("stream_position"):
                here = message.stream_position.stream == stream
            elif here and message.seq == seq and not message.request_id:
                found.append(message)
        return found

    def received_but_refusals(self) -> list[pb.ServerMessage]:
        return [message for message in self.received if not message.HasField("refused")]

    async def until_received(self, stream: str, seq: int) -> list[pb.ServerMessage]:
        async with asyncio.timeout(WAIT_SECONDS):
            while not (found := self.received_on(stream, seq)):
                await self.receive()
        return found

    async def closed(self) -> int:
        """Reads to the end; returns the close code."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    await self.receive()
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else ABNORMAL


@asynccontextmanager
async def raw_socket(url: str, **options: Any) -> AsyncIterator[RawSocket]:
    """A connected socket. `options`: those of websockets.connect, such as origin or additional_headers."""
    settings = {"compression": None, "max_size": None, "ping_interval": None, "close_timeout": 1.0, "proxy": None}
    async with connect(url, **settings | options) as connection:
        yield RawSocket(connection)


@asynccontextmanager
async def signed_in(url: str, token: str, **more: Any) -> AsyncIterator[RawSocket]:
    """A socket that has signed in. `more`: fields of Authenticate."""
    async with raw_socket(url) as socket:
        assert (await socket.sign_in(token, **more))[-1].HasField("acting_as"), socket.received
        yield socket


def kinds(messages: list[pb.ServerMessage]) -> list[str | None]:
    return [message.WhichOneof("message") for message in messages]
