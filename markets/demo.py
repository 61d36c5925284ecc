"""The house bots of the demo: one child process on the same socket as everybody, gone when the exchange is."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

TOKENS_FILE = "house_bots.json"  # in VAR_DIR, written by seed_demo, readable by its owner only
STOP_SECONDS = 5.0


@contextmanager
def trading(port: int) -> Iterator[None]:
    """Runs them against the exchange on this port. They end with this process, even if it is killed."""
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
