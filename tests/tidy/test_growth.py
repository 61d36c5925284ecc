"""docs/growth.md names every table, and every container that an object or a module keeps in a running exchange."""

import ast
import re
from collections.abc import Iterator

import pytest
from django.apps import apps

from tests.tidy.sources import ROOT, files_of, name_of, parse

PAGE = (ROOT / "docs/growth.md").read_text(encoding="utf-8")
RUNNING = ("realtime", "accounts", "auctions", "markets", "exchange")
NOT_RUNNING = ("markets/audit/", "/migrations/", "/management/", "exchange/supervise.py", "exchange/settings.py")
OF_ONE_CALL = {"Refusal", "_Below"}  # live as long as a request, like a local variable
COMPREHENSIONS = (ast.DictComp, ast.ListComp, ast.SetComp)
CONSTANTS = {"NOBODY", "_NOTHING"}  # empty, and stay so
PLAIN = {"dict", "list", "set", "deque", "Counter", "defaultdict", "OrderedDict", "Queue"}
TABLE = re.compile(r"[a-z]+_[a-z_]+")
CONTAINERS = PLAIN | {"SortedList", "SortedDict", "WeakSet", "WeakValueDictionary", "WeakKeyDictionary"}


def is_container(value: ast.expr | None) -> bool:
    """Whether a new container is made, of which the code decides later what is in it."""
    if isinstance(value, ast.Dict | ast.List | ast.Set):
        return not (value.keys if isinstance(value, ast.Dict) else value.elts)
    called = value.func if isinstance(value, ast.Call) else None
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name in CONTAINERS


def targets(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, ast.AnnAssign):
        yield node.target, node.value


def containers(tree: ast.Module) -> Iterator[str]:
    """`Class.attribute` for what __init__ makes, and the names of a module's own."""
    for statement in tree.body:
        for target, value in targets(statement):
            if isinstance(target, ast.Name) and is_container(value):
                yield target.id
    for kind in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for method in kind.body:
            if not isinstance(method, ast.FunctionDef) or method.name != "__init__":
                continue
            for node in ast.walk(method):
                for target, value in targets(node):
                    if isinstance(target, ast.Attribute) and (is_container(value) or isinstance(value, COMPREHENSIONS)):
                        yield f"{kind.name}.{target.attr}"


def named(page: str) -> set[str]:
    """The names in backticks in the first column of the page's tables."""
    rows = re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def kept() -> set[str]:
    found = set()
    for path in files_of(*RUNNING):
        if not any(part in name_of(path) for part in NOT_RUNNING):
            found |= set(containers(parse(path)))
    return {name for name in found if name.partition(".")[0] not in OF_ONE_CALL and name not in CONSTANTS}


def test_every_table_is_on_the_page() -> None:
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    on_page = {name for name in named(PAGE) if TABLE.fullmatch(name)}
    assert on_page == tables


def test_every_container_is_on_the_page() -> None:
    on_page = {name for name in named(PAGE) if not TABLE.fullmatch(name) and name != "CACHES"}
    whole = {name for name in on_page if "." not in name}  # of these classes everything is bounded alike
    missing = {name for name in kept() - on_page if name.partition(".")[0] not in whole}
    assert missing == set(), "say in docs/growth.md what bounds them"
    gone = {name for name in on_page - kept() if "." in name}
    assert gone == set(), "no longer there"


class TestThatItWouldFail:
    @pytest.mark.parametrize(
        "line",
        [
            "self.a: dict[int, int] = {}",
            "self.a = deque(maxlen=3)",
            "self.a = asyncio.Queue(1)",
            "self.a = set()",
            "self.a = {b: 1 for b in c}",
        ],
    )
    def test_on_a_container_of_an_object(self, line: str) -> None:
        assert list(containers(ast.parse(f"class A:\n    def __init__(self):\n        {line}"))) == ["A.a"]

    def test_on_a_container_of_a_module(self) -> None:
        assert list(containers(ast.parse("_seen: set[int] = set()\nLIMITS = {1: 2}\ndef f():\n    x = {}"))) == [
            "_seen"
        ]

    def test_on_a_name_that_is_not_in_a_first_column(self) -> None:
        assert named("| `A.b`, `A.c` | `D.e` |\n| x `F.g` |\ntext `H.i`") == {"A.b", "A.c"}
