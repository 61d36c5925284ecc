"""What waits for one socket, and when it is written.

A frame is a list of messages and nothing else, so frames are joined by joining their bytes. Everything that comes for a
socket within one turn of the event loop leaves as one frame (bots), or at most so many frames a second (browsers).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from realtime import limits
from realtime.errors import CloseCode

logger = logging.getLogger(__name__)

OUTLET_EXTENSION = "realtime.outlet"  # where a server puts the socket's Outlet into the ASGI scope


class Outlet(Protocol):
    """The way out of one socket: the server's own (server.py), or any ASGI server's `send` (SendOutlet).

    `writable` turns False when the client takes less than it is sent. `on_drain` is called when it is True again, and
    `on_lost` once, when the connection is gone.
    """

    writable: bool
    on_drain: Callable[[], None]
    on_lost: Callable[[], None]

    def write(self, payload: bytes) -> None:
        """One binary WebSocket message. Never blocks; dropped if the connection is gone."""

    def close(self, code: int) -> None:
        """Closes after what was written."""


class Turn:
    """Flushes once per turn of the event loop whatever got something to write in it."""

    def __init__(self) -> None:
        self._outboxes: list[Outbox] = []

    def add(self, outbox: "Outbox") -> None:
        if not self._outboxes:
            asyncio.get_running_loop().call_soon(self.flush)
        self._outboxes.append(outbox)

    def flush(self) -> None:
        outboxes, self._outboxes = self._outboxes, []
        for outbox in outboxes:
            try:
                outbox.flush()
            except Exception:  # of one socket's transport; the others are due too
                logger.exception("A socket could not be written to.")


class Outbox:
    """Waiting frames of one socket, in order, at the client's pace. A client that does not read is closed (4008)."""

    def __init__(self, outlet: Outlet, turn: Turn) -> None:
        self.closed = False
        self._outlet = outlet
        self._turn = turn
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        # Snapshots and what waited before them. They may be larger than any limit on live messages.
        self._backlog: list[bytes] = []
        self._backlog_live_bytes = 0  # of what waited before them
        self._progress = asyncio.Event()  # the backlog may be empty, or the socket closed
        self._due = False  # a flush is on its way
        self._interval = 0.0  # seconds between frames
        self._next_at = 0.0  # loop time of the next frame
        self._blocked_at: float | None = None  # loop time since when the transport has not emptied
        outlet.on_drain = self._drained
        outlet.on_lost = self.lost

    def set_pace(self, frames_per_second: int) -> None:
        """0: at once."""
        self._interval = 1 / min(frames_per_second, limits.FRAMES_PER_SECOND_MAX) if frames_per_second else 0.0

    def push(self, frame: bytes) -> None:
        """A live frame: written in order and soon. The hot path of the fan-out."""
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)
        if not self._due:
            self._due = True
            self._turn.add(self)
        if self._waiting_bytes + self._backlog_live_bytes > limits.WAITING_BYTES_MAX:
            self._overflow()

    def catch_up(self, frames: Sequence[bytes]) -> None:
        """A snapshot or replay: after what waits, as the transport drains, and outside the slow reader's limit."""
        self._backlog += self._waiting
        self._backlog += frames
        self._backlog_live_bytes += self._waiting_bytes
        self._waiting = []
        self._waiting_bytes = 0
        if not self._due:
            self._due = True
            self._turn.add(self)

    async def caught_up(self) -> None:
        """Returns when all snapshots are written, or the socket is closed."""
        while self._backlog and not self.closed:
            self._progress.clear()
            await self._progress.wait()

    def flush(self) -> None:
        """Writes what waits, if the pace allows it now; else as soon as it does."""
        if self._interval and (seconds := self._next_at - self._loop.time()) > 0:
            self._loop.call_later(seconds, self.flush)
            return
        self._due = False
        self._write()
        if self._interval:
            self._next_at = self._loop.time() + self._interval

    def close(self, code: int) -> None:
        """Writes what can be written now, then closes."""
        if not self.closed:
            self._write()
            self.closed = True
            self._progress.set()
            self._outlet.close(code)

    def lost(self) -> None:
        """The connection is gone."""
        self.closed = True
        self._progress.set()

    def check_stall(self) -> None:
        """Closes the socket if its transport has been stuck for too long, however little waits."""
        if self._blocked_at is not None and self._loop.time() - self._blocked_at > limits.STALL_SECONDS_MAX:
            self._close_slow()

    def _write(self) -> None:
        if self.closed:
            self._waiting = []
            self._backlog = []
            self._waiting_bytes = 0
            return
        outlet = self._outlet
        while outlet.writable and (frame := self._take()):
            outlet.write(frame)
        if not self._backlog:
            self._backlog_live_bytes = 0
            self._progress.set()
        if not outlet.writable and self._blocked_at is None:
            self._blocked_at = self._loop.time()

    def _take(self) -> bytes:
        """The next frame to write, as large as may be; b"" if nothing waits."""
        if self._backlog:
            return _cut(self._backlog)
        if not self._waiting:
            return b""
        if self._waiting_bytes > limits.SERVER_FRAME_BYTES_MAX:
            frame = _cut(self._waiting)
            self._waiting_bytes -= len(frame)
            return frame
        # One frame waits for many sockets: written as the object it is, its header is made once for all of them.
        frame = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting = []
        self._waiting_bytes = 0
        return frame

    def _drained(self) -> None:
        self._blocked_at = None
        if not self._due:  # else the pace decides
            self._write()

    def _overflow(self) -> None:
        """More waits than a reader may leave: it may only be that the loop has been busy, so it is written first."""
        self._write()
        if self._waiting_bytes + self._backlog_live_bytes > limits.WAITING_BYTES_MAX:
            self._close_slow()

    def _close_slow(self) -> None:
        self._waiting = []
        self._backlog = []
        self.close(CloseCode.SLOW_READER)


def _cut(frames: list[bytes]) -> bytes:
    """Takes frames from the front, joined up to the largest frame we send; at least one."""
    size = len(frames[0])
    count = 1
    while count < len(frames) and size + len(frames[count]) <= limits.SERVER_FRAME_BYTES_MAX:
        size += len(frames[count])
        count += 1
    frame = b"".join(frames[:count])
    del frames[:count]
    return frame


class SendOutlet:
    """An Outlet over `send` of any ASGI server: one task per socket, and `send` itself holds back a slow client."""

    def __init__(self, send: Callable[[Any], Awaitable[None]]) -> None:
        self.writable = True
        self.on_drain: Callable[[], None] = lambda: None
        self.on_lost: Callable[[], None] = lambda: None
        self._send = send
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._bytes = 0
        self._task = asyncio.create_task(self._run())

    def write(self, payload: bytes) -> None:
        self._bytes += len(payload)
        self.writable = self._bytes <= limits.TRANSPORT_BYTES_PAUSE
        self._messages.put_nowait({"type": "websocket.send", "bytes": payload})

    def close(self, code: int) -> None:
        self._messages.put_nowait({"type": "websocket.close", "code": int(code)})

    def abandon(self) -> None:
        """Ends the task; nothing more is written."""
        self._task.cancel()

    async def _run(self) -> None:
        try:
            while True:
                message = await self._messages.get()
                await self._send(message)
                self._bytes -= len(message.get("bytes", b""))
                if not self.writable and not self._bytes:
                    self.writable = True
                    self.on_drain()
        except (OSError, RuntimeError):  # what servers raise for a connection that is gone
            self.on_lost()
