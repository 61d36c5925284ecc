"""`make run` restarts a crashed exchange, but not for ever, and passes a stop on to it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from exchange import supervise
from exchange.supervise import Restarts, Supervisor, port_problem
from tests.patience import STEP_SECONDS_MAX

WAIT_SECONDS = STEP_SECONDS_MAX


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_FIRST_SECONDS", 0.0)


def command(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def crash_until(path: Path, starts: int) -> list[str]:
    """A command that counts its starts in a file. It exits with 1, and with 0 at the given start."""
    return command(
        f"import sys, pathlib; p = pathlib.Path({str(path)!r}); n = len(p.read_text()) if p.exists() else 0;"
        f"p.write_text('x' * (n + 1)); sys.exit(n + 1 < {starts})"
    )


def test_waits_double_and_the_supervisor_restarts_at_most_five_times_in_ten_minutes() -> None:
    now = 0.0
    restarts = Restarts(clock=lambda: now)
    assert [restarts.next_wait() for _ in range(6)] == [1, 2, 4, 8, 16, None]
    now = supervise.RESTARTS_WINDOW_SECONDS + 1
    assert restarts.next_wait() == 1


@pytest.mark.usefixtures("no_waiting")
def test_a_crashed_exchange_is_restarted(tmp_path: Path) -> None:
    assert Supervisor(crash_until(tmp_path / "starts", 3), Restarts()).run() == 0
    assert len((tmp_path / "starts").read_text()) == 3


@pytest.mark.usefixtures("no_waiting")
def test_an_exchange_that_keeps_crashing_is_given_up(tmp_path: Path) -> None:
    assert Supervisor(crash_until(tmp_path / "starts", 100), Restarts()).run() == 1
    assert len((tmp_path / "starts").read_text()) == 1 + supervise.RESTARTS_MAX


@pytest.mark.parametrize("status", [0, os.EX_CONFIG])
def test_the_supervisor_does_not_restart_after_a_clean_end_or_a_wrong_setting(status: int) -> None:
    assert Supervisor(command(f"raise SystemExit({status})"), Restarts()).run() == status


def test_the_exit_status_after_a_signal_is_that_of_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "RESTARTS_MAX", 0)
    assert Supervisor(command("import os; os.kill(os.getpid(), 9)"), Restarts()).run() == 137


def start(arguments: Sequence[str], script: str) -> "subprocess.Popen[str]":
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "exchange.supervise", *arguments, "--", *command(script)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=supervise.__file__.rsplit("/", 2)[0],
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # the tests themselves may run under nohup
    )
    assert supervisor.stdout
    while (line := supervisor.stdout.readline().strip()) != "ready":
        assert supervisor.poll() is None, line
    return supervisor


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_reaches_the_exchange_once_as_sigterm(tmp_path: Path, number: signal.Signals) -> None:
    signals = tmp_path / "signals"
    supervisor = start(
        [],
        "import signal, sys, time, pathlib\n"
        f"def stop(n, _): pathlib.Path({str(signals)!r}).open('a').write(f'{{n}} '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop); print('ready', flush=True); time.sleep(60)",
    )
    supervisor.send_signal(number)
    assert supervisor.wait(WAIT_SECONDS) == 0
    assert signals.read_text() == f"{int(signal.SIGTERM)} "


def test_a_stop_ends_the_wait_before_a_restart() -> None:
    supervisor = start([], "print('ready', flush=True); raise SystemExit(1)")
    time.sleep(0.3)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(WAIT_SECONDS) in (0, 1)


def test_a_taken_port_gives_a_readable_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        problem = port_problem("127.0.0.1", port)
        assert problem == f"Port {port} is in use. Stop what runs there, or choose another: make run PORT={port + 1}"
        assert supervise.main(["--port", str(port)]) == os.EX_CONFIG
    assert port_problem("127.0.0.1", port) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use any port")
def test_a_forbidden_port_gives_a_readable_message() -> None:
    assert port_problem("127.0.0.1", 1) == "Cannot listen on 127.0.0.1:1: Permission denied"
