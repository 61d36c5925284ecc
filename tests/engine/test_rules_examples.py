"""docs/rules.md agrees with the engine: each example has a test, each code a row, each limit the engine's figure."""

import ast
import re
from pathlib import Path

import pytest

from markets.engine import listing, state, text
from markets.engine.errors import Reason
from markets.engine.ledger import KEYS_KEPT
from realtime.limits import KEY_CHARACTERS_MAX

HERE = Path(__file__).resolve().parent
RULES = (HERE.parents[1] / "docs" / "rules.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"\*\*Example (\d+)\.(\d+)\*\*")
TEST = re.compile(r"test_example_(\d+)_(\d+)_\w+")


def examples(rules: str) -> list[str]:
    """The numbers of the page's examples in their order: "5.1"."""
    return [".".join(number) for number in EXAMPLE.findall(rules)]


def named_after_examples() -> set[str]:
    """The numbers of the examples that test functions are named after."""
    functions = (
        node.name
        for path in HERE.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    )
    return {".".join(found.groups()) for name in functions if (found := TEST.fullmatch(name))}


def sections(rules: str) -> dict[int, str]:
    """The text of each section, by number."""
    parts = re.split(r"^## (\d+)\. ", rules, flags=re.MULTILINE)
    return {int(number): body for number, body in zip(parts[1::2], parts[2::2])}


def test_every_example_has_a_test() -> None:
    assert set(examples(RULES)) - named_after_examples() == set()


def test_every_test_of_an_example_has_its_example() -> None:
    assert named_after_examples() - set(examples(RULES)) == set()


def test_an_example_without_a_test_would_be_noticed() -> None:
    assert set(examples(RULES + "\n> **Example 5.99** Nobody tests this.")) - named_after_examples() == {"5.99"}


def test_examples_stand_in_their_section_in_order() -> None:
    for number, body in sections(RULES).items():
        found = examples(body)
        assert found == [f"{number}.{n}" for n in range(1, len(found) + 1)]


def test_there_are_ten_sections() -> None:
    assert list(sections(RULES)) == list(range(1, 11))


@pytest.mark.parametrize("reason", Reason)
def test_every_code_has_its_row(reason: Reason) -> None:
    rows = [line.split("|")[1] for line in sections(RULES)[10].splitlines() if line.startswith("|")]
    assert any(reason.name in row.replace(",", " ").split() for row in rows)


@pytest.mark.parametrize("word", sorted(set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)+\b", RULES))))
def test_every_code_on_the_page_is_a_code(word: str) -> None:
    others = {"CANCEL_ONLY", "CANCEL_RESTING", "CANCEL_INCOMING"}
    assert word in {reason.name for reason in Reason} | others


@pytest.mark.parametrize(
    ("section", "phrase", "figure"),
    [
        (1, f"1 to {text.ACCOUNT_NAME_CHARACTERS_MAX} characters", 40),
        (3, f"at most {text.NOTE_CHARACTERS_MAX} characters", 200),
        (3, f"{state.AMOUNT_MAX // 10_000:,}", 10**9),
        (3, f"{state.ISSUE_MAX // 10_000:,}", 10**13),
        (4, f"1 to {text.MARKET_NAME_CHARACTERS_MAX} characters", 80),
        (4, f"at most {text.DESCRIPTION_CHARACTERS_MAX:,} characters", 4_000),
        (4, f"1 to {text.CATEGORY_CHARACTERS_MAX} characters", 40),
        (4, f"at most {listing.LISTED_MAX:,} (", 1_000),
        (4, f"±{state.PRICE_MAX // 100:,}", 10**6),
        (5, f"to {state.SIZE_MAX // 100:,} and", 10**5),
        (5, f"at most {state.ORDERS_MAX:,} open orders", 1_000),
        (5, f"at most {KEY_CHARACTERS_MAX} characters", 36),
        (5, f"The last {KEYS_KEPT:,} keys of a user account", 10_000),
    ],
)
def test_the_pages_limits_are_the_engines(section: int, phrase: str, figure: int) -> None:
    """The figure is written out too, so that a change of the engine alone fails."""
    assert f"{figure:,}" in phrase
    assert phrase in " ".join(sections(RULES)[section].split())
