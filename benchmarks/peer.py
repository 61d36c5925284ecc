"""A complete peer that keeps everything in memory: the REST server of order-matching, in an environment of its own."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

from benchmarks import logs
from benchmarks.wsload import ROOT, START_SECONDS_MAX

REQUIREMENTS = ROOT / "benchmarks" / "requirements-peer.txt"
FOLDER = ROOT / ".venv" / "peer"  # so that its dependencies do not meet those of the exchange
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(microseconds=1)  # between two trades: its own traders do not act meanwhile


def installed() -> Path:
    """Returns the interpreter of its environment. Makes the environment if it is not there, or is of other versions."""
    made = FOLDER / "made"
    wanted = REQUIREMENTS.read_text()
    python = FOLDER / "bin" / "python"
    if not made.exists() or made.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER], check=True)
        pip: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
            REQUIREMENTS,
        ]
        subprocess.run(pip, check=True)
        made.write_text(wanted)
    return python


@contextmanager
def served() -> Iterator[HTTPConnection]:
    """Runs the server. Yields a connection to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    arguments = ("-m", "uvicorn", "order_matching.api.app:app", "--port", str(port), "--no-access-log")
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen([installed(), *arguments], stdout=log, stderr=log, env={"LOGURU_LEVEL": "WARNING"})
        try:
            yield _connected(port, process)
        finally:
            process.terminate()
            process.wait()
            log.seek(0)
            logs.report("The peer", log.read())


def _connected(port: int, process: "subprocess.Popen[bytes]") -> HTTPConnection:
    connection = HTTPConnection("127.0.0.1", port)
    last = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            connection.connect()
            return connection
        except ConnectionRefusedError:
            assert process.poll() is None, "the peer ended"
            assert time.monotonic() < last, "the peer did not start"
            time.sleep(0.1)


def placed(number: int) -> dict[str, object]:
    """Returns the body of /place: an offer and a bid that meet."""
    same = {"order_type": "limit", "price": 50.0, "size": 1.0, "timestamp": _at(number)}
    return {
        "orders": [
            {**same, "side": "SELL", "order_id": f"offer-{number}", "trader_id": "alice"},
            {**same, "side": "BUY", "order_id": f"bid-{number}", "trader_id": "bob"},
        ]
    }


def matched(number: int) -> dict[str, object]:
    """Returns the body of /match."""
    return {"timestamp": _at(number)}


def _at(number: int) -> str:
    return (BEGIN + number * STEP).isoformat()
