"""The house bots of the demo: a child process that trades over the socket like any bot and ends with the exchange."""

import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.conf import settings

from accounts.authentication import is_operator
from accounts.models import Account

TOKENS_FILE = "house_bots.json"  # in VAR_DIR; seed_demo writes it, and only its owner can read it
STOP_SECONDS = 5.0  # then the child is killed


def trusted_owners() -> list[int]:
    """The accounts of people who may operate: whoever owns a market decides what the house bots win or lose there."""
    staff = Account.objects.filter(user__is_staff=True).select_related("user").order_by("id")
    return [account.id for account in staff if account.user is not None and is_operator(account.user)]


@contextmanager
def run_house_bots(port: int, owners: Collection[int]) -> Iterator[None]:
    """Runs the house bots against the exchange on this port, if seed_demo has made their tokens.

    They trade in the markets of these owners. They end with this process, even if it is killed.
    """
    tokens = settings.VAR_DIR / TOKENS_FILE
    if not tokens.exists():
        yield
        return
    url = f"ws://127.0.0.1:{port}/ws"
    command = [sys.executable, "-m", "exchange_client.bots.house", "--url", url, "--tokens-file", str(tokens)]
    command += [f"--owner={owner}" for owner in owners]
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
