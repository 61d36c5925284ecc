"""Asks every operation as every kind of person at every door and compares the answers with docs/permissions.md.

Also checks that what people may not see is answered exactly like what does not exist.
"""

from collections.abc import Iterator
from itertools import groupby

import pytest

from tests.live.exchange import LiveExchange, Template
from tests.live.permissions.asking import OPERATIONS, Asked, Asking
from tests.live.permissions.doors import NEEDS_SUDO, NOT_FOUND, Answer
from tests.live.permissions.stage import NO_THINGS
from tests.live.permissions.table import ALLOWED, AS_IT, KINDS, NO_DOOR, ROLES, Row, rows

ROWS = rows()
BY_ROLE = rows(kinds=ROLES)
BY_DEPUTY = rows(kinds=AS_IT)
BY_OPERATION = {name: list(group) for name, group in groupby(ROWS, key=lambda row: row.operation)}
MANY = {"SOCKETS_MAX": "100", "API_TOKENS_MAX": "1000", "SUBSCRIPTIONS_MAX": "10000", "UNSETTLED_MARKETS_MAX": "1000"}
HIDDEN_FORMS = ("edit_auction", "edit_market description", "settle_market")
# The console is for operators who entered their password lately, whatever they may do elsewhere.
CONSOLE = {"nobody": "NOT_AUTHENTICATED", "operator": "SUDO_REQUIRED"}


@pytest.fixture(scope="module")
def asking(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    exchange = LiveExchange(template, tmp_path_factory.mktemp("permissions") / "exchange", MANY)
    try:
        asking = Asking(exchange)
        yield asking
        asking.close()
        exchange.verify()
    finally:
        exchange.close()


@pytest.mark.parametrize("operation", BY_OPERATION)
def test_every_door_answers_as_the_table_says(asking: Asking, operation: str) -> None:
    answers = {row.thing: asking.row(operation, row.thing) for row in BY_OPERATION[operation]}
    wrong = [
        f"{operation} | {row.thing} | {kind} at the {door}: {sorted(answer.codes)}, not {expected(row, door, kind)}"
        for row in BY_OPERATION[operation]
        for (door, kind), answer in answers[row.thing].items()
        if not answer.means(expected(row, door, kind)) and not is_hidden_form(row, door, kind, answer)
    ]
    assert not wrong, "\n".join(wrong)
    assert not (hints := distinguishable(operation, answers)), "\n".join(hints)


@pytest.mark.parametrize("row", BY_ROLE, ids=lambda row: f"{row.operation}, {row.thing}")
def test_the_console_answers_each_role_as_the_table_says(asking: Asking, row: Row) -> None:
    assert not (wrong := differing(row, asking.at("console", asking.stage.roles, row.operation, row.thing))), wrong


@pytest.mark.parametrize("row", BY_DEPUTY, ids=lambda row: f"{row.operation}, {row.thing}")
def test_an_operator_in_sudo_acts_as_any_account(asking: Asking, row: Row) -> None:
    for door in row.doors:
        assert not (wrong := differing(row, asking.at(door, [asking.stage.deputy], row.operation, row.thing))), wrong


def differing(row: Row, answers: dict[Asked, Answer]) -> list[str]:
    return [
        f"{kind} at the {door}: {sorted(answer.codes)}, not {row.cells[kind]}"
        for (door, kind), answer in answers.items()
        if not answer.means(row.cells[kind])
    ]


def expected(row: Row, door: str, kind: str) -> str:
    """The code that the row demands at this door."""
    if door != "console" or kind == "in sudo":
        return row.cells[kind]
    return CONSOLE.get(kind, "NOT_ALLOWED")


def is_hidden_form(row: Row, door: str, kind: str, answer: Answer) -> bool:
    """Whether this is the 404 of a form that exists only for people who may change the auction or market."""
    return (
        row.operation in HIDDEN_FORMS
        and door == "pages"
        and row.cells[kind] in NEEDS_SUDO
        and answer.codes == NOT_FOUND
    )


def distinguishable(operation: str, answers: dict[str, dict[Asked, Answer]]) -> list[str]:
    """Answers about things that somebody may not see that differ from answers about things that do not exist."""
    nothing = next((found for thing, found in answers.items() if thing in NO_THINGS), {})
    return [
        f"{operation} | {row.thing} | {kind} at the {door}: {hidden.details}, not {absent.details}"
        for row in BY_OPERATION[operation]
        for (door, kind), absent in nothing.items()
        if row.cells[kind] in NOT_FOUND and not is_known(row, door, kind)
        if (hidden := answers[row.thing][door, kind]).details != absent.details
    ]


def is_known(row: Row, door: str, kind: str) -> bool:
    """Whether the person may know from elsewhere that the thing exists.

    Operators know it from the console. Pages lead back to the market, which a person may see without being able to
    trade there.
    """
    if door == "console":
        return True
    seen = next((one for one in BY_OPERATION["see a market"] if one.thing == row.thing), None)
    return door == "pages" and seen is not None and seen.cells[kind] == ALLOWED


# --- The tables are complete


def test_every_row_is_asked_for_at_every_door_that_has_it() -> None:
    assert [(row.operation, row.doors) for row in ROWS] == [
        (row.operation, OPERATIONS[row.operation].doors) for row in ROWS
    ]
    assert set(OPERATIONS) == set(BY_OPERATION)


def test_every_operation_of_the_console_has_a_row_by_role() -> None:
    asked = {name for name, operation in OPERATIONS.items() if "console" in operation.doors}
    assert {row.operation for row in BY_ROLE} == asked
    assert {row.doors for row in BY_ROLE} == {("console",)}
    assert all(NO_DOOR not in row.cells.values() for row in BY_ROLE)


def test_kinds_of_people_without_a_door_have_no_cell() -> None:
    """Tokens open no page."""
    tokens = KINDS[KINDS.index("read") :]
    for row in ROWS:
        pages_only = not {"socket", "rest"}.intersection(row.doors)
        assert {kind for kind in KINDS if row.cells[kind] == NO_DOOR} == set(tokens if pages_only else ()), row


def test_every_operation_on_a_thing_has_a_row_for_one_that_does_not_exist() -> None:
    """Otherwise hidden things would be compared with nothing."""
    for operation, found in BY_OPERATION.items():
        things = {row.thing for row in found}
        assert things == {"-"} or things & NO_THINGS, operation
