"""The console's tables: figures, search, filters, and a number of queries that does not grow with the rows."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import Account, Ownership
from markets.models import Exposure, Market, MarketVisibility, Order, Payout, Side
from tests.admin.conftest import CHIP, Class

TABLES = (
    "accounts/account",
    "accounts/ownership",
    "accounts/transfer",
    "accounts/apitoken",
    "accounts/user",
    "markets/market",
    "markets/order",
    "markets/trade",
    "markets/exposure",
    "markets/payout",
    "markets/journalentry",
    "auctions/auction",
)


def rows(client: Client, table: str, **query: str) -> list[str]:
    """The text of each row of a table."""
    response = client.get(f"/admin/{table}/", query)
    assert response.status_code == 200, response.status_code
    page = response.content.decode()
    found = page.partition('id="result_list"')[2].partition("</table>")[0].split("<tbody")[1:]
    return [" ".join(re.sub(r"<[^>]+>", " ", f"<{row}").split()) for row in found]


@pytest.fixture
def busy(world: Class) -> Class:
    """An exchange with rows in every table."""
    world.order(world.alice, Side.BID, 4_850, 250)
    world.order(world.bob, Side.OFFER, 6_000, 0)
    world.trade(5_050, 150, world.alice, world.bot)
    world.exposure(world.alice, position=-250, bid_size=100, bid_value=48_5000, worst_case=-48_5000, cost=-100_0001)
    world.alice.paid.create(id=1, to_account=world.bob, amount=33_3334, kind=1, note="rent", at_us=0, seq=2)
    Payout.objects.create(market=world.rain, account=world.bob, position=-300, price=7_050, amount=-211_5000, seq=2)
    return world


class TestFigures:
    """Figures are decimals. Times have seconds."""

    def test_accounts(self, operator: Client, busy: Class) -> None:
        Account.objects.filter(pk=2).update(available=-999_9999)
        assert "2 Alice user account alice 1,000.00 -999.9999" in rows(operator, "accounts/account")

    def test_transfers(self, operator: Client, busy: Class) -> None:
        assert rows(operator, "accounts/transfer") == ["1 1970-01-01 00:00:00 payment Alice Bob 33.3334 – rent"]

    def test_markets(self, operator: Client, busy: Class) -> None:
        Market.objects.update(last_price=-5)
        assert rows(operator, "markets/market") == ["7 Rain - open 0.00 100.00 -0.05 – Bob close_small"]

    def test_orders_the_newest_first(self, operator: Client, busy: Class) -> None:
        time = "2026-11-23 02:03:22"
        assert rows(operator, "markets/order") == [
            f"102 {time} Rain Bob offer 60.00 0 0 0 0",
            f"101 {time} Rain Alice bid 48.50 2.5 2.5 0 0",
        ]

    def test_trades(self, operator: Client, busy: Class) -> None:
        assert rows(operator, "markets/trade") == ["103 2026-11-23 02:03:22 Rain 50.50 1.5 Alice Bot bid"]

    def test_exposures(self, operator: Client, busy: Class) -> None:
        assert rows(operator, "markets/exposure") == ["Alice Rain -2.5 1 0 -48.50 -100.0001 0.00"]

    def test_payouts(self, operator: Client, busy: Class) -> None:
        assert rows(operator, "markets/payout") == ["Rain Bob -3 70.50 -211.50"]

    def test_an_accounts_page_names_its_owners_and_what_it_owns(self, operator: Client, busy: Class) -> None:
        page = operator.get("/admin/accounts/account/4/change/").content.decode()
        assert table(page, "Owner") == ["Alice Team 0.00"]
        assert table(page, "Account") == ["Bot 1,000.00 Team: 0.00"]
        assert "the exchange" in page

    def test_an_accounts_page_shows_the_whole_tree_indented_with_credits(self, operator: Client, busy: Class) -> None:
        Ownership.objects.create(owner=busy.bob, account=busy.team, credit=25_000)
        Ownership.objects.filter(owner=busy.team).update(credit=123_456)
        page = operator.get("/admin/accounts/account/2/change/").content.decode()
        assert table(page, "Account") == [
            "Team 1,000.00 Alice: 0.00 · Bob: 2.50",
            "Bot 1,000.00 Team: 12.3456",
        ]
        assert page.index("0.5rem") < page.index(">Team</a>") < page.index("1.5rem") < page.index(">Bot</a>")
        page = operator.get("/admin/accounts/account/5/change/").content.decode()
        assert table(page, "Owner") == ["Team Bot 12.3456", "Alice Team 0.00", "Bob Team 2.50"]
        assert table(page, "Account") == []


def table(page: str, begins: str) -> list[str]:
    """The rows of the table whose first column has this title."""
    _, found, rest = page.partition(f'<th scope="col">{begins}</th>')
    rows = rest.partition("</table>")[0].split("<tr>")[1:] if found else []
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]


class TestMarkets:
    def test_the_page_says_who_sees_it(self, operator: Client, world: Class) -> None:
        page = "/admin/markets/market/7/change/"
        assert "everybody" in operator.get(page).content.decode()
        for account in (world.bob, world.alice):
            MarketVisibility.objects.create(market=world.rain, account=account)
        shown = " ".join(re.sub(r"<[^>]+>", " ", operator.get(page).content.decode()).split())
        assert "Alice · Bob" in shown
        assert "everybody" not in shown

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({}, {"7", "8", "9"}),
            ({"category": "Class"}, {"8", "9"}),
            ({"restricted": "yes"}, {"8"}),
            ({"restricted": "no"}, {"7", "9"}),
            ({"restricted": "yes", "category": "Practice"}, set()),
        ],
    )
    def test_are_found_by_category_and_by_who_sees_them(
        self, query: dict[str, str], found: set[str], operator: Client, world: Class
    ) -> None:
        snow = world.market(8, "Snow", category="Class")
        world.market(9, "Hail", category="Class")
        MarketVisibility.objects.create(market=snow, account=world.bob)
        MarketVisibility.objects.create(market=snow, account=world.alice)
        shown = rows(operator, "markets/market", **query)
        assert {row.split()[0] for row in shown} == found
        assert len(shown) == len(found)


class TestSearch:
    @pytest.mark.parametrize(
        ("table", "text", "found"),
        [
            ("accounts/account", "2", ["2"]),
            ("accounts/account", "bo", ["3", "5", "6"]),
            ("accounts/account", "ALICE", ["2"]),
            ("accounts/account", "olivia", ["9"]),
            ("accounts/account", "nobody", []),
            ("markets/market", "7", ["7"]),
            ("markets/market", " rai ", ["7"]),
            ("markets/order", "102", ["102"]),
            ("markets/order", "Alice", []),
            ("markets/trade", "103", ["103"]),
            ("markets/journalentry", "2", ["2"]),
            ("markets/journalentry", "99", []),
        ],
    )
    def test_by_id_or_name(self, table: str, text: str, found: list[str], operator: Client, busy: Class) -> None:
        assert sorted(row.split()[0] for row in rows(operator, table, q=text)) == found

    @pytest.mark.parametrize("text", ["9" * 18, "9" * 5_000, "-1", "²", "%", "a" * 5_000])
    @pytest.mark.parametrize("table", ["accounts/account", "markets/order"])
    def test_of_nonsense_finds_nothing(self, table: str, text: str, operator: Client, busy: Class) -> None:
        assert rows(operator, table, q=text) == []


class TestFilters:
    @pytest.mark.parametrize(
        ("table", "query", "found"),
        [
            ("markets/order", {"account": "Alice"}, ["101"]),
            ("markets/order", {"account": "3"}, ["102"]),
            ("markets/order", {"account": "nobody"}, []),
            ("markets/order", {"account": "9" * 30}, []),
            ("markets/order", {"account": "Al\x00ice"}, []),
            ("markets/order", {"market": "rain"}, ["102", "101"]),
            ("markets/order", {"market": "8"}, []),
            ("markets/order", {"state": "open"}, ["101"]),
            ("markets/order", {"state": "done"}, ["102"]),
            ("markets/order", {"state": "done", "account": "Alice"}, []),
            ("markets/trade", {"account": "Bot"}, ["103"]),
            ("markets/trade", {"account": "Bob"}, []),
            ("accounts/transfer", {"account": "bob"}, ["1"]),
            ("accounts/transfer", {"account": "Bot"}, []),
            ("accounts/transfer", {"kind__exact": "2"}, []),
            ("accounts/account", {"kind__exact": "1"}, ["1"]),
            ("markets/market", {"status__exact": "5"}, []),
            ("markets/journalentry", {"kind": "CreateMarket"}, ["2"]),
            ("markets/journalentry", {"person": "alice"}, ["2"]),
            ("markets/journalentry", {"person": "bob"}, []),
            ("markets/journalentry", {"person": "0"}, ["1"]),
            ("markets/journalentry", {"account": "Alice"}, ["2"]),
            ("markets/journalentry", {"market": "Rain"}, ["2"]),
            ("markets/journalentry", {"market": "8"}, []),
        ],
    )
    def test_narrow_a_table(
        self, table: str, query: dict[str, str], found: list[str], operator: Client, busy: Class
    ) -> None:
        assert [row.split()[0] for row in rows(operator, table, **query)] == found

    @pytest.mark.parametrize(
        ("table", "name", "count"),
        [("markets/exposure", "Alice", 1), ("markets/payout", "Alice", 0), ("accounts/ownership", "Team", 2)],
    )
    def test_by_account_where_there_is_no_id(
        self, table: str, name: str, count: int, operator: Client, busy: Class
    ) -> None:
        assert len(rows(operator, table, account=name)) == count


def test_the_links_between_tables_lead_to_what_they_say(operator: Client, busy: Class) -> None:
    for page in ("/admin/accounts/account/2/change/", "/admin/markets/market/7/change/"):
        text = operator.get(page).content.decode()
        addresses = re.findall(r'href="(/admin/[a-z/]+/\?(?:account|market)=\d)"', text)
        assert len(addresses) >= 5
        for address in addresses:
            assert operator.get(address).status_code == 200


@pytest.mark.parametrize("table", TABLES)
def test_queries_do_not_grow_with_the_rows(
    table: str, operator: Client, busy: Class, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    more(busy, 5)
    with django_assert_max_num_queries(11) as captured:
        rows(operator, table)
    few = len(captured)
    more(busy, 5)
    with django_assert_max_num_queries(few):
        rows(operator, table)


def more(world: Class, count: int) -> None:
    base = Account.objects.count() + 1_000
    for number in range(base, base + count):
        account = world.account(number, f"Account {number}", 3)  # type: ignore[arg-type]
        account.owners.create(owner=world.alice, credit=0)
        world.exposure(account, position=CHIP)
        world.order(account, Side.BID, 100, 100)
        world.trade(100, 100, account, world.bob)
        account.paid.create(id=number, to_account=world.bob, amount=1, kind=1, at_us=0, seq=2)
        Payout.objects.create(market=world.rain, account=account, position=1, price=1, amount=1, seq=2)
    assert Order.objects.count() > count < Exposure.objects.count()


@pytest.mark.parametrize(
    "address",
    [
        "accounts/apitoken/?digest__gte=a",
        "accounts/apitoken/?user__password__startswith=p",
        "markets/order/?id__in=1,99999999999999999999999",
        "markets/order/?client_order_id__startswith=a",
    ],
)
def test_an_address_asks_no_more_than_the_filters(operator: Client, busy: Class, address: str) -> None:
    """With a lookup somebody could read a digest letter by letter."""
    assert operator.get(f"/admin/{address}").status_code == 400


def test_an_order_too_many_is_on_the_next_page(operator: Client, world: Class) -> None:
    for _ in range(51):
        world.order(world.alice, Side.BID, 100, 100)
    assert len(rows(operator, "markets/order")) == 50
    assert [row.split()[0] for row in rows(operator, "markets/order", p="2")] == ["101"]


def test_who_reads_is_not_counted(
    operator: Client, busy: Class, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """Tables that grow without end are never counted."""
    for table in ("markets/order", "markets/trade", "markets/journalentry", "accounts/transfer"):
        with django_assert_max_num_queries(11) as captured:
            rows(operator, table)
        assert not [query["sql"] for query in captured if "COUNT(" in query["sql"]]
