"""Reads frames from clients, refusing each malformed message on its own, and encodes frames for clients.

protobuf is too lenient for money: of two oneof members it keeps the last, and it accepts unknown fields and unknown
enum numbers without an error. So read() checks the tags in the raw bytes and parses each message on its own. A broken
message does not affect its neighbours.

That check costs 15 us a message, and most frames do not need it: if the parsed frame, encoded again, is as long as the
original, then parsing lost nothing. (Encoding never makes a known value longer, except a negative enum number. Such a
number is refused, and a frame with a refusal always gets the full check.)
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
_MESSAGE_FIELDS_MAX = 3  # request_id, reason and the request; if there are more, one is repeated
_MEMBER_TAGS = frozenset(_tag(field.number) for field in _MEMBERS)


def _enums(message: Descriptor | None) -> list[tuple[str, frozenset[int]]]:
    """Returns the enum fields of the message, each with the numbers that it may have."""
    fields = message.fields if message is not None else []
    return [(field.name, frozenset(field.enum_type.values_by_number)) for field in fields if field.enum_type]


_ENUMS = {member.name: _enums(member.message_type) for member in _MEMBERS}


def encoded(*messages: wire.ServerMessage) -> bytes:
    """Encodes a ServerFrame of these messages. Concatenated frames are one frame."""
    return wire.ServerFrame(messages=messages).SerializeToString()


class Refusal(NamedTuple):
    """A malformed message. request_id is "" if it could not be read."""

    request_id: str
    failure: RequestFailed


def read(data: bytes) -> Sequence[wire.ClientMessage | Refusal]:
    """Returns the messages of an encoded ClientFrame, in order. Raises RequestFailed if it is no frame at all."""
    if len(data) > limits.CLIENT_FRAME_BYTES_MAX:
        raise _invalid(f"A frame has at most {limits.CLIENT_FRAME_BYTES_MAX} bytes; this one has {len(data)}.")
    try:
        return _read_at_once(data)
    except (DecodeError, RequestFailed):
        return [_read_message(message) for message in _messages(data)]


def _read_at_once(data: bytes) -> list[wire.ClientMessage]:
    """The fast way. Raises RequestFailed or DecodeError if anything is wrong, or might be."""
    frame = wire.ClientFrame.FromString(data)
    frame.DiscardUnknownFields()  # recursively
    if frame.ByteSize() != len(data) or not 1 <= len(frame.messages) <= limits.CLIENT_FRAME_MESSAGES_MAX:
        raise _invalid("The frame needs the full check.")  # read() catches it
    messages = list(frame.messages)
    for message in messages:
        _examine(message)
    return messages


def _messages(data: bytes) -> list[bytes]:
    """Returns the encoded messages of the frame."""
    most = limits.CLIENT_FRAME_MESSAGES_MAX
    fields = _split(data, most)
    if any(tag != _MESSAGES_TAG for tag, _ in fields):
        raise _invalid("A frame holds only messages.")
    if not 1 <= len(fields) <= most:
        raise _invalid(f"A frame holds 1 to {most} messages; this one holds {'more' if fields else 'none'}.")
    return [message for _, message in fields]


def _read_message(data: bytes) -> wire.ClientMessage | Refusal:
    request_id = ""
    try:
        fields = _split(data, _MESSAGE_FIELDS_MAX)
        request_id = _request_id([payload for tag, payload in fields if tag == _REQUEST_ID_TAG])
        if sum(tag == _REASON_TAG for tag, _ in fields) > 1:
            raise _invalid("A message has at most one reason.")
        return _parse(data, [tag for tag, _ in fields if tag not in (_REQUEST_ID_TAG, _REASON_TAG)])
    except RequestFailed as failure:
        return Refusal(request_id, failure)


def _request_id(found: list[bytes]) -> str:
    if len(found) > 1:
        raise _invalid("A message has at most one request_id.")
    try:
        request_id = found[0].decode() if found else ""
    except UnicodeDecodeError as error:
        raise _invalid("request_id is not valid UTF-8.") from error
    if len(request_id) > limits.REQUEST_ID_CHARACTERS_MAX:
        raise _invalid(f"request_id has at most {limits.REQUEST_ID_CHARACTERS_MAX} characters.")
    return request_id


def _parse(data: bytes, tags: list[int]) -> wire.ClientMessage:
    if len(tags) != 1:
        raise _invalid(f"A message holds exactly one request; this one holds {'more' if tags else 'none'}.")
    if tags[0] not in _MEMBER_TAGS:
        raise _invalid(f"No request has field number {tags[0] >> 3}.")
    try:
        message = wire.ClientMessage.FromString(data)
    except DecodeError as error:
        raise _invalid("The message cannot be parsed.") from error
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        raise _invalid("The message has an unknown field.")
    _examine(message)
    return message


def _examine(message: wire.ClientMessage) -> None:
    """Raises RequestFailed if the parsed message has no request, too long an id or reason, or an unknown enum
    number."""
    member = message.WhichOneof("message")
    if member is None:
        raise _invalid("A message holds exactly one request; this one holds none.")
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
    """Returns tag and payload of every field. Stops after `most` + 1 fields, because 64 KiB hold 32,768 empty ones.
    Raises RequestFailed if a field is not length-delimited or the bytes end early."""
    fields: list[tuple[int, bytes]] = []
    at, end = 0, len(data)
    while at < end and len(fields) <= most:
        tag, at = _read_varint(data, at)
        if tag & 7 != _LENGTH_DELIMITED:
            raise _invalid(f"No field has tag {tag}.")
        size, at = _read_varint(data, at)
        if size > end - at:
            raise _invalid("The frame ends in the middle of a message.")
        fields.append((tag, data[at : at + size]))
        at += size
    return fields


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Returns the number at `at`, and the position after it. Tags and lengths take at most 5 bytes."""
    number = 0
    for index, byte in enumerate(data[at : at + 5]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, at + index + 1
    raise _invalid("The frame is not valid protobuf.")


def _invalid(message: str) -> RequestFailed:
    return RequestFailed(wire.INVALID_FRAME, message)
