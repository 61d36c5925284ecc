"""A socket that records every frame it receives."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection

from proto import exchange_pb2 as pb
from tests.live.leak.recordings import Recording
from tests.live.raw_socket import RawSocket, raw_socket


class Listener(RawSocket):
    def __init__(self, connection: ClientConnection, recording: Recording) -> None:
        super().__init__(connection)
        self.recording = recording
        self.forgets = False

    async def receive(self) -> list[pb.ServerMessage]:
        """The messages of the next frame; waits without a limit. If `forgets`, `received` holds only this frame."""
        data = await self.connection.recv()
        assert isinstance(data, bytes)
        self.recording.frames.append(data)
        messages = list(pb.ServerFrame.FromString(data).messages)
        if self.forgets:
            self.received.clear()
        self.received += messages
        return messages


@asynccontextmanager
async def listener(url: str, recording: Recording) -> AsyncIterator[Listener]:
    async with raw_socket(url) as socket:
        yield Listener(socket.connection, recording)


async def signed_in(socket: Listener, token: str, **more: Any) -> Listener:
    """`more`: fields of Authenticate."""
    assert any(message.HasField("acting_as") for message in await socket.sign_in(token, **more)), socket.received
    return socket
