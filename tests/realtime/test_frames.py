"""Reading frames: which bytes are a frame, and which of its messages are refused (docs/protocol.md)."""

import random

import pytest

from proto import exchange_pb2 as wire
from realtime import frames, limits
from realtime.errors import RequestFailed
from tests.realtime.world import client_frame, order


def field(number: int, payload: bytes, wire_type: int = 2) -> bytes:
    """One encoded field with a payload of at most 127 bytes."""
    return _varint(number << 3 | wire_type) + _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def framed(*messages: bytes) -> bytes:
    return b"".join(field(1, message) for message in messages)


REQUEST_ID = field(1, b"r1")
CANCEL = field(31, b"\x08\x05")  # order 5
OUT = field(32, b"\x08\x01")  # market 1


def refusal(data: bytes) -> tuple[str, str]:
    """Returns the id and the sentence of the frame's only message, which is refused."""
    (read,) = frames.read(data)
    assert isinstance(read, frames.Refusal), read
    assert read.failure.reason == wire.INVALID_FRAME
    return read.request_id, read.failure.message


def accepted(data: bytes) -> list[str]:
    """Returns the ids of the messages. None may be refused."""
    read = frames.read(data)
    assert all(isinstance(message, wire.ClientMessage) for message in read)
    return [message.request_id for message in read]


class TestWellFormed:
    def test_messages_in_order(self) -> None:
        assert accepted(client_frame(*(order(str(number)) for number in range(256)))) == [str(n) for n in range(256)]

    def test_joined_frames_are_one_frame(self) -> None:
        assert accepted(client_frame(order("a")) + client_frame(order("b"))) == ["a", "b"]

    def test_a_default_value_may_be_sent(self) -> None:
        """Some encoders write default values. The frame is longer than necessary, but valid."""
        assert accepted(framed(REQUEST_ID + field(31, b"\x08\x05\x12\x00"))) == ["r1"]

    def test_a_length_in_more_bytes_than_it_needs(self) -> None:
        assert accepted(b"\x0a\x89\x00" + REQUEST_ID + CANCEL) == ["r1"]

    def test_every_request_may_be_empty(self) -> None:
        for member in wire.ClientMessage.DESCRIPTOR.oneofs_by_name["message"].fields:
            assert accepted(framed(REQUEST_ID + field(member.number, b""))) == ["r1"]

    def test_text_that_is_not_ascii(self) -> None:
        assert accepted(client_frame(order("ordre nº 1 ✓"))) == ["ordre nº 1 ✓"]


class TestRefusedMessages:
    """A refusal carries the id of its message and does not affect the neighbours."""

    @pytest.mark.parametrize(
        ("message", "part"),
        [
            (REQUEST_ID, "this one holds none"),
            (REQUEST_ID + CANCEL + OUT, "this one holds more"),
            (REQUEST_ID + CANCEL + CANCEL, "this one holds more"),
            (REQUEST_ID + CANCEL + field(32, b""), "this one holds more"),
            (REQUEST_ID + field(9, b""), "No request has field number 9"),
            (REQUEST_ID + field(2000, b"x"), "No request has field number 2000"),
            (REQUEST_ID + b"\x80\x01\x05", "No field has tag 128"),
            (REQUEST_ID + field(31, b"\x78\x01"), "unknown field"),
            (REQUEST_ID + field(3, b"\x12\x01x"), "unknown field"),
            (REQUEST_ID + field(4, field(1, b"\x78\x01")), "unknown field"),
            (REQUEST_ID + field(30, b"\x10\x07"), "side has no value 7"),
            (REQUEST_ID + field(30, b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "time_in_force has no value -1"),
            (REQUEST_ID + field(22, b"\x10\x63"), "status has no value 99"),
            (REQUEST_ID + field(31, field(2, b"\xff\xfe")), "cannot be parsed"),
            (REQUEST_ID + field(31, b"\x08"), "cannot be parsed"),
            (REQUEST_ID + b"\xfa\x01\x7f", "ends in the middle of a message"),
        ],
    )
    def test_carries_its_id_and_stays_alone(self, message: bytes, part: str) -> None:
        request_id, sentence = refusal(framed(message))
        assert part in sentence
        before, refused, after = frames.read(framed(field(1, b"before") + CANCEL, message, field(1, b"after") + OUT))
        assert isinstance(before, wire.ClientMessage)
        assert before.request_id == "before"
        assert isinstance(after, wire.ClientMessage)
        assert after.request_id == "after"
        assert isinstance(refused, frames.Refusal)
        assert refused.request_id == request_id

    def test_the_id_is_read_even_if_the_request_is_not(self) -> None:
        assert refusal(framed(REQUEST_ID + CANCEL + OUT))[0] == "r1"
        assert refusal(framed(CANCEL + OUT + REQUEST_ID))[0] == "r1"

    def test_an_id_that_cannot_be_read(self) -> None:
        assert refusal(framed(field(1, b"\xff") + CANCEL)) == ("", "request_id is not valid UTF-8.")
        assert refusal(framed(REQUEST_ID + REQUEST_ID + CANCEL))[0] == ""

    def test_an_id_that_is_too_long(self) -> None:
        assert accepted(client_frame(order("é" * limits.REQUEST_ID_CHARACTERS_MAX)))
        assert refusal(client_frame(order("é" * (limits.REQUEST_ID_CHARACTERS_MAX + 1))))[0] == ""

    def test_a_short_negative_enum_does_not_hide_a_second_request(self) -> None:
        """-1 in five bytes grows by five when it is encoded again, and the second request is five bytes long. So one
        message gains the bytes that another loses, and the length of the whole frame does not change."""
        grows = field(1, b"a") + field(30, b"\x10\xff\xff\xff\xff\x0f")
        hides = field(1, b"b") + CANCEL + OUT
        data = framed(grows, hides)
        assert len(data) == wire.ClientFrame.FromString(data).ByteSize()
        assert [type(one) for one in frames.read(data)] == [frames.Refusal, frames.Refusal]


class TestNoFrame:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x0a",
            b"\x0a\x05abc",
            b"\x12\x00",
            b"\x08\x01",
            b"\xff" * 20,
            b"garbage",
            framed(CANCEL) + b"\x12\x00",
        ],
    )
    def test_is_refused_whole(self, data: bytes) -> None:
        with pytest.raises(RequestFailed) as refused:
            frames.read(data)
        assert refused.value.reason == wire.INVALID_FRAME

    def test_too_many_messages(self) -> None:
        with pytest.raises(RequestFailed, match="1 to 256 messages; this one holds more"):
            frames.read(client_frame(*(order(str(number)) for number in range(257))))

    def test_no_frame_is_walked_further_than_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """64 KiB hold 32,768 empty messages, or one message with as many fields. Counting them all would block the loop
        for 50 ms."""
        read: list[int] = []
        varint = frames._read_varint

        def counted(data: bytes, at: int) -> tuple[int, int]:
            read.append(at)
            return varint(data, at)

        monkeypatch.setattr(frames, "_read_varint", counted)
        many_fields = field(1, b"\x0a\x00" * 30_000)
        with pytest.raises(RequestFailed, match="this one holds more"):
            frames.read(b"\x0a\x00" * 32_000)
        assert len(read) <= 2 * (limits.CLIENT_FRAME_MESSAGES_MAX + 1)
        (refused,) = frames.read(many_fields)
        assert isinstance(refused, frames.Refusal)
        assert len(read) <= 2 * (limits.CLIENT_FRAME_MESSAGES_MAX + 8)

    def test_too_many_bytes(self) -> None:
        large = wire.ClientMessage(create_market=wire.CreateMarket(description="x" * limits.CLIENT_FRAME_BYTES_MAX))
        with pytest.raises(RequestFailed, match="at most 65536 bytes"):
            frames.read(client_frame(large))


def test_mutated_frames_never_do_more_than_fail() -> None:
    """Messages that pass are stable: encoded again, they are read as the same messages."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    original = client_frame(order("first"), order("second"), wire.ClientMessage(request_id="third", out=wire.Out()))
    for _ in range(20_000):
        data = bytearray(original)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            match rng.randrange(3):
                case 0:
                    data[at] = rng.randrange(256)
                case 1:
                    del data[at]
                case 2:
                    data.insert(at, rng.randrange(256))
        try:
            read = frames.read(bytes(data))
        except RequestFailed:
            continue
        passed = [message for message in read if isinstance(message, wire.ClientMessage)]
        assert list(frames.read(client_frame(*passed)) if passed else []) == passed
