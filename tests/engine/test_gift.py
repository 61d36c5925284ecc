"""Operators give money from the house, which owes what it gave (rules, sections 1 and 3)."""

import pytest

from markets.engine.errors import Reason
from tests.scenario import Scenario


def test_the_house_owes_what_it_issued(day: Scenario) -> None:
    assert day.gift("alice", 50, "for the winner") == ["House pays alice 50 (GIFT)"]
    assert day.cash("alice") == "1050"
    assert sum(account.cash for account in day.engine.accounts.values()) == 0
    assert day.engine.accounts[1].cash == -4_050 * 10_000


def test_a_gift_to_an_alt_touches_no_credit(day: Scenario) -> None:
    day.alt("alice", "Desk")
    day.pay("alice", "Desk", 100)
    assert day.gift("Desk", 50) == ["House pays Desk 50 (GIFT)"]
    assert (day.cash("Desk"), day.credit("Desk")) == ("150", "100")


def test_only_operators_in_sudo_give(day: Scenario) -> None:
    with day.refuses(Reason.SUDO_REQUIRED):
        day.gift("alice", 50, by="alice")


def test_the_house_does_not_give_to_itself(day: Scenario) -> None:
    day.ids["House"] = 1
    with day.refuses(Reason.SAME_ACCOUNT):
        day.gift("House", 50)


@pytest.mark.parametrize("account", [0, 99, -1, 10**30])
def test_an_unknown_account_is_not_found(day: Scenario, account: int) -> None:
    day.ids["nobody"] = account
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.gift("nobody", 50)


def test_the_house_never_owes_more_than_ten_million_million() -> None:
    day = Scenario(compare=False)
    day.people("alice", cash="0.0001")
    for _ in range(9_999):
        day.gift("alice", 10**9)
    with day.refuses(Reason.ISSUE_LIMIT):
        day.gift("alice", 10**9)
    day.gift("alice", "999999999.9999")
    assert day.engine.accounts[1].cash == -(10**17)
    with day.refuses(Reason.ISSUE_LIMIT):
        day.gift("alice", "0.0001")
    with day.refuses(Reason.ISSUE_LIMIT):
        day.people("bob", cash="0.0001")
    day.people("carol", cash=0)
