"""User accounts, alt accounts, and which accounts one may act as (rules, section 1)."""

import pytest

from markets.engine.commands import CreateAccount, CreateHouse, CreateUserAccount
from markets.engine.errors import Reason, Rejected
from tests.scenario import OPERATOR, Scenario


def test_the_house_comes_first_and_once(day: Scenario) -> None:
    with day.refuses(Reason.NOT_ALLOWED):
        day.do(CreateHouse(0, 0, True, ""))


def test_signing_in_opens_a_user_account_with_the_starting_cash(day: Scenario) -> None:
    assert day.do(CreateUserAccount(77, 0, False, "", "erin", 250 * 10_000)) == [
        "account erin",
        "House pays erin 250 (STARTING_CASH)",
    ]


def test_no_starting_cash_is_no_transfer(day: Scenario) -> None:
    assert day.do(CreateUserAccount(77, 0, False, "", "erin", 0)) == ["account erin"]


def test_signing_in_again_opens_no_second_account(day: Scenario) -> None:
    first = day.engine.accounts[day.ids["alice"]]
    with day.repeats(first.seq):
        day.do(CreateUserAccount(day.users["alice"], 0, False, "", "alice again", 250 * 10_000))


@pytest.mark.parametrize("cash", [-1, -(10**30)])
def test_starting_cash_below_zero_is_refused(day: Scenario, cash: int) -> None:
    with day.refuses(Reason.INVALID_AMOUNT):
        day.do(CreateUserAccount(77, 0, False, "", "erin", cash))


@pytest.mark.parametrize("user", [0, -1])
def test_nobody_has_no_user_account(day: Scenario, user: int) -> None:
    with pytest.raises(Rejected):
        day.engine.apply(CreateUserAccount(user, 0, False, "", "erin", 0), day.at_us)


def test_example_1_3_one_may_act_as_everything_below_ones_own_account(day: Scenario) -> None:
    day.alt("alice", "Desk")
    assert day.alt("Desk", "Book") == ["account Book under Desk"]
    assert day.engine.reach(day.users["alice"]) == {day.ids["alice"], day.ids["Desk"], day.ids["Book"]}
    assert day.engine.reach(day.users["bob"]) == {day.ids["bob"]}
    day.sell("Book", "GOLD", 100)


def test_an_alt_can_be_made_under_any_account_in_ones_tree(day: Scenario) -> None:
    day.alt("alice", "Desk")
    command = CreateAccount(*day.head("alice", "", ""), "Book", day.ids["Desk"])
    assert day.do(command) == ["account Book under Desk"]


@pytest.mark.parametrize("who", ["alice", "Desk", "Book"])
def test_strangers_may_not_act_as_any_of_them(day: Scenario, who: str) -> None:
    day.alt("alice", "Desk")
    day.alt("Desk", "Book")
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.sell(who, "GOLD", 100, by="bob")


def test_nor_make_alts_under_them(day: Scenario) -> None:
    for owner in ("alice", "House"):
        day.ids.setdefault("House", 1)
        with day.refuses(Reason.ACCOUNT_NOT_FOUND):
            day.do(CreateAccount(*day.head("bob", "", ""), "Mole", day.ids[owner]))


def test_an_unknown_owner_is_not_found(day: Scenario) -> None:
    for owner in (99, -1, 10**30):
        with day.refuses(Reason.ACCOUNT_NOT_FOUND):
            day.do(CreateAccount(*day.head("bob", "", ""), "Mole", owner))


def test_an_operator_in_sudo_acts_as_any_account_but_the_house(day: Scenario) -> None:
    day.ids["House"] = 1
    assert day.sell("alice", "GOLD", 100, by=OPERATOR) == ["alice offers 1 @ 100: 0 filled, 1 open"]
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.sell("House", "GOLD", 100, by=OPERATOR)
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.alt("House", "Mole", by=OPERATOR)


def test_an_operator_without_sudo_is_like_everybody_else(day: Scenario) -> None:
    user, _, _, key = day.head(OPERATOR, "", "")
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.do(CreateAccount(user, day.ids["alice"], False, key, "Mole", 0))


def test_an_alt_belongs_to_the_account_and_not_to_the_operator_who_made_it(day: Scenario) -> None:
    day.alt("alice", "Desk", by=OPERATOR)
    day.sell("Desk", "GOLD", 100, by="alice")


def test_fifty_alts_a_person_whatever_they_are_made_under() -> None:
    day = Scenario(compare=False)
    day.people("alice", "bob")
    day.alt("alice", "alt 1")
    for number in range(2, 51):
        day.alt("alice" if number % 2 else f"alt {number - 1}", f"alt {number}")
    for owner in ("alice", "alt 50"):
        with day.refuses(Reason.TOO_MANY_ACCOUNTS):
            day.alt(owner, "one more")
    day.alt("bob", "another")
    day.alt("alice", "one more", by=OPERATOR)


def test_how_many_is_a_setting(day: Scenario) -> None:
    day.alt("alice", "Desk")
    head = day.head("alice", "", "")
    with day.refuses(Reason.TOO_MANY_ACCOUNTS):
        day.do(CreateAccount(*head, "Book", 0, accounts_max=1))
    day.do(CreateAccount(*head, "Book", 0, accounts_max=2))
