"""Pages show a market only to people who may see it; operators in sudo see everything."""

import pytest
from django.test import Client

from auctions.models import Auction, AuctionStatus
from markets.models import MarketVisibility, Side
from proto import exchange_pb2 as pb
from tests.pages.conftest import FakeGateway, World, authenticated, browser_of

MARKET = "/markets/7/"


@pytest.fixture
def hidden(world: World) -> World:
    """Only Bob may see Rain, which has a book and a trade."""
    MarketVisibility.objects.create(market=world.rain, account=world.bob)
    world.order(world.bob, Side.OFFER, 6_150, 300)
    world.trade(4_321, 100, world.bob, world.alice)
    return world


@pytest.fixture
def bob(world: World, exchange: FakeGateway) -> Client:
    return browser_of(world.bob_user)


def test_a_market_that_one_may_not_see_is_not_there(alice: Client, hidden: World) -> None:
    assert alice.get(MARKET).status_code == alice.get("/markets/999/").status_code == 404
    assert "Rain" not in alice.get("/").content.decode()


def test_who_is_listed_sees_it(bob: Client, hidden: World) -> None:
    page = bob.get(MARKET).content.decode()
    assert "61.50" in page
    assert "Rain" in bob.get("/").content.decode()


def test_a_past_trader_keeps_a_view_without_the_book(alice: Client, hidden: World) -> None:
    hidden.exposure(hidden.alice, position=100, traded=True)
    hidden.rain.last_price = 4_321
    hidden.rain.save()
    page = alice.get(MARKET).content.decode()
    assert 'data-testid="known-only"' in page
    for text in (page, alice.get("/").content.decode(), alice.get("/portfolio/").content.decode()):
        assert "Rain" in text
        assert "61.50" not in text
        assert "43.21" not in text


def test_seeing_is_not_trading(bob: Client, hidden: World) -> None:
    bob.post("/act-as/", {"account": hidden.bobs.id})
    page = bob.get(MARKET).content.decode()
    assert "61.50" in page
    assert "This market is not open to Bob's alt" in page.replace("&#x27;", "'")


class TestSudo:
    def test_does_not_make_one_the_seller(self, operator: Client, world: World) -> None:
        """In sudo the operator may act as any account, but may still buy from it."""
        given = {"name": "Lamp", "status": AuctionStatus.OPEN, "creator": 0, "created_us": 0, "seq": 1}
        Auction.objects.create(id=1, seller=world.alice, buy_now_price=1, **given)
        operator.post("/sudo/", {"on": 1})
        assert 'data-testid="buy-form"' in operator.get("/auctions/1/").content.decode()

    def test_takes_an_operator(self, alice: Client, world: World) -> None:
        assert alice.post("/sudo/", {"on": 1}).status_code == 404
        assert "sudo-switch" not in alice.get("/").content.decode()

    def test_shows_everything_and_asks_with_it(self, operator: Client, world: World, exchange: FakeGateway) -> None:
        MarketVisibility.objects.create(market=world.rain, account=world.alice)
        assert operator.get(MARKET).status_code == 404
        operator.post("/sudo/", {"on": 1})
        page = operator.get(MARKET).content.decode()
        assert 'data-testid="sudo-banner"' in page
        assert '"sudo": true' in page
        operator.post("/act-as/", {"name": "Alice"})
        assert operator.get("/").content.decode().count("You now act as Alice.") == 1
        exchange.reply.orders_cancelled.SetInParent()
        operator.post("/orders/cancel/", {"account": world.alice.id, "key": "k"})
        assert exchange.asked[-1] == (world.bob_user.pk, world.alice.id, pb.ClientMessage(out=pb.Out(key="k")))
        assert exchange.in_sudo[-1]
        operator.post("/sudo/", {"off": 1})
        page = operator.get("/").content.decode()
        assert 'data-testid="sudo-banner"' not in page
        assert ">Bob<" in page.replace("</span>", "<")
        assert operator.get(MARKET).status_code == 404

    def test_asks_for_the_password_again(self, operator: Client, world: World) -> None:
        authenticated(operator, world.bob_user, seconds_ago=31 * 60)
        asked = operator.post("/sudo/", {"on": 1})
        assert asked.status_code == 302
        assert "sudo-banner" not in operator.get("/").content.decode()
        authenticated(operator, world.bob_user)
        assert "sudo-banner" in operator.get("/sudo/", follow=True).content.decode()

    def test_comes_back_to_the_page_on_which_it_was_asked_for(self, operator: Client, world: World) -> None:
        authenticated(operator, world.bob_user, seconds_ago=31 * 60)
        asked = operator.post("/sudo/", {"on": 1, "next": "/transfers/?before=3"})
        assert asked["Location"] == "/sign-in/again/?next=/sudo/"
        authenticated(operator, world.bob_user)
        assert operator.get("/sudo/")["Location"] == "/transfers/?before=3"
        assert "sudo-banner" in operator.get("/transfers/").content.decode()

    def test_comes_back_after_a_new_sign_in_too(self, operator: Client, world: World) -> None:
        """People without a password are signed out and in again."""
        operator.post("/act-as/", {"account": world.bob.id})
        authenticated(operator, world.bob_user, seconds_ago=31 * 60)
        operator.post("/sudo/", {"on": 1, "next": "/transfers/"})
        assert operator.post("/sign-in/afresh/", {"next": "/sudo/"})["Location"] == "/sign-in/?next=/sudo/"
        operator.force_login(world.bob_user)
        authenticated(operator, world.bob_user)
        assert operator.get("/sudo/")["Location"] == "/transfers/"

    def test_is_not_for_another_person_who_signs_in_instead(self, operator: Client, world: World) -> None:
        authenticated(operator, world.bob_user, seconds_ago=31 * 60)
        operator.post("/sudo/", {"on": 1})
        operator.post("/sign-in/afresh/", {"next": "/sudo/"})
        other = world.alice_user
        other.is_staff = True
        other.save()
        other.user_permissions.set(world.bob_user.user_permissions.all())
        operator.force_login(other)
        authenticated(operator, other)
        assert "sudo-banner" not in operator.get("/sudo/", follow=True).content.decode()

    def test_ends_by_itself(self, operator: Client, world: World) -> None:
        operator.post("/sudo/", {"on": 1})
        authenticated(operator, world.bob_user, seconds_ago=31 * 60)
        assert "sudo-banner" not in operator.get("/").content.decode()

    def test_a_link_turns_nothing_on(self, operator: Client, world: World) -> None:
        assert "sudo-banner" not in operator.get("/sudo/", follow=True).content.decode()
