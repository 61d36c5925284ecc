"""A Redis server of a test's own, which the test may stop."""

import signal
import socket
import subprocess
import time

import redis

from tests.patience import STEP_SECONDS_MAX

START_SECONDS_MAX = STEP_SECONDS_MAX


class RedisServer:
    """Runs at once. Holds nothing on disk."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        """Returns when it answers."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        last = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                redis.from_url(self.url).ping()
                return
            except redis.ConnectionError:
                assert self._process.poll() is None, "redis-server ended"
                assert time.monotonic() < last, "redis-server does not answer"
                time.sleep(0.01)

    def freeze(self) -> None:
        """Stops its process where it is (SIGSTOP)."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Kills it. Returns when its port is closed."""
        self._process.kill()
        self._process.wait()
