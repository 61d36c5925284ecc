"""Pages of people's own markets: opening, describing, and settling after a preview of the payouts."""

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import Ownership
from markets.models import Market, MarketStatus, MarketVisibility, Side
from proto import exchange_pb2 as pb
from realtime.errors import RequestFailed
from tests.admin.conftest import authenticated
from tests.pages.conftest import FakeGateway, World, browser_of
from tests.pages.html import Element, fields, read, toasts

FORM = {
    "account": "2",
    "key": "k",
    "name": "Snow",
    "description": "Days\r\nof snow.",
    "category": "Practice",
    "min_settlement": "-5",
    "max_settlement": "1 000",
    "tick_size": "0.5",
    "smallest_size": "1",
}
SETTLE = "/markets/7/settle/"


@pytest.fixture
def mine(world: World) -> World:
    """Rain is Alice's. Bob is long 3, his alt short 3; Bob bids for more."""
    Market.objects.update(owner=world.alice, description="Days of rain.\n\nBy the gauge.")
    world.exposure(world.bob, position=300)
    world.exposure(world.bobs, position=-300)
    world.order(world.bob, Side.BID, 4_800, 100)
    return world


def links(page: Element) -> list[str]:
    return [a.text for block in page.all("owner-links") for a in block.named("a")]


class TestOpening:
    def test_the_list_leads_there_also_if_it_is_empty(self, alice: Client, world: World) -> None:
        assert read(alice.get("/")).one("new-market").attributes["href"] == "/markets/new/"
        Market.objects.all().delete()
        assert "There are no markets yet. Create a market" in read(alice.get("/")).text

    def test_the_form_begins_with_what_is_usual(self, alice: Client) -> None:
        begun = fields(read(alice.get("/markets/new/")).one("market-form"))
        usual = {"name": "", "description": "", "category": "", "tick_size": "0.01", "smallest_size": "0.01"}
        assert usual | {"min_settlement": "0", "max_settlement": "100", "account": "2"} == {
            name: value for name, value in begun.items() if name not in ("key", "csrfmiddlewaretoken")
        }

    def test_what_was_typed_is_sent(self, alice: Client, world: World, exchange: FakeGateway) -> None:
        made = pb.MarketCreated(market=pb.Market(id=7, name="Snow"))
        exchange.reply = pb.ServerMessage(market_created=made)
        response = alice.post("/markets/new/", {**FORM, "account": "4", "pinned": "on", "visible_to": "2"}, follow=True)
        wanted = pb.CreateMarket(
            name="Snow",
            description="Days\nof snow.",
            category="Practice",
            min_settlement=-500,
            max_settlement=100_000,
            tick_size=50,
            smallest_size=100,
            key="k",
        )
        assert exchange.last == (world.alice_user.pk, 4, pb.ClientMessage(create_market=wanted))
        assert response.redirect_chain == [("/markets/7/", 302)]
        assert toasts(read(response)) == ["Snow is open."]

    def test_after_a_refusal_what_was_typed_is_there(self, alice: Client, exchange: FakeGateway) -> None:
        exchange.refusal = RequestFailed(pb.NAME_TAKEN, "There is a market called Snow already.")
        page = read(alice.post("/markets/new/", FORM))
        assert toasts(page) == ["There is a market called Snow already."]
        again = fields(page.one("market-form"))
        assert again.pop("key") == "k"
        typed = {name: value.replace("\r\n", "\n") for name, value in FORM.items() if name != "key"}
        assert {name: again[name].replace("\r\n", "\n") for name in typed} == typed

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("name", "", "Name: This field is required."),
            ("name", "x" * 81, "Name: Ensure this value has at most 80 characters (it has 81)."),
            ("description", "x" * 4_001, "Description: Ensure this value has at most 4000 characters (it has 4001)."),
            ("min_settlement", "low", "Lowest settlement price: Enter a number, like 1000.5."),
            ("max_settlement", "1.001", "Highest settlement price: Enter at most 2 decimals."),
            ("tick_size", "0", "Tick size: Enter at least 0.01."),
            ("smallest_size", "-1", "Smallest size: Enter at least 0.01."),
            ("category", "exam", "Category: Select a valid choice. exam is not one of the available choices."),
        ],
    )
    def test_a_refusal_names_the_field(
        self, field: str, value: str, words: str, alice: Client, exchange: FakeGateway
    ) -> None:
        page = read(alice.post("/markets/new/", {**FORM, field: value}))
        assert exchange.asked == []
        assert toasts(page) == [words]
        typed = fields(page.one("market-form"))
        assert {name for name in ("name", "min_settlement", "tick_size") if typed[name] != FORM[name]} <= {field}

    def test_only_for_people_who_are_signed_in(self, world: World, exchange: FakeGateway) -> None:
        for path in ("/markets/new/", "/markets/7/describe/", SETTLE):
            assert Client().get(path).headers["Location"].startswith("/sign-in/")
            assert Client().post(path, FORM).headers["Location"].startswith("/sign-in/")
        assert exchange.asked == []


class TestDescribing:
    def test_only_the_description_goes(self, alice: Client, mine: World, exchange: FakeGateway) -> None:
        form = fields(read(alice.get("/markets/7/describe/")).one("describe-form"))
        assert form["description"] == "Days of rain.\n\nBy the gauge."
        sent = {**form, "description": "Days.\r\n", "name": "Mine"}
        page = read(alice.post("/markets/7/describe/", sent, follow=True))
        edit = pb.EditMarket(market_id=7, description="Days.", key=form["key"])
        assert exchange.last[1:] == (2, pb.ClientMessage(edit_market=edit))
        assert toasts(page) == ["Description saved."]

    def test_nothing_changed_is_not_sent(self, alice: Client, mine: World, exchange: FakeGateway) -> None:
        form = fields(read(alice.get("/markets/7/describe/")).one("describe-form"))
        crlf = {name: value.replace("\n", "\r\n") for name, value in form.items()}
        assert toasts(read(alice.post("/markets/7/describe/", crlf))) == ["You did not change anything."]
        assert exchange.asked == []

    def test_it_may_be_taken_away(self, alice: Client, mine: World, exchange: FakeGateway) -> None:
        form = fields(read(alice.get("/markets/7/describe/")).one("describe-form"))
        alice.post("/markets/7/describe/", {**form, "description": ""})
        edit = exchange.last.message.edit_market
        assert edit.HasField("description")
        assert edit.description == ""

    def test_after_a_refusal_what_was_typed_is_there(self, alice: Client, mine: World, exchange: FakeGateway) -> None:
        exchange.refusal = RequestFailed(pb.INVALID_TEXT, "A description has no control characters.")
        form = fields(read(alice.get("/markets/7/describe/")).one("describe-form"))
        page = read(alice.post("/markets/7/describe/", {**form, "description": "Days\a"}))
        assert toasts(page) == ["A description has no control characters."]
        again = fields(page.one("describe-form"))
        assert again["description"] == "Days\a"
        assert again["initial-description"] == form["initial-description"]


class TestSettling:
    def preview(self, browser: Client, price: str = "70") -> Element:
        return read(browser.get(SETTLE, {"price": price})).one("preview")

    def test_first_one_is_asked_for_the_price(self, alice: Client, mine: World) -> None:
        page = read(alice.get(SETTLE))
        assert page.all("preview") == []
        assert "Settlement price (0.00 to 100.00)" in page.one("ask-form").text

    def test_then_the_payouts_are_previewed_and_nothing_is_sent(
        self, alice: Client, mine: World, exchange: FakeGateway
    ) -> None:
        preview = self.preview(alice)
        rows = [["Bob", "+3", "+210.00"], ["Bob's alt", "-3", "-210.00"]]
        cells = preview.one("holders").cells()[3:]
        assert cells == [*rows[0], *rows[1], "Total", "", "0.00"]
        assert preview.one("orders-count").text == "Settling cancels 1 open order."
        assert "1,000.00" not in preview.text, "the balances of others are private"
        assert exchange.asked == []

    def test_then_it_is_done(self, alice: Client, mine: World, exchange: FakeGateway) -> None:
        form = fields(self.preview(alice, "70.25").one("settle-form"))
        over = pb.MarketSettled(market=pb.Market(id=7, name="Rain", settle_price=7_025))
        exchange.reply = pb.ServerMessage(market_settled=over)
        response = alice.post(SETTLE, form, follow=True)
        settle = pb.SettleMarket(market_id=7, price=7_025, key=form["key"])
        assert exchange.last[1:] == (2, pb.ClientMessage(settle_market=settle))
        assert response.redirect_chain == [("/markets/7/", 302)]
        assert toasts(read(response)) == ["Rain is settled at 70.25."]

    @pytest.mark.parametrize(
        ("price", "words"),
        [
            ("100.01", "From 0.00 to 100.00."),
            ("-0.01", "From 0.00 to 100.00."),
            ("x", "Enter a number, like 1000.5."),
            ("", "This field is required."),
        ],
    )
    def test_a_price_that_is_none_is_refused_at_both_steps(
        self, price: str, words: str, alice: Client, mine: World, exchange: FakeGateway
    ) -> None:
        for page in (alice.get(SETTLE, {"price": price}), alice.post(SETTLE, {"price": price, "account": "2"})):
            answer = read(page)
            assert toasts(answer) == [f"Settlement price: {words}"]
            assert answer.all("preview") == []
            assert fields(answer.one("ask-form"))["price"] == price
        assert exchange.asked == []

    def test_a_refusal_is_rendered_with_the_preview(self, alice: Client, mine: World, exchange: FakeGateway) -> None:
        exchange.refusal = RequestFailed(pb.SETTLER_HAS_POSITION, "You hold a position of 3 there through Bot.")
        page = read(alice.post(SETTLE, {"price": "70", "account": "2", "key": "k"}))
        assert toasts(page) == ["You hold a position of 3 there through Bot."]
        assert fields(page.one("settle-form"))["price"] == "70.00"

    def test_it_happens_once(self, alice: Client, mine: World, exchange: FakeGateway) -> None:
        Market.objects.update(status=MarketStatus.SETTLED, settle_price=7_000)
        exchange.refusal = RequestFailed(pb.MARKET_SETTLED, "Rain is settled.")
        assert links(read(alice.get("/markets/7/"))) == ["Edit description"]
        looked, sent = alice.get(SETTLE, {"price": "70"}), alice.post(SETTLE, {"price": "70", "account": "2"})
        for page in (read(looked), read(sent)):
            assert page.one("settled").text == "This market is settled at 70.00."
            assert page.all("preview") == page.all("ask-form") == []
        assert toasts(read(sent)) == ["Rain is settled."]


class TestWhoMay:
    """Only owners and operators in sudo. Everybody else gets 404."""

    PATHS = ("/markets/7/describe/", SETTLE, f"{SETTLE}?price=70")

    def statuses(self, browser: Client, account: int = 2) -> set[int]:
        found = {browser.get(path).status_code for path in self.PATHS}
        return found | {browser.post(path, {"account": account, "price": "x"}).status_code for path in self.PATHS}

    def test_the_owner(self, alice: Client, mine: World) -> None:
        assert links(read(alice.get("/markets/7/"))) == ["Edit description", "Settle market"]
        assert self.statuses(alice) == {200}

    def test_nobody_else_who_sees_it(self, mine: World, exchange: FakeGateway) -> None:
        bob = browser_of(mine.bob_user)
        assert links(read(bob.get("/markets/7/"))) == []
        assert self.statuses(bob, 3) == {404}
        assert bob.get(SETTLE).content.count(b"Rain") == 0
        assert exchange.asked == []

    def test_the_account_acted_as_owns_it_not_one_above(self, alice: Client, mine: World) -> None:
        Market.objects.update(owner=mine.team)
        assert links(read(alice.get("/markets/7/"))) == []
        assert self.statuses(alice) == {404}
        alice.post("/act-as/", {"account": mine.team.id})
        assert links(read(alice.get("/markets/7/"))) == ["Edit description", "Settle market"]
        assert self.statuses(alice, mine.team.id) == {200}

    def test_whoever_shares_the_owner(self, mine: World, exchange: FakeGateway) -> None:
        Market.objects.update(owner=mine.team)
        Ownership.objects.create(owner=mine.bob, account=mine.team, credit=0)
        bob = browser_of(mine.bob_user)
        bob.post("/act-as/", {"account": mine.team.id})
        assert self.statuses(bob, mine.team.id) == {200}

    def test_operators_in_sudo_who_have_authenticated_recently(self, operator: Client, mine: World) -> None:
        assert self.statuses(operator, 3) == {404}
        operator.post("/sudo/", {"on": 1})
        assert links(read(operator.get("/markets/7/"))) == ["Edit description", "Settle market"]
        assert self.statuses(operator, 3) == {200}
        authenticated(operator, mine.bob_user, seconds_ago=settings.DANGER_SECONDS + 1)
        assert operator.get("/markets/7/describe/").status_code == 200
        for asked in (operator.get(f"{SETTLE}?price=70"), operator.post(f"{SETTLE}?price=70", {"account": 3})):
            assert asked.headers["Location"].startswith("/sign-in/again/?next=/markets/7/settle/%3Fprice%3D70")


class TestWhatIsNotShown:
    """Settling a market reveals no more than its page does."""

    SECRETS = ("210", "+3", "-3", "48", "1 open order", "Bob")

    def secrets(self, browser: Client, path: str = f"{SETTLE}?price=70") -> list[str]:
        page = read(browser.get(path))
        assert len(page.all("settle-form")) == 1
        (main,) = page.named("main")
        return [secret for secret in self.SECRETS if secret in main.text]

    def test_in_a_market_for_everybody_all_of_it_is(self, alice: Client, mine: World) -> None:
        assert self.secrets(alice) == ["210", "+3", "-3", "1 open order", "Bob"]

    def test_in_a_market_that_hides_ids_not_who_holds_what(self, alice: Client, mine: World) -> None:
        Market.objects.update(hide_account_ids=True)
        assert self.secrets(alice) == []
        assert "does not show you" in read(alice.get(f"{SETTLE}?price=70")).one("not-shown").text

    def test_nor_to_an_owner_for_whom_it_is_not(self, alice: Client, mine: World) -> None:
        MarketVisibility.objects.create(market=mine.rain, account=mine.bob)
        page = read(alice.get("/markets/7/"))
        assert page.all("known-only")
        assert links(page) == ["Edit description", "Settle market"]
        assert self.secrets(alice) == []

    def test_an_operator_in_sudo_sees_all_of_it(self, operator: Client, mine: World) -> None:
        operator.post("/sudo/", {"on": 1})
        Market.objects.update(hide_account_ids=True)
        MarketVisibility.objects.create(market=mine.rain, account=mine.alice)
        assert "Bob" in self.secrets(operator)

    def test_nor_after_a_refusal(self, alice: Client, mine: World, exchange: FakeGateway) -> None:
        Market.objects.update(hide_account_ids=True)
        exchange.refusal = RequestFailed(pb.SETTLER_HAS_POSITION, "You hold a position there.")
        (main,) = read(alice.post(SETTLE, {"price": "70", "account": "2"})).named("main")
        assert [secret for secret in self.SECRETS if secret in main.text] == []


def test_what_people_wrote_stays_text(alice: Client, mine: World) -> None:
    wrong = "</textarea><script>alert(1)</script>"
    Market.objects.update(name=wrong, description=wrong)
    for path in ("/markets/7/describe/", f"{SETTLE}?price=70"):
        assert b"<script>alert" not in alice.get(path).content
    assert b"<script>alert" not in alice.post("/markets/new/", {**FORM, "name": wrong, "tick_size": wrong}).content
