"""Makes frames for sockets: encodes messages, puts a stream's position before them, and joins small pieces."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from google.protobuf.message import Message

from proto import exchange_pb2 as pb
from realtime.frames import encoded
from realtime.limits import SERVER_FRAME_BYTES_MAX

PART_BYTES_MAX = (
    SERVER_FRAME_BYTES_MAX // 2
)  # one part of a stream; the rest of a frame is for overhead and other parts


def piece(**member: Message) -> bytes:
    """A ServerFrame of one message, named by its member: piece(acting_as=...)."""
    return encoded(pb.ServerMessage(**member))  # type: ignore[arg-type]


def position(stream: str, prev_seq: int, seq: int) -> bytes:
    return piece(stream_position=pb.StreamPosition(stream=stream, prev_seq=prev_seq, seq=seq))


def positioned(stream: str, prev_seq: int, frame: pb.ServerFrame) -> Iterator[tuple[int, int, bytes]]:
    """Yields the stream's messages as parts (prev_seq, seq, bytes). Each part begins with its StreamPosition.

    There is one part, unless it is longer than PART_BYTES_MAX. Then it is cut between commands, never within one.
    """
    waiting: list[pb.ServerMessage] = []
    size = 0
    if frame.ByteSize() > PART_BYTES_MAX:
        for _, group in groupby(frame.messages, key=attrgetter("seq")):
            of_one_command = list(group)
            added = sum(message.ByteSize() for message in of_one_command)
            if waiting and size + added > PART_BYTES_MAX:
                yield _part(stream, prev_seq, waiting)
                prev_seq, waiting, size = waiting[-1].seq, [], 0
            waiting += of_one_command
            size += added
        yield _part(stream, prev_seq, waiting)
        return
    seq = frame.messages[-1].seq
    yield prev_seq, seq, position(stream, prev_seq, seq) + frame.SerializeToString()


def _part(stream: str, prev_seq: int, messages: list[pb.ServerMessage]) -> tuple[int, int, bytes]:
    seq = messages[-1].seq
    return prev_seq, seq, position(stream, prev_seq, seq) + encoded(*messages)


def joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Joins the pieces to frames of at most SERVER_FRAME_BYTES_MAX. A piece that is longer becomes its own frame."""
    waiting: list[bytes] = []
    size = 0
    for one in pieces:
        if waiting and size + len(one) > SERVER_FRAME_BYTES_MAX:
            yield b"".join(waiting)
            waiting, size = [], 0
        waiting.append(one)
        size += len(one)
    if waiting:
        yield b"".join(waiting)
