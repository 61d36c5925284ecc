"""Payments, deposits, withdrawals, and what needs an operator (rules, section 3)."""

import pytest

from markets.engine.commands import MakeTransfer
from markets.engine.errors import Reason
from tests.scenario import OPERATOR, Scenario

HUGE = 10**30


@pytest.fixture
def desks(day: Scenario) -> Scenario:
    """Alice owns Desk and Annex, Desk owns Book; each of the three holds 100."""
    for owner, alt, cash in (("alice", "Desk", 200), ("alice", "Annex", 100), ("Desk", "Book", 100)):
        day.alt(owner, alt)
        day.pay(owner, alt, cash)
    return day


def test_example_3_1_people_pay_each_other(day: Scenario) -> None:
    assert day.pay("alice", "bob", "12.3456", "lunch") == ["alice pays bob 12.3456 (PAYMENT)"]
    assert (day.cash("alice"), day.cash("bob")) == ("987.6544", "1012.3456")


def test_an_owner_deposits_and_withdraws(desks: Scenario) -> None:
    assert desks.pay("alice", "Desk", 10)[-1] == "alice pays Desk 10 (DEPOSIT)"
    assert desks.pay("Desk", "alice", 110)[-1] == "Desk pays alice 110 (WITHDRAWAL)"
    assert desks.pay("Book", "Desk", 100)[-1] == "Book pays Desk 100 (WITHDRAWAL)"


@pytest.mark.parametrize(
    ("payer", "payee"),
    [("Desk", "Annex"), ("alice", "Book"), ("Book", "alice"), ("Book", "Annex"), ("Desk", "bob"), ("Book", "bob")],
)
def test_example_3_3_everything_else_needs_an_operator(desks: Scenario, payer: str, payee: str) -> None:
    with desks.refuses(Reason.SUDO_REQUIRED):
        desks.pay(payer, payee, 10)
    before = (desks.credit("Desk"), desks.credit("Annex"), desks.credit("Book"))
    assert desks.pay(payer, payee, 10, by=OPERATOR) == [f"{payer} pays {payee} 10 (PAYMENT)"]
    assert (desks.credit("Desk"), desks.credit("Annex"), desks.credit("Book")) == before


def test_into_somebody_elses_alt_needs_an_operator(desks: Scenario) -> None:
    with desks.refuses(Reason.SUDO_REQUIRED):
        desks.pay("bob", "Desk", 10)
    assert desks.pay("bob", "Desk", 10, by=OPERATOR) == ["bob pays Desk 10 (PAYMENT)"]


def test_an_operators_deposit_moves_credit_like_any_other(desks: Scenario) -> None:
    assert desks.pay("alice", "Desk", 10, by=OPERATOR) == [
        "credit in Desk: alice 210",
        "alice pays Desk 10 (DEPOSIT)",
    ]


def test_nobody_spends_what_is_not_theirs(desks: Scenario) -> None:
    for payer in ("alice", "Desk", "Book"):
        with desks.refuses(Reason.ACCOUNT_NOT_FOUND):
            desks.pay(payer, "bob", 10, by="bob")


def test_one_may_pay_from_an_owned_account_while_acting_as_oneself(desks: Scenario) -> None:
    assert desks.pay("Desk", "alice", 10, by="alice")[-1] == "Desk pays alice 10 (WITHDRAWAL)"


@pytest.mark.parametrize("amount", ["0", "-0.0001", "-5", "1000000000.0001", str(HUGE), str(-HUGE)])
def test_an_amount_is_above_0_and_at_most_a_thousand_million(day: Scenario, amount: str) -> None:
    with day.refuses(Reason.INVALID_AMOUNT):
        day.pay("alice", "bob", amount)
    with day.refuses(Reason.INVALID_AMOUNT):
        day.gift("bob", amount)


def test_the_smallest_amount(day: Scenario) -> None:
    day.pay("alice", "bob", "0.0001")
    assert day.cash("bob") == "1000.0001"


def test_example_3_2_more_than_the_available_balance_is_refused(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, size=10)
    assert (day.cash("alice"), day.available("alice")) == ("1000", "600")
    with day.refuses(Reason.INSUFFICIENT_FUNDS):
        day.pay("alice", "bob", "600.0001")
    day.pay("alice", "bob", 600)
    assert (day.cash("alice"), day.available("alice")) == ("400", "0")


def test_an_operator_cannot_overdraw_an_account_either(day: Scenario) -> None:
    with day.refuses(Reason.INSUFFICIENT_FUNDS):
        day.pay("alice", "bob", 1_001, by=OPERATOR)


def test_a_payment_to_the_same_account_is_refused(day: Scenario) -> None:
    with day.refuses(Reason.SAME_ACCOUNT):
        day.pay("alice", "alice", 1)


@pytest.mark.parametrize("account", [0, 99, -1, HUGE])
def test_an_unknown_account_is_not_found(day: Scenario, account: int) -> None:
    day.ids["nobody"] = account
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.pay("alice", "nobody", 1)
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.do(MakeTransfer(*day.head("alice", "", ""), account, day.ids["bob"], 10_000, ""))


def test_the_house_is_never_a_side(day: Scenario) -> None:
    day.ids["House"] = 1
    with day.refuses(Reason.NOT_ALLOWED):
        day.pay("alice", "House", 1)
    with day.refuses(Reason.NOT_ALLOWED):
        day.pay("alice", "House", 1, by=OPERATOR)
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.pay("House", "alice", 1, by=OPERATOR)


@pytest.mark.parametrize("note", ["", "x" * 200, "two\nlines", "tab\tbed", "emoji 🦉"])
def test_notes(day: Scenario, note: str) -> None:
    day.pay("alice", "bob", 1, note)
    assert day.engine.accounts[day.ids["bob"]].transfers[-1].note == note


@pytest.mark.parametrize("note", ["x" * 201, "nul\x00", "bell\x07", "\x1b[31mred", "del\x7f", "c1\x85"])
def test_notes_that_are_refused(day: Scenario, note: str) -> None:
    with day.refuses(Reason.INVALID_TEXT):
        day.pay("alice", "bob", 1, note)
    with day.refuses(Reason.INVALID_TEXT):
        day.gift("bob", 1, note)
