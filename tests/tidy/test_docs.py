"""The documentation is true: it lists the variables that the settings read, and the files that it names exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.sources import PACKAGES, ROOT, parse

READ = re.compile(r'env\.\w+\(\s*"(\w+)"')
ROW = re.compile(r"^\| (.+?) \| ", re.MULTILINE)
FILE = re.compile(r"`([\w/]+\.(?:py|md|proto))(?:: \w+)?`")
STEP = re.compile(r"^ {4,}(?:\d+)? +([a-z_]+/[\w/.]*) +([A-Za-z_.]+)", re.MULTILINE)
TOP = (*PACKAGES, "tests", "docs", "client")  # paths from the root begin with one of these
INSIDE_MARKETS = ("Inside `markets/`:", "## Adding a command")  # below these headings bare names are files of markets


def read_variables(settings: str) -> set[str]:
    return set(READ.findall(settings))


def documented_variables(page: str) -> set[str]:
    table = page.partition("## Variables")[2].partition("\n## ")[0]
    return {name for cell in ROW.findall(table) for name in re.findall(r"`(\w+)`", cell)}


def named_files(page: str) -> Iterator[str]:
    """Paths from the root. A bare name is a file of the package, or part of it, in whose row it stands."""
    package = ""
    for line in page.splitlines():
        if line.startswith(INSIDE_MARKETS):
            package = "markets/"
        elif line.startswith("## "):
            package = ""
        row = re.match(r"\| `([\w/]+/)` \|", line)
        home = "" if row is None else row[1] if row[1].split("/")[0] in TOP else package + row[1]
        for name in FILE.findall(line):
            if name.split("/")[0] in TOP:
                yield name
            elif home or package:
                yield (home or package) + name


def missing_files(page: str) -> set[str]:
    return {name for name in named_files(page) if not (ROOT / name).exists()}


def steps(page: str) -> list[tuple[str, str]]:
    """The steps of "The way of one order": (file or folder, symbol). A symbol is a class, function or Class.method."""
    return STEP.findall(page.partition("## The way of one order")[2].partition("\n## ")[0])


def defines(path: Path, symbol: str) -> bool:
    """Whether this file, or one in this folder, defines the symbol."""
    files = path.glob("*.py") if path.is_dir() else [path] if path.exists() else []
    return any(_holds(parse(file).body, symbol.split(".")) for file in files)


def _holds(body: list[ast.stmt], names: list[str]) -> bool:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = next((node for node in body if isinstance(node, kinds) and node.name == names[0]), None)
    return found is not None and (len(names) == 1 or _holds(found.body, names[1:]))


@pytest.fixture
def architecture() -> str:
    return (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_documented_variables_are_those_that_are_read() -> None:
    settings = (ROOT / "exchange" / "settings.py").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert documented_variables(page) == read_variables(settings)


def test_every_file_that_the_architecture_page_names_exists(architecture: str) -> None:
    named = set(named_files(architecture))
    assert {"realtime/hub.py", "auctions/decoder.py", "accounts/rest/views.py", "markets/engine/orders.py"} <= named
    assert missing_files(architecture) == set()


def test_every_step_of_an_orders_way_exists(architecture: str) -> None:
    assert len(steps(architecture)) == 11
    assert [step for step in steps(architecture) if not defines(ROOT / step[0], step[1])] == []


class TestThatItWouldFail:
    def test_on_an_undocumented_variable(self) -> None:
        assert read_variables('X = env.bool("NEW_ONE", default=1)') - documented_variables(
            "## Variables\n\n| `OLD` | |"
        ) == {"NEW_ONE"}

    def test_on_a_documented_variable_that_nobody_reads(self) -> None:
        assert documented_variables("## Variables\n\n| `A`, `GONE` | 1 | see `B` |\n") - {"A"} == {"GONE"}

    @pytest.mark.parametrize(
        ("page", "gone"),
        [
            ("see `markets/nowhere.py`", "markets/nowhere.py"),
            ("| `auctions/` | pictures (`painter.py`) |", "auctions/painter.py"),
            ("Inside `markets/`:\n\n| `gone.py`, `models.py` | |", "markets/gone.py"),
            ("Inside `markets/`:\n\n| `engine/` | `gone.py`, `book.py` |", "markets/engine/gone.py"),
        ],
    )
    def test_on_a_file_that_is_gone(self, page: str, gone: str) -> None:
        assert missing_files(page) == {gone}

    @pytest.mark.parametrize(
        "step",
        [
            ("markets/gone.py", "Matcher"),
            ("markets/matching/matcher.py", "Gone"),
            ("markets/matching/matcher.py", "Matcher.gone"),
        ],
    )
    def test_on_a_step_that_is_gone(self, step: tuple[str, str]) -> None:
        text = f"## The way of one order\n\n     9  {step[0]}   {step[1]}    replies first"
        assert steps(text) == [step]
        assert not defines(ROOT / step[0], step[1])
