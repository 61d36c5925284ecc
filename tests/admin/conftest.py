"""The small exchange of the pages' tests, with an operator, staff without the permission, and a student."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.messages import get_messages
from django.core.cache import cache
from django.test import Client

from accounts.models import Account, AccountKind, User
from markets.engine import commands, events
from markets.engine.commands import Command
from markets.engine.events import Event
from markets.journal.entries import Outcome, make_entry
from markets.models import JournalEntry, JournalMarket
from proto import exchange_pb2 as pb
from realtime import gateway
from realtime.errors import RequestFailed
from tests.pages.conftest import AT_US, CHIP, World, authenticated

SEQ = 2001  # of every answer of the fake gateway


@pytest.fixture(autouse=True)
def _built_or_not(settings: Any) -> None:
    """Gives static files their plain names, whether or not they were collected."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.WHITENOISE_AUTOREFRESH = True  # otherwise every test lists all static files


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    cache.clear()


class Asked(NamedTuple):
    user: int
    account: int
    sudo: bool
    message: pb.ClientMessage


class FakeGateway:
    """Records commands and answers as the exchange would, or refuses with `refusal`.

    A command with the same key and body is done once; `done` holds the commands by key.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.reasons: list[str] = []  # of each command
        self.done: dict[str, pb.ClientMessage] = {}
        self.refusal: RequestFailed | None = None

    def ask_sync(
        self, user: int, message: pb.ClientMessage, *, account: int = 0, sudo: bool = False
    ) -> pb.ServerMessage:
        self.reasons.append(message.reason)
        bare = pb.ClientMessage()
        bare.CopyFrom(message)
        bare.reason = ""
        self.asked.append(Asked(user, account, sudo, bare))
        if self.refusal:
            raise self.refusal
        kind = message.WhichOneof("message")
        assert kind is not None
        request = getattr(message, kind)
        if kind == "create_user_account":
            Account.objects.create(
                id=90,
                name=request.name,
                name_key="",
                kind=AccountKind.USER,
                user_id=user,
                cash=0,
                available=0,
                creator=user,
                seq=1,
            )
            created = pb.AccountCreated(account=pb.Account(id=90, name=request.name))
            return pb.ServerMessage(seq=1, account_created=created)
        before = self.done.setdefault(request.key, message)
        if before != message:
            raise RequestFailed(pb.KEY_CONFLICT, "The key was used with another body.")
        replayed = [asked.message for asked in self.asked].count(bare) > 1
        return pb.ServerMessage(seq=SEQ, replayed=replayed, **ANSWERS[kind](request))

    @property
    def last(self) -> Asked:
        return self.asked[-1]


ANSWERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "create_market": lambda m: {"market_created": pb.MarketCreated(market=pb.Market(id=7, name=m.name))},
    "edit_market": lambda m: {"market_updated": pb.MarketUpdated(market=pb.Market(id=7, name=m.name or "Rain"))},
    "set_market_status": lambda m: {"market_updated": pb.MarketUpdated(market=pb.Market(id=7, name="Rain"))},
    "settle_market": lambda m: {
        "market_settled": pb.MarketSettled(market=pb.Market(id=7, name="Rain", settle_price=m.price))
    },
    "revoke_share": lambda m: {"owners_changed": pb.OwnersChanged(account=pb.Account(id=m.account_id))},
    "redistribute": lambda m: {"owners_changed": pb.OwnersChanged(account=pb.Account(id=m.account_id))},
    "collect": lambda m: {"transfer_created": pb.TransferCreated(transfer=pb.Transfer(amount=m.amount))},
    "edit_auction": lambda m: {"auction_updated": pb.AuctionUpdated(auction=pb.Auction(id=3, name=m.name or "Lamp"))},
    "withdraw_auction": lambda m: {"auction_withdrawn": pb.AuctionWithdrawn(auction=pb.Auction(id=3, name="Lamp"))},
    "settle_auction": lambda m: {
        "auction_settled": pb.AuctionSettled(auction=pb.Auction(id=3, name="Lamp", settle_price=m.price))
    },
    "gift": lambda m: {"transfer_created": pb.TransferCreated(transfer=pb.Transfer(amount=m.amount))},
}


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    fake = FakeGateway()
    monkeypatch.setattr(gateway, "ask_sync", fake.ask_sync)
    return fake


class Class(World):
    """Adds staff and a journal of two entries: CreateHouse, and CreateMarket of Rain by Alice."""

    def __init__(self) -> None:
        super().__init__()
        self.operator_user = User.objects.create_user("olivia", is_staff=True)
        self.operator_user.user_permissions.add(Permission.objects.get(codename="operate_exchange"))
        self.operator = self.account(9, "Olivia", AccountKind.USER, self.operator_user)
        self.admin_user = User.objects.create_user("ada", is_staff=True)
        self.admin_user.groups.add(Group.objects.get(name="Administrator"))
        self.administrator = self.account(10, "Ada", AccountKind.USER, self.admin_user)
        self.viewer_user = User.objects.create_user("vera", is_staff=True)
        self.viewer_user.groups.add(Group.objects.get(name="Viewer"))
        self.staff_user = User.objects.create_user("steve", is_staff=True)
        self.root_user = User.objects.create_superuser("root")
        self.hash = bytes(32)
        self.entry(commands.CreateHouse(0, 0, True, ""), events.AccountCreated(1, "House", 1, 0, 0))
        self.entry(
            commands.CreateMarket(self.alice_user.pk, 2, False, "k", "Rain", "Will it?", 0, 10_000, 50, 100),
            events.MarketCreated(7, "Rain", "Will it?", 2, 0, 10_000, 50, 100, AT_US),
        )

    def entry(self, command: Command, *happened: Event) -> JournalEntry:
        seq = JournalEntry.objects.count() + 1
        kept = make_entry(Outcome(seq, AT_US, command, list(happened)), self.hash)
        self.hash = kept.hash
        for market in {event.market for event in happened if "market" in event._fields}:  # type: ignore[union-attr]
            JournalMarket.objects.create(market_id=market, seq=seq)
        return JournalEntry.objects.create(**kept._asdict())


@pytest.fixture
def world(db: None) -> Class:
    return Class()


class Console(Client):
    """A browser that gives a reason with every form, unless the test gives another."""

    def post(self, path: str, data: Any = None, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        said = {"reason": "as agreed", **data} if isinstance(data, dict) else data
        return super().post(path, said, *args, **kwargs)


def browser(user: User | None) -> Client:
    client = Console()
    if user is not None:
        client.force_login(user)
        authenticated(client, user)
    return client


@pytest.fixture
def operator(world: Class, exchange: FakeGateway) -> Client:
    """The operator's browser."""
    return browser(world.operator_user)


@pytest.fixture
def administrator(world: Class, exchange: FakeGateway) -> Client:
    return browser(world.admin_user)


def key_on(client: Client, path: str) -> str:
    """The idempotency key of the form on a page."""
    page = client.get(path).content.decode()
    found = re.search(r'name="key" value="([0-9a-f]{32})"', page)
    assert found is not None, page[:2000]
    return found[1]


def said(response: Any) -> list[str]:
    """The messages that the next page would show."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def errors(response: Any) -> dict[str, list[str]]:
    """The errors of the form that a page shows again."""
    assert response.status_code == 200
    found: dict[str, list[str]] = response.context["form"].errors
    return found


__all__ = [
    "AT_US",
    "CHIP",
    "SEQ",
    "Asked",
    "Class",
    "FakeGateway",
    "authenticated",
    "browser",
    "errors",
    "key_on",
    "said",
]
