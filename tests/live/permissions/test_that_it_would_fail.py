"""The tests of the tables notice wrong tables and wrong answers."""

import pytest

from tests.live.exchange import Page
from tests.live.permissions.doors import NOT_FOUND, Answer, answer_of
from tests.live.permissions.table import KINDS, Row, rows
from tests.live.permissions.test_permissions import BY_OPERATION, distinguishable, expected, is_hidden_form

HEAD = "| `see a market` | no market | R P |"


def row(operation: str, thing: str) -> Row:
    return next(row for row in BY_OPERATION[operation] if row.thing == thing)


def answer(code: str, *words: str) -> Answer:
    return Answer(frozenset({code}), (code, *words))


@pytest.mark.parametrize("cells", [["yes"] * 12, ["yes"] * 14, ["yes"] * 12 + [""], ["yes"] * 12 + ["perhaps"]])
def test_an_incomplete_row_is_an_error(cells: list[str]) -> None:
    with pytest.raises(AssertionError):
        rows(f"{HEAD} {' | '.join(cells)} |")


def test_a_repeated_row_is_an_error() -> None:
    line = f"{HEAD} {' | '.join(['yes'] * len(KINDS))} |"
    assert len(rows(line)) == 1
    with pytest.raises(AssertionError):
        rows(f"{line}\n{line}")


def test_another_code_or_an_unknown_answer_does_not_match() -> None:
    cell = expected(row("see a market", "one for others"), "rest", "stranger")
    assert cell == "MARKET_NOT_FOUND"
    assert not answer("NOT_ALLOWED").means(cell)
    assert not answer_of(Page(200, "/", '<p data-kind="error">Something else.</p>'), 1).means(cell)
    assert not answer_of(Page(200, "/", "Gold"), 1).means(cell)
    assert answer_of(Page(404, "/markets/1/", "Not found"), 1).means(cell)


def test_another_sentence_for_a_hidden_thing_is_noticed() -> None:
    absent = {("rest", "stranger"): answer("MARKET_NOT_FOUND", "There is no market N.")}
    answers = {one.thing: absent for one in BY_OPERATION["see a market"]}
    assert not distinguishable("see a market", answers)
    hint = {("rest", "stranger"): answer("MARKET_NOT_FOUND", "You may not see market N.")}
    assert len(distinguishable("see a market", {**answers, "one for others": hint})) == 1


def test_a_form_may_be_hidden_only_from_those_who_may_not_use_it() -> None:
    hidden = Answer(NOT_FOUND, (404, ""))
    mine = row("edit_auction", "the account's auction")
    assert is_hidden_form(mine, "pages", "stranger", hidden)
    assert not is_hidden_form(mine, "pages", "owner", hidden)
    assert not is_hidden_form(mine, "pages", "stranger", answer("yes"))
