"""Reads and writes JSON. A request's body is one object of at most 64 KiB, in which no name occurs twice."""

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import IO, Any, NoReturn

import orjson
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.serializers import Serializer

from accounts.rest.errors import unreadable

BODY_BYTES_MAX = 64 * 1024
WHOLE_DIGITS_MAX = 19


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Raises Refusal 400 if the body is not one JSON object. An empty body counts as an empty object."""
        data = stream.read(BODY_BYTES_MAX + 1)
        if len(data) > BODY_BYTES_MAX:
            raise unreadable(f"A body has at most {BODY_BYTES_MAX} bytes.")
        try:
            body = json.loads(
                data.decode() or "{}", object_pairs_hook=_once, parse_constant=_refuse, parse_float=_whole
            )
            json.dumps(body, ensure_ascii=False).encode()  # raises ValueError for half a surrogate pair
        except (ValueError, RecursionError) as error:
            raise unreadable(f"The body is not valid JSON: {error}") from error
        if not isinstance(body, dict):
            raise unreadable("The body must be a JSON object.")
        return body


class JSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data)


def validated(form: type[Serializer[Any]], data: Any) -> Any:
    """The fields of a body or a query. Raises ValidationError if the form does not accept them."""
    return _shared(form).run_validation(data)


def written(serializer: type[Serializer[Any]], of: Any) -> Any:
    """What an answer says of an object or a message: JSON, in the serializer's fields."""
    return _shared(serializer).to_representation(of)


@cache
def names_of(serializer: type[Serializer[Any]]) -> tuple[str, ...]:
    """The names of its fields."""
    return tuple(serializer().get_fields())


@cache
def _shared(serializer: type[Serializer[Any]]) -> Serializer[Any]:
    """One serializer for all requests: to make one copies all of its fields. Neither use above changes it."""
    return serializer()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _whole(text: str) -> int:
    """A number with a point or an exponent. 1.0 and 1e2 are whole numbers in JSON; ValueError for all others."""
    try:
        number = Decimal(text)
    except ArithmeticError:  # the exponent is too large for Decimal
        return _refuse(text)
    if abs(number.adjusted()) > WHOLE_DIGITS_MAX or number != number.to_integral_value():
        return _refuse(text)
    return int(number)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:24]} is not a whole number; prices, sizes and amounts are strings")
