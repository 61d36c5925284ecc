"""Setting: what every part of the benchmarks gets, which is a folder, sizes, and exchanges to load."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from benchmarks import logs
from tests.live.exchange import LiveExchange, Template

S = TypeVar("S", int, float)

# Raised, because the limits of a person are not what is measured. (LiveExchange raises the rates.)
LIMITS = {
    "LOG_LEVEL": "WARNING",
    "STARTING_CASH": "1000000000",
    "SOCKETS_MAX": "1000",
    "SUBSCRIPTIONS_MAX": "10000",
    "UNSETTLED_MARKETS_MAX": "10000",
}


class Setting:
    """`quick` runs use tiny sizes: they only show that a benchmark works, and their figures mean nothing."""

    def __init__(self, folder: Path, quick: bool, entries: int) -> None:
        self.folder = folder
        self.quick = quick
        self.entries = entries  # of the long journal
        self.runs = 2 if quick else 5

    def size(self, full: S, quick: S) -> S:
        """Returns the size that applies."""
        return quick if self.quick else full

    @cached_property
    def template(self) -> Template:
        return Template(self.folder / "template")

    @contextmanager
    def exchange(self, name: str) -> Iterator[LiveExchange]:
        """Runs an exchange with its own, empty database. In the end, logs here the errors that it logged."""
        live = LiveExchange(self.template, self.folder / name, LIMITS)
        try:
            yield live
            if live.process is not None and live.process.poll() is None:
                assert live.stop() == 0
        finally:
            live.close()
            logs.report(f"The exchange of {name}", live.log.read_text())
