"""The auction board (rules, section 7): every right, every refusal, and what money moves."""

from collections.abc import Callable

import pytest

from markets.engine.commands import AuctionStatus, BuyAuction, EditAuction, SettleAuction, WithdrawAuction
from markets.engine.errors import Reason
from markets.engine.events import TransferKind
from tests.scenario import OPERATOR, Scenario, money

PICTURE = "0123456789abcdefghijklmnopqrstuv.webp"


@pytest.fixture
def board(day: Scenario) -> Scenario:
    """Alice sells a lamp for 30 and a chair that has no price."""
    day.auction("alice", "lamp", 30, "brass")
    day.auction("alice", "chair")
    return day


def status(day: Scenario, auction: str) -> AuctionStatus:
    return AuctionStatus(day.engine.auctions[day.auction_ids[auction]].status)


def price(day: Scenario, auction: str) -> int | None:
    return day.engine.auctions[day.auction_ids[auction]].buy_now_price


# --- Listing


def test_anybody_lists_as_the_account_acted_as(day: Scenario) -> None:
    assert day.auction("alice", "lamp", 30) == ["alice lists lamp at 30"]
    day.alt("alice", "Desk")
    assert day.auction("Desk", "  old   lamp ") == ["Desk lists old lamp"]
    assert day.auction("bob", "lamp", 0) == ["bob lists lamp at 0"], "names need not be unique"


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "bell\x07", "\u200b"])
def test_names_that_are_refused(board: Scenario, name: str) -> None:
    with board.refuses(Reason.INVALID_NAME):
        board.auction("alice", name)
    with board.refuses(Reason.INVALID_NAME):
        board.edit_auction("alice", "lamp", name=name)


def test_a_name_of_eighty_characters(day: Scenario) -> None:
    day.auction("alice", "x" * 80)


@pytest.mark.parametrize("text", ["x" * 4_001, "nul\x00"])
def test_descriptions_that_are_refused(board: Scenario, text: str) -> None:
    with board.refuses(Reason.INVALID_TEXT):
        board.auction("alice", "vase", description=text)
    with board.refuses(Reason.INVALID_TEXT):
        board.edit_auction("alice", "lamp", description=text)


@pytest.mark.parametrize(
    "picture", ["lamp.webp", PICTURE.upper(), f"../{PICTURE}", f"{PICTURE}\n", PICTURE[:-5] + ".svg", "a" + PICTURE]
)
def test_pictures_that_are_refused(board: Scenario, picture: str) -> None:
    with board.refuses(Reason.INVALID_TEXT):
        board.auction("alice", "vase", picture=picture)
    with board.refuses(Reason.INVALID_TEXT):
        board.edit_auction("alice", "lamp", picture=picture)


@pytest.mark.parametrize("at", ["-0.0001", "1000000000.0001"])
def test_prices_that_are_refused(board: Scenario, at: str) -> None:
    with board.refuses(Reason.INVALID_AMOUNT):
        board.auction("alice", "vase", at)
    with board.refuses(Reason.INVALID_AMOUNT):
        board.edit_auction("alice", "lamp", at=at)
    with board.refuses(Reason.INVALID_AMOUNT):
        board.settle_auction("lamp", "bob", at)


def test_the_highest_price(board: Scenario) -> None:
    board.auction("alice", "vase", 10**9, picture=PICTURE)


def test_nobody_lists_for_others(day: Scenario) -> None:
    with day.refuses(Reason.ACCOUNT_NOT_FOUND):
        day.auction("alice", "lamp", by="bob")
    assert day.auction("alice", "lamp", by=OPERATOR) == ["alice lists lamp"]


def test_the_house_neither_sells_nor_buys(board: Scenario) -> None:
    board.ids["House"] = 1
    with board.refuses(Reason.ACCOUNT_NOT_FOUND):
        board.auction("House", "vase", by=OPERATOR)
    with board.refuses(Reason.ACCOUNT_NOT_FOUND):
        board.buy_auction("House", "lamp", 30, by=OPERATOR)
    with board.refuses(Reason.NOT_ALLOWED):
        board.settle_auction("lamp", "House", 30)


# --- Editing and withdrawing


def test_only_what_is_sent_changes(board: Scenario) -> None:
    assert board.edit_auction("alice", "lamp", name="Lamp") == ["Lamp: brass, no picture, 30"]
    assert board.edit_auction("alice", "lamp", description="") == ["Lamp: , no picture, 30"]
    assert board.edit_auction("alice", "lamp", picture=PICTURE) == [f"Lamp: , {PICTURE}, 30"]
    assert board.edit_auction("alice", "lamp", at=0) == [f"Lamp: , {PICTURE}, 0"]
    assert board.edit_auction("alice", "lamp", no_price=True) == [f"Lamp: , {PICTURE}, no price"]
    assert board.edit_auction("alice", "lamp", picture="") == ["Lamp: , no picture, no price"]
    assert board.edit_auction("alice", "lamp") == ["Lamp: , no picture, no price"]


def test_the_seller_and_operators_change_it(board: Scenario) -> None:
    board.alt("alice", "Desk")
    for who in ("bob", "Desk"):
        with board.refuses(Reason.SUDO_REQUIRED):
            board.edit_auction(who, "lamp", name="mine")
        with board.refuses(Reason.SUDO_REQUIRED):
            board.withdraw(who, "lamp")
    assert board.edit_auction(OPERATOR, "lamp", at=20) == ["lamp: brass, no picture, 20"]
    assert board.withdraw(OPERATOR, "lamp") == ["lamp is withdrawn"]
    assert board.withdraw("alice", "chair") == ["chair is withdrawn"]


def test_what_was_withdrawn_is_gone(board: Scenario) -> None:
    board.withdraw("alice", "lamp")
    asked: list[Callable[[], object]] = [
        lambda: board.buy_auction("bob", "lamp", 30),
        lambda: board.settle_auction("lamp", "bob", 30),
        lambda: board.edit_auction("alice", "lamp", name="lamp"),
        lambda: board.withdraw("alice", "lamp"),
    ]
    for ask in asked:
        with board.refuses(Reason.AUCTION_NOT_FOUND):
            ask()


@pytest.mark.parametrize("auction", [0, 3, -1, 10**30])
def test_an_unknown_auction_is_not_found(board: Scenario, auction: int) -> None:
    alice, operator = board.head("alice", "", ""), board.head(OPERATOR, "", "")
    for command in (
        BuyAuction(*alice, auction, 0),
        SettleAuction(*operator, auction, board.ids["bob"], 0),
        EditAuction(*alice, auction, None, None, None, None, False),
        WithdrawAuction(*alice, auction),
    ):
        with board.refuses(Reason.AUCTION_NOT_FOUND):
            board.do(command)


# --- Buying


def test_example_7_1_the_price_moves_as_a_transfer_that_names_the_auction(board: Scenario) -> None:
    assert board.buy_auction("bob", "lamp", 30) == ["bob pays alice 30 (AUCTION)", "bob gets lamp for 30"]
    assert (board.cash("alice"), board.cash("bob")) == ("1030", "970")
    for side in ("alice", "bob"):
        paid = board.engine.accounts[board.ids[side]].transfers[-1]
        assert (paid.kind, paid.auction, paid.note) == (TransferKind.AUCTION, board.auction_ids["lamp"], "lamp")


def test_example_7_2_a_price_that_changed_is_not_paid(board: Scenario) -> None:
    board.edit_auction("alice", "lamp", at=35)
    with board.refuses(Reason.PRICE_CHANGED):
        board.buy_auction("bob", "lamp", 30)
    board.edit_auction("alice", "lamp", at=25)
    with board.refuses(Reason.PRICE_CHANGED):
        board.buy_auction("bob", "lamp", 30)
    board.edit_auction("alice", "lamp", no_price=True)
    with board.refuses(Reason.NO_PRICE):
        board.buy_auction("bob", "lamp", 30)


def test_without_a_price_it_cannot_be_bought(board: Scenario) -> None:
    with board.refuses(Reason.NO_PRICE):
        board.buy_auction("bob", "chair", 0)


def test_example_7_3_only_what_is_available_counts(board: Scenario) -> None:
    board.buy("bob", "GOLD", 98, size=10)
    assert board.available("bob") == "20"
    with board.refuses(Reason.INSUFFICIENT_FUNDS):
        board.buy_auction("bob", "lamp", 30)
    with board.refuses(Reason.INSUFFICIENT_FUNDS):
        board.settle_auction("chair", "bob", "20.0001")
    board.edit_auction("alice", "lamp", at=20)
    board.buy_auction("bob", "lamp", 20)
    assert board.available("bob") == "0"


def test_example_7_4_nobody_buys_from_themselves(board: Scenario) -> None:
    board.alt("alice", "Desk")
    board.alt("alice", "Team")
    board.share("alice", "Team", "bob")
    board.auction("Team", "desk lamp", 10)
    with board.refuses(Reason.SAME_ACCOUNT):
        board.buy_auction("alice", "lamp", 30)
    for buyer, auction, seen in (("Desk", "lamp", 30), ("alice", "desk lamp", 10), ("bob", "desk lamp", 10)):
        with board.refuses(Reason.SAME_PERSON):
            board.buy_auction(buyer, auction, seen)
    board.buy_auction("carol", "desk lamp", 10)
    assert board.cash("Team") == "10"


def test_an_owner_below_may_not_buy_from_whom_it_acts_as_through_another_account(board: Scenario) -> None:
    """A person who acts as a shared account is still the same person."""
    board.alt("bob", "Team")
    board.share("bob", "Team", "alice")
    board.pay("bob", "Team", 50)
    with board.refuses(Reason.SAME_PERSON):
        board.buy_auction("Team", "lamp", 30, by="alice")
    assert board.buy_auction("Team", "lamp", 30, by="bob")[-1] == "Team gets lamp for 30"


def test_sudo_does_not_make_an_operator_the_same_person(board: Scenario) -> None:
    """An operator may act as anybody in sudo; that does not count here. Their own auction does."""
    assert board.buy_auction("bob", "lamp", 30, by=OPERATOR)[-1] == "bob gets lamp for 30"
    board.auction(OPERATOR, "vase", 1)
    with board.refuses(Reason.SAME_PERSON):
        board.buy_auction("bob", "vase", 1, by=OPERATOR)


def test_for_nothing_no_money_moves(board: Scenario) -> None:
    board.auction("alice", "leaflet", 0)
    transfers = board.engine.next_transfer
    assert board.buy_auction("bob", "leaflet", 0) == ["bob gets leaflet for 0"]
    assert board.settle_auction("chair", "bob", 0) == ["bob gets chair for 0"]
    assert board.engine.next_transfer == transfers


def test_only_one_gets_it(board: Scenario) -> None:
    board.buy_auction("bob", "lamp", 30)
    with board.refuses(Reason.AUCTION_SETTLED):
        board.buy_auction("carol", "lamp", 30)
    assert status(board, "lamp") == AuctionStatus.SETTLED
    assert board.cash("carol") == "1000"


def test_sent_again_with_its_key_it_is_bought_once(board: Scenario) -> None:
    board.buy_auction("bob", "lamp", 30, key="mine")
    with board.repeats(board.engine.seq):
        board.buy_auction("bob", "lamp", 30, key="mine")


# --- Settling


def test_example_7_5_an_operator_names_buyer_and_price(board: Scenario) -> None:
    assert board.settle_auction("chair", "bob", 12) == ["bob pays alice 12 (AUCTION)", "bob gets chair for 12"]
    assert board.settle_auction("lamp", "carol", 31) == ["carol pays alice 31 (AUCTION)", "carol gets lamp for 31"]


def test_settling_needs_sudo(board: Scenario) -> None:
    for who in ("alice", "bob"):
        with board.refuses(Reason.SUDO_REQUIRED):
            board.settle_auction("lamp", "bob", 1, by=who)


def test_settling_to_the_sellers_own_person_is_the_operators_business(board: Scenario) -> None:
    board.alt("alice", "Desk")
    board.pay("alice", "Desk", 10)
    assert board.settle_auction("chair", "Desk", 5)[-1] == "Desk gets chair for 5"
    with board.refuses(Reason.SAME_ACCOUNT):
        board.settle_auction("lamp", "alice", 5)


def test_settling_to_nobody(board: Scenario) -> None:
    board.ids["nobody"] = 99
    with board.refuses(Reason.ACCOUNT_NOT_FOUND):
        board.settle_auction("lamp", "nobody", 5)


def test_settled_is_final(board: Scenario) -> None:
    board.settle_auction("lamp", "bob", 1)
    asked: list[Callable[[], object]] = [
        lambda: board.buy_auction("carol", "lamp", 30),
        lambda: board.settle_auction("lamp", "carol", 1),
        lambda: board.edit_auction("alice", "lamp", name="lamp"),
        lambda: board.withdraw("alice", "lamp"),
        lambda: board.withdraw(OPERATOR, "lamp"),
    ]
    for ask in asked:
        with board.refuses(Reason.AUCTION_SETTLED):
            ask()
    assert price(board, "lamp") == money(30), "the price that was asked is kept"


# --- Whose money it is


@pytest.fixture
def team(board: Scenario) -> Scenario:
    """Bob has 200 in Team and Carol 100; its alt Cellar holds all of it. Alice sells the lamp for 30."""
    board.alt("bob", "Team")
    board.share("bob", "Team", "carol")
    board.pay("bob", "Team", 200)
    board.pay("carol", "Team", 100)
    board.alt("Team", "Cellar")
    return board


def test_example_7_6_co_owners_buy_with_their_own_credit(team: Scenario) -> None:
    assert team.buy_auction("Team", "lamp", 30, by="carol") == [
        "credit in Team: bob 200, carol 70",
        "Team pays alice 30 (AUCTION)",
        "Team gets lamp for 30",
    ]
    team.auction("alice", "vase", "70.0001")
    with team.refuses(Reason.INSUFFICIENT_CREDIT):
        team.buy_auction("Team", "vase", "70.0001", by="carol")
    assert team.buy_auction("Team", "vase", "70.0001", by="bob")[0] == "credit in Team: bob 129.9999, carol 70"


def test_example_7_7_money_parked_below_is_no_way_around(team: Scenario) -> None:
    team.pay("Team", "Cellar", 300, by="carol")
    team.auction("dave", "stone", 101)
    with team.refuses(Reason.INSUFFICIENT_CREDIT):
        team.buy_auction("Cellar", "stone", 101, by="carol")
    assert team.buy_auction("Cellar", "lamp", 30, by="carol") == [
        "credit in Team: bob 200, carol 70",
        "credit in Cellar: Team 270",
        "Cellar pays alice 30 (AUCTION)",
        "Cellar gets lamp for 30",
    ]


def test_credits_are_rebalanced_before_a_purchase(team: Scenario) -> None:
    team.gift("Team", 30)
    assert team.buy_auction("Team", "lamp", 30, by="carol")[:2] == [
        "credit in Team: bob 220, carol 110",
        "credit in Team: bob 220, carol 80",
    ]


def test_a_co_owner_buys_only_while_the_account_is_flat(team: Scenario) -> None:
    team.pay("Team", "Cellar", 100, by="bob")
    team.buy("Cellar", "GOLD", 10)
    for buyer in ("Team", "Cellar"):
        with team.refuses(Reason.SHARED_ACCOUNT_NOT_FLAT):
            team.buy_auction(buyer, "lamp", 30, by="bob")


def test_what_costs_nothing_takes_no_credit(team: Scenario) -> None:
    team.auction("alice", "leaflet", 0)
    team.buy("Team", "GOLD", 10)
    assert team.buy_auction("Team", "leaflet", 0, by="carol") == ["Team gets leaflet for 0"]


def test_an_operator_touches_no_credit(team: Scenario) -> None:
    """Settling, and buying in sudo as an account that is not theirs: nobody's own credit could pay."""
    team.buy("Team", "GOLD", 10)
    assert team.buy_auction("Team", "lamp", 30, by=OPERATOR)[0] == "Team pays alice 30 (AUCTION)"
    assert team.settle_auction("chair", "Team", 5)[0] == "Team pays alice 5 (AUCTION)"


def test_an_operator_in_sudo_who_is_a_co_owner_spends_their_own(team: Scenario) -> None:
    team.share("bob", "Team", OPERATOR)
    with team.refuses(Reason.INSUFFICIENT_CREDIT):
        team.buy_auction("Team", "lamp", 30, by=OPERATOR)


def test_the_only_owner_buys_without_being_flat(board: Scenario) -> None:
    board.alt("bob", "Desk")
    board.pay("bob", "Desk", 200)
    board.buy("Desk", "GOLD", 10)
    assert board.buy_auction("Desk", "lamp", 30)[0] == "Desk pays alice 30 (AUCTION)"
    assert board.credit("Desk") == "200"


def test_a_sale_of_a_shared_account_touches_no_credit(team: Scenario) -> None:
    team.auction("Team", "stool", 7)
    team.buy("Team", "GOLD", 10)
    assert team.buy_auction("dave", "stool", 7) == ["dave pays Team 7 (AUCTION)", "dave gets stool for 7"]
    assert team.credits("Team") == {"bob": "200", "carol": "100"}


def test_before_version_3_a_co_owner_bought_with_the_others_money(team: Scenario) -> None:
    """A replay of entries from then accepts what was accepted."""
    team.oracle = None
    team.engine.rules = 2
    team.auction("alice", "vase", 300)
    assert team.buy_auction("Team", "vase", 300, by="carol") == [
        "Team pays alice 300 (AUCTION)",
        "Team gets vase for 300",
    ]


def test_a_sale_from_an_owner_to_what_it_owns_is_no_deposit(board: Scenario) -> None:
    board.alt("alice", "Desk")
    board.pay("alice", "Desk", 10)
    board.settle_auction("chair", "Desk", 5)
    assert board.credit("Desk") == "10"
