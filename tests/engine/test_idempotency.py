"""A key is used once (rules, section 5, Keys): a second command with it repeats the first."""

import pytest

from markets.engine.commands import CreateAccount, Gift, MakeTransfer
from markets.engine.errors import Reason, Rejected, Repeated
from markets.engine.text import check_text
from realtime.limits import KEY_CHARACTERS_MAX
from tests.scenario import OPERATOR, Scenario, table

REMEMBERED = 10_000


def test_example_5_10_an_order_sent_twice_is_one_order(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, key="mine")
    with day.repeats(day.engine.seq):
        day.buy("alice", "GOLD", 40, key="mine")
    assert day.book("GOLD") == table("alice 1 @ 40 |")


def test_also_after_it_was_filled_or_cancelled_and_the_market_closed(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, key="filled")
    first = day.engine.seq
    day.sell("bob", "GOLD", 40)
    day.buy("alice", "GOLD", 40, key="cancelled")
    second = day.engine.seq
    day.cancel("alice", client_order_id="cancelled")
    day.settle("GOLD", 50)
    for key, seq in (("filled", first), ("cancelled", second)):
        with day.repeats(seq):
            day.buy("alice", "GOLD", 40, key=key)


def test_every_change_may_carry_one(day: Scenario) -> None:
    day.alt("alice", "Desk", key="a")
    with day.repeats(day.engine.seq):
        day.alt("alice", "Desk", key="a")
    day.pay("alice", "bob", 1, key="b")
    with day.repeats(day.engine.seq):
        day.pay("alice", "bob", 1, key="b")
    day.gift("alice", 1, key="c")
    with day.repeats(day.engine.seq):
        day.gift("alice", 1, key="c")
    day.market("LEAD", 0, 100, owner="alice", key="d")
    with day.repeats(day.engine.seq):
        day.market("LEAD", 0, 100, owner="alice", key="d")
    day.buy("alice", "LEAD", 50)
    day.cancel("alice", day.last_order, key="e")
    with day.repeats(day.engine.seq):
        day.cancel("alice", day.last_order, key="e")
    day.out("alice", key="f")
    with day.repeats(day.engine.seq):
        day.out("alice", key="f")
    day.settle("LEAD", 1, who="alice", key="g")
    with day.repeats(day.engine.seq):
        day.settle("LEAD", 1, who="alice", key="g")


def test_the_scope_is_the_acting_account_and_all_kinds(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, key="mine")
    seq = day.engine.seq
    with day.repeats(seq):
        day.pay("alice", "bob", 1, key="mine")
    with day.repeats(seq):
        day.sell("alice", "GOLD", 90, key="mine", by=OPERATOR)
    day.alt("alice", "Desk")
    day.sell("Desk", "GOLD", 100, key="mine")
    day.buy("bob", "GOLD", 40, key="mine")


def test_rights_come_first(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40, key="mine")
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.buy("alice", "GOLD", 40, key="mine", by="bob")


def test_no_key_is_never_used(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40)
    day.buy("alice", "GOLD", 40)
    assert day.book("GOLD") == table("""
        alice 1 @ 40 |
        alice 1 @ 40 |
    """)


def test_a_refusal_leaves_its_key_unused(day: Scenario) -> None:
    with day.refuses(Reason.INSUFFICIENT_FUNDS):
        day.buy("alice", "GOLD", 100, size=11, key="mine")
    with day.refuses(Reason.INVALID_PRICE):
        day.buy("alice", "GOLD", 101, key="mine")
    day.buy("alice", "GOLD", 100, size=10, key="mine")
    with day.repeats(day.engine.seq):
        day.buy("alice", "GOLD", 100, size=10, key="mine")


@pytest.mark.parametrize("key", ["x" * 36, "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0", "Ünïcøde", "two words"])
def test_keys(day: Scenario, key: str) -> None:
    day.buy("alice", "GOLD", 40, key=key)
    assert day.cancel("alice", client_order_id=key) == ["order 1 of alice: 1 cancelled, 0 open (REQUESTED)"]


@pytest.mark.parametrize("key", ["x" * 37, "nul\x00", "bell\x07"])
def test_keys_that_the_codec_refuses(key: str) -> None:
    with pytest.raises(Rejected) as refused:
        check_text(key, KEY_CHARACTERS_MAX, "key")
    assert refused.value.reason == Reason.INVALID_TEXT


def test_ten_thousand_keys_are_remembered() -> None:
    day = Scenario(compare=False)
    day.people("alice", "bob", cash=1_000)
    day.market("GOLD", 0, 100)
    day.buy("alice", "GOLD", 10, key="open")
    opened = day.engine.seq
    day.buy("alice", "GOLD", 10, key="done")
    done = day.engine.seq
    day.cancel("alice", day.last_order)
    for number in range(REMEMBERED - 1):
        day.pay("alice", "bob", "0.0001", key=f"pay {number}")
    with day.repeats(done):  # the oldest of 10,000
        day.buy("alice", "GOLD", 10, key="done")
    day.pay("alice", "bob", "0.0001", key="one more")
    with day.repeats(opened):  # forgotten, were its order not open
        day.buy("alice", "GOLD", 10, key="open")
    with day.repeats(done + 2):
        day.pay("alice", "bob", "0.0001", key="pay 0")
    day.buy("alice", "GOLD", 10, key="done")
    day.cancel("alice", client_order_id="open")
    day.buy("alice", "GOLD", 10, key="open")


def test_the_first_answer_stands_whatever_the_second_says(day: Scenario) -> None:
    """The engine does not compare the bodies. The matcher does, with the journal (KEY_CONFLICT)."""
    day.pay("alice", "bob", 1, key="mine")
    alice, bob = day.ids["alice"], day.ids["bob"]
    head = (day.users["alice"], alice, False, "mine")
    for other in (
        MakeTransfer(*head, alice, bob, 20_000, ""),
        MakeTransfer(*head, alice, 99, -5, "\x00"),
        CreateAccount(*head, "", 0),
        Gift(day.users[OPERATOR], alice, True, "mine", bob, 1, ""),
    ):
        with pytest.raises(Repeated):
            day.do(other)
