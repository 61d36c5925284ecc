"""Outbox: the frames that wait for one socket, and when they are written.

A frame is only a list of messages, so concatenated frames are one frame. Everything that arrives for a socket within
one turn of the event loop is written as one frame (for bots), or at most so many frames a second (for browsers).
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
    """Writes to one socket: through our server's transport (server.py), or any ASGI server's `send` (SendOutlet).

    `writable` becomes False when the client reads more slowly than we write. `on_drain` is called when it is True
    again. `on_lost` is called once, when the connection is gone.
    """

    writable: bool
    on_drain: Callable[[], None]
    on_lost: Callable[[], None]

    def write(self, payload: bytes) -> None:
        """Writes one binary WebSocket message. Never blocks; drops it if the connection is gone."""

    def close(self, code: int) -> None:
        """Closes the socket after what was written."""

    def admitted(self) -> None:
        """The client has signed in: the server does not drop its connection to make room for others."""


class Turn:
    """Flushes, once per turn of the event loop, the outboxes that got something to write in that turn."""

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
            except Exception:  # one socket's transport failed; the others still have to be flushed
                logger.exception("A socket could not be written to.")


class Outbox:
    """The waiting frames of one socket. It writes them in order, at the client's pace, and closes the socket of a
    client that does not read (4008)."""

    def __init__(self, outlet: Outlet, turn: Turn) -> None:
        self.closed = False
        self._outlet = outlet
        self._turn = turn
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        # Snapshots, and the live frames that waited before them. Snapshots may exceed the limit on live bytes.
        self._backlog: list[bytes] = []
        self._backlog_live_bytes = 0  # of the live frames in the backlog
        self._progress = asyncio.Event()  # set when the backlog is empty or the socket closed
        self._due = False  # a flush is scheduled
        self._interval = 0.0  # seconds between frames
        self._next_at = 0.0  # loop time of the next frame
        self._blocked_at: float | None = None  # loop time when the transport stopped being writable; None: it is
        outlet.on_drain = self._drained
        outlet.on_lost = self.lost

    def set_pace(self, frames_per_second: int) -> None:
        """Sets the most frames a second, up to FRAMES_PER_SECOND_MAX. 0: frames are written at once."""
        self._interval = 1 / min(frames_per_second, limits.FRAMES_PER_SECOND_MAX) if frames_per_second else 0.0

    def push(self, frame: bytes) -> None:
        """Adds a live frame, to be written in order and soon. This is the hot path of the fan-out."""
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)
        if not self._due:
            self._due = True
            self._turn.add(self)
        if self._waiting_bytes + self._backlog_live_bytes > limits.WAITING_BYTES_MAX:
            self._overflow()

    def catch_up(self, frames: Sequence[bytes]) -> None:
        """Adds a snapshot or replay. It comes after what waits, is written as the transport drains, and does not count
        towards the limit of a slow reader."""
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
        """Writes what waits, as soon as the pace allows it."""
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
        """Marks the outbox closed: the connection is gone."""
        self.closed = True
        self._progress.set()

    def check_stall(self) -> None:
        """Closes the socket if its transport has been stuck for STALL_SECONDS_MAX, however little waits."""
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
        """Takes the next frame to write, joined up to SERVER_FRAME_BYTES_MAX. Returns b"" if nothing waits."""
        if self._backlog:
            return _cut(self._backlog)
        if not self._waiting:
            return b""
        if self._waiting_bytes > limits.SERVER_FRAME_BYTES_MAX:
            frame = _cut(self._waiting)
            self._waiting_bytes -= len(frame)
            return frame
        # A single frame often waits for many sockets. Returning the same object lets the server build its WebSocket
        # header once for all of them (Framer in server.py).
        frame = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting = []
        self._waiting_bytes = 0
        return frame

    def _drained(self) -> None:
        self._blocked_at = None
        if not self._due:  # otherwise the scheduled flush writes
            self._write()

    def _overflow(self) -> None:
        """Too much waits. Perhaps the loop was only busy, so this writes first; if still too much waits, the reader is
        slow."""
        self._write()
        if self._waiting_bytes + self._backlog_live_bytes > limits.WAITING_BYTES_MAX:
            self._close_slow()

    def _close_slow(self) -> None:
        self._waiting = []
        self._backlog = []
        self.close(CloseCode.SLOW_READER)


def _cut(frames: list[bytes]) -> bytes:
    """Removes frames from the front and joins them, up to SERVER_FRAME_BYTES_MAX but at least one."""
    size = len(frames[0])
    count = 1
    while count < len(frames) and size + len(frames[count]) <= limits.SERVER_FRAME_BYTES_MAX:
        size += len(frames[count])
        count += 1
    frame = b"".join(frames[:count])
    del frames[:count]
    return frame


class SendOutlet:
    """An Outlet over `send` of any ASGI server, with one task per socket. `send` itself waits for a slow client."""

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

    def admitted(self) -> None:
        """Does nothing: other servers limit their connections themselves."""

    def abandon(self) -> None:
        """Ends the task. Nothing more is written."""
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
        except (OSError, RuntimeError):  # servers raise these when the connection is gone
            self.on_lost()
        except Exception:
            logger.exception("A socket could not be written to.")
            self.on_lost()
