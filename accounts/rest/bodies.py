"""JSON in and out. What comes in is read strictly: one object, every name once, at most 64 KiB."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any, NoReturn

import orjson
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from accounts.rest.errors import unreadable

BODY_BYTES_MAX = 64 * 1024
WHOLE_DIGITS_MAX = 19


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Refusal 400 for whatever is not one JSON object. An empty body is an empty object."""
        data = stream.read(BODY_BYTES_MAX + 1)
        if len(data) > BODY_BYTES_MAX:
            raise unreadable(f"A body has at most {BODY_BYTES_MAX} bytes.")
        try:
            body = json.loads(
                data.decode() or "{}", object_pairs_hook=_once, parse_constant=_no_number, parse_float=_whole
            )
            json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no text
        except (ValueError, RecursionError) as error:
            raise unreadable(f"The body is not the JSON that we read: {error}") from error
        if not isinstance(body, dict):
            raise unreadable("The body is a JSON object.")
        return body


class JSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _whole(text: str) -> int:
    """1.0 and 1e2 are whole numbers to JSON. ValueError for all others: prices, sizes and amounts are strings."""
    try:
        number = Decimal(text)
    except ArithmeticError:  # an exponent that not even Decimal holds
        return _no_number(text)
    if abs(number.adjusted()) > WHOLE_DIGITS_MAX or number != number.to_integral_value():
        return _no_number(text)
    return int(number)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:24]} is no number of ours: prices, sizes and amounts are strings, ids are whole")
