"""Markets that only some accounts see and trade (rules, section 4, Visibility)."""

import pytest

from markets.engine import commands as c
from markets.engine.commands import Command, MarketStatus, Side
from markets.engine.errors import Reason, Rejected
from markets.engine.visibility import KNOWN, NOTHING, WHOLE, Degree, degree_of, degrees, masked
from tests.scenario import OPERATOR, Scenario

HOUSE = 1
NOWHERE = 99
PEOPLE = ("alice", "bob", "carol", "dave")
RESTING = (MarketStatus.OPEN, MarketStatus.CANCEL_ONLY, MarketStatus.PAUSED)  # statuses in which orders may rest


def naming(day: Scenario, who: str, market: int) -> list[Command]:
    """Every kind of command that names a market, with nothing else wrong."""
    head = day.head(who, "", "")
    return [
        c.CreateOrder(*head, market, Side.BID, 5_000, 100, 0, False, 0),
        c.Out(*head, market, 0),
        c.EditMarket(*head, market, None, "I was here."),
        c.EditMarket(*head, market, "MINE", None, "metals", True, (), False),
        c.SetMarketStatus(*head, market, MarketStatus.PAUSED),
        c.SettleMarket(*head, market, 5_000),
    ]


def refusal(day: Scenario, command: Command) -> tuple[Reason, str]:
    """The code and sentence with which the command is refused. The scenario checks that nothing has changed."""
    with pytest.raises(Rejected) as caught:
        day.do(command)
    return caught.value.reason, caught.value.message


# --- Three degrees


def degrees_of_people(day: Scenario, market: str, sudo: bool = False) -> list[Degree]:
    """As Alice, Bob, Carol and Dave see it."""
    found = day.engine.markets[day.market_ids[market]]
    return [degree_of(day.engine, found, day.engine.reach(day.users[who]), sudo) for who in PEOPLE]


def test_the_list_shows_the_book_a_past_only_the_definition(copper: Scenario) -> None:
    """Alice sees COPPER through Desk. Taken from the list, who has traded there still knows it."""
    assert degrees_of_people(copper, "GOLD") == [WHOLE] * 4
    assert degrees_of_people(copper, "COPPER") == [WHOLE, WHOLE, NOTHING, NOTHING]
    copper.buy("Desk", "COPPER", 50)
    copper.sell("bob", "COPPER", 50)
    copper.edit("COPPER", visible_to=("carol",))
    assert degrees_of_people(copper, "COPPER") == [KNOWN, KNOWN, WHOLE, NOTHING]
    assert degrees_of_people(copper, "COPPER", sudo=True) == [WHOLE] * 4


def test_degrees_by_account_are_those_of_each_account_alone(copper: Scenario) -> None:
    copper.buy("Desk", "COPPER", 50)
    copper.sell("bob", "COPPER", 50)
    copper.edit("COPPER", visible_to=("bob", "carol"))
    market = copper.engine.markets[copper.market_ids["COPPER"]]
    found = degrees(copper.engine, market)
    assert list(found) == sorted(copper.ids[who] for who in (OPERATOR, "bob", "carol", "Desk"))  # the operator owns it
    for id in copper.engine.accounts:
        assert degree_of(copper.engine, market, (id,)) == found.get(id, NOTHING)
    assert found[copper.ids["Desk"]] == KNOWN


def test_ids_are_masked_from_everybody_but_operators_in_sudo(copper: Scenario) -> None:
    market = copper.engine.markets[copper.market_ids["COPPER"]]
    assert not masked(market, sudo=False)
    copper.edit("COPPER", hide_account_ids=True)
    assert masked(market, sudo=False)
    assert not masked(market, sudo=True)


# --- Who trades


def test_example_4_4_the_acting_account_itself_is_listed(copper: Scenario) -> None:
    assert copper.buy("Desk", "COPPER", 50) == ["Desk bids 1 @ 50: 0 filled, 1 open"]
    assert copper.sell("bob", "COPPER", 50)[0] == "bob sells 1 @ 50 to Desk"
    with copper.refuses(Reason.MARKET_NOT_FOUND):
        copper.buy("alice", "COPPER", 50)
    with copper.refuses(Reason.MARKET_NOT_FOUND):
        copper.buy("carol", "COPPER", 50)


def test_sudo_is_no_way_in(copper: Scenario) -> None:
    for who in ("alice", "carol", OPERATOR):
        with copper.refuses(Reason.MARKET_NOT_FOUND):
            copper.buy(who, "COPPER", 50, by=OPERATOR)
        with copper.refuses(Reason.MARKET_NOT_FOUND):
            copper.out(who, "COPPER", by=OPERATOR)
    copper.buy("Desk", "COPPER", 50, by=OPERATOR)
    assert copper.out("Desk", "COPPER", by=OPERATOR) == ["order 1 of Desk: 1 cancelled, 0 open (REQUESTED)"]


def test_what_is_below_a_listed_account_is_not_listed(copper: Scenario) -> None:
    copper.alt("bob", "Cellar")
    with copper.refuses(Reason.MARKET_NOT_FOUND):
        copper.buy("Cellar", "COPPER", 1)


def test_who_owns_a_market_without_being_listed_does_not_trade_there(day: Scenario) -> None:
    day.market("LEAD", 0, 100, owner="alice")
    day.edit("LEAD", visible_to=("bob",))
    with day.refuses(Reason.MARKET_NOT_FOUND):
        day.buy("alice", "LEAD", 50)
    with day.refuses(Reason.MARKET_NOT_FOUND):
        day.out("alice", "LEAD")


def test_a_market_that_is_for_everybody_is_for_those_who_come_later(day: Scenario) -> None:
    day.people("erin", cash=100)
    day.buy("erin", "GOLD", 50)


# --- Who knows


def test_example_4_5_to_a_stranger_it_is_as_if_it_were_not_there(copper: Scenario) -> None:
    hidden = copper.market_ids["COPPER"]
    for asked, of_none in zip(naming(copper, "carol", hidden), naming(copper, "carol", NOWHERE)):
        reason, message = refusal(copper, asked)
        assert (reason, message) == (Reason.MARKET_NOT_FOUND, "There is no market 2.")
        assert (reason, message.replace(str(hidden), str(NOWHERE))) == refusal(copper, of_none)


def test_nothing_else_that_is_wrong_gives_it_away(copper: Scenario) -> None:
    """A price out of bounds, a size of 0, a wrong status, a market that is over: always the same answer."""
    hidden = copper.market_ids["COPPER"]
    head = copper.head("carol", "", "")
    wrong: list[Command] = [
        c.CreateOrder(*head, hidden, Side.BID, -1, 0, 1, True, 0),
        c.Out(*head, hidden, Side.OFFER),
        c.EditMarket(*head, hidden, " ", "\x00", " ", None, (HOUSE,)),
        c.SetMarketStatus(*head, hidden, 17),
        c.SettleMarket(*head, hidden, 10**9),
    ]
    not_there = (Reason.MARKET_NOT_FOUND, f"There is no market {hidden}.")
    for status in (*RESTING, MarketStatus.CLOSED):
        if status != MarketStatus.OPEN:
            copper.status("COPPER", status)
        assert {refusal(copper, command) for command in wrong} == {not_there}
    copper.settle("COPPER", 50)
    assert {refusal(copper, command) for command in wrong} == {not_there}


def test_whoever_sees_it_through_an_alt_is_refused_for_lack_of_sudo(copper: Scenario) -> None:
    """Alice acts as herself and is not listed; she sees the market through Desk."""
    hidden = copper.market_ids["COPPER"]
    answers = [refusal(copper, command)[0] for command in naming(copper, "alice", hidden)]
    assert answers == [Reason.MARKET_NOT_FOUND] * 2 + [Reason.SUDO_REQUIRED] * 4


def test_operators_see_it_in_sudo_only(copper: Scenario) -> None:
    hidden = copper.market_ids["COPPER"]
    copper.edit("COPPER", description="Seen.")
    copper.status("COPPER", MarketStatus.PAUSED)
    copper.market("LEAD", 0, 100, owner="bob")
    copper.edit("LEAD", visible_to=("bob",))
    head = (copper.users[OPERATOR], copper.ids[OPERATOR], False, "")
    lead = copper.market_ids["LEAD"]
    assert refusal(copper, c.SetMarketStatus(*head, lead, 1)) == (
        Reason.MARKET_NOT_FOUND,
        f"There is no market {lead}.",
    )
    assert refusal(copper, c.SetMarketStatus(*head, hidden, 1))[0] == Reason.SUDO_REQUIRED  # it is the operator's own


def test_a_share_shows_it_and_a_share_that_ends_hides_it(copper: Scenario) -> None:
    assert not copper.knows("carol", "COPPER")
    copper.share("alice", "Desk", "carol")
    assert copper.knows("carol", "COPPER")
    copper.buy("Desk", "COPPER", 50, by="carol")
    copper.out("Desk", by="carol")
    copper.leave("carol", "Desk")
    assert not copper.knows("carol", "COPPER")
    with copper.refuses(Reason.ACCOUNT_NOT_FOUND):
        copper.buy("Desk", "COPPER", 50, by="carol")


def test_a_past_traders_view_goes_with_the_share_too(copper: Scenario) -> None:
    copper.share("alice", "Desk", "carol")
    copper.buy("Desk", "COPPER", 50, by="carol")
    copper.sell("bob", "COPPER", 50)
    copper.sell("Desk", "COPPER", 60)
    copper.buy("bob", "COPPER", 60)
    copper.edit("COPPER", visible_to=("bob",))
    assert copper.knows("carol", "COPPER")
    copper.revoke("Desk", "carol")
    assert not copper.knows("carol", "COPPER")
    assert copper.knows("alice", "COPPER")


def test_whoever_is_above_a_listed_account_sees_it_at_any_depth(copper: Scenario) -> None:
    copper.alt("Desk", "Book")
    copper.alt("carol", "Annex")
    copper.alt("Annex", "Attic")
    copper.edit("COPPER", visible_to=("Book", "Attic"))
    assert [copper.knows(who, "COPPER") for who in PEOPLE] == [True, False, True, False]


# --- The limited view


def test_example_4_6_who_traded_keeps_a_view_who_only_had_orders_does_not(day: Scenario) -> None:
    day.sell("bob", "GOLD", 50, size=2)
    day.buy("alice", "GOLD", 50)
    day.buy("carol", "GOLD", 40)
    day.edit("GOLD", visible_to=("dave",))
    assert [day.knows(who, "GOLD") for who in PEOPLE] == [True, True, False, True]
    for who in ("alice", "bob", "carol"):
        with day.refuses(Reason.MARKET_NOT_FOUND):
            day.buy(who, "GOLD", 50)
    day.settle("GOLD", 70)
    assert (day.cash("alice"), day.cash("bob"), day.cash("carol")) == ("1020", "980", "1000")
    assert [day.knows(who, "GOLD") for who in PEOPLE] == [True, True, False, True]


def test_a_position_that_is_closed_still_is_a_past(day: Scenario) -> None:
    for maker, taker in (("bob", "alice"), ("alice", "bob")):
        day.sell(maker, "GOLD", 50)
        day.buy(taker, "GOLD", 50)
    day.edit("GOLD", visible_to=("dave",))
    assert day.position("alice", "GOLD") == "0"
    assert [day.knows(who, "GOLD") for who in PEOPLE] == [True, True, False, True]


def test_orders_that_met_oneself_are_no_past(day: Scenario) -> None:
    day.sell("alice", "GOLD", 50)
    day.buy("alice", "GOLD", 50)
    day.edit("GOLD", visible_to=("dave",))
    assert not day.knows("alice", "GOLD")


def test_example_4_7_the_owner_describes_and_settles_what_is_for_others(day: Scenario) -> None:
    day.market("LEAD", 0, 100, owner="alice")
    day.edit("LEAD", visible_to=("bob", "carol"))
    assert day.edit("LEAD", description="Weighed on Friday.", who="alice") == [
        "market LEAD, for bob, carol: Weighed on Friday."
    ]
    with day.refuses(Reason.SUDO_REQUIRED):
        day.edit("LEAD", visible_to=("alice",), who="alice")
    with day.refuses(Reason.MARKET_NOT_FOUND):
        day.buy("alice", "LEAD", 50)
    with day.refuses(Reason.SUDO_REQUIRED):
        day.status("LEAD", MarketStatus.PAUSED, who="alice")
    day.sell("bob", "LEAD", 50)
    day.buy("carol", "LEAD", 50)
    assert day.settle("LEAD", 60, who="alice")[-1] == "LEAD settles at 60"


def test_an_owner_who_holds_a_position_from_before_does_not_settle(day: Scenario) -> None:
    day.market("LEAD", 0, 100, owner="alice")
    day.buy("alice", "LEAD", 50)
    day.sell("bob", "LEAD", 50)
    day.edit("LEAD", visible_to=("bob",))
    with day.refuses(Reason.SETTLER_HAS_POSITION):
        day.settle("LEAD", 60, who="alice")


def test_a_past_trader_does_not_settle_or_describe(day: Scenario) -> None:
    day.sell("bob", "GOLD", 50)
    day.buy("alice", "GOLD", 50)
    day.edit("GOLD", visible_to=("dave",))
    gold = day.market_ids["GOLD"]
    answers = [refusal(day, command)[0] for command in naming(day, "alice", gold)]
    assert answers == [Reason.MARKET_NOT_FOUND] * 2 + [Reason.SUDO_REQUIRED] * 4


# --- Keys


def test_a_key_outlives_the_list(copper: Scenario) -> None:
    """The engine says that the key was used. Whether the first answer may still be shown is decided elsewhere."""
    copper.buy("bob", "COPPER", 40, key="once")
    first = copper.engine.seq
    copper.edit("COPPER", visible_to=("Desk",))
    with copper.repeats(first):
        copper.buy("bob", "COPPER", 40, key="once")
    with copper.refuses(Reason.MARKET_NOT_FOUND):
        copper.buy("bob", "COPPER", 40, key="twice")
    copper.buy("bob", "GOLD", 40, key="twice")  # a refusal leaves it unused
