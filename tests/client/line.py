"""A connection between a client and an exchange that a test can cut, or make lose what the exchange sends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK_BYTES = 65536


class Line:
    """Relays to `port`. While `deaf`, it drops what the exchange sends; a connection that dropped bytes must be cut."""

    def __init__(self, port: int) -> None:
        self.url = ""
        self.deaf = False
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> int:
        """Ends every connection without a close frame. Returns how many there were."""
        self.deaf = False
        cut, self._writers = self._writers, set()
        for writer in cut:
            writer.transport.abort()
        return len(cut) // 2

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_exchange, to_exchange = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, to_exchange}
        self._writers |= ends
        await asyncio.gather(self._pump(reader, to_exchange), self._pump(from_exchange, writer, speaks=True))
        self._writers -= ends
        for end in ends:
            end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, speaks: bool = False) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                if not (speaks and self.deaf):
                    writer.write(data)
                    await writer.drain()
        with suppress(OSError):
            writer.close()


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    line = Line(port)
    server = await asyncio.start_server(line.relay, "127.0.0.1", 0)
    line.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"
    async with server:
        yield line
        line.cut()
