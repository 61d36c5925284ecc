"""A socket that records what it hears."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection

from proto import exchange_pb2 as pb
from tests.live.leak.hearing import Recording
from tests.live.raw_socket import RawSocket, raw_socket


class Ear(RawSocket):
    def __init__(self, connection: ClientConnection, recording: Recording) -> None:
        super().__init__(connection)
        self.recording = recording
        self.forgets = False

    async def receive(self) -> list[pb.ServerMessage]:
        """As of any socket, but there may be nothing to hear for as long as it likes. If it `forgets`, `heard` is only
        this frame."""
        data = await self.connection.recv()
        assert isinstance(data, bytes)
        self.recording.frames.append(data)
        messages = list(pb.ServerFrame.FromString(data).messages)
        if self.forgets:
            self.heard.clear()
        self.heard += messages
        return messages


@asynccontextmanager
async def ear(url: str, recording: Recording) -> AsyncIterator[Ear]:
    async with raw_socket(url) as socket:
        yield Ear(socket.connection, recording)


async def signed_in(socket: Ear, token: str, **more: Any) -> Ear:
    """`more`: fields of Authenticate."""
    assert any(message.HasField("acting_as") for message in await socket.sign_in(token, **more)), socket.heard
    return socket
