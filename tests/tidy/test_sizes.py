"""Files to 400 lines, functions to 40. The exceptions are listed and may only shrink."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.tidy.sources import BESIDE, PACKAGES, files_of, name_of, parse

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 40

# What is larger, with its present size. Never add or raise: split. When one shrinks, write the new figure here.
LARGE_FILES: dict[str, int] = {}
LARGE_FUNCTIONS: dict[str, int] = {}


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, int]]:
    """(dotted name, lines) of every function. A decorator and a docstring count: they are read too."""
    for node in ast.iter_child_nodes(tree):
        name = prefix
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}.{node.name}".lstrip(".")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield name, (node.end_lineno or node.lineno) - first + 1
        yield from functions(node, name)


def file_sizes(paths: Iterator[Path]) -> dict[str, int]:
    return {name_of(path): path.read_text(encoding="utf-8").count("\n") for path in paths}


def function_sizes(paths: Iterator[Path]) -> dict[str, int]:
    return {f"{name_of(path)}:{name}": lines for path in paths for name, lines in functions(parse(path))}


def complaints(sizes: Mapping[str, int], limit: int, exceptions: Mapping[str, int]) -> list[str]:
    """What grew over the limit or over its listed size, and listed figures that are no longer true."""
    grown = [
        f"{name}: {size} lines, at most {exceptions.get(name, limit)}"
        for name, size in sizes.items()
        if size > exceptions.get(name, limit)
    ]
    stale = [
        f"{name}: listed with {listed}, now {sizes.get(name, 0)}: lower or remove the entry"
        for name, listed in exceptions.items()
        if sizes.get(name, 0) < listed
    ]
    return grown + stale


def test_files_are_short() -> None:
    assert complaints(file_sizes(files_of(*PACKAGES, *BESIDE)), FILE_LINES_MAX, LARGE_FILES) == []


def test_functions_are_short() -> None:
    assert complaints(function_sizes(files_of(*PACKAGES, *BESIDE)), FUNCTION_LINES_MAX, LARGE_FUNCTIONS) == []


class TestThatItWouldFail:
    """A test that cannot fail is not a test."""

    def test_on_what_grows(self) -> None:
        assert complaints({"a.py": 401}, 400, {}) == ["a.py: 401 lines, at most 400"]
        assert complaints({"a.py": 501}, 400, {"a.py": 500}) == ["a.py: 501 lines, at most 500"]

    def test_on_a_figure_that_is_no_longer_true(self) -> None:
        assert complaints({"a.py": 450}, 400, {"a.py": 500}) == [
            "a.py: listed with 500, now 450: lower or remove the entry"
        ]
        assert complaints({}, 400, {"gone.py": 500}) != []

    def test_not_on_what_is_listed_and_unchanged(self) -> None:
        assert complaints({"a.py": 500, "b.py": 400}, 400, {"a.py": 500}) == []

    def test_on_a_long_method_and_a_long_inner_function(self, tmp_path: Path) -> None:
        body = "\n".join("            pass" for _ in range(50))
        tree = ast.parse(f"class A:\n    @property\n    def f(self):\n        def inner():\n{body}\n")
        assert dict(functions(tree)) == {"A.f": 53, "A.f.inner": 51}
