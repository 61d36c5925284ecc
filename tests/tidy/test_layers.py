"""Packages have an order, and the engine is pure."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.tidy.sources import PACKAGES, ROOT, files_of, name_of, parse

# The wings of markets/ and what each may import of it, besides itself (docs/architecture.md).
WINGS = {
    "engine": (),
    "journal": ("engine", "models"),
    "audit": ("engine", "journal", "models"),
    "wire": ("engine", "journal"),
    "matching": ("engine", "journal", "wire"),
    "reads": ("engine", "models"),
    "rest": ("engine", "models", "journal", "wire", "reads"),
    "pages": ("engine", "models", "reads"),
    "console": ("engine", "models", "journal", "reads", "pages"),
}
# Where Django looks. Commands start and prove the exchange; everything else there asks through the gateway.
BESIDE_THE_WINGS = (
    "models",
    "admin",
    "apps",
    "checks",
    "demo",
    "housekeeping",
    "urls",
    "management",
    "migrations",
    "templatetags",
)
BEHIND_THE_GATEWAY = {"matching", "audit"}

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
    """Every module that the source imports. Relative imports are left out: they stay in their package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def wrong_imports(package: str, source: ast.AST) -> list[str]:
    """Imports of packages to the right. Packages outside the order (tests, the client) may not be imported at all."""
    allowed = PACKAGES[: PACKAGES.index(package) + 1]
    ours = {*PACKAGES, "tests", "benchmarks", "exchange_client"}
    return [name for name in imports(source) if (top := name.partition(".")[0]) in ours and top not in allowed]


def impure_imports(source: ast.AST) -> list[str]:
    return [name for name in imports(source) if name not in PURE and not name.startswith("markets.engine")]


def wing_of(module: str) -> str:
    """The wing of a module of markets: its folder, or its own name if it is in none (models, admin, management ...)."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "markets" else ""


def imports_of_markets(source: ast.AST) -> Iterator[str]:
    """The modules of markets that the source imports; `from markets import x` counts as markets.x."""
    for node in ast.walk(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("markets."))
        elif isinstance(node, ast.ImportFrom) and node.module == "markets":
            yield from (f"markets.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("markets."):
            yield node.module or ""


def imports_across_wings(wing: str, source: ast.AST) -> list[str]:
    """Imports that the wing may not have. `wing` is "" for modules outside the wings."""
    allowed = {wing, *WINGS[wing]} if wing else {*WINGS, *BESIDE_THE_WINGS} - BEHIND_THE_GATEWAY
    return [name for name in imports_of_markets(source) if wing_of(name) not in allowed]


def relative_climbs(source: ast.AST) -> list[str]:
    """`from .. import x` could leave its package unnoticed."""
    found = (node for node in ast.walk(source) if isinstance(node, ast.ImportFrom) and node.level > 1)
    return [f"line {node.lineno}" for node in found]


def imports_inside_functions(source: ast.AST) -> list[str]:
    """Imports inside functions can hide a cycle; so can imports by name at run time."""
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


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_imports_only_what_it_may(wing: str) -> None:
    found = {name_of(path): imports_across_wings(wing, parse(path)) for path in files_of(f"markets/{wing}")}
    assert {name: names for name, names in found.items() if names} == {}


def test_modules_outside_the_wings_do_not_import_the_matcher() -> None:
    beside = [path for path in files_of("markets") if path.relative_to(ROOT).parts[1] not in (*WINGS, "management")]
    found = {name_of(path): imports_across_wings("", parse(path)) for path in beside}
    assert {name: names for name, names in found.items() if names} == {}


def test_every_module_of_markets_is_in_a_wing_or_where_django_looks() -> None:
    found = {path.relative_to(ROOT / "markets").parts[0].removesuffix(".py") for path in files_of("markets")}
    assert found - {"__init__"} == {*WINGS, *BESIDE_THE_WINGS} - {"migrations"}


def test_the_architecture_page_lists_these_wings() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \| .+ \| ([\w, ]+) \|$", page, re.MULTILINE)
    documented = {wing: {*imports.split(", ")} - {"nothing"} for wing, imports in rows if wing in WINGS}
    assert documented == {wing: set(imports) for wing, imports in WINGS.items()}


def test_nothing_is_imported_inside_a_function_or_from_above() -> None:
    found = {
        name_of(path): imports_inside_functions(tree) + relative_climbs(tree)
        for path in files_of(*PACKAGES, "client", "benchmarks")
        for tree in [parse(path)]
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_there_are_no_catch_all_modules() -> None:
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

    @pytest.mark.parametrize(
        ("wing", "line", "module"),
        [
            ("engine", "from markets.journal.entries import Entry", "markets.journal.entries"),
            ("reads", "from markets.rest.reads import book", "markets.rest.reads"),
            ("pages", "from markets.matching import matcher", "markets.matching"),
            ("rest", "import markets.audit.replay", "markets.audit.replay"),
            ("console", "from markets import admin", "markets.admin"),
            ("", "from markets.matching.matcher import Matcher", "markets.matching.matcher"),
        ],
    )
    def test_on_a_wing_that_reaches_too_far(self, wing: str, line: str, module: str) -> None:
        assert imports_across_wings(wing, ast.parse(line)) == [module]

    def test_not_on_a_wing_that_keeps_to_its_own(self) -> None:
        assert imports_across_wings("pages", ast.parse("from markets.reads import selectors")) == []
        assert imports_across_wings("", ast.parse("from markets.console import figures")) == []

    def test_on_an_import_in_a_function(self) -> None:
        source = "class A:\n    async def f(self):\n        if True:\n            import markets\n"
        assert imports_inside_functions(ast.parse(source)) == ["line 4"]

    def test_on_a_climb(self) -> None:
        assert relative_climbs(ast.parse("from ..models import Market")) == ["line 1"]
