"""Arguments stand in a call one by one: nothing is packed only to be unpacked again."""

import ast
from collections.abc import Iterator
from keyword import iskeyword

import pytest

from tests.tidy.sources import BESIDE, PACKAGES, files_of, name_of, parse


def packed_arguments(source: ast.AST) -> Iterator[int]:
    """Lines of `*(a, b)` and `**{"a": 1}`, in calls and in displays."""
    for node in ast.walk(source):
        if isinstance(node, ast.Starred) and isinstance(node.value, ast.Tuple | ast.List):
            yield node.lineno
        elif isinstance(node, ast.Call):
            yield from (word.value.lineno for word in node.keywords if word.arg is None and _is_packed(word.value))


def _is_packed(value: ast.expr) -> bool:
    """A dict display whose keys could all be keyword arguments."""
    return isinstance(value, ast.Dict) and all(
        isinstance(key, ast.Constant) and str(key.value).isidentifier() and not iskeyword(str(key.value))
        for key in value.keys
    )


def test_no_call_packs_arguments_to_unpack_them() -> None:
    found = {name_of(path): list(packed_arguments(parse(path))) for path in files_of(*PACKAGES, *BESIDE)}
    assert {name: lines for name, lines in found.items() if lines} == {}


class TestThatItWouldFail:
    """A test that cannot fail is not a test."""

    @pytest.mark.parametrize("line", ["f(*(a, b), c)", "f(*[a])", 'f(**{"a": 1})', "x = [*(a, b), c]"])
    def test_on_packed_arguments(self, line: str) -> None:
        assert list(packed_arguments(ast.parse(line))) == [1]

    @pytest.mark.parametrize(
        "line", ["f(*a, **b)", "f(*(x for x in a))", 'f(**{"a-b": 1})', "f(**{name: 1})", "f((a, b))"]
    )
    def test_not_on_what_needs_it(self, line: str) -> None:
        assert list(packed_arguments(ast.parse(line))) == []
