"""Amounts as text, with the cases of the browser's tests (frontend/test/money.test.ts)."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.template import Context, Template

from accounts import money

CASES = json.loads((Path(__file__).parents[2] / "frontend/test/money_cases.json").read_text(encoding="utf-8"))
WRITERS = ("price", "size", "cash", "chips", "signed_cash", "signed_size", "clock", "moment")


@pytest.mark.parametrize("name", WRITERS)
def test_amounts_are_written_as_the_browser_writes_them(name: str) -> None:
    write: Callable[[int], str] = getattr(money, name)
    assert [write(int(units)) for units, _ in CASES[name]] == [text for _, text in CASES[name]]


@pytest.mark.parametrize("case", CASES["parse"], ids=lambda case: repr(case[0]))
def test_what_a_person_types_is_read_as_the_browser_reads_it(case: list[Any]) -> None:
    text, decimals, expected, *why = case
    if expected is None:
        (sentence,) = why
        with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
            money.parse(text, decimals)
    else:
        assert money.parse(text, decimals) == int(expected)


@pytest.mark.parametrize(("units", "decimals", "text"), CASES["plain"])
def test_a_field_holds_an_amount_that_is_read_again(units: str, decimals: int, text: str) -> None:
    assert money.plain(int(units), decimals) == text
    assert money.parse(text, decimals) == int(units)


@pytest.mark.parametrize(("cost", "position", "expected"), CASES["average_entry"])
def test_average_entry_is_rounded_half_up(cost: str, position: str, expected: str | None) -> None:
    assert money.average_entry(int(cost), int(position)) == (None if expected is None else int(expected))


@pytest.mark.parametrize("case", CASES["mark"])
def test_the_mark_is_the_mid_else_the_last_trade(case: list[str | None]) -> None:
    bid, offer, last, expected = (None if text is None else int(text) for text in case)
    assert money.mark(bid, offer, last) == expected


@pytest.mark.parametrize("name", WRITERS)
def test_every_amount_has_a_filter_and_nothing_is_a_dash(name: str) -> None:
    template = Template("{% load money %}{{ units|" + name + " }} {{ none|" + name + " }} {{ missing|" + name + " }}")
    text = getattr(money, name)(12_345)
    assert template.render(Context({"units": 12_345, "none": None})) == f"{text} – –"
