"""Files to 400 lines, classes to 250, functions to 40. The exceptions are listed and may only shrink."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.tidy.sources import BESIDE, PACKAGES, files_of, name_of, parse

FILE_LINES_MAX = 400
CLASS_LINES_MAX = 250
FUNCTION_LINES_MAX = 40

# What is larger, with its current size. Never add or raise one: split it. When one shrinks, lower its figure.
LARGE_FILES: dict[str, int] = {}
LARGE_CLASSES = {
    "realtime/hub.py:Hub": 284,
    "markets/matching/matcher.py:Matcher": 278,
    "tests/engine/generator.py:Generator": 336,
    "tests/naive_exchange.py:NaiveExchange": 274,
    "tests/scenario.py:Scenario": 267,
}
LARGE_FUNCTIONS: dict[str, int] = {}


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definitions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """(dotted name, node) of every function and class."""
    for node in ast.iter_child_nodes(tree):
        name = prefix
        if isinstance(node, Definition):
            name = f"{prefix}.{node.name}".lstrip(".")
            yield name, node
        yield from definitions(node, name)


def lines_of(node: Definition) -> int:
    """A decorator and a docstring count: people read them too."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return (node.end_lineno or node.lineno) - first + 1


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    return ((name, lines_of(node)) for name, node in definitions(tree) if not isinstance(node, ast.ClassDef))


def classes(tree: ast.AST) -> Iterator[tuple[str, int]]:
    return ((name, lines_of(node)) for name, node in definitions(tree) if isinstance(node, ast.ClassDef))


def file_sizes(paths: Iterator[Path]) -> dict[str, int]:
    return {name_of(path): path.read_text(encoding="utf-8").count("\n") for path in paths}


def class_sizes(paths: Iterator[Path]) -> dict[str, int]:
    return {f"{name_of(path)}:{name}": lines for path in paths for name, lines in classes(parse(path))}


def function_sizes(paths: Iterator[Path]) -> dict[str, int]:
    return {f"{name_of(path)}:{name}": lines for path in paths for name, lines in functions(parse(path))}


def complaints(sizes: Mapping[str, int], limit: int, exceptions: Mapping[str, int]) -> list[str]:
    """What is over the limit or over its listed size, and listed figures that are no longer true."""
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


def test_classes_are_short() -> None:
    assert complaints(class_sizes(files_of(*PACKAGES, *BESIDE)), CLASS_LINES_MAX, LARGE_CLASSES) == []


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

    def test_on_a_long_class_and_one_inside_it(self) -> None:
        body = "\n".join(f"        field{number} = {number}" for number in range(250))
        tree = ast.parse(f"@final\nclass A:\n    class B:\n{body}\n\n    def f(self): ...\n")
        assert dict(classes(tree)) == {"A": 255, "A.B": 251}
