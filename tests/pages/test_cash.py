"""The statement, as a page and as CSV, and the page of transfers with the limits of payments."""

import csv
import io
from typing import Any

import pytest
from django.test import Client

from accounts.acting import SESSION_KEY
from accounts.models import Account, Ownership, Transfer, TransferKind
from markets.models import JournalEntry, Payout, Side
from markets.pages import cash
from proto import exchange_pb2 as pb
from realtime.errors import RequestFailed
from tests.pages.conftest import AT_US, CHIP, FakeGateway, World
from tests.pages.html import page_data, read, toasts

STATEMENT = "/statement/"


def add_entries(last: int) -> None:
    """Creates journal entries up to a seq."""
    header = {"at_us": AT_US, "principal": 0, "account": 0, "kind": "x", "rules": 1}
    body = {"command": b"", "events": b"", "hash": b""}
    head = JournalEntry.objects.count()
    JournalEntry.objects.bulk_create(JournalEntry(seq=seq, **header, **body) for seq in range(head + 1, last + 1))


def add_transfer(
    id: int, payer: Account, payee: Account, kind: TransferKind, chips: int, note: str = "", **more: Any
) -> None:
    Transfer.objects.create(
        id=id,
        seq=id,
        at_us=AT_US,
        from_account=payer,
        to_account=payee,
        amount=chips * CHIP,
        kind=kind,
        note=note,
        **more,
    )


@pytest.fixture
def past(world: World) -> World:
    """Alice: starting cash 1,000, 25 paid, 2 bought at 48, a lamp sold for 30, 2 paid out at 70, a gift of 15."""
    add_transfer(10, world.house, world.alice, TransferKind.STARTING_CASH, 1_000)
    add_transfer(11, world.alice, world.bob, TransferKind.PAYMENT, 25, "=cmd()")
    add_transfer(12, world.bob, world.bobs, TransferKind.DEPOSIT, 3, "not hers")
    world.trade(4_800, 200, world.alice, world.bob)
    world.exposure(world.alice, traded=True)
    add_transfer(200, world.bob, world.alice, TransferKind.AUCTION, 30, "Lamp", auction=4)
    Payout.objects.create(market=world.rain, account=world.alice, position=200, price=7_000, amount=140 * CHIP, seq=201)
    add_transfer(202, world.house, world.alice, TransferKind.GIFT, 15, "Well done")
    add_entries(202)
    world.alice.cash = world.alice.available = (1_000 - 25 - 96 + 30 + 140 + 15) * CHIP
    world.alice.save()
    return world


def lines(browser: Client, path: str = STATEMENT) -> list[list[str]]:
    return [row.cells() for row in read(browser.get(path)).all("statement-line")]


class TestStatement:
    def test_says_every_change_in_words_and_adds_up(self, alice: Client, past: World) -> None:
        assert [(what, amount, balance) for _, what, _, amount, balance in lines(alice)] == [
            ("Gift from House Well done", "+15.00", "1,064.00"),
            ("Rain settled at 70.00, with a position of +2", "+140.00", "1,049.00"),
            ("Sold “Lamp” to Bob", "+30.00", "909.00"),
            ("Bought 2 at 48.00 in Rain", "-96.00", "879.00"),
            ("Payment to Bob =cmd()", "-25.00", "975.00"),
            ("Starting cash from House", "+1,000.00", "1,000.00"),
        ]
        assert read(alice.get(STATEMENT)).one("cash").text == "1,064.00"

    def test_names_the_event_behind_each(self, alice: Client, past: World) -> None:
        assert [line[2] for line in lines(alice)][:4] == [
            "transfer 202 · entry 202",
            "payout 7 · entry 201",
            "transfer 200 · entry 200",
            "trade 101 · entry 101",
        ]

    def test_is_of_the_account_acted_as(self, alice: Client, past: World) -> None:
        session = alice.session
        session[SESSION_KEY] = past.team.id
        session.save()
        assert lines(alice) == []
        assert "No changes of cash yet." in read(alice.get(STATEMENT)).text

    def test_leads_to_older_lines(self, alice: Client, past: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cash, "LINES_SHOWN", 4)
        whole, older, path = list[str](), list[str](), STATEMENT
        for _ in range(2):
            page = read(alice.get(path))
            whole += [row.cells()[4] for row in page.all("statement-line")]
            older = [link.attributes["href"] for link in page.named("a") if link.attributes.get("rel") == "next"]
            path = STATEMENT + (older or [""])[0]
        assert whole == ["1,064.00", "1,049.00", "909.00", "879.00", "975.00", "1,000.00"]
        assert older == []

    @pytest.mark.parametrize("cursor", ["x", "1", "1-", "-1-1", "1-1-1", "9" * 19 + "-1", "١-١"])
    def test_knows_no_other_cursor(self, alice: Client, past: World, cursor: str) -> None:
        assert alice.get(STATEMENT, {"before": cursor}).status_code == 404

    def test_holds_nothing_that_was_committed_while_it_was_read(self, alice: Client, past: World) -> None:
        """A row without a journal entry yet was committed after the statement began."""
        add_transfer(300, past.house, past.alice, TransferKind.GIFT, 1)
        assert lines(alice)[0][4] == "1,064.00"


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning")  # the test client is no ASGI server
class TestSpreadsheet:
    def rows(self, browser: Client) -> list[dict[str, str]]:
        response = browser.get("/statement.csv")
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert response.headers["Content-Disposition"] == 'attachment; filename="statement-2.csv"'
        text = b"".join(response).decode()
        assert text.startswith("\ufeffentry,"), "Excel takes UTF-8 without a mark for the machine's old code page"
        return list(csv.DictReader(io.StringIO(text[1:], newline="")))

    def test_is_expensive(self, alice: Client, past: World, exchange: FakeGateway) -> None:
        exchange.empty = RequestFailed(pb.RATE_LIMITED, "Too fast: wait 20 s.")
        page = read(alice.get("/statement.csv", follow=True))
        assert exchange.drawn == [(past.alice_user.pk, "expensive", 1)]
        assert toasts(page) == ["Too fast: wait 20 s."]

    @pytest.mark.parametrize("chunk", [1, 2, 1_000])
    def test_has_all_of_it(self, alice: Client, past: World, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
        monkeypatch.setattr("markets.reads.statement.CHUNK", chunk)
        monkeypatch.setattr("markets.pages.statement_text.CHUNK", chunk)
        rows = self.rows(alice)
        assert [(row["event"], row["id"], row["amount"], row["balance"]) for row in rows] == [
            ("transfer", "202", "15.0000", "1064.0000"),
            ("payout", "7", "140.0000", "1049.0000"),
            ("transfer", "200", "30.0000", "909.0000"),
            ("trade", "101", "-96.0000", "879.0000"),
            ("transfer", "11", "-25.0000", "975.0000"),
            ("transfer", "10", "1000.0000", "1000.0000"),
        ]
        trade = rows[3]
        assert (trade["market"], trade["side"], trade["price"], trade["size"]) == ("Rain", "BID", "48.00", "2.00")
        assert (trade["with"], trade["time"]) == ("", "2026-11-23T02:03:22.000000Z")

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
    def test_holds_no_formula_of_anybodys(self, alice: Client, past: World, start: str) -> None:
        Transfer.objects.update(note=f"{start}1+1")
        past.bob.name = f"{start}Bob"
        past.bob.save()
        past.rain.name = f"{start}Rain"
        past.rain.save()
        for row in self.rows(alice):
            texts = [row[name] for name in ("what", "with", "note", "market")]
            assert [text for text in texts if text.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
        assert self.rows(alice)[4]["note"] == f"'{start}1+1"

    def test_of_an_account_without_a_past_is_a_heading(self, alice: Client, world: World) -> None:
        assert self.rows(alice) == []


class TestTransfers:
    def test_lists_all_page_by_page(self, alice: Client, world: World) -> None:
        for id in range(1, 121):
            add_transfer(id, world.house, world.alice, TransferKind.GIFT, id)
        seen, older, path = list[str](), list[str](), "/transfers/"
        for _ in range(3):
            page = read(alice.get(path))
            seen += [row.cells()[3] for row in page.all("transfer-row")]
            older = [link.attributes["href"] for link in page.named("a") if link.attributes.get("rel") == "next"]
            path = "/transfers/" + (older or [""])[0]
        assert seen == [f"+{id}.00" for id in range(120, 0, -1)]
        assert older == []
        assert alice.get("/transfers/?before=x").status_code == 404

    def test_the_form_leads_back_to_it(self, alice: Client, world: World) -> None:
        page = read(alice.get("/transfers/"))
        form = page.one("transfer-form")
        assert [f.attributes["value"] for f in form.named("input") if f.attributes.get("name") == "next"] == [
            "/transfers/"
        ]
        assert page_data(page)["name"] == "transfers"

    def test_the_portfolio_leads_to_it(self, alice: Client, world: World) -> None:
        links = [link.attributes.get("href") for link in read(alice.get("/portfolio/")).named("a")]
        assert links.count("/transfers/") == 2  # one in the menu, one below the short list


class TestLimits:
    def limits(self, browser: Client, account: Account) -> list[str]:
        session = browser.session
        session[SESSION_KEY] = account.id
        session.save()
        return [limit.text for limit in read(browser.get("/transfers/")).all("limit")]

    def test_of_a_person_and_an_account_of_one_owner(self, alice: Client, world: World) -> None:
        world.exposure(world.bot, position=100)
        assert self.limits(alice, world.alice) == [
            "To other people: the available balance.",
            "To Team: the available balance.",
        ]
        assert self.limits(alice, world.bot) == ["To Team: the available balance."]

    def test_of_a_shared_account_are_the_credits_after_rebalancing(self, alice: Client, world: World) -> None:
        """The example of rules, section 2: credits of 300 and 100, 200 won, so 450 and 150."""
        self.share(world, alice=300, bob=100, cash=600)
        assert self.limits(alice, world.team) == [
            "To Bot: the available balance.",
            "To Alice: at most 450.00 (this owner’s credit).",
            "To Bob: at most 150.00 (this owner’s credit).",
        ]

    def test_count_what_is_parked_below_and_stop_at_what_is_available(self, alice: Client, world: World) -> None:
        self.share(world, alice=200, bob=200, cash=100)
        Ownership.objects.filter(account=world.bot).update(credit=100 * CHIP)
        Account.objects.filter(pk=world.bot.pk).update(cash=300 * CHIP, available=300 * CHIP)
        assert self.limits(alice, world.team)[1:] == [
            "To Alice: at most 100.00 (this owner’s credit).",
            "To Bob: at most 100.00 (this owner’s credit).",
        ]

    def test_while_something_below_is_open_nothing_goes_to_an_owner(self, alice: Client, world: World) -> None:
        self.share(world, alice=300, bob=100, cash=400)
        world.exposure(world.bot, bid_size=100)
        nothing = "nothing while Team or an account below it has a position or an open order."
        assert self.limits(alice, world.team)[1:] == [f"To Alice: {nothing}", f"To Bob: {nothing}"]
        assert self.limits(alice, world.alice)[1:] == [f"To Team: {nothing}"]

    def share(self, world: World, alice: int, bob: int, cash: int) -> None:
        Ownership.objects.filter(account=world.team).update(credit=alice * CHIP)
        Ownership.objects.create(owner=world.bob, account=world.team, credit=bob * CHIP)
        Account.objects.filter(pk=world.team.pk).update(cash=cash * CHIP, available=cash * CHIP)
        Account.objects.filter(pk=world.bot.pk).update(cash=0, available=0)


def test_a_sellers_trade_is_sold(alice: Client, past: World) -> None:
    past.trade(5_000, 100, past.bob, past.alice, Side.OFFER)
    assert "Sold 1 at 50.00 in Rain" in [line[1] for line in lines(alice)]
