"""The page of accounts: the tree, the owners' money, sharing and leaving."""

import pytest
from django.test import Client

from accounts.models import Ownership
from proto import exchange_pb2 as pb
from realtime.errors import RequestFailed
from tests.pages.conftest import CHIP, FakeGateway, World
from tests.pages.html import read, toasts


@pytest.fixture
def shared(world: World) -> World:
    """Bob owns Team too, with a credit of 30."""
    Ownership.objects.create(owner=world.bob, account=world.team, credit=30 * CHIP)
    return world


def test_it_shows_the_tree_and_whose_the_money_is(alice: Client, shared: World) -> None:
    page = read(alice.get("/accounts/"))
    accounts = page.all("account")
    assert [account.named("h2")[0].text.strip() for account in accounts] == ["Alice", "Team", "Bot"]
    assert [credit.text for credit in accounts[1].all("credit")] == ["0.00", "30.00"]


def test_only_what_one_owns_oneself_can_be_shared_or_left(alice: Client, shared: World) -> None:
    accounts = read(alice.get("/accounts/")).all("account")
    assert [len(account.all("share-form")) for account in accounts] == [0, 1, 0]
    assert [len(account.all("leave-form")) for account in accounts] == [0, 1, 0]


def test_the_last_owner_cannot_leave(alice: Client, world: World) -> None:
    assert read(alice.get("/accounts/")).all("leave-form") == []


def test_an_alt_shares_nothing(alice: Client, world: World) -> None:
    alice.post("/act-as/", {"account": "4"})
    assert read(alice.get("/accounts/")).all("share-form") == []


def test_a_share_is_given_by_name(alice: Client, exchange: FakeGateway) -> None:
    changed = pb.OwnersChanged(account=pb.Account(id=4, name="Team"))
    exchange.reply = pb.ServerMessage(owners_changed=changed)
    form = {"account": "2", "key": "k", "receiver": " BOB "}
    page = read(alice.post("/accounts/4/share/", form, follow=True))
    asked = pb.ShareAccount(account_id=4, receiver_id=3, key="k")
    assert exchange.last[1:] == (2, pb.ClientMessage(share_account=asked))
    assert toasts(page) == ["Bob now owns Team with you."]


def test_a_share_for_nobody_is_not_sent(alice: Client, exchange: FakeGateway) -> None:
    page = read(alice.post("/accounts/4/share/", {"account": "2", "key": "k", "receiver": "Zoe"}, follow=True))
    assert exchange.asked == []
    assert toasts(page) == ["Receiver: There is no account with this name."]


def test_one_leaves(alice: Client, exchange: FakeGateway) -> None:
    changed = pb.OwnersChanged(account=pb.Account(id=4, name="Team"))
    exchange.reply = pb.ServerMessage(owners_changed=changed)
    page = read(alice.post("/accounts/4/leave/", {"account": "2", "key": "k"}, follow=True))
    assert exchange.last[1:] == (2, pb.ClientMessage(leave_account=pb.LeaveAccount(account_id=4, key="k")))
    assert toasts(page) == ["You left Team."]


def test_a_refusal_is_rendered(alice: Client, exchange: FakeGateway) -> None:
    exchange.refusal = RequestFailed(pb.CREDIT_REMAINS, "The credit must be 0 to end a share: Alice has 10 in Team.")
    page = read(alice.post("/accounts/4/leave/", {"account": "2", "key": "k"}, follow=True))
    assert toasts(page) == ["The credit must be 0 to end a share: Alice has 10 in Team."]
