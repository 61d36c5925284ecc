"""Fixtures: a small exchange in the tables, signed-in people, and a gateway that records requests."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY, record_authentication
from django.contrib.auth.models import Permission
from django.test import Client, RequestFactory

from accounts.models import Account, AccountKind, Ownership, User
from markets.models import Exposure, Market, MarketStatus, Order, PriceLevel, Side, TimeInForce, Trade
from proto import exchange_pb2 as pb
from realtime import gateway
from realtime.errors import RequestFailed
from realtime.gateway import PERSON
from realtime.rights import Rights

CHIP = 10_000
# 2026-11-23 02:03:22 UTC
AT_US = 1_795_399_402_000_000


@pytest.fixture(autouse=True)
def _light(settings: Any) -> None:
    """Static files keep their names, so that tests need no built front end. Passwords get a fast hash."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


class Asked(NamedTuple):
    user: int
    account: int
    message: pb.ClientMessage


class FakeGateway:
    """Records requests. Answers with `reply`, or refuses with `refusal`."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.in_sudo: list[bool] = []  # whether each request had sudo
        self.drawn: list[tuple[int, str, int]] = []  # charges without a command
        self.empty: RequestFailed | None = None  # the refusal of an empty bucket
        self.reply = pb.ServerMessage()
        self.refusal: RequestFailed | None = None
        self.on_ask: Callable[[Asked], None] | None = None

    def ask_sync(
        self, user: int, message: pb.ClientMessage, *, account: int = 0, sudo: bool = False, rights: Rights = PERSON
    ) -> pb.ServerMessage:
        assert rights.operator or not sudo, "only operators have sudo"
        self.asked.append(Asked(user, account, message))
        self.in_sudo.append(sudo)
        if self.refusal:
            raise self.refusal
        if self.on_ask:
            self.on_ask(self.asked[-1])
        return self.reply

    def draw_sync(self, user: int, rate_class: str, *, sudo: bool = False, cost: int = 1) -> pb.Limits:
        self.drawn.append((user, rate_class, cost))
        if self.empty:
            raise self.empty
        return pb.Limits()

    @property
    def last(self) -> Asked:
        return self.asked[-1]


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    fake = FakeGateway()
    monkeypatch.setattr(gateway, "ask_sync", fake.ask_sync)
    monkeypatch.setattr(gateway, "draw_sync", fake.draw_sync)
    return fake


class World:
    """Alice owns Team, which owns Bot; Bob is somebody else. Market Rain settles between 0 and 100."""

    def __init__(self) -> None:
        self.house = self.account(1, "House", AccountKind.HOUSE, cash=-4_000)
        self.alice_user = User.objects.create_user("alice", first_name="Alice")
        self.bob_user = User.objects.create_user("bob", first_name="Bob")
        self.alice = self.account(2, "Alice", AccountKind.USER, self.alice_user)
        self.bob = self.account(3, "Bob", AccountKind.USER, self.bob_user)
        self.team = self.account(4, "Team", AccountKind.ALT)
        self.bot = self.account(5, "Bot", AccountKind.ALT)
        self.bobs = self.account(6, "Bob's alt", AccountKind.ALT)
        for owner, account in ((self.alice, self.team), (self.team, self.bot), (self.bob, self.bobs)):
            Ownership.objects.create(owner=owner, account=account, credit=0)
        self.rain = self.market(7, "Rain")
        self.next_id = 100

    def account(self, id: int, name: str, kind: AccountKind, user: User | None = None, cash: int = 1_000) -> Account:
        return Account.objects.create(
            id=id,
            name=name,
            name_key=name.casefold(),
            kind=kind,
            user=user,
            cash=cash * CHIP,
            available=cash * CHIP,
            creator=0,
            seq=id,
        )

    def market(self, id: int, name: str, status: MarketStatus = MarketStatus.OPEN, **fields: Any) -> Market:
        return Market.objects.create(
            id=id,
            name=name,
            name_key=name.casefold(),
            status=status,
            **{"owner": self.bob, **fields},
            min_settlement=0,
            max_settlement=10_000,
            tick_size=50,
            smallest_size=100,
            creator=0,
            created_us=AT_US,
            seq=id,
        )

    def order(self, account: Account, side: Side, price: int, open: int, market: Market | None = None) -> Order:
        """An open order. Price is in 1/100 chip, open size in 1/100."""
        self.next_id += 1
        market = market or self.rain
        new = {"market_id": market.id, "side": side, "price": price, "defaults": {"size": 0, "orders": 0}}
        level, _ = PriceLevel.objects.get_or_create(**new)
        level.size, level.orders = level.size + open, level.orders + 1
        level.save()
        return Order.objects.create(
            id=self.next_id,
            market=market,
            account=account,
            side=side,
            price=price,
            size=open,
            open=open,
            filled=0,
            cancelled=0,
            time_in_force=TimeInForce.GTC,
            post_only=False,
            created_us=AT_US,
            seq=self.next_id,
        )

    def trade(self, price: int, size: int, buyer: Account, seller: Account, taker_side: Side = Side.BID) -> Trade:
        self.next_id += 1
        return Trade.objects.create(
            id=self.next_id,
            seq=self.next_id,
            at_us=AT_US,
            market=self.rain,
            price=price,
            size=size,
            buyer=buyer,
            seller=seller,
            taker_side=taker_side,
            maker_order=1,
            maker_open=0,
            taker_order=2,
            taker_open=0,
        )

    def exposure(self, account: Account, market: Market | None = None, **figures: int) -> Exposure:
        nothing = dict.fromkeys(
            ("position", "bid_size", "bid_value", "offer_size", "offer_value", "worst_case", "cost", "realised"), 0
        )
        return Exposure.objects.create(account=account, market=market or self.rain, **{**nothing, **figures})


@pytest.fixture
def world(db: None) -> World:
    return World()


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def authenticated(client: Client, user: User, seconds_ago: float = 0) -> None:
    """Records an authentication in the session, as allauth does at sign-in."""
    request = RequestFactory().get("/")
    request.session = client.session
    record_authentication(request, user, method="password")
    request.session[AUTHENTICATION_METHODS_SESSION_KEY][-1]["at"] -= seconds_ago
    request.session.save()


@pytest.fixture
def alice(world: World, exchange: FakeGateway) -> Client:
    """Alice's browser."""
    return browser_of(world.alice_user)


@pytest.fixture
def operator(world: World, exchange: FakeGateway) -> Client:
    """The browser of Bob, an operator who has just authenticated. Rain is Alice's."""
    world.bob_user.is_staff = True
    world.bob_user.set_password("pass")
    world.bob_user.save()
    world.bob_user.user_permissions.add(Permission.objects.get(codename="operate_exchange"))
    Market.objects.filter(pk=world.rain.pk).update(owner=world.alice)
    client = browser_of(world.bob_user)
    authenticated(client, world.bob_user)
    return client
