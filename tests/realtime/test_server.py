"""A real daphne in its own process: back-pressure in both directions, limits, and shutdown."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from benchmarks import wsload
from proto import exchange_pb2 as wire
from realtime import limits
from realtime.errors import CloseCode
from realtime.server import EXIT_FAILED, EXIT_OK
from tests.patience import STEP_SECONDS_MAX
from tests.realtime.world import authenticate, client_frame

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = STEP_SECONDS_MAX
END_SECONDS = STEP_SECONDS_MAX


class Process:
    """A running tests.realtime.app."""

    def __init__(self, *parts: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "tests.realtime.app", *parts],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.popen.stdout is not None
        ready, _, _ = select.select([self.popen.stdout], [], [], START_SECONDS)
        self.port = int(self.popen.stdout.readline() or 0) if ready else 0

    def connect(self, path: str = "/ws") -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.port}{path}", max_size=None, compression=None, legacy=True)

    def signed_in(self) -> ClientConnection:
        """Returns a socket of Alice's that follows market 1."""
        client = self.connect()
        client.send(client_frame(authenticate(subscriptions=[wire.Subscription(market_id=1)])))
        while not any(message.HasField("acting_as") for message in _messages(client.recv(5))):
            pass
        time.sleep(0.1)  # the hub's resync of the new stream
        return client

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=STEP_SECONDS_MAX) as response:
            body: bytes = response.read()
            return body

    def publish(self, padding: int) -> None:
        """Has the matcher publish a message of about this many bytes in market 1."""
        self.get(f"/publish?{padding}")

    @property
    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.popen.pid}/statm").read_text().split()[1])
        return pages * 4096

    def end(self, number: signal.Signals | None = signal.SIGTERM) -> tuple[int, str]:
        """Sends the signal (None: does not) and waits for the end. Returns the exit status and the log."""
        if number is not None:
            self.popen.send_signal(number)
        try:
            _, log = self.popen.communicate(timeout=END_SECONDS)
        finally:
            self.popen.kill()
        return self.popen.returncode, log


@contextmanager
def running(*parts: str) -> Iterator[Process]:
    process = Process(*parts)
    try:
        yield process
    finally:
        process.popen.kill()
        process.popen.wait()
        for stream in (process.popen.stdout, process.popen.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Process]:
    """One process for all tests that leave it running."""
    with running() as process:
        yield process


def _messages(data: str | bytes) -> list[wire.ServerMessage]:
    assert isinstance(data, bytes)
    return list(wire.ServerFrame.FromString(data).messages)


def _to_the_end(client: ClientConnection) -> tuple[list[wire.ServerMessage], int | None]:
    """Reads until the connection closes. Returns the messages and the close code."""
    messages: list[wire.ServerMessage] = []
    try:
        while True:
            messages += _messages(client.recv(END_SECONDS))
    except ConnectionClosed as closed:
        return messages, closed.rcvd.code if closed.rcvd else None


def _close_code(client: ClientConnection) -> int | None:
    return _to_the_end(client)[1]


class TestReading:
    def test_messages_up_to_the_servers_limit(self, server: Process) -> None:
        with server.connect("/echo") as client:
            for size in (1, 125, 126, 65_535, 65_536, limits.WEBSOCKET_MESSAGE_BYTES_MAX):
                client.send(bytes(size))
                assert client.recv(5) == bytes(size)

    def test_larger_ones_are_cut(self, server: Process) -> None:
        with server.connect("/echo") as client:
            client.send(bytes(limits.WEBSOCKET_MESSAGE_BYTES_MAX + 1))
            assert _close_code(client) == 1009

    def test_frames_between_our_limit_and_the_servers_are_refused(self, server: Process) -> None:
        with server.connect() as client:
            client.send(bytes(limits.CLIENT_FRAME_BYTES_MAX + 1))
            (message,) = _messages(client.recv(5))
            assert message.refused.code == wire.INVALID_FRAME

    def test_another_path(self, server: Process) -> None:
        with pytest.raises(InvalidStatus, match="403"):
            server.connect("/nothing")

    def test_a_flood_waits_with_the_client(self, server: Process) -> None:
        """The application reads 100 messages a second. The rest stays in the client and the kernel."""
        flooder = wsload.Client(server.port, "/slow")
        before = server.resident_bytes
        flood = wsload.frame(bytes(1024)) * 64
        sent, stuck = 0, False
        while sent < 256 * 1024 * 1024 and not stuck:
            try:
                sent += flooder.socket.send(flood)
            except BlockingIOError:
                _, ready, _ = select.select([], [flooder.socket], [], 0.5)
                stuck = not ready
        assert stuck
        assert int(server.get("/")) > 0
        assert server.resident_bytes - before < 8 * 1024 * 1024
        flooder.socket.close()

    def test_and_goes_on_when_there_is_room(self, server: Process) -> None:
        client = wsload.Client(server.port, "/echo")
        count = 20 * limits.INPUT_MESSAGES_MAX
        client.send_raw(wsload.frame(bytes(1024)) * count)
        assert wsload.Clients([client]).receive_until(lambda: client.frames == count, 5)
        client.socket.close()


class TestWriting:
    def test_a_client_that_does_not_read_is_closed_with_4008(self, server: Process) -> None:
        reader = server.signed_in()
        before = server.resident_bytes
        quiet = wsload.Client(server.port)
        quiet.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        quiet.send(client_frame(authenticate(subscriptions=[wire.Subscription(market_id=1)])))
        padding = 200_000
        for _ in range(100):
            server.publish(padding)
            while len(reader.recv(5)) < padding:
                pass
        assert server.resident_bytes - before < 16 * 1024 * 1024
        assert _code_in(quiet) == CloseCode.SLOW_READER
        server.publish(1)
        assert reader.recv(5)
        reader.close()

    def test_an_application_that_ignores_writable_loses_the_client(self, server: Process) -> None:
        before = server.resident_bytes
        sleeper = wsload.Client(server.port, "/blind")
        time.sleep(1)
        assert server.resident_bytes - before < 16 * 1024 * 1024
        reading = wsload.Clients([sleeper])
        with pytest.raises(ConnectionResetError):
            reading.receive_until(lambda: False, 5)
        assert sleeper.bytes < 64 * 1024 * 1024


def _code_in(client: wsload.Client) -> int:
    """Reads everything that was sent to a client that has read nothing yet. Returns the code of the close frame at the
    end."""
    data = b""
    client.socket.settimeout(STEP_SECONDS_MAX)
    try:
        while chunk := client.socket.recv(1 << 20):
            data += chunk
    except (TimeoutError, ConnectionError):
        pass
    assert data[-4:-2] == b"\x88\x02", data[-16:]
    return int.from_bytes(data[-2:], "big")


class TestEnd:
    def test_every_socket_gets_the_code(self) -> None:
        """Whatever its application is doing. And the interpreter does not crash on tasks that are left."""
        with running() as process:
            paths = ["/ws", "/echo", "/slow", "/stubborn", "/ws"]
            clients = [process.connect(path) for path in paths] + [process.signed_in() for _ in range(3)]
            mute = wsload.Client(process.port, "/ws")  # does not answer our close, so the server waits
            process.popen.send_signal(signal.SIGTERM)
            last_messages, code = _to_the_end(clients.pop())
            assert code == CloseCode.RESTART
            assert 101 in [message.stream_position.seq for message in last_messages]
            assert {_close_code(client) for client in clients} == {CloseCode.RESTART}
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", process.port))
            assert process.end(None) == (EXIT_OK, "")  # nothing logged, no task left over
            mute.socket.close()

    def test_a_request_at_work_gets_its_answer(self) -> None:
        with running() as process, socket.create_connection(("127.0.0.1", process.port)) as request:
            request.sendall(b"GET /wait HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\n\r\n")
            time.sleep(0.2)
            process.popen.send_signal(signal.SIGINT)
            request.settimeout(STEP_SECONDS_MAX)
            assert request.recv(4096).startswith(b"HTTP/1.1 200")
            assert process.end(None)[0] == EXIT_OK


class TestFailure:
    @pytest.mark.parametrize(
        ("part", "expected"), [("fails", "the books do not balance"), ("ends", "background task ended")]
    )
    def test_of_a_background_task_ends_the_server(self, part: str, expected: str) -> None:
        with running(part) as process:
            client = process.connect()
            assert _close_code(client) == CloseCode.RESTART
            status, log = process.end(None)
            assert (status, expected in log) == (EXIT_FAILED, True), log

    def test_a_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with running(f"busy={port}") as process:
                status, log = process.end(None)
        assert status == os.EX_CONFIG
        assert f"Cannot listen on 127.0.0.1:{port}" in log
        assert "in use" in log
