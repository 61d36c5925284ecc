"""Fields of requests, which convert nothing silently, and of answers, which read messages of exchange.proto or rows.

Prices, sizes and amounts are decimal strings in JSON, and integer units in messages and rows. Ids are JSON numbers.
Codes are the names of their enum's values.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from drf_spectacular.utils import extend_schema_field
from google.protobuf.message import Message
from rest_framework import serializers

from accounts.money import CASH_DECIMALS, PRICE_DECIMALS, SIZE_DECIMALS
from accounts.selectors import ID_DIGITS_MAX
from proto import exchange_pb2 as wire
from realtime.limits import (
    DESCRIPTION_CHARACTERS_MAX,
    INT64_MAX,
    KEY_CHARACTERS_MAX,
    NOTE_CHARACTERS_MAX,
    SENT_NAME_CHARACTERS_MAX,
)

ID_SCHEMA = {"type": "integer", "format": "int64", "minimum": 0, "maximum": INT64_MAX}
ID_PATTERN = f"[0-9]{{1,{ID_DIGITS_MAX}}}"  # as text
KEY_PATTERN = f"[!-~]{{1,{KEY_CHARACTERS_MAX}}}"  # of an Idempotency-Key
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decimal(units: int, decimals: int) -> str:
    """Units as a decimal string with exactly so many decimals: decimal(-4850, 2) is "-48.50"."""
    whole, fraction = divmod(abs(units), 10**decimals)
    return f"{'-' if units < 0 else ''}{whole}.{fraction:0{decimals}d}"


def moment(us: int) -> str:
    """UTC microseconds as ISO 8601."""
    return (_EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# --- Requests


class Strict(serializers.Serializer[Any]):
    """A body or a query. Refuses unknown fields. `example` is shown in the description."""

    example: Mapping[str, Any] | None = None

    def to_internal_value(self, data: Any) -> Any:
        if unknown := sorted(set(data) - set(self.fields)) if isinstance(data, Mapping) else []:
            raise serializers.ValidationError({name: [f"There is no field {name!r} here."] for name in unknown})
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A JSON string, kept exactly as sent. `reason` is the code of a refusal."""

    def __init__(self, *, reason: str = "INVALID_FRAME", **more: Any) -> None:
        self.reason = reason
        super().__init__(trim_whitespace=False, **more)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be a string.", self.reason)
        return data

    def run_validation(self, data: Any = serializers.empty) -> Any:
        try:
            return super().run_validation(data)
        except serializers.ValidationError as error:
            raise _with_code(error, self.reason) from error


# For Text(**...).
NAME: dict[str, Any] = {"reason": "INVALID_NAME", "max_length": SENT_NAME_CHARACTERS_MAX}
NOTE: dict[str, Any] = {"reason": "INVALID_TEXT", "allow_blank": True, "max_length": NOTE_CHARACTERS_MAX}
DESCRIPTION: dict[str, Any] = {"reason": "INVALID_TEXT", "allow_blank": True, "max_length": DESCRIPTION_CHARACTERS_MAX}


class Whole(serializers.IntegerField):
    """A JSON number without a fraction."""

    def __init__(self, *, min_value: int = 0, max_value: int = INT64_MAX, **more: Any) -> None:
        super().__init__(min_value=min_value, max_value=max_value, **more)

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            raise serializers.ValidationError("This must be a whole number.")
        return data


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("This must be true or false.")
        return data


def _numbers(enum: str) -> dict[str, int]:
    """The numbers of an enum of exchange.proto by name, without UNSPECIFIED. "Auction.Status": inside a message."""
    message, _, name = enum.rpartition(".")
    home: Any = wire.DESCRIPTOR.message_types_by_name[message] if message else wire.DESCRIPTOR
    values = home.enum_types_by_name[name].values
    return {value.name: value.number for value in values if not value.name.endswith("SPECIFIED")}


def _names(enum: str) -> list[str]:
    return list(_numbers(enum))


# settings.py names each of these as an enum of the description.
SIDES = _names("Side")
MARKET_STATUSES = _names("MarketStatus")
ACCOUNT_KINDS = _names("AccountKind")
TRANSFER_KINDS = _names("TransferKind")
CANCEL_CAUSES = _names("CancelCause")
TIMES_IN_FORCE = _names("TimeInForce")
SELF_TRADES = _names("SelfTrade")
AUCTION_STATUSES = _names("Auction.Status")
REASONS = _names("Reason")


class Code(serializers.ChoiceField):
    """A value of an enum of exchange.proto: its name in JSON, its number in Python."""

    def __init__(self, enum: str, only: Sequence[str] = (), **more: Any) -> None:
        self.numbers = _numbers(enum)
        super().__init__(choices=only or list(self.numbers), **more)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in self.choices:
            raise serializers.ValidationError(f"This must be one of {', '.join(self.choices)}.")
        return self.numbers[data]

    def to_representation(self, value: Any) -> str:
        return next((name for name, number in self.numbers.items() if number == value), str(value))


class _UnitsIn(serializers.Field[int, str, str, Any]):
    """A decimal string, read as integer units: at most `digits` before the point and `decimals` after it."""

    decimals = 0
    digits = 0
    negative = False
    reason = "INVALID_FRAME"
    pattern = ""

    def __init_subclass__(cls) -> None:
        sign = "-?" if cls.negative else ""
        cls.pattern = f"{sign}[0-9]{{1,{cls.digits}}}(\\.[0-9]{{1,{cls.decimals}}})?"
        extend_schema_field({"type": "string", "pattern": f"^{cls.pattern}$"})(cls)

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str) or re.fullmatch(self.pattern, data) is None:
            text = f"This must be a string like '12.5', of at most {self.digits} digits and {self.decimals} decimals."
            raise serializers.ValidationError(text, self.reason)
        whole, _, fraction = data.partition(".")
        return int(whole + fraction.ljust(self.decimals, "0"))

    def run_validation(self, data: Any = serializers.empty) -> Any:
        try:
            return super().run_validation(data)
        except serializers.ValidationError as error:
            raise _with_code(error, self.reason) from error


class PriceIn(_UnitsIn):
    decimals, digits, negative, reason = PRICE_DECIMALS, 7, True, "INVALID_PRICE"


class SizeIn(_UnitsIn):
    decimals, digits, reason = SIZE_DECIMALS, 6, "INVALID_SIZE"


class AmountIn(_UnitsIn):
    decimals, digits, reason = CASH_DECIMALS, 10, "INVALID_AMOUNT"


# --- Queries: the same values, sent as text


class WholeText(Whole):
    def to_internal_value(self, data: Any) -> int:
        if re.fullmatch("[0-9]{1,19}", str(data)) is None:
            raise serializers.ValidationError("This must be a whole number.")
        return int(data)


class FlagText(Flag):
    def to_internal_value(self, data: Any) -> bool:
        if data not in ("true", "false"):
            raise serializers.ValidationError("This must be true or false.")
        return bool(data == "true")


# --- Answers


class _UnitsOut(serializers.Field[int, str, str, Any]):
    decimals = 0

    def __init_subclass__(cls) -> None:
        extend_schema_field({"type": "string", "pattern": f"^-?[0-9]+\\.[0-9]{{{cls.decimals}}}$"})(cls)

    def get_attribute(self, instance: Any) -> Any:
        """With allow_null, None for a field that the protobuf message does not set."""
        if self.allow_null and isinstance(instance, Message) and not instance.HasField(str(self.field_name)):
            return None
        return super().get_attribute(instance)

    def to_representation(self, value: int) -> str:
        return decimal(value, self.decimals)


class Price(_UnitsOut):
    decimals = PRICE_DECIMALS


class Size(_UnitsOut):
    decimals = SIZE_DECIMALS


class Cash(_UnitsOut):
    decimals = CASH_DECIMALS


@extend_schema_field(ID_SCHEMA)
class Id(serializers.IntegerField):
    """An id or a seq."""


@extend_schema_field({"type": "string", "format": "date-time"})
class Moment(serializers.Field[int, str, str, Any]):
    """UTC microseconds, written in ISO 8601."""

    def to_representation(self, value: int) -> str:
        return moment(value)


def _with_code(error: serializers.ValidationError, code: str) -> serializers.ValidationError:
    """The same sentences with another code."""
    return serializers.ValidationError([str(text) for text in cast(list[Any], error.detail)], code)
