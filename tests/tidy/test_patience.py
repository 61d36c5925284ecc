"""Limits in tests are for hanging and stand in tests/patience.py: no test gives up after so many seconds of its own."""

import ast
from collections.abc import Iterator

import pytest

from tests.tidy.sources import files_of, name_of, parse

LIMITED = {"timeout", "wait_for", "settimeout"}  # asyncio.timeout(1), asyncio.wait_for(x, 1), socket.settimeout(1)
SHORT_ON_PURPOSE = {
    "tests/live/test_locked_database.py": "asks whether the database is locked now, and waits as a program would",
    "tests/live/leak/watchers.py": "a watcher who looks away for a while",
}


def own_limits(tree: ast.AST) -> Iterator[int]:
    """Lines of a call that gives up after a number of seconds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            given = [word.value for word in node.keywords if word.arg == "timeout"]
            given += node.args[-1:] if called in LIMITED else []
            if any(isinstance(value, ast.Constant) and isinstance(value.value, int | float) for value in given):
                yield node.lineno


def test_limits_stand_in_one_place() -> None:
    found = {name_of(path): list(own_limits(parse(path))) for path in files_of("tests")}
    assert {name: lines for name, lines in found.items() if lines and name not in SHORT_ON_PURPOSE} == {}


class TestThatItWouldFail:
    @pytest.mark.parametrize(
        "line", ["asyncio.timeout(5)", "asyncio.wait_for(x, 1)", "p.communicate(timeout=30)", "s.settimeout(2.5)"]
    )
    def test_on_a_limit_of_its_own(self, line: str) -> None:
        assert list(own_limits(ast.parse(line))) == [1]

    @pytest.mark.parametrize("line", ["asyncio.timeout(None)", "asyncio.wait_for(x, STEP)", "f(timeout=STEP)"])
    def test_not_on_the_one_place(self, line: str) -> None:
        assert list(own_limits(ast.parse(line))) == []
