"""Packages have an order, and the engine is pure."""

import ast
from collections.abc import Iterator

import pytest

from tests.tidy.sources import PACKAGES, ROOT, files_of, name_of, parse

DRAWERS = {"core", "common", "utils", "helpers", "misc"}

# What the engine may use: functions of their input. No clock, no random, no input or output, no threads.
PURE = {
    "__future__",
    "abc",
    "bisect",
    "collections",
    "collections.abc",
    "dataclasses",
    "enum",
    "functools",
    "json",
    "hashlib",
    "heapq",
    "itertools",
    "math",
    "operator",
    "sortedcontainers",
    "struct",
    "types",
    "typing",
    "unicodedata",
}


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that it imports, relative ones left out (they stay in their package)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def wrong_imports(package: str, source: ast.AST) -> list[str]:
    """Those that point to the right. Packages beside the order (tests, the client) may not be imported at all."""
    allowed = PACKAGES[: PACKAGES.index(package) + 1]
    ours = {*PACKAGES, "tests", "benchmarks", "exchange_client"}
    return [name for name in imports(source) if (top := name.partition(".")[0]) in ours and top not in allowed]


def impure_imports(source: ast.AST) -> list[str]:
    return [name for name in imports(source) if name not in PURE and not name.startswith("markets.engine")]


def relative_climbs(source: ast.AST) -> list[str]:
    """`from .. import x` could leave a package unseen."""
    found = (node for node in ast.walk(source) if isinstance(node, ast.ImportFrom) and node.level > 1)
    return [f"line {node.lineno}" for node in found]


def imports_inside_functions(source: ast.AST) -> list[str]:
    """They hide a cycle; so do imports by name at run time."""
    functions = (node for node in ast.walk(source) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    inside = (node for function in functions for node in ast.walk(function))
    return [f"line {node.lineno}" for node in inside if isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_itself_and_those_to_its_left(package: str) -> None:
    found = {name_of(path): wrong_imports(package, parse(path)) for path in files_of(package)}
    assert {name: names for name, names in found.items() if names} == {}


def test_the_engine_imports_only_what_is_pure() -> None:
    found = {name_of(path): impure_imports(parse(path)) for path in files_of("markets/engine")}
    assert {name: names for name, names in found.items() if names} == {}


def test_nothing_is_imported_inside_a_function_or_from_above() -> None:
    found = {
        name_of(path): imports_inside_functions(tree) + relative_climbs(tree)
        for path in files_of(*PACKAGES, "client", "benchmarks")
        for tree in [parse(path)]
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_there_are_no_drawers() -> None:
    names = {path.stem for path in files_of(*PACKAGES)} | {part for path in files_of(*PACKAGES) for part in path.parts}
    assert names & DRAWERS == set()


def test_every_package_with_python_is_in_the_order() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found - {"tests", "benchmarks"} == set(PACKAGES)


class TestThatItWouldFail:
    """A test that cannot fail is not a test."""

    def test_on_an_import_to_the_right(self) -> None:
        assert wrong_imports("realtime", ast.parse("from markets.models import Market")) == ["markets.models"]
        assert wrong_imports("markets", ast.parse("import exchange.settings")) == ["exchange.settings"]
        assert wrong_imports("markets", ast.parse("import exchange_client")) == ["exchange_client"]

    def test_not_on_one_to_the_left(self) -> None:
        assert wrong_imports("markets", ast.parse("from realtime import gateway\nimport markets.wire.codec")) == []

    @pytest.mark.parametrize(
        "module", ["time", "random", "datetime", "os", "io", "asyncio", "django.db", "markets.wire.codec"]
    )
    def test_on_an_impure_engine(self, module: str) -> None:
        assert impure_imports(ast.parse(f"import {module}")) == [module]

    def test_on_an_import_in_a_function(self) -> None:
        source = "class A:\n    async def f(self):\n        if True:\n            import markets\n"
        assert imports_inside_functions(ast.parse(source)) == ["line 4"]

    def test_on_a_climb(self) -> None:
        assert relative_climbs(ast.parse("from ..models import Market")) == ["line 1"]
