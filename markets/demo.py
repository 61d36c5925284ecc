"""The house bots of the demo: a child process that trades over the socket like any bot and ends with the exchange."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

TOKENS_FILE = "house_bots.json"  # in VAR_DIR; seed_demo writes it, and only its owner can read it
STOP_SECONDS = 5.0  # then the child is killed


@contextmanager
def run_house_bots(port: int) -> Iterator[None]:
    """Runs the house bots against the exchange on this port, if seed_demo has made their tokens.

    They end with this process, even if it is killed.
    """
    tokens = settings.VAR_DIR / TOKENS_FILE
    if not tokens.exists():
        yield
        return
    url = f"ws://127.0.0.1:{port}/ws"
    command = [sys.executable, "-m", "exchange_client.bots.house", "--url", url, "--tokens-file", str(tokens)]
    child = subprocess.Popen([*command, "--with-parent"])  # noqa: S603 - our own module
    try:
        yield
    finally:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
