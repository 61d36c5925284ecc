"""The list of markets and a market's page are complete on first paint."""

from urllib.parse import quote

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.acting import SESSION_KEY
from markets.models import Market, MarketStatus, Side
from markets.reads import selectors
from tests.pages.conftest import CHIP, World
from tests.pages.html import Element, page_data, read


def rungs(page: Element, side: str) -> list[list[str]]:
    return [row.cells() for row in page.all("book-row") if row.attributes["data-side"] == side]


class TestList:
    def test_shows_prices_status_and_own_position(self, alice: Client, world: World) -> None:
        world.order(world.bob, Side.BID, 4_800, 300)
        world.order(world.bob, Side.BID, 4_700, 300)
        world.order(world.bob, Side.OFFER, 5_000, 300)
        world.exposure(world.alice, position=-250)
        world.rain.volume = 1_200
        world.rain.save()
        (row,) = read(alice.get("/")).all("market-row")
        assert row.cells() == ["Rain", "open", "48.00", "50.00", "–", "12", "0.00 … 100.00", "-2.5"]

    def test_running_markets_come_before_settled_ones(self, alice: Client, world: World) -> None:
        world.market(8, "Snow", MarketStatus.SETTLED, settle_price=7_000, last_price=6_900)
        world.market(9, "Hail", MarketStatus.PAUSED)
        world.market(10, "Wind")
        rows = [row.cells()[:2] + row.cells()[4:5] for row in read(alice.get("/")).all("market-row")]
        assert rows == [
            ["Wind", "open", "–"],
            ["Rain", "open", "–"],
            ["Hail", "paused", "–"],
            ["Snow", "settled", "70.00"],
        ]

    def test_is_grouped_pinned_ones_first_and_then_by_category(self, alice: Client, world: World) -> None:
        for id, name, category, pinned in (
            (8, "Snow", "weather", False),
            (9, "Bell", "School", True),
            (10, "Exam", "School", False),
            (11, "Hail", "weather", False),
        ):
            world.market(id, name, category=category, pinned=pinned)
        groups = read(alice.get("/")).all("market-group")
        assert [group.attributes["data-key"] for group in groups] == ["0 ", "1 School", "1 weather", "2 "]
        assert [[cell.text for cell in group.named("th")] for group in groups] == [
            ["Pinned", "Bell School"],
            ["School", "Exam"],
            ["weather", "Hail", "Snow"],
            ["Markets", "Rain"],
        ]

    def test_follows_a_line_of_every_market_and_no_book(self, alice: Client, world: World) -> None:
        data = page_data(read(alice.get("/")))
        assert (data["summaries"], data["markets"]) == (True, [])

    def test_has_pages(self, alice: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(selectors, "MARKETS_SHOWN", 2)
        for id in (8, 9, 10):
            world.market(id, f"Day {id}")
        pages = [read(alice.get(f"/?page={number}")) for number in (1, 2)]
        assert [[row.attributes["data-key"] for row in page.all("market-row")] for page in pages] == [
            ["10", "9"],
            ["8", "7"],
        ]
        links = [page.one("page-links").named("a") for page in pages]
        assert [["hidden" in link.attributes for link in of_page] for of_page in links] == [
            [True, False],
            [False, True],
        ]
        assert page_data(pages[1])["listing"] == {"find": "", "page": "2"}
        assert "hidden" not in pages[0].one("page-links").attributes
        for wrong in ("0", "9", "-1", "1.5", "x", "9" * 30, ""):
            assert alice.get("/", {"page": wrong}).status_code == 404

    def test_finds_names_and_categories_on_any_page(
        self, alice: Client, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As frontend/test/listing.test.ts."""
        monkeypatch.setattr(selectors, "MARKETS_SHOWN", 1)
        world.market(8, "Ärger im Büro")
        world.market(9, "Kaffee", category="Büro")
        world.market(10, "Снег")

        def found(typed: str, page: int) -> list[str]:
            shown = read(alice.get(f"/?find={quote(typed)}&page={page}"))
            return [row.attributes["data-key"] for row in shown.all("market-row")]

        assert [found("büro", 1), found(" BÜRO ", 2), found("снег", 1), found("x", 1)] == [["9"], ["8"], ["10"], []]
        assert "No market has this in its name or category." in read(alice.get("/", {"find": "x"})).text

    def test_says_so_when_there_is_none(self, alice: Client, world: World) -> None:
        assert "hidden" in next(e for e in read(alice.get("/")).named("p") if "data-empty" in e.attributes).attributes
        world.rain.delete()
        page = read(alice.get("/"))
        assert "There are no markets yet." in page.text
        hidden = {"hidden" in e.attributes for e in page.walk() if "data-full" in e.attributes}
        assert hidden == {True}

    def test_asks_the_database_as_often_for_many_as_for_one(
        self, alice: Client, world: World, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for id in range(20, 60):
            world.order(world.bob, Side.BID, 4_800, 300, world.market(id, f"Market {id}"))
        with django_assert_max_num_queries(9):
            assert len(read(alice.get("/")).all("market-row")) == 41


class TestPage:
    def test_the_ladder_adds_up_and_marks_own_size(self, alice: Client, world: World) -> None:
        for account, side, price, size in (
            (world.bob, Side.BID, 4_800, 100),
            (world.alice, Side.BID, 4_700, 150),
            (world.bob, Side.BID, 4_700, 50),
            (world.bob, Side.OFFER, 5_000, 300),
            (world.alice, Side.OFFER, 5_100, 500),
        ):
            world.order(account, side, price, size)
        page = read(alice.get("/markets/7/"))
        assert rungs(page, "offer") == [["51.00", "5", "8", "5"], ["50.00", "3", "3", ""]]
        assert rungs(page, "bid") == [["48.00", "1", "1", ""], ["47.00", "2", "3", "1.5"]]
        assert (page.one("spread").text, page.one("mid").text) == ("2.00", "49.00")
        shares = [bar.attributes["width"] for bar in page.named("rect") if "data-slot" in bar.attributes]
        assert shares == ["100%", "37%", "12%", "37%"]

    def test_says_how_many_own_orders_it_does_not_show_and_counts_them_all_in_the_book(
        self, alice: Client, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(selectors, "ORDERS_SHOWN", 2)
        for _ in range(3):
            world.order(world.alice, Side.BID, 4_800, 100)
        for address in ("/markets/7/", "/portfolio/"):
            page = read(alice.get(address))
            assert len(page.one("own-orders").named("tr")) == 1 + 2
            assert page.one("orders-cut").text == "The newest 2 of 3."
            assert "hidden" not in page.one("orders-cut").attributes
        assert rungs(read(alice.get("/markets/7/")), "bid") == [["48.00", "3", "3", "3"]]
        monkeypatch.setattr(selectors, "ORDERS_SHOWN", 3)
        assert "hidden" in read(alice.get("/markets/7/")).one("orders-cut").attributes

    def test_shows_own_open_orders_newest_first(self, alice: Client, world: World) -> None:
        world.order(world.alice, Side.BID, 4_700, 150)
        world.order(world.alice, Side.OFFER, 5_100, 500)
        world.order(world.bob, Side.OFFER, 5_100, 500)
        world.order(world.alice, Side.OFFER, 5_100, 500, world.market(8, "Snow"))
        rows = [row.cells() for row in read(alice.get("/markets/7/")).all("own-order")]
        assert rows == [
            ["offer", "51.00", "5", "5", "02:03:22", "Cancel"],
            ["bid", "47.00", "1.5", "1.5", "02:03:22", "Cancel"],
        ]

    def test_shows_the_tape_newest_first_with_own_trades_marked(self, alice: Client, world: World) -> None:
        world.trade(4_800, 100, world.alice, world.bob, Side.OFFER)
        world.trade(4_900, 200, world.bob, world.bot, Side.BID)
        rows = read(alice.get("/markets/7/")).all("tape-row")
        assert [row.cells() for row in rows] == [
            ["02:03:22", "49.00", "2", "▲ bid"],
            ["02:03:22", "48.00", "1", "▼ offer"],
        ]
        assert [row.attributes.get("class") for row in rows] == [None, "mine"]

    def test_marks_own_trades_also_where_account_ids_are_hidden(self, alice: Client, world: World) -> None:
        Market.objects.filter(pk=world.rain.pk).update(hide_account_ids=True)
        world.trade(4_800, 100, world.alice, world.bob)
        world.trade(4_900, 100, world.bob, world.bobs)
        world.trade(5_000, 100, world.bob, world.alice)
        rows = read(alice.get("/markets/7/")).all("tape-row")
        assert [row.attributes.get("class") for row in rows] == ["mine", None, "mine"]

    def test_shows_the_position_with_profit_at_the_mid(self, alice: Client, world: World) -> None:
        world.order(world.bob, Side.BID, 4_800, 100)
        world.order(world.bob, Side.OFFER, 5_000, 100)
        world.exposure(world.alice, position=1_000, cost=400 * CHIP, realised=-15 * CHIP)
        page = read(alice.get("/markets/7/"))
        figures = [element.text for element in page.named("dd")]
        assert figures == ["–", "–", "+10", "40.00", "-15.00", "+90.00"]

    def test_tells_the_script_ints_as_text(self, alice: Client, world: World) -> None:
        world.exposure(world.alice, position=-100, bid_size=200, bid_value=3, offer_size=4, offer_value=5)
        data = page_data(read(alice.get("/markets/7/")))
        assert (data["account"], data["markets"], data["available"]) == ("2", ["7"], "10000000")
        assert data["market"]["tickSize"] == "50"
        assert data["exposure"] == {
            "position": "-100",
            "cost": "0",
            "bidSize": "200",
            "bidValue": "3",
            "offerSize": "4",
            "offerValue": "5",
        }

    def test_a_level_is_a_link_that_fills_the_ticket(self, alice: Client, world: World) -> None:
        world.order(world.bob, Side.OFFER, 5_000, 300)
        page = read(alice.get("/markets/7/"))
        (link,) = (e for e in page.all("book-row")[0].walk() if e.tag == "a")
        filled = read(alice.get("/markets/7/" + link.attributes["href"].partition("#")[0]))
        assert filled.one("ticket-price").attributes["value"] == "50.00"
        assert "checked" in filled.one("ticket-side-bid").attributes

    def test_the_query_cannot_write_into_the_page(self, alice: Client, world: World) -> None:
        page = read(alice.get("/markets/7/", {"price": '"><b>x', "side": "<b>"}))
        assert page.one("ticket-price").attributes["value"] == '"><b>x'
        assert "checked" in page.one("ticket-side-bid").attributes

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (MarketStatus.CANCEL_ONLY, "You can only cancel orders now."),
            (MarketStatus.PAUSED, "The market is paused."),
            (MarketStatus.CLOSED, "The market is closed and waits to be settled."),
            (MarketStatus.SETTLED, "The market is settled."),
        ],
    )
    def test_takes_no_orders_unless_it_is_open(
        self, alice: Client, world: World, status: MarketStatus, words: str
    ) -> None:
        world.market(8, "Snow", status)
        page = read(alice.get("/markets/8/"))
        assert page.one("ticket-closed").text == words
        assert "disabled" in page.one("ticket-submit").attributes

    def test_an_open_one_takes_them(self, alice: Client, world: World) -> None:
        page = read(alice.get("/markets/7/"))
        assert "disabled" not in page.one("ticket-submit").attributes
        assert "hidden" in page.one("ticket-closed").attributes

    def test_one_that_is_not_there_is_not_found(self, alice: Client, world: World) -> None:
        response = alice.get("/markets/999/")
        assert response.status_code == 404
        assert "Page not found" in read(response).text

    def test_is_of_the_account_that_the_browser_acts_as(self, alice: Client, world: World) -> None:
        world.order(world.alice, Side.BID, 4_700, 150)
        world.order(world.bot, Side.BID, 4_600, 250)
        session = alice.session
        session[SESSION_KEY] = world.bot.id
        session.save()
        page = read(alice.get("/markets/7/"))
        assert [row.cells()[1] for row in page.all("own-order")] == ["46.00"]
        assert page_data(page)["account"] == "5"

    def test_asks_the_database_as_often_for_many_rows_as_for_few(
        self, alice: Client, world: World, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for price in range(100, 3_000, 50):
            world.order(world.alice, Side.BID, price, 100)
            world.trade(price, 100, world.alice, world.bob)
        with django_assert_max_num_queries(12):
            page = read(alice.get("/markets/7/"))
        assert (len(page.all("book-row")), len(page.all("own-order")), len(page.all("tape-row"))) == (12, 58, 50)
