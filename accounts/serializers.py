"""Bodies, queries and answers of REST about accounts and money.

Answers read messages of exchange.proto, or rows with the same field names. Their classes end in Serializer, which
drf-spectacular leaves out of the component's name.
"""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import models
from accounts.rest.fields import NAME, NOTE, AmountIn, Cash, Code, FlagText, Id, Moment, Strict, Text, Whole
from accounts.rest.pages import PageQuery
from proto import exchange_pb2 as wire
from realtime.limits import ACCOUNT_NAME_CHARACTERS_MAX

ACCOUNT_NAME = f"1 to {ACCOUNT_NAME_CHARACTERS_MAX} printable characters, unique."

# --- Requests


class NewUserAccount(Strict):
    example = {"name": "Alice"}

    name = Text(**NAME, help_text=ACCOUNT_NAME)


class NewAccount(Strict):
    example = {"name": "Alice's bot"}

    name = Text(**NAME, help_text=ACCOUNT_NAME)
    owner_id = Whole(default=0, help_text="An account in your tree. 0 or left out: the account acted as.")


class NewTransfer(Strict):
    example = {"to_account_id": 4, "amount": "12.5", "note": "Lunch"}

    to_account_id = Whole()
    amount = AmountIn()
    note = Text(**NOTE, default="")
    from_account_id = Whole(default=0, help_text="0 or left out: the account acted as.")


class NewGift(Strict):
    example = {"to_account_id": 4, "amount": "100", "note": "Well done"}

    to_account_id = Whole()
    amount = AmountIn()
    note = Text(**NOTE, default="")


class NewCollection(Strict):
    example = {"from_account_id": 4, "amount": "100", "note": ""}

    from_account_id = Whole()
    amount = AmountIn()
    note = Text(**NOTE, default="")


class NewShare(Strict):
    example = {"receiver_id": 5}

    receiver_id = Whole(help_text="A user account.")


class OwnerNamed(Strict):
    example = {"owner_id": 5}

    owner_id = Whole()


class Empty(Strict):
    """An empty object."""


class AccountsQuery(PageQuery):
    mine = FlagText(default=False, help_text="true: only accounts that you may act as.")


# --- Answers


class AccountSerializer(serializers.Serializer[Any]):
    id = Id()
    name = serializers.CharField()
    kind = Code("AccountKind")


class OwnerSerializer(serializers.Serializer[Any]):
    """credit: how much of the account's money belongs to this owner, as of the last rebalancing."""

    owner_id = Id()
    credit = Cash()


class TransferSerializer(serializers.Serializer[Any]):
    id = Id()
    from_account_id = Id()
    to_account_id = Id()
    amount = Cash()
    kind = Code("TransferKind")
    note = serializers.CharField()
    auction_id = serializers.SerializerMethodField(help_text="The auction that it paid for, or null.")
    at = Moment(source="at_us")

    @extend_schema_field(Id(allow_null=True))
    def get_auction_id(self, transfer: wire.Transfer | models.Transfer) -> int | None:
        return (transfer.auction_id if isinstance(transfer, wire.Transfer) else transfer.auction) or None


class MeSerializer(serializers.Serializer[Any]):
    """Who sends the request, and which account it acts as."""

    user_id = Id()
    username = serializers.CharField()
    account_id = Id(help_text="Your own user account.")
    acting_as = Id()
    operator = serializers.BooleanField()
    sudo = serializers.BooleanField()
    scopes = serializers.ListField(child=serializers.CharField())


class RepliedSerializer(serializers.Serializer[Any]):
    """The base of a command's answer. seq is the command's number in the journal."""

    seq = Id()


class AccountChangedSerializer(RepliedSerializer):
    """The account and its owners now. owners is empty if you are no longer one of them."""

    account = AccountSerializer()
    owners = OwnerSerializer(many=True)


class TransferCreatedSerializer(RepliedSerializer):
    transfer = TransferSerializer()
