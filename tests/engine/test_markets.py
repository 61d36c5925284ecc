"""Creating and editing markets (rules, section 4)."""

import pytest

from markets.engine.commands import CreateMarket, EditMarket
from markets.engine.errors import Reason
from tests.scenario import OPERATOR, Scenario

HUGE = 10**30


def test_anyone_may_create_one(day: Scenario) -> None:
    assert day.market(
        "LEAD", -10, "99.5", tick="0.5", smallest=2, owner="alice", description="By weight.\nSettles at 5."
    ) == ["market LEAD, -10 to 99.5, of alice"]


def test_it_belongs_to_the_acting_account(day: Scenario) -> None:
    day.alt("alice", "Desk")
    assert day.market("LEAD", 0, 1, owner="Desk") == ["market LEAD, 0 to 1, of Desk"]


@pytest.mark.parametrize(
    ("low", "high", "tick", "smallest"),
    [
        (100, 100, 1, 1),
        (101, 100, 1, 1),
        (-100_000_001, 0, 1, 1),
        (0, 100_000_001, 1, 1),
        (0, 101, 2, 1),
        (1, 100, 2, 1),
        (-5, 10, 10, 1),
        (0, 100, -1, 1),
        (0, 100, 1, -1),
        (0, 100, 1, 10_000_001),
        (-HUGE, HUGE, 1, 1),
        (0, 100, HUGE, 1),
        (0, 100, 1, HUGE),
    ],
)
def test_shapes_that_are_refused(day: Scenario, low: int, high: int, tick: int, smallest: int) -> None:
    with day.refuses(Reason.INVALID_MARKET):
        day.do(CreateMarket(*day.head("alice", "", ""), "LEAD", "", low, high, tick, smallest))


@pytest.mark.parametrize(
    ("low", "high", "tick", "smallest"),
    [(-100_000_000, 100_000_000, 1, 1), (0, 1, 1, 10_000_000), (-100_000_000, 0, 100_000_000, 7), (-30, -10, 10, 3)],
)
def test_shapes_at_the_edge(day: Scenario, low: int, high: int, tick: int, smallest: int) -> None:
    assert len(day.do(CreateMarket(*day.head("alice", "", ""), "LEAD", "", low, high, tick, smallest))) == 1


def test_a_description_has_at_most_4000_characters(day: Scenario) -> None:
    with day.refuses(Reason.INVALID_TEXT):
        day.market("LEAD", 0, 1, description="x" * 4_001)
    day.market("LEAD", 0, 1, description="x" * 4_000)


@pytest.mark.parametrize("text", ["nul\x00", "bell\x07", "\x1b[2J"])
def test_a_description_has_no_control_characters(day: Scenario, text: str) -> None:
    with day.refuses(Reason.INVALID_TEXT):
        day.market("LEAD", 0, 1, description=text)
    with day.refuses(Reason.INVALID_TEXT):
        day.edit("GOLD", description=text)


def test_the_house_owns_none(day: Scenario) -> None:
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.do(CreateMarket(day.users[OPERATOR], 1, True, "", "LEAD", "", 0, 100, 1, 1))


def test_twenty_unsettled_markets_a_person() -> None:
    day = Scenario(compare=False)
    day.people("alice", "bob")
    day.alt("alice", "Desk")
    for number in range(20):
        day.market(f"market {number}", 0, 1, owner="alice" if number % 2 else "Desk")
    with day.refuses(Reason.TOO_MANY_MARKETS):
        day.market("one more", 0, 1, owner="alice")
    with day.refuses(Reason.TOO_MANY_MARKETS):
        day.market("one more", 0, 1, owner="Desk")
    day.market("of bob", 0, 1, owner="bob")
    day.settle("market 3", 1)
    day.market("one more", 0, 1, owner="alice")
    with day.refuses(Reason.TOO_MANY_MARKETS):
        day.market("and one", 0, 1, owner="alice")


def test_operators_in_sudo_make_as_many_as_they_like() -> None:
    day = Scenario(compare=False)
    for number in range(25):
        day.market(f"market {number}", 0, 1)


def test_how_many_is_a_setting(day: Scenario) -> None:
    day.market("LEAD", 0, 100, owner="alice")
    command = CreateMarket(*day.head("alice", "", ""), "TIN", "", 0, 100, 1, 1)
    with day.refuses(Reason.TOO_MANY_MARKETS):
        day.do(command._replace(markets_max=1))
    day.do(command._replace(markets_max=2))


def test_the_owner_edits_the_description(day: Scenario) -> None:
    day.market("LEAD", 0, 100, owner="alice")
    assert day.edit("LEAD", description="Now with a rule.", who="alice") == ["market LEAD: Now with a rule."]


def test_operators_in_sudo_edit_name_and_description(day: Scenario) -> None:
    day.market("LEAD", 0, 100, owner="alice", description="By weight.")
    assert day.edit("LEAD", name="TIN") == ["market TIN: By weight."]
    assert day.edit("LEAD", description="") == ["market TIN: "]
    day.market("LEAD", 0, 100)  # its old name is free again


def test_a_market_may_change_the_case_of_its_own_name(day: Scenario) -> None:
    assert day.edit("GOLD", name="Gold") == ["market Gold: "]


def test_what_is_not_sent_stays(day: Scenario) -> None:
    day.edit("GOLD", description="A metal.")
    assert day.edit("GOLD") == ["market GOLD: A metal."]


def test_the_owner_does_not_rename(day: Scenario) -> None:
    day.market("LEAD", 0, 100, owner="alice")
    with day.refuses(Reason.SUDO_REQUIRED):
        day.edit("LEAD", name="TIN", who="alice")


def test_others_edit_nothing(day: Scenario) -> None:
    day.market("LEAD", 0, 100, owner="alice")
    with day.refuses(Reason.SUDO_REQUIRED):
        day.edit("LEAD", description="Mine.", who="bob")


def test_edits_are_checked_like_new_markets(day: Scenario) -> None:
    day.market("LEAD", 0, 100)
    with day.refuses(Reason.NAME_TAKEN):
        day.edit("LEAD", name="gold")
    with day.refuses(Reason.INVALID_NAME):
        day.edit("LEAD", name=" ")
    with day.refuses(Reason.INVALID_TEXT):
        day.edit("LEAD", description="x" * 4_001)


def test_a_refused_edit_changes_neither_field(day: Scenario) -> None:
    with day.refuses(Reason.INVALID_TEXT):
        day.edit("GOLD", name="SILVER", description="nul\x00")
    assert day.edit("GOLD") == ["market GOLD: "]


@pytest.mark.parametrize("market", [0, 99, -1, HUGE])
def test_an_unknown_market_is_not_found(day: Scenario, market: int) -> None:
    with day.refuses(Reason.MARKET_NOT_FOUND):
        day.do(EditMarket(*day.head(OPERATOR, "", ""), market, "TIN", None))
