"""Clients that make a server wait: they send a request byte by byte, read nothing, or never sign in."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Sequence

DRIP_SECONDS = 0.2
HEAD = b"POST /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
)
# What each kind of client sends at once. The quiet ones then only read; the others send a byte every DRIP_SECONDS and
# read nothing.
SILENT = b""
DRIPS_HEAD = HEAD + b"X-Drip: "
DRIPS_BODY = HEAD + b"Content-Length: 100000\r\n\r\n"
DRIPS_CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n"
DRIPS_HANDSHAKE = UPGRADE + b"X-Drip: "
NEVER_SIGNS_IN = UPGRADE + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
READS_NOTHING = b"GET /api/v1/schema HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
EVERY_KIND = (SILENT, DRIPS_HEAD, DRIPS_BODY, DRIPS_CHUNKS, DRIPS_HANDSHAKE, NEVER_SIGNS_IN, READS_NOTHING)
QUIET = (SILENT, NEVER_SIGNS_IN)


class Dripper:
    """One such client. `dropped` is set when the server has ended its connection."""

    def __init__(self, kind: bytes) -> None:
        self.kind = kind
        self.dropped = asyncio.Event()

    async def run(self, port: int, connected: asyncio.Semaphore) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as connection, contextlib.suppress(OSError):
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                await loop.sock_connect(connection, ("127.0.0.1", port))
            finally:  # it may be dropped already
                connected.release()
            await loop.sock_sendall(connection, self.kind)
            while self.kind in QUIET:
                if not await loop.sock_recv(connection, 4096):
                    break
            else:
                while True:
                    await asyncio.sleep(DRIP_SECONDS)
                    await loop.sock_sendall(connection, b"x")
        self.dropped.set()


@contextlib.asynccontextmanager
async def dripping(port: int, count: int, kinds: Sequence[bytes] = EVERY_KIND) -> AsyncIterator[list[Dripper]]:
    """So many clients, of each kind in turn, that are all connected."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connected = asyncio.Semaphore(0)
    drippers = [Dripper(kinds[number % len(kinds)]) for number in range(count)]
    tasks = [asyncio.create_task(one.run(port, connected)) for one in drippers]
    try:
        for _ in drippers:
            await connected.acquire()
        yield drippers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
