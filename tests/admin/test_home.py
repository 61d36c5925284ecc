"""The console's home: the exchange's figures, and the buttons of operations."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import Account, User
from markets.models import MarketStatus, Side
from tests.admin.conftest import CHIP, Class, browser


def text(client: Client) -> str:
    page = client.get("/admin/").content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", page[page.index('id="exchange"') :]).split())


def balance(world: Class) -> None:
    """The house's cash is minus the cash of the others."""
    others = sum(account.cash for account in Account.objects.exclude(pk=1))
    Account.objects.filter(pk=1).update(cash=-others)


def test_it_tells_the_figures(operator: Client, world: Class) -> None:
    balance(world)
    world.order(world.alice, Side.BID, 4_850, 250)
    world.order(world.bob, Side.OFFER, 5_000, 250)
    world.market(8, "Snow", MarketStatus.SETTLED)
    found = text(operator)
    for words in (
        "Journal head 2 2026-11-23 02:03 UTC",
        "Unsettled markets 1 2 open orders",
        "People 4 and 3 alt accounts",
        "Money issued 7,000.00",
        "Sum of all cash 0.00 balanced",
        "Rain open 48.50 50.00 – Pause Cancel only Edit Close for good Settle",
        "2 02:03:22 CreateMarket name Rain, description Will it?",
        "alice Alice",
        "1 02:03:22 CreateHouse the exchange –",
    ):
        assert words in found
    assert "Snow" not in found


def test_it_wears_the_mark_of_the_exchange(operator: Client, world: Class) -> None:
    """A browser that finds no icon asks for a file that does not exist."""
    icons = re.findall(r'<link rel="icon" href="([^"]+)"', operator.get("/admin/").content.decode())
    assert len(icons) == 1
    assert re.fullmatch(r"/static/favicon(\.\w+)?\.svg", icons[0])


def test_it_raises_an_alarm_if_money_came_from_nowhere(operator: Client, world: Class) -> None:
    balance(world)
    Account.objects.filter(pk=2).update(cash=1_000 * CHIP + 1)
    page = operator.get("/admin/").content.decode()
    assert 'class="console-alarm" role="alert"' in page
    assert "0.0001" in page
    assert "Run manage.py verify" in page


@pytest.mark.django_db
def test_it_opens_before_anything_has_happened() -> None:
    found = text(browser(User.objects.create_superuser("root")))
    assert "Journal head – no entries yet" in found
    assert "There is no unsettled market." in found
    assert "Money issued 0.00" in found


def test_staff_without_a_permission_see_no_figures(world: Class) -> None:
    page = browser(world.staff_user).get("/admin/")
    assert page.status_code == 200
    for words in ("Journal head", "Rain", "CreateMarket"):
        assert words not in page.content.decode()


def test_viewers_see_the_figures_and_no_way_to_act(world: Class) -> None:
    page = browser(world.viewer_user).get("/admin/").content.decode()
    assert "Journal head" in page
    for words in ("Create a market", "Make a token", "/settle/", "/pause/"):
        assert words not in page
    assert "Create a market" in browser(world.operator_user).get("/admin/").content.decode()


def test_it_needs_the_same_few_queries_however_many_markets_there_are(
    operator: Client, world: Class, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        world.market(100 + number, f"Market {number}")
    with django_assert_max_num_queries(20):
        operator.get("/admin/")
