"""The portfolio: cash, what each market holds back, positions, open orders of all markets, transfers."""

from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.acting import SESSION_KEY
from accounts.models import Ownership, Transfer, TransferKind
from markets.models import MarketStatus, Side
from tests.pages.conftest import AT_US, CHIP, World
from tests.pages.html import page_data, read


def test_shows_balances_and_what_every_market_holds_back(alice: Client, world: World) -> None:
    world.exposure(world.alice, position=1_000, cost=400 * CHIP, bid_size=200, worst_case=-80 * CHIP, realised=5 * CHIP)
    world.exposure(world.alice, world.market(8, "Snow"), offer_size=300, worst_case=-20 * CHIP)
    world.rain.last_price = 4_500
    world.rain.save()
    world.alice.available = 900 * CHIP
    world.alice.save()
    page = read(alice.get("/portfolio/"))
    assert (page.one("cash").text, page.one("held-back").text) == ("1,000.00", "100.00")
    assert page.one("available").text == "900.00"
    assert [row.cells() for row in page.all("holding-row")] == [
        ["Rain", "+10", "40.00", "45.00", "+50.00", "+5.00", "2", "0", "80.00"],
        ["Snow", "0", "–", "–", "–", "0.00", "0", "3", "20.00"],
    ]
    assert (page_data(page)["summaries"], page_data(page)["markets"]) == (True, [])


def test_marks_a_market_with_open_orders_alone_as_the_script_does(alice: Client, world: World) -> None:
    world.exposure(world.alice, bid_size=150, worst_case=-80 * CHIP)
    world.order(world.alice, Side.BID, 4_700, 150)
    world.order(world.bob, Side.OFFER, 4_900, 150)
    (row,) = read(alice.get("/portfolio/")).all("holding-row")
    assert row.cells()[:5] == ["Rain", "0", "–", "48.00", "–"]


def test_keeps_what_was_earned_in_markets_that_are_over(alice: Client, world: World) -> None:
    world.exposure(world.alice, world.market(8, "Snow", MarketStatus.SETTLED), realised=-42 * CHIP)
    page = read(alice.get("/portfolio/"))
    assert page.all("holding-row") == []
    assert "Past markets Snow -42.00" in page.text


def test_shows_open_orders_of_all_markets(alice: Client, world: World) -> None:
    world.order(world.alice, Side.BID, 4_700, 150)
    world.order(world.alice, Side.OFFER, 5_100, 500, world.market(8, "Snow"))
    rows = [row.cells()[:4] for row in read(alice.get("/portfolio/")).all("own-order")]
    assert rows == [["Snow", "offer", "51.00", "5"], ["Rain", "bid", "47.00", "1.5"]]


def test_shows_transfers_with_their_other_side_and_sign(alice: Client, world: World) -> None:
    for id, payer, payee, kind, note in (
        (1, world.house, world.alice, TransferKind.STARTING_CASH, ""),
        (2, world.alice, world.bob, TransferKind.PAYMENT, "lunch"),
        (3, world.bob, world.bobs, TransferKind.DEPOSIT, "not hers"),
    ):
        Transfer.objects.create(
            id=id, seq=id, at_us=AT_US, from_account=payer, to_account=payee, amount=25 * CHIP, kind=kind, note=note
        )
    rows = [row.cells() for row in read(alice.get("/portfolio/")).all("transfer-row")]
    assert rows == [
        ["2026-11-23 02:03", "Payment lunch", "to Bob", "-25.00"],
        ["2026-11-23 02:03", "Starting cash", "from House", "+25.00"],
    ]


def test_shows_the_tree_of_accounts_and_whose_the_money_is(alice: Client, world: World) -> None:
    Ownership.objects.filter(account=world.team).update(credit=10 * CHIP)
    Ownership.objects.create(owner=world.bob, account=world.team, credit=30 * CHIP)
    world.team.cash = world.team.available = 40 * CHIP
    world.team.save()
    rows = [row.cells() for row in read(alice.get("/portfolio/")).all("tree-row")]
    assert rows == [
        ["Alice", "1,000.00", "1,000.00", "–"],
        ["Team", "40.00", "40.00", "Alice 10.00 Bob 30.00"],
        ["Bot", "1,000.00", "1,000.00", "Team 0.00"],
    ]


def test_suggests_whom_the_account_may_pay(alice: Client, world: World) -> None:
    page = read(alice.get("/portfolio/"))
    assert [option.attributes["value"] for option in page.named("option")] == ["Bob", "Team"]
    session = alice.session
    session[SESSION_KEY] = world.team.id
    session.save()
    page = read(alice.get("/portfolio/"))
    assert [option.attributes["value"] for option in page.named("option")] == ["Alice", "Bot"]


def test_asks_the_database_as_often_for_many_rows_as_for_few(
    alice: Client, world: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for id in range(20, 50):
        market = world.market(id, f"Market {id}")
        world.exposure(world.alice, market, position=100, worst_case=-1)
        world.order(world.alice, Side.BID, 4_700, 150, market)
    with django_assert_max_num_queries(14):
        page = read(alice.get("/portfolio/"))
    assert (len(page.all("holding-row")), len(page.all("own-order"))) == (30, 30)
