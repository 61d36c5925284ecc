"""Every operation of the console has a key, reads numbers as people type them, and comes back as it was sent."""

from typing import Any, NamedTuple

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.console.operations import Operation
from accounts.console.tables import Operated
from accounts.forms import UnitsField
from accounts.models import ApiToken
from auctions.models import Auction, AuctionStatus
from markets.console.operations import Settle
from proto import exchange_pb2 as pb
from realtime.errors import RequestFailed
from tests.admin.conftest import AT_US, Class, FakeGateway, errors, key_on

TYPED = {"name": "Snow", "description": "It stands.", "note": "lunch", "buyer": "Bob", "person": "alice", "days": "7"}
TOKEN = "accounts_apitoken"  # its operations are no commands


class Offer(NamedTuple):
    """An operation and the table that offers it."""

    table: Any
    operation: type[Operation]

    @property
    def name(self) -> str:
        return f"{self.table.opts.app_label}_{self.table.opts.model_name}_{self.operation.slug}"

    @property
    def fields(self) -> dict[str, Any]:
        return self.operation.form_class.base_fields

    @property
    def numbers(self) -> list[str]:
        return [name for name, field in self.fields.items() if isinstance(field, UnitsField)]

    @property
    def typed(self) -> dict[str, str]:
        """What a person types, with a number in every field for one."""
        texts = {name: text for name, text in TYPED.items() if name in self.fields}
        return {**texts, **dict.fromkeys(self.numbers, "12,5"), "reason": "as agreed"}

    def path(self) -> str:
        row = self.table.model.objects.exclude(pk=1).first() or self.table.model.objects.first()
        return reverse(f"admin:{self.name}", args=[row.pk] if self.operation.of_row else [])


OFFERS = [
    Offer(table, operation) for table in admin.site._registry.values() for operation in getattr(table, "operations", ())
]
every_operation = pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.name)


@pytest.fixture
def stage(world: Class, operator: Client) -> Client:
    """The operator's browser, with a row for every operation. Rain settles between 0 and 100."""
    listed = {"status": AuctionStatus.OPEN, "creator": 0, "created_us": AT_US, "seq": 9, "picture": ""}
    Auction.objects.create(id=3, seller=world.alice, name="Lamp", description="", buy_now_price=5, **listed)
    ApiToken.objects.create(user=world.operator_user, name="bot", prefix="abc", digest=b"d")
    return operator


def test_the_tables_are_found() -> None:
    assert {offer.table.opts.model_name for offer in OFFERS} >= {
        "market",
        "account",
        "ownership",
        "auction",
        "apitoken",
    }
    assert issubclass(type(OFFERS[0].table), Operated)


@every_operation
def test_its_form_has_a_new_key_each_time(offer: Offer, stage: Client) -> None:
    asked = "?price=50" if offer.operation is Settle else ""  # its form comes with the preview
    assert key_on(stage, offer.path() + asked) != key_on(stage, offer.path() + asked)


@pytest.mark.parametrize(
    ("offer", "number"),
    [(offer, number) for offer in OFFERS for number in offer.numbers],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_number_with_two_readings_is_refused(offer: Offer, number: str, stage: Client, exchange: FakeGateway) -> None:
    typed = {**offer.typed, number: "1,500", "key": "k"}
    response = stage.post(offer.path(), typed)
    assert errors(response)[number] == ["Write 1500 or 1.5: “1,500” can mean both."]
    form = response.context["form"]
    assert {name: form[name].value() for name in typed} == typed
    assert exchange.asked == []


@pytest.mark.parametrize("offer", [offer for offer in OFFERS if TOKEN not in offer.name], ids=lambda offer: offer.name)
@pytest.mark.parametrize("code", [pb.ACCOUNT_NOT_FOUND, pb.BUSY, pb.OUTCOME_UNKNOWN])
def test_after_a_refusal_it_is_as_it_was_sent(
    offer: Offer, code: "pb.Reason.ValueType", stage: Client, exchange: FakeGateway
) -> None:
    exchange.refusal = RequestFailed(code, "No.")
    typed = {**offer.typed, "key": "k"}
    response = stage.post(offer.path(), typed)
    form = response.context["form"]
    assert len(form.non_field_errors()) == 1
    assert {name: form[name].value() for name in typed} == typed
    assert 'name="key" value="k"' in response.content.decode()
    assert len(exchange.asked) == 1
