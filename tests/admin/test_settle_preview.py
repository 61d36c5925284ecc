"""The preview of a settlement shows what each account gets, and changes nothing."""

from typing import Any

import pytest
from django.test import Client

from markets.models import Market, MarketStatus, Side
from proto import exchange_pb2 as pb
from realtime.errors import RequestFailed
from tests.admin.conftest import CHIP, Class, FakeGateway

SETTLE = "/admin/markets/market/7/settle/"


@pytest.fixture
def held(world: Class) -> Class:
    """Alice is long 5, Bob short 3, Bot short 2. Bob has one resting order, one done, and one in another market."""
    for account, position in ((world.alice, 500), (world.bob, -300), (world.bot, -200), (world.team, 0)):
        world.exposure(account, position=position)
    world.order(world.bob, Side.OFFER, 6_000, 250)
    world.order(world.bob, Side.OFFER, 6_000, 0)
    other = world.market(8, "Snow")
    world.order(world.bob, Side.BID, 100, 100, other)
    world.exposure(world.alice, other, position=10_000)
    return world


def preview(client: Client, price: str) -> Any:
    response = client.get(SETTLE, {"price": price})
    assert response.status_code == 200
    return response.context["preview"]


def test_it_shows_what_each_holder_gets_and_then_has(operator: Client, held: Class, exchange: FakeGateway) -> None:
    found = preview(operator, "70.5")
    assert [(h.account.name, h.position, h.amount, h.cash_after) for h in found.holders] == [
        ("Alice", 500, 352_5000, 1_352_5000),
        ("Bob", -300, -211_5000, 788_5000),
        ("Bot", -200, -141_0000, 859_0000),
    ]
    assert found.sum == 0
    assert [order.price for order in found.orders] == [6_000]
    assert exchange.asked == []


def test_the_page_says_it_in_words(operator: Client, held: Class) -> None:
    page = operator.get(SETTLE, {"price": "70.5"}).content.decode()
    for words in ("+5", "+352.50", "1,352.50", "-211.50", "788.50"):
        assert words in page
    assert "Settling cancels 1 open order" in page
    assert "Settle market at 70.50" in page
    assert "so these figures may still change until you settle" in page
    assert 'name="price" value="70.50"' in page


def test_a_closed_market_stands_still(operator: Client, held: Class) -> None:
    Market.objects.filter(pk=7).update(status=MarketStatus.CLOSED)
    assert "may still change" not in operator.get(SETTLE, {"price": "70"}).content.decode()


@pytest.mark.parametrize(
    ("price", "words"),
    [
        ("100.01", "From 0.00 to 100.00."),
        ("-1", "From 0.00 to 100.00."),
        ("high", "Enter a number, like 1000.5."),
        ("1.234", "Enter at most 2 decimals."),
        ("", "This field is required."),
    ],
)
def test_a_wrong_price_has_no_preview(price: str, words: str, operator: Client, held: Class) -> None:
    response = operator.get(SETTLE, {"price": price})
    assert response.context["preview"] is None
    assert response.context["asked"].errors == {"price": [words]}
    assert "Settle market at" not in response.content.decode()


def test_a_wrong_price_cannot_be_posted_either(operator: Client, held: Class, exchange: FakeGateway) -> None:
    response = operator.post(SETTLE, {"price": "100.01", "key": "k"})
    assert response.context["asked"].errors == {"price": ["From 0.00 to 100.00."]}
    assert exchange.asked == []


def test_first_it_asks_for_a_price(operator: Client, held: Class) -> None:
    response = operator.get(SETTLE)
    assert response.context["preview"] is None
    assert not response.context["asked"].errors


def test_a_refused_settlement_shows_the_preview_again_with_its_key(
    operator: Client, held: Class, exchange: FakeGateway
) -> None:
    exchange.refusal = RequestFailed(pb.BUSY, "The exchange is busy; ask again.")
    response = operator.post(SETTLE, {"price": "70", "key": "the-key"})
    page = response.content.decode()
    assert page.count("The exchange is busy; ask again.") == 1
    assert 'name="key" value="the-key"' in page
    assert response.context["preview"].price == 7_000


def test_a_settled_market_says_so(operator: Client, held: Class) -> None:
    Market.objects.filter(pk=7).update(status=MarketStatus.SETTLED, settle_price=4_000)
    page = operator.get(SETTLE, {"price": "70"}).content.decode()
    assert "This market is settled at 40.00." in page
    assert "Settle market at" not in page


def test_many_orders_are_counted_and_only_the_first_are_listed(operator: Client, held: Class) -> None:
    for _ in range(120):
        held.order(held.alice, Side.BID, 100, 100)
    found = preview(operator, "70")
    assert (found.orders_count, len(found.orders), found.orders_more) == (121, 100, 21)


def test_closing_says_how_many_orders_go(operator: Client, held: Class) -> None:
    page = operator.get("/admin/markets/market/7/close/").content.decode()
    assert "Rain never trades again: 1 open order is cancelled." in page
    assert held.alice.cash == 1_000 * CHIP
