"""Keeps the exchange running: `python -m exchange.supervise -- COMMAND ...`. `--port` alone checks that a port is free.

It restarts the command after a crash, since a restart is the only recovery. It gives up after RESTARTS_MAX restarts in
RESTARTS_WINDOW_SECONDS, so that people notice a lasting cause. Exit status os.EX_CONFIG (78) is no crash but a wrong
setting, a port in use or a second matcher: a restart cannot help, so it ends too.
It uses only the standard library, not Django, because it must outlive any failure of the exchange.
"""

import argparse
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType

RESTARTS_MAX = 5
RESTARTS_WINDOW_SECONDS = 600.0
BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_MAX_SECONDS = 30.0
STOP_SECONDS = 60.0  # a stop waits for the batch, which may wait 30 s for a locked database

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Restarts:
    """Allows RESTARTS_MAX restarts in RESTARTS_WINDOW_SECONDS. Each wait doubles, up to BACKOFF_MAX_SECONDS."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at: deque[float] = deque()

    def next_wait(self) -> float | None:
        """Counts a restart and returns the seconds to wait before it. None if there were too many."""
        now = self._clock()
        while self._at and now - self._at[0] > RESTARTS_WINDOW_SECONDS:
            self._at.popleft()
        if len(self._at) >= RESTARTS_MAX:
            return None
        self._at.append(now)
        return float(min(BACKOFF_FIRST_SECONDS * 2 ** (len(self._at) - 1), BACKOFF_MAX_SECONDS))


class Supervisor:
    """Runs one command, restarts it after crashes, and passes a stop on to it."""

    def __init__(self, command: list[str], restarts: Restarts) -> None:
        self._command = command
        self._restarts = restarts
        self._stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Runs until the command ends for good. Returns our exit status: 0 after a clean end or an obeyed stop."""
        while True:
            code = self._run_once()
            if code in (0, os.EX_CONFIG) or self._stop.is_set():
                return _exit_status(code)
            wait = self._restarts.next_wait()
            if wait is None:
                _say(f"the exchange ended with {code} again; {RESTARTS_MAX} restarts in 10 minutes are enough.")
                return _exit_status(code)
            _say(f"the exchange ended with {code}; starting again in {wait:g} s.")
            if self._stop.wait(wait):
                return 0

    def stop(self, *_: int | FrameType | None) -> None:
        """Signal handler. The child gets SIGTERM for every signal, and is killed after STOP_SECONDS."""
        if not self._stop.is_set():
            self._stop.set()
            killer = threading.Timer(STOP_SECONDS, self._kill)
            killer.daemon = True
            killer.start()
        if self._child is not None:
            self._child.terminate()

    def _run_once(self) -> int:
        # The child has a session of its own, so that Ctrl-C reaches it once, through us.
        self._child = subprocess.Popen(self._command, start_new_session=True)  # noqa: S603 - our caller's own command
        if self._stop.is_set():  # the signal came before there was a child
            self._child.terminate()
        return self._child.wait()

    def _kill(self) -> None:
        _say(f"the exchange did not stop in {STOP_SECONDS:g} s and is killed.")
        if self._child is not None:
            self._child.kill()


def port_problem(host: str, port: int) -> str | None:
    """Why nobody can listen on the port, as a text for the person at the keyboard. None if it is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"Port {port} is in use. Stop what runs there, or choose another: make run PORT={port + 1}"
            return f"Cannot listen on {host}:{port}: {error.strerror}"
    return None


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    if options.port is not None and (problem := port_problem(options.host, options.port)):
        _say(problem)
        return os.EX_CONFIG
    if not options.command:
        return 0
    for line in _welcome(options):
        print(line, flush=True)
    supervisor = Supervisor(options.command, Restarts())
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and background jobs ignore it on purpose
            signal.signal(number, supervisor.stop)
    return supervisor.run()


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m exchange.supervise", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="refuse to start if this port is taken")
    parser.add_argument("--demo", action="store_true", help="tell how to get in without a password")
    parser.add_argument("command", nargs="*", help="what to run, after --")
    return parser.parse_args(arguments)


def _welcome(options: argparse.Namespace) -> Iterator[str]:
    if options.port is None:
        return
    yield ""
    yield f"    The exchange: http://{options.host}:{options.port}/"
    if options.demo:
        yield '    Get in: press "Continue as Alice", Bob, Carol or the operator. No password; this machine only.'
        yield f"    Operators: http://{options.host}:{options.port}/admin/"
    yield "    Stop: Ctrl-C"
    yield ""


def _exit_status(code: int) -> int:
    """The status as a shell gives it: Popen's -signal becomes 128 + signal."""
    return code if code >= 0 else 128 - code


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
