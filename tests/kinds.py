"""Which kinds of command a history has, for tests that need all of them."""

from collections import Counter
from collections.abc import Iterable
from typing import get_args

from markets.engine.commands import Command, CreateHouse

EVERY_KIND = frozenset(kind.__name__ for kind in get_args(Command))


def list_kinds(history: Iterable[tuple[Command, int]]) -> list[str]:
    """The kind of each command, as the journal writes it."""
    return [type(command).__name__ for command, _ in history]


def find_rare(found: Iterable[str], least: int = 2) -> list[str]:
    """The kinds of command that were found fewer than `least` times; the house needs to be made only once."""
    often = Counter(found)
    assert often.keys() <= EVERY_KIND
    return sorted(kind for kind in EVERY_KIND if often[kind] < (1 if kind == CreateHouse.__name__ else least))
