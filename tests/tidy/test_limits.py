"""How long a text may be is written once, in realtime/limits.py; the engine's own figures are the same."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from auctions import models as auction_models
from auctions import pictures
from markets.engine import auction, text
from realtime import limits
from tests.tidy.sources import PACKAGES, ROOT, files_of, name_of, parse

LENGTH = "_CHARACTERS_MAX"


def lengths(module: Mapping[str, Any]) -> dict[str, int]:
    return {name: value for name, value in module.items() if name.endswith(LENGTH)}


def disagreements(engine: Mapping[str, int], doors: Mapping[str, int]) -> list[str]:
    return [
        f"{name}: {value} in the engine, {doors.get(name)} at the doors"
        for name, value in engine.items()
        if value != doors.get(name)
    ]


def written_out(source: ast.AST, figures: set[int]) -> Iterator[str]:
    """Where a field of a form, a serializer or a table is given such a length as a number."""
    for node in ast.walk(source):
        match node:
            case ast.keyword(arg="max_length", value=ast.Constant(value=figure)) if figure in figures:
                yield f"line {node.lineno}: {figure}"


def written_out_in_html(template: str) -> list[str]:
    return re.findall(r'maxlength="\d+"', template)


def test_the_engines_lengths_are_the_doors() -> None:
    engine = lengths(vars(text))
    assert len(engine) == 6
    assert disagreements(engine, lengths(vars(limits))) == []


def test_the_engine_and_the_board_agree_on_names_of_pictures() -> None:
    assert auction.PICTURE_STEM == auction_models.PICTURE_STEM_CHARACTERS
    assert auction.PICTURE_SUFFIX == auction_models.PICTURE_SUFFIX
    assert frozenset(pictures.CHARACTERS) == auction.PICTURE_CHARACTERS


def test_fields_name_their_lengths() -> None:
    figures = set(lengths(vars(limits)).values())
    found = {name_of(path): list(written_out(parse(path), figures)) for path in files_of(*PACKAGES)}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_templates_name_their_lengths() -> None:
    pages = {name_of(path): path.read_text(encoding="utf-8") for path in (ROOT / "templates").rglob("*.html")}
    named = {name for page in pages.values() for name in re.findall(r'maxlength="{{ input_limits\.(\w+) }}"', page)}
    assert named <= lengths(vars(limits)).keys()
    assert len(named) == 7
    assert {name: found for name, page in pages.items() if (found := written_out_in_html(page))} == {}


class TestThatItWouldFail:
    """A test that cannot fail is not a test."""

    def test_on_another_figure_or_name_in_the_engine(self) -> None:
        assert disagreements({"NOTE_CHARACTERS_MAX": 201}, {"NOTE_CHARACTERS_MAX": 200}) == [
            "NOTE_CHARACTERS_MAX: 201 in the engine, 200 at the doors"
        ]
        assert disagreements({"NOTE_CHARACTERS_MAX": 200}, {}) != []

    def test_on_a_field_with_a_number(self) -> None:
        field = ast.parse("note = forms.CharField(max_length=200, required=False)\nkind = CharField(max_length=32)")
        assert list(written_out(field, {36, 200})) == ["line 1: 200"]

    def test_on_a_template_with_a_number(self) -> None:
        assert written_out_in_html('<input name="note" maxlength="200">') == ['maxlength="200"']
