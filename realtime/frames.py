"""Frames: those from clients read, with what is not well-formed refused message by message, and those for them encoded.

protobuf is lenient where money should not be: of two oneof members it keeps the last, and unknown fields and enum
numbers it keeps in silence. So the tags are looked at in the raw bytes, and each message is parsed on its own: a broken
one leaves its neighbours alone.

That walk costs 15 us a message. Most frames are spared it: if what was understood, encoded again, is as long as what
came, then nothing was left out. (Encoding never makes a known value longer; a negative number in an enum it may, but
that is refused, and a frame with a refusal is always walked.)
"""

from collections.abc import Sequence
from typing import NamedTuple

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError

from proto import exchange_pb2 as wire
from realtime import limits
from realtime.errors import RequestFailed

_LENGTH_DELIMITED = 2  # the wire type of every field of ClientFrame and ClientMessage


def _tag(number: int) -> int:
    return number << 3 | _LENGTH_DELIMITED


_MESSAGES_TAG = _tag(wire.ClientFrame.MESSAGES_FIELD_NUMBER)
_REQUEST_ID_TAG = _tag(wire.ClientMessage.REQUEST_ID_FIELD_NUMBER)
_REASON_TAG = _tag(wire.ClientMessage.REASON_FIELD_NUMBER)
_MEMBERS = wire.ClientMessage.DESCRIPTOR.oneofs_by_name["message"].fields
_MESSAGE_FIELDS_MAX = 3  # request_id, reason and the request: of more, one is there twice
_MEMBER_TAGS = frozenset(_tag(field.number) for field in _MEMBERS)


def _enums(message: Descriptor | None) -> list[tuple[str, frozenset[int]]]:
    """Its enum fields, and the numbers that each may have."""
    fields = message.fields if message is not None else []
    return [(field.name, frozenset(field.enum_type.values_by_number)) for field in fields if field.enum_type]


_ENUMS = {member.name: _enums(member.message_type) for member in _MEMBERS}


def encoded(*messages: wire.ServerMessage) -> bytes:
    """A ServerFrame of these messages. Frames are joined by joining their bytes."""
    return wire.ServerFrame(messages=messages).SerializeToString()


class Refusal(NamedTuple):
    """A message that is refused here. request_id is "" if it could not be read."""

    request_id: str
    failure: RequestFailed


def read(data: bytes) -> Sequence[wire.ClientMessage | Refusal]:
    """The messages of an encoded ClientFrame, in order. Raises RequestFailed if it is no frame at all."""
    if len(data) > limits.CLIENT_FRAME_BYTES_MAX:
        raise _invalid(f"A frame has at most {limits.CLIENT_FRAME_BYTES_MAX} bytes, this one {len(data)}.")
    try:
        return _read_at_once(data)
    except (DecodeError, RequestFailed):
        return [_read_message(message) for message in _messages(data)]


def _read_at_once(data: bytes) -> list[wire.ClientMessage]:
    """Raises RequestFailed or DecodeError if anything is wrong, or might be."""
    frame = wire.ClientFrame.FromString(data)
    frame.DiscardUnknownFields()  # recursively
    if frame.ByteSize() != len(data) or not 1 <= len(frame.messages) <= limits.CLIENT_FRAME_MESSAGES_MAX:
        raise _invalid("To be looked at message by message.")
    messages = list(frame.messages)
    for message in messages:
        _examine(message)
    return messages


def _messages(data: bytes) -> list[bytes]:
    most = limits.CLIENT_FRAME_MESSAGES_MAX
    fields = _split(data, most)
    if any(tag != _MESSAGES_TAG for tag, _ in fields):
        raise _invalid("A ClientFrame holds messages and nothing else.")
    if not 1 <= len(fields) <= most:
        raise _invalid(f"A frame has 1 to {most} messages, this one {'more' if fields else 'none'}.")
    return [message for _, message in fields]


def _read_message(data: bytes) -> wire.ClientMessage | Refusal:
    request_id = ""
    try:
        fields = _split(data, _MESSAGE_FIELDS_MAX)
        request_id = _request_id([payload for tag, payload in fields if tag == _REQUEST_ID_TAG])
        if sum(tag == _REASON_TAG for tag, _ in fields) > 1:
            raise _invalid("A message has one reason.")
        return _parse(data, [tag for tag, _ in fields if tag not in (_REQUEST_ID_TAG, _REASON_TAG)])
    except RequestFailed as failure:
        return Refusal(request_id, failure)


def _request_id(found: list[bytes]) -> str:
    if len(found) > 1:
        raise _invalid("A message has one request_id.")
    try:
        request_id = found[0].decode() if found else ""
    except UnicodeDecodeError as error:
        raise _invalid("request_id is not UTF-8.") from error
    if len(request_id) > limits.REQUEST_ID_CHARACTERS_MAX:
        raise _invalid(f"request_id has at most {limits.REQUEST_ID_CHARACTERS_MAX} characters.")
    return request_id


def _parse(data: bytes, tags: list[int]) -> wire.ClientMessage:
    if len(tags) != 1:
        raise _invalid(f"A message holds exactly one request, this one {'none' if not tags else 'more'}.")
    if tags[0] not in _MEMBER_TAGS:
        raise _invalid(f"There is no request with field number {tags[0] >> 3}.")
    try:
        message = wire.ClientMessage.FromString(data)
    except DecodeError as error:
        raise _invalid("The message does not parse.") from error
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        raise _invalid("The message has a field that is not known here.")
    _examine(message)
    return message


def _examine(message: wire.ClientMessage) -> None:
    """Raises RequestFailed if the parsed message has no request, too long an id or an unknown enum number."""
    member = message.WhichOneof("message")
    if member is None:
        raise _invalid("A message holds exactly one request, this one none.")
    if len(message.request_id) > limits.REQUEST_ID_CHARACTERS_MAX:
        raise _invalid(f"request_id has at most {limits.REQUEST_ID_CHARACTERS_MAX} characters.")
    if len(message.reason) > limits.REASON_CHARACTERS_MAX:
        raise _invalid(f"A reason has at most {limits.REASON_CHARACTERS_MAX} characters.")
    if enums := _ENUMS[member]:
        body = getattr(message, member)
        for name, numbers in enums:
            if getattr(body, name) not in numbers:
                raise _invalid(f"{name} has no value {getattr(body, name)}.")


def _split(data: bytes, most: int) -> list[tuple[int, bytes]]:
    """Tag and payload of every field, and no more than one beyond `most`: 64 KiB hold 32,768 empty ones. Raises
    RequestFailed if one is not length-delimited or the bytes end early."""
    fields: list[tuple[int, bytes]] = []
    at, end = 0, len(data)
    while at < end and len(fields) <= most:
        tag, at = _read_varint(data, at)
        if tag & 7 != _LENGTH_DELIMITED:
            raise _invalid(f"There is no field with tag {tag}.")
        size, at = _read_varint(data, at)
        if size > end - at:
            raise _invalid("The bytes end within a message.")
        fields.append((tag, data[at : at + size]))
        at += size
    return fields


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where what follows begins. Tags and lengths fit 5 bytes."""
    number = 0
    for index, byte in enumerate(data[at : at + 5]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, at + index + 1
    raise _invalid("The bytes are not protobuf.")


def _invalid(message: str) -> RequestFailed:
    return RequestFailed(wire.INVALID_FRAME, message)
