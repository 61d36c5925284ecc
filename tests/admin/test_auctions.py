"""The auction board in the console: its figures, its operations, and the commands that they send."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from auctions import pictures
from auctions.models import Auction, AuctionStatus
from markets.engine.commands import AuctionStatus as EngineStatus
from proto import exchange_pb2 as pb
from realtime.errors import RequestFailed
from tests.admin.conftest import CHIP, Class, FakeGateway, errors, key_on, said
from tests.admin.test_tables import rows

PAGE = "/admin/auctions/auction/3"


@pytest.fixture
def lamp(world: Class, settings: Any, tmp_path: Path) -> Auction:
    settings.VAR_DIR = tmp_path
    given = {"status": AuctionStatus.OPEN, "creator": world.bob_user.pk, "created_us": 0, "seq": 2}
    return Auction.objects.create(id=3, seller=world.bob, name="Lamp", buy_now_price=12_345, **given)


def test_the_table_shows_decimals_and_words(operator: Client, lamp: Auction, world: Class) -> None:
    assert rows(operator, "auctions/auction") == ["3 Lamp open Bob 1.2345 - –"]
    Auction.objects.update(status=EngineStatus.SETTLED, buyer=world.alice, settle_price=2 * CHIP)
    assert rows(operator, "auctions/auction", account="Alice") == ["3 Lamp sold Bob 1.2345 Alice 2.00"]
    assert rows(operator, "auctions/auction", account="Team") == []


def test_a_transfer_leads_to_its_auction(operator: Client, lamp: Auction, world: Class) -> None:
    paid = {"amount": CHIP, "kind": 7, "at_us": 0, "auction": 3, "seq": 2}
    world.alice.paid.create(id=1, to_account=world.bob, **paid)
    assert f'href="{PAGE}/change/"' in operator.get("/admin/accounts/transfer/").content.decode()


def test_only_what_was_changed_is_sent(operator: Client, lamp: Auction, exchange: FakeGateway) -> None:
    key = key_on(operator, f"{PAGE}/edit/")
    begun = {"key": key, "initial-name": "Lamp", "initial-description": "", "initial-price": "1.2345"}
    response = operator.post(f"{PAGE}/edit/", {**begun, "name": "Lamp", "description": "a\r\nb", "price": ""})
    edit = pb.EditAuction(auction_id=3, description="a\nb", no_buy_now_price=True, key=key)
    assert exchange.last.message == pb.ClientMessage(edit_auction=edit)
    assert exchange.last.sudo
    assert said(response) == ["Lamp is saved: entry 2001."]


def test_an_edit_that_changes_nothing_is_not_sent(operator: Client, lamp: Auction, exchange: FakeGateway) -> None:
    begun = {"key": "k", "initial-name": "Lamp", "initial-description": "", "initial-price": "1.2345"}
    response = operator.post(f"{PAGE}/edit/", {**begun, "name": "Lamp", "price": "1.2345"})
    assert errors(response) == {"__all__": ["You did not change anything."]}
    assert exchange.asked == []


def test_a_picture_is_taken_away(operator: Client, lamp: Auction, exchange: FakeGateway) -> None:
    """A picture that an auction shows is not deleted."""
    lamp.picture = pictures.store(b"x")
    lamp.save()
    form = {"initial-name": "Lamp", "name": "Lamp", "initial-price": "1", "price": "1", "remove_picture": "on"}
    operator.post(f"{PAGE}/edit/", {**form, "key": "k"})
    assert exchange.last.message.edit_auction == pb.EditAuction(auction_id=3, picture="", key="k")
    assert pictures.read(lamp.picture) == b"x", "this exchange has written nothing: the table shows it still"


def test_settling_names_buyer_and_price(operator: Client, lamp: Auction, exchange: FakeGateway) -> None:
    key = key_on(operator, f"{PAGE}/settle/")
    response = operator.post(f"{PAGE}/settle/", {"key": key, "buyer": " alice ", "price": "0"})
    settle = pb.SettleAuction(auction_id=3, buyer_id=2, price=0, key=key)
    assert exchange.last.message == pb.ClientMessage(settle_auction=settle)
    assert said(response) == ["Lamp is sold for 0 chips: entry 2001."]


@pytest.mark.parametrize(("buyer", "price"), [("Zoe", "1"), ("House", "1"), ("alice", ""), ("alice", "1.00001")])
def test_what_cannot_be_read_is_not_sent(
    buyer: str, price: str, operator: Client, lamp: Auction, exchange: FakeGateway
) -> None:
    assert errors(operator.post(f"{PAGE}/settle/", {"key": "k", "buyer": buyer, "price": price}))
    assert exchange.asked == []


def test_withdrawing(operator: Client, lamp: Auction, exchange: FakeGateway) -> None:
    key = key_on(operator, f"{PAGE}/withdraw/")
    response = operator.post(f"{PAGE}/withdraw/", {"key": key})
    withdraw = pb.WithdrawAuction(auction_id=3, key=key)
    assert exchange.last.message == pb.ClientMessage(withdraw_auction=withdraw)
    assert said(response) == ["Lamp is withdrawn: entry 2001."]


def test_a_refusal_is_told(operator: Client, lamp: Auction, exchange: FakeGateway) -> None:
    exchange.refusal = RequestFailed(pb.AUCTION_SETTLED, "Sold already: Lamp went to Carol for 5.")
    response = operator.post(f"{PAGE}/settle/", {"key": "k", "buyer": "alice", "price": "1"})
    assert errors(response) == {"__all__": ["Sold already: Lamp went to Carol for 5."]}


def test_what_is_over_has_no_buttons(operator: Client, lamp: Auction) -> None:
    assert "console-buttons" in operator.get(f"{PAGE}/change/").content.decode()
    for status in (AuctionStatus.WITHDRAWN, AuctionStatus.SETTLED):
        Auction.objects.update(status=status)
        assert "console-buttons" not in operator.get(f"{PAGE}/change/").content.decode()
