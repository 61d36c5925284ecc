"""Drives the engine with seeded random commands, beside the naive oracle and a ledger kept from events.

It checks what a batch touched after the batch, and everything at the end: the oracle's figures, the ledger's, the
invariants counted anew, and that the engine reports everything as changed that its events name. A failure names the
seed and the number of the command; SEED in the environment repeats it.
"""

from collections import Counter
from random import Random

from markets.engine.commands import Command
from markets.engine.engine import Engine
from markets.engine.errors import Rejected, Repeated
from markets.engine.events import CancelCause, Event, OrderCancelled
from markets.engine.invariants import Watch
from tests.agreement import Touched, ask_both, differences
from tests.engine import invariants
from tests.engine.event_ledger import EventLedger
from tests.engine.generator import Generator
from tests.naive_exchange import NaiveExchange

BATCH_MAX = 128  # commands


class Failure(AssertionError):
    """The first thing that went wrong, with the seed that repeats it."""


def event_name(event: Event) -> str:
    """The name by which the event is counted; for an order lost with its account's place on a list, the cause."""
    lost = type(event) is OrderCancelled and event.cause == CancelCause.NO_LONGER_LISTED
    return CancelCause.NO_LONGER_LISTED.name if lost else type(event).__name__


class Driver:
    """A day of random commands. `accepted` holds the accepted ones if `keep`, `answers` the number of each answer."""

    def __init__(self, seed: int, keep: bool = False) -> None:
        self.seed = seed
        self.keep = keep
        self.rng = Random(seed)
        self.engine = Engine()
        self.oracle = NaiveExchange("House")
        self.ledger = EventLedger()
        self.watch = Watch(self.engine)
        self.generator = Generator(self.rng, self.engine)
        self.accepted: list[tuple[Command, int]] = []
        self.events: list[Event] = []  # of the running batch
        self.answers: Counter[str] = Counter()
        self.commands = 0
        self.at_us = 0

    def run(self, commands: int) -> None:
        """Gives this many commands. Raises Failure on the first thing that is wrong, any exception included."""
        try:
            self.batch(self.generator.opening())
            while self.commands < commands:
                size = min(self.rng.randint(1, BATCH_MAX), commands - self.commands)
                self.batch([None] * size)
            self.check_everything()
        except Exception as wrong:
            raise Failure(f"SEED={self.seed}, command {self.commands}: {type(wrong).__name__}: {wrong}") from wrong

    def batch(self, commands: list[Command] | list[None]) -> None:
        """Gives a batch of commands. None stands for a random one, which depends on what went before."""
        for command in commands:
            self.ask(command or self.generator.next())
        self.check_batch()

    def ask(self, command: Command) -> None:
        self.commands += 1
        self.at_us += self.rng.randint(0, 1_000)
        answer = ask_both(self.engine, self.oracle, command, self.at_us)
        if isinstance(answer, Rejected):
            self.answers[answer.reason.name] += 1
        elif isinstance(answer, Repeated):
            self.answers["repeated"] += 1
        else:
            self.answers[type(command).__name__] += 1
            self.answers.update(event_name(event) for event in answer)
            self.ledger.add(answer)
            self.events += answer
            if self.keep:
                self.accepted.append((command, self.at_us))

    def check_batch(self) -> None:
        changed = self.engine.take_changed()
        assert differences(self.engine, self.oracle, Touched.by(changed)) == []
        self.ledger.check_batch(self.engine, changed)
        invariants.check_batch(self.engine, changed)
        invariants.check_reported(self.events, changed)
        self.watch.check(changed)
        self.events = []

    def check_everything(self) -> None:
        assert differences(self.engine, self.oracle) == []
        self.ledger.check_all(self.engine)
        invariants.check_all(self.engine)
