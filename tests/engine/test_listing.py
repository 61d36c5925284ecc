"""Which accounts a market lists, and what else operators choose about it (rules, section 4)."""

from typing import Any

import pytest

from markets.engine import commands as c
from markets.engine.commands import MarketStatus
from markets.engine.errors import Reason
from markets.engine.events import Event, MarketEdited
from tests.scenario import OPERATOR, MarketOptions, Scenario, table

HOUSE = 1
NOWHERE = 99
RESTING = (MarketStatus.OPEN, MarketStatus.CANCEL_ONLY, MarketStatus.PAUSED)  # statuses in which orders may rest


def last_events(day: Scenario) -> list[Event]:
    """The events of the last accepted command."""
    engine = day.replay(day.history[:-1])
    return engine.apply(*day.history[-1])


# --- Changes of the list


@pytest.mark.parametrize("status", RESTING, ids=lambda status: status.name)
def test_example_4_8_who_is_no_longer_listed_loses_open_orders_in_every_status(
    day: Scenario, status: MarketStatus
) -> None:
    day.buy("alice", "GOLD", 40, size=10)
    day.buy("bob", "GOLD", 41)
    day.sell("carol", "GOLD", 60, size=5)
    day.sell("alice", "GOLD", 61)
    if status != MarketStatus.OPEN:
        day.status("GOLD", status)
    assert (day.available("alice"), day.available("carol")) == ("600", "800")
    assert day.edit("GOLD", visible_to=("bob",)) == [
        "order 1 of alice: 10 cancelled, 0 open (NO_LONGER_LISTED)",
        "order 3 of carol: 5 cancelled, 0 open (NO_LONGER_LISTED)",
        "order 4 of alice: 1 cancelled, 0 open (NO_LONGER_LISTED)",
        "market GOLD, for bob: ",
    ]
    assert (day.available("alice"), day.available("carol")) == ("1000", "1000")
    assert day.book("GOLD") == table("bob 1 @ 41 |")
    with day.refuses(Reason.ORDER_NOT_FOUND):
        day.cancel("alice", 1)


@pytest.mark.parametrize("over", [MarketStatus.CLOSED, MarketStatus.SETTLED], ids=lambda status: status.name)
def test_a_market_that_is_over_has_no_orders_to_lose(day: Scenario, over: MarketStatus) -> None:
    day.buy("alice", "GOLD", 40)
    if over == MarketStatus.CLOSED:
        day.status("GOLD", over)
    else:
        day.settle("GOLD", 50)
    assert day.edit("GOLD", visible_to=("bob",)) == ["market GOLD, for bob: "]
    assert not day.knows("alice", "GOLD")


def test_only_those_who_go_lose_their_orders(copper: Scenario) -> None:
    copper.buy("Desk", "COPPER", 40)
    copper.buy("bob", "COPPER", 41, key="mine")
    assert copper.edit("COPPER", visible_to=("Desk", "carol")) == [
        "order 2 of bob: 1 cancelled, 0 open (NO_LONGER_LISTED)",
        "market COPPER, for carol, Desk: ",
    ]
    assert copper.book("COPPER") == table("Desk 1 @ 40 |")
    with copper.repeats(copper.engine.seq - 1):  # the key was used, and stays so
        copper.buy("bob", "GOLD", 41, key="mine")


def test_a_position_stays_when_its_holder_goes(copper: Scenario) -> None:
    copper.buy("Desk", "COPPER", 40, size=2)
    copper.sell("bob", "COPPER", 40, size=2)
    copper.edit("COPPER", visible_to=("bob",))
    assert copper.position("Desk", "COPPER") == "2"
    assert copper.available("Desk") == "420"
    copper.settle("COPPER", 100)
    assert copper.cash("Desk") == "620"


def test_who_comes_back_trades_again_but_the_orders_are_gone(copper: Scenario) -> None:
    copper.buy("bob", "COPPER", 40)
    copper.edit("COPPER", visible_to=("Desk",))
    copper.edit("COPPER", visible_to=("bob", "Desk"))
    assert copper.book("COPPER") == ""
    copper.buy("bob", "COPPER", 40)


def test_example_4_9_an_empty_list_and_none_differ(copper: Scenario) -> None:
    copper.buy("bob", "COPPER", 40)
    assert copper.edit("COPPER", description="A metal.") == ["market COPPER, for bob, Desk: A metal."]
    with copper.refuses(Reason.MARKET_NOT_FOUND):
        copper.buy("carol", "COPPER", 40)
    assert copper.edit("COPPER", visible_to=()) == ["market COPPER: A metal."]
    copper.buy("carol", "COPPER", 40)
    assert copper.book("COPPER") == table("bob 1 @ 40 |\ncarol 1 @ 40 |")


def test_a_list_is_what_it_holds(copper: Scenario) -> None:
    """Neither order nor repetition counts. A list with the same accounts is no change and is not reported as one."""
    copper.buy("bob", "COPPER", 40)
    copper.engine.take_changed()
    copper.edit("COPPER", visible_to=("bob", "Desk", "bob"))
    changed = copper.engine.take_changed()
    assert (dict(changed.visibility), dict(changed.unlisted), dict(changed.masks)) == ({}, {}, {})
    assert last_events(copper)[-1]._asdict()["visible_before"] is None
    assert copper.book("COPPER") == table("bob 1 @ 40 |")


def test_an_edit_says_who_was_listed_before(copper: Scenario) -> None:
    copper.edit("COPPER", visible_to=())
    (edited,) = last_events(copper)
    assert isinstance(edited, MarketEdited)
    bob, desk = copper.ids["bob"], copper.ids["Desk"]
    assert (edited.visible_before, edited.visible_to) == ((bob, desk), ())
    copper.edit("COPPER", visible_to=("Desk",))
    (edited,) = last_events(copper)
    assert isinstance(edited, MarketEdited)
    assert (edited.visible_before, edited.visible_to) == ((), (desk,))


# --- Lists that are refused


@pytest.mark.parametrize("listed", [(HOUSE,), (2, HOUSE), (0,), (-1,), (NOWHERE,), (2, 10**30)])
def test_accounts_that_cannot_trade_are_not_listed(day: Scenario, listed: tuple[int, ...]) -> None:
    operator = day.head(OPERATOR, "", "")
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.do(c.CreateMarket(*operator, "LEAD", "", 0, 100, 1, 1, visible_to=listed))
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.do(c.EditMarket(*operator, day.market_ids["GOLD"], None, None, visible_to=listed))


def test_a_list_has_at_most_1000_accounts() -> None:
    day = Scenario(compare=False)
    day.people(*(f"person {number}" for number in range(1, 1_002)))
    day.market("GOLD", 0, 100)
    everybody = tuple(day.ids[f"person {number}"] for number in range(1, 1_002))
    edit = c.EditMarket(*day.head(OPERATOR, "", ""), day.market_ids["GOLD"], None, None, visible_to=everybody)
    with day.refuses(Reason.INVALID_MARKET):
        day.do(edit)
    with day.refuses(Reason.INVALID_MARKET):
        day.do(c.CreateMarket(*day.head(OPERATOR, "", ""), "LEAD", "", 0, 100, 1, 1, visible_to=everybody))
    day.do(edit._replace(visible_to=everybody[:1_000]))
    assert len(day.engine.markets[1].visible_to) == 1_000
    with day.refuses(Reason.MARKET_NOT_FOUND):
        day.buy("person 1001", "GOLD", 1)


# --- Hidden ids, categories, pins


def test_hidden_ids_change_nothing_but_what_is_shown(day: Scenario) -> None:
    day.market("LEAD", 0, 100, hide_account_ids=True)
    for market in ("GOLD", "LEAD"):
        day.sell("bob", market, 50, size=2)
        day.sell("alice", market, 50)
        assert day.buy("alice", market, 50, size=4) == [
            "alice buys 2 @ 50 from bob",
            f"order {day.last_order - 1} of alice: 1 cancelled, 0 open (SELF_TRADE)",
            "alice bids 4 @ 50: 2 filled, 2 open",
        ]
        assert day.book(market) == table("alice 2 @ 50 |")


def test_hiding_ids_is_reported_only_when_it_changes(day: Scenario) -> None:
    day.buy("alice", "GOLD", 40)
    gold = day.market_ids["GOLD"]
    for hide, reported in ((True, True), (True, False), (False, True), (False, False)):
        day.engine.take_changed()
        day.edit("GOLD", hide_account_ids=hide)
        changed = day.engine.take_changed()
        assert (gold in changed.masks, gold in changed.visibility) == (reported, reported)
        assert gold in changed.markets
    assert day.book("GOLD") == table("alice 1 @ 40 |")


def test_example_4_10_categories_that_everybody_may_use_and_others(day: Scenario) -> None:
    """A setting says which categories are public; the command carries the answer for its own."""
    assert day.market("LEAD", 0, 1, owner="alice", category=" base  metals ") == [
        "market LEAD, 0 to 1, of alice, in base metals"
    ]
    with day.refuses(Reason.SUDO_REQUIRED):
        day.market("TIN", 0, 1, owner="alice", category="exam", category_public=False)
    assert day.market("TIN", 0, 1, category="exam", category_public=False) == [
        "market TIN, 0 to 1, of operator, in exam"
    ]
    with day.refuses(Reason.SUDO_REQUIRED):
        day.edit("LEAD", category="", who="alice")
    assert day.edit("LEAD", category="") == ["market LEAD: "]


@pytest.mark.parametrize("category", [" ", "x" * 41, "bell\x07", "\ufe0f"])
def test_a_category_is_a_name_or_none(day: Scenario, category: str) -> None:
    day.oracle = None  # the oracle does not know all invisible characters
    with day.refuses(Reason.INVALID_NAME):
        day.market("LEAD", 0, 1, category=category)
    with day.refuses(Reason.INVALID_NAME):
        day.edit("GOLD", category=category)
    day.edit("GOLD", category="x" * 40)


@pytest.mark.parametrize(
    "special",
    [{"pinned": True}, {"visible_to": ("alice",)}, {"hide_account_ids": True}, {"category_public": False}],
    ids=lambda special: next(iter(special)),
)
def test_special_markets_take_an_operator_in_sudo(day: Scenario, special: MarketOptions) -> None:
    with day.refuses(Reason.SUDO_REQUIRED):
        day.market("LEAD", 0, 100, owner="alice", **special)
    day.market("LEAD", 0, 100, **special)


@pytest.mark.parametrize(
    "special",
    [
        {"pinned": True},
        {"pinned": False},
        {"visible_to": ("alice",)},
        {"visible_to": ()},
        {"hide_account_ids": False},
        {"category": ""},
        {"name": "LEAD"},
    ],
    ids=str,
)
def test_the_owner_changes_the_description_and_no_more(day: Scenario, special: dict[str, Any]) -> None:
    """The owner may not even send the present value."""
    day.market("LEAD", 0, 100, owner="alice")
    with day.refuses(Reason.SUDO_REQUIRED):
        day.edit("LEAD", description="Mine.", who="alice", **special)
    day.edit("LEAD", description="Mine.", **special)


def test_an_edit_changes_only_what_is_sent(day: Scenario) -> None:
    day.market("LEAD", 0, 100, category="metals", pinned=True, visible_to=("bob",), hide_account_ids=True)
    assert day.edit("LEAD") == ["market LEAD, in metals, pinned, for bob, without ids: "]
    assert day.edit("LEAD", pinned=False) == ["market LEAD, in metals, for bob, without ids: "]
    assert day.edit("LEAD", hide_account_ids=False) == ["market LEAD, in metals, for bob: "]
    assert day.edit("LEAD", category="") == ["market LEAD, for bob: "]
    assert day.edit("LEAD", visible_to=(), description="All.") == ["market LEAD: All."]


@pytest.mark.parametrize(
    ("reason", "broken"),
    [
        (Reason.NAME_TAKEN, {"name": "LEAD"}),
        (Reason.INVALID_TEXT, {"description": "\x00"}),
        (Reason.INVALID_NAME, {"category": " "}),
        (Reason.ACCOUNT_NOT_FOUND, {"visible_to": (HOUSE, 3)}),
    ],
)
def test_an_edit_that_breaks_one_rule_changes_nothing_of_the_rest(
    day: Scenario, reason: Reason, broken: dict[str, Any]
) -> None:
    day.market("LEAD", 0, 1)
    day.buy("alice", "GOLD", 40)
    head = day.head(OPERATOR, "", "")
    edit = c.EditMarket(*head, day.market_ids["GOLD"], "TIN", "A metal.", "metals", True, (day.ids["bob"],), True)
    with day.refuses(reason):
        day.do(edit._replace(**broken))
    assert day.book("GOLD") == table("alice 1 @ 40 |")
    assert day.edit("GOLD") == ["market GOLD: "]
