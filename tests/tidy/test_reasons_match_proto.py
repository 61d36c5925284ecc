"""Enums have the same numbers and names in the engine, on the wire and in the tables."""

from enum import IntEnum
from typing import Any

import pytest
from django.db.models import IntegerChoices

from accounts import models as account_models
from auctions import models as auction_models
from markets import models as market_models
from markets.engine import commands, errors, events
from proto import exchange_pb2

# Engine enum -> its name on the wire. On the wire 0 is UNSPECIFIED, unless the engine gives it a meaning.
ON_THE_WIRE: dict[type[IntEnum], str] = {
    errors.Reason: "Reason",
    commands.MarketStatus: "MarketStatus",
    commands.Side: "Side",
    commands.TimeInForce: "TimeInForce",
    commands.SelfTrade: "SelfTrade",
    commands.AuctionStatus: "Auction.Status",
    events.AccountKind: "AccountKind",
    events.TransferKind: "TransferKind",
    events.CancelCause: "CancelCause",
}
IN_THE_TABLES: dict[type[IntEnum], type[IntegerChoices]] = {
    commands.MarketStatus: market_models.MarketStatus,
    commands.Side: market_models.Side,
    commands.TimeInForce: market_models.TimeInForce,
    commands.AuctionStatus: auction_models.AuctionStatus,
    events.AccountKind: account_models.AccountKind,
    events.TransferKind: account_models.TransferKind,
}


def numbers(enum: type[IntEnum]) -> dict[str, int]:
    return {member.name: int(member) for member in enum}


def enums_of_the_wire() -> dict[str, Any]:
    """Name -> enum of the wire. The name of an enum inside a message begins with the message's."""
    wire: Any = exchange_pb2.DESCRIPTOR
    held = {
        f"{message.name}.{enum.name}": enum
        for message in wire.message_types_by_name.values()
        for enum in message.enum_types
    }
    return {**wire.enum_types_by_name, **held}


def wire_numbers(name: str) -> dict[str, int]:
    """The members without UNSPECIFIED."""
    described = enums_of_the_wire()[name]
    return {value.name: value.number for value in described.values if not value.name.endswith("_UNSPECIFIED")}


@pytest.mark.parametrize("enum", ON_THE_WIRE, ids=lambda enum: enum.__name__)
def test_the_engines_numbers_are_the_wires(enum: type[IntEnum]) -> None:
    assert numbers(enum) == wire_numbers(ON_THE_WIRE[enum])


@pytest.mark.parametrize("enum", IN_THE_TABLES, ids=lambda enum: enum.__name__)
def test_the_engines_numbers_are_the_tables(enum: type[IntEnum]) -> None:
    assert numbers(enum) == {choice.name: choice.value for choice in IN_THE_TABLES[enum]}


def test_every_enum_of_the_wire_is_compared() -> None:
    assert set(ON_THE_WIRE.values()) == set(enums_of_the_wire())


def test_every_enum_of_the_engine_is_compared() -> None:
    modules = (commands, errors, events)
    ours = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, IntEnum) and value.__module__ == module.__name__
    }
    assert ours == set(ON_THE_WIRE)


def test_0_is_unspecified_unless_it_has_a_meaning() -> None:
    """An old client sends 0 for a field it does not know, so 0 must be harmless or mean nothing."""
    for name in ON_THE_WIRE.values():
        zero = enums_of_the_wire()[name].values_by_number[0]
        assert zero.name.endswith("_UNSPECIFIED") or zero.name in {"GTC", "CANCEL_RESTING"}


def test_a_shifted_number_would_be_noticed() -> None:
    Shifted = IntEnum("Shifted", {"BID": 2, "OFFER": 1})
    assert numbers(Shifted) != wire_numbers("Side")
