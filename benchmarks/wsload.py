"""Load for benchmarks: raw WebSocket clients on one epoll, and server processes.

The clients must not be what is measured. So they are several times lighter than a library, and every figure comes with
their CPU time.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import logs

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 10.0
READ_BYTES = 256 * 1024
SERVER_SETTINGS = {"TRUSTED_PROXY_COUNT": 0, "WAITING_CONNECTIONS_MAX": 1_000}  # what realtime/server.py reads
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Client:
    """One open socket. `on_frame` gets the payload of every binary frame. None: frames are only counted."""

    def __init__(self, port: int, path: str = "/ws", on_frame: Callable[[bytes], None] | None = None) -> None:
        self.frames = 0
        self.bytes = 0
        self.on_frame = on_frame
        self._rest = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(4096)
        head, self._rest = answer.split(b"\r\n\r\n", 1)
        assert b" 101 " in head.split(b"\r\n", 1)[0], head
        self.socket.setblocking(False)

    def send(self, payload: bytes) -> None:
        """Sends one binary frame. Blocks until the kernel has taken it."""
        self.send_raw(frame(payload))

    def send_raw(self, data: bytes) -> None:
        """Sends bytes that are framed already (see frame()). Blocks as send() does."""
        view = memoryview(data)
        while view:
            try:
                view = view[self.socket.send(view) :]
            except BlockingIOError:
                select.select([], [self.socket], [])

    def receive(self) -> bool:
        """Reads what has arrived. Returns False at the end of the connection."""
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return True
        self._parse(self._rest + data if self._rest else data)
        return bool(data)

    def _parse(self, data: bytes) -> None:
        at, end = 0, len(data)
        while end - at >= 2:
            size, begin = data[at + 1], at + 2
            if size == 126:
                size, begin = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, begin = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if begin + size > end or begin > end:
                break
            if data[at] == 0x82:  # a final binary frame; no others are counted
                self.frames += 1
                self.bytes += size
                if self.on_frame is not None:
                    self.on_frame(data[begin : begin + size])
            elif data[at] == 0x89:  # a ping; the server drops clients that do not answer
                self.send_raw(bytes((0x8A, 0x80 | size)) + bytes(4) + data[begin : begin + size])
            at = begin + size
        self._rest = data[at:]


class Clients:
    """Many clients on one epoll."""

    def __init__(self, clients: list[Client]) -> None:
        self.clients = clients
        self._poll = select.epoll()
        self._by_fileno = {client.socket.fileno(): client for client in clients}
        for fileno in self._by_fileno:
            self._poll.register(fileno, select.EPOLLIN)

    def receive(self, seconds: float) -> None:
        """Reads what arrives, and waits at most so long for the first bytes."""
        for fileno, _ in self._poll.poll(seconds):
            if not self._by_fileno[fileno].receive():
                self._poll.unregister(fileno)

    def receive_by(self, at: float) -> None:
        """Reads what arrives, and waits at most until time.perf_counter() is `at`. Uses select, because an epoll waits
        in whole milliseconds."""
        select.select([self._poll], [], [], max(0.0, at - time.perf_counter()))
        self.receive(0)

    def receive_until(self, done: Callable[[], bool], seconds_max: float) -> bool:
        """Reads what arrives until `done`. Returns False if that takes longer than `seconds_max`."""
        last = time.monotonic() + seconds_max
        while not done():
            if time.monotonic() > last:
                return False
            self.receive(0.1)
        return True

    @property
    def frames(self) -> int:
        return sum(client.frames for client in self.clients)

    def close(self) -> None:
        for client in self.clients:
            client.socket.close()
        self._poll.close()


def frame(payload: bytes) -> bytes:
    """Returns a masked binary frame. The mask is zero: it leaves the payload as it is and costs the client nothing."""
    size = len(payload)
    if size < 126:
        return bytes((0x82, 0x80 | size)) + bytes(4) + payload
    if size < 1 << 16:
        return b"\x82\xfe" + size.to_bytes(2, "big") + bytes(4) + payload
    return b"\x82\xff" + size.to_bytes(8, "big") + bytes(4) + payload


@contextmanager
def server(module: str, *arguments: str) -> Iterator[tuple[int, int]]:
    """Runs `python -m module arguments`, a process that prints its port. Yields port and process id. In the end, logs
    here the errors that the process logged."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], START_SECONDS_MAX)
            line = process.stdout.readline() if ready else ""
            assert line, f"{module} did not start"
            yield int(line), process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.seek(0)
            logs.report(module, process.stdout.read() + log.read())
            process.stdout.close()


def cpu_seconds(pid: int) -> float:
    """Returns the CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
