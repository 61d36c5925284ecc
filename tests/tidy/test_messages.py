"""Each message of the channel layer is described and built in one place, and something handles it."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import get_args

import pytest

from realtime import messages
from tests.tidy.sources import PACKAGES, ROOT, files_of, name_of, parse

PLACE = "realtime/messages.py"
HANDLERS = {"realtime/hub.py": messages.ToHub, "markets/matching/matcher.py": messages.ToMatcher}


def literal_type(annotation: ast.expr) -> str | None:
    """The kind in `type: Literal["kind"]`."""
    if isinstance(annotation, ast.Subscript) and isinstance(annotation.slice, ast.Constant):
        return str(annotation.slice.value)
    return None


def described(tree: ast.Module) -> list[tuple[str, str]]:
    """(kind, class) of each TypedDict that has a `type`."""
    return [
        (kind, node.name)
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.target.id == "type"
        if (kind := literal_type(field.annotation)) is not None
    ]


def builders(tree: ast.Module) -> list[tuple[str, str]]:
    """(kind, return type) of each function, for every kind that it builds."""
    return [
        (kind, ast.unparse(node.returns))
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.returns is not None
        for kind, _ in built(node)
    ]


def built(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(type, line) of every dict that gets a "type": in a literal, as a keyword of a call, or by assignment."""
    pairs: list[tuple[object, ast.expr]] = []
    for node in ast.walk(tree):
        match node:
            case ast.Dict():
                pairs += [
                    (key.value, value) for key, value in zip(node.keys, node.values) if isinstance(key, ast.Constant)
                ]
            case ast.Call():
                pairs += [(keyword.arg, keyword.value) for keyword in node.keywords]
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=key))]):
                pairs.append((key, node.value))
    for name, value in pairs:
        if name == "type" and isinstance(value, ast.Constant):
            yield str(value.value), value.lineno


def built_elsewhere(tree: ast.Module, kinds: Mapping[str, str]) -> list[str]:
    """Lines that build a message of one of these kinds or call its TypedDict."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    named = [(ast.unparse(call.func), call.lineno) for call in calls]
    found = [one for one in built(tree) if one[0] in kinds] + [one for one in named if one[0] in kinds.values()]
    return [f"{name} in line {line}" for name, line in found]


def handled(tree: ast.AST) -> set[str]:
    """The values that `message["type"]` is compared with or matched against."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Match) and is_type(node.subject):
            patterns = [case.pattern for case in node.cases]
            found |= {ast.literal_eval(one.value) for one in patterns if isinstance(one, ast.MatchValue)}
        elif isinstance(node, ast.Compare) and is_type(node.left):
            found |= {one.value for one in node.comparators if isinstance(one, ast.Constant)}
    return found


def is_type(node: ast.expr) -> bool:
    return isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "'type'"


@pytest.fixture
def place() -> ast.Module:
    return parse(ROOT / PLACE)


def test_every_kind_has_one_description_and_one_builder(place: ast.Module) -> None:
    assert len(described(place)) == 14
    assert set(Counter(kind for kind, _ in described(place)).values()) == {1}
    assert sorted(builders(place)) == sorted(described(place))


def test_every_kind_goes_to_the_matcher_or_to_a_hub(place: ast.Module) -> None:
    sent = [kind.__name__ for union in HANDLERS.values() for kind in get_args(union)]
    assert sorted(sent) == sorted(name for _, name in described(place))


@pytest.mark.parametrize("path", HANDLERS)
def test_every_kind_is_handled_where_it_goes(path: str, place: ast.Module) -> None:
    arriving = {kind.__name__ for kind in get_args(HANDLERS[path])}
    assert {kind for kind, name in described(place) if name in arriving} - handled(parse(ROOT / path)) == set()


def test_nobody_else_builds_one(place: ast.Module) -> None:
    paths = [path for path in files_of(*PACKAGES, "benchmarks", "tests") if name_of(path) != PLACE]
    found = {name_of(path): built_elsewhere(parse(path), dict(described(place))) for path in paths}
    assert {name: lines for name, lines in found.items() if lines} == {}


BEAT = {"beat": "BeatMessage"}


class TestThatItWouldFail:
    """A test that cannot fail is not a test."""

    @pytest.mark.parametrize(
        "line",
        [
            'layer.send("hub", {"type": "beat", "epoch": 1})',
            'message = {**request, "type": "beat"}',
            'message = dict(request, type="beat")',
            'message["type"] = "beat"',
        ],
    )
    def test_on_a_message_that_is_built_elsewhere(self, line: str) -> None:
        assert built_elsewhere(ast.parse(line), BEAT) == ["beat in line 1"]

    def test_on_a_description_that_is_called(self) -> None:
        assert built_elsewhere(ast.parse("x = BeatMessage(**beat)"), BEAT) == ["BeatMessage in line 1"]

    def test_not_on_other_dicts(self) -> None:
        source = 'x = [{"type": "websocket.send"}, {"type": "object", "kind": "beat"}]\nbeat(kind="beat")'
        assert built_elsewhere(ast.parse(source), BEAT) == []

    def test_on_a_kind_with_two_builders_or_with_none(self) -> None:
        described_once = 'class Beat(TypedDict):\n    type: Literal["beat"]\n'
        builder = 'def {}() -> Beat:\n    return {{"type": "beat"}}\n'
        assert described(ast.parse(described_once)) == [("beat", "Beat")]
        assert builders(ast.parse(described_once)) == []
        twice = ast.parse(described_once + builder.format("beat") + builder.format("pulse"))
        assert builders(twice) == [("beat", "Beat")] * 2

    def test_on_a_kind_that_nobody_handles(self) -> None:
        source = 'if message["type"] == "beat":\n    pass\nmatch message["type"]:\n    case "stream":\n        pass\n'
        assert handled(ast.parse(source)) == {"beat", "stream"}
