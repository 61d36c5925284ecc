"""Which kinds of command a history has, for tests that are about all of them."""

from collections import Counter
from collections.abc import Iterable
from typing import get_args

from markets.engine.commands import Command, CreateHouse

EVERY_KIND = frozenset(kind.__name__ for kind in get_args(Command))


def kinds(history: Iterable[tuple[Command, int]]) -> list[str]:
    """Of each command its name, as the journal writes it."""
    return [type(command).__name__ for command, _ in history]


def rare(found: Iterable[str], least: int = 2) -> list[str]:
    """The kinds of command that there are which were not found so often. The house is made once and never again."""
    often = Counter(found)
    assert often.keys() <= EVERY_KIND
    return sorted(kind for kind in EVERY_KIND if often[kind] < (1 if kind == CreateHouse.__name__ else least))
