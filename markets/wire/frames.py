"""Frames for sockets: one message encoded, a stream's messages with their position, pieces joined to frames."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from google.protobuf.message import Message

from proto import exchange_pb2 as pb
from realtime.frames import encoded
from realtime.limits import SERVER_FRAME_BYTES_MAX

PART_BYTES_MAX = SERVER_FRAME_BYTES_MAX // 2  # of one message of a stream: the rest is for overhead and neighbours


def piece(**what: Message) -> bytes:
    """A ServerFrame of one message, by the message's member: piece(acting_as=...)."""
    return encoded(pb.ServerMessage(**what))  # type: ignore[arg-type]


def position(stream: str, prev_seq: int, seq: int) -> bytes:
    return piece(stream_position=pb.StreamPosition(stream=stream, prev_seq=prev_seq, seq=seq))


def positioned(stream: str, prev_seq: int, frame: pb.ServerFrame) -> Iterator[tuple[int, int, bytes]]:
    """The stream's messages as (prev_seq, seq, bytes) that each begin with their StreamPosition.

    One part, unless that were too long for a frame: then it is cut between commands, never within one.
    """
    waiting: list[pb.ServerMessage] = []
    size = 0
    if frame.ByteSize() > PART_BYTES_MAX:
        for _, group in groupby(frame.messages, key=attrgetter("seq")):
            of_command = list(group)
            more = sum(message.ByteSize() for message in of_command)
            if waiting and size + more > PART_BYTES_MAX:
                yield _part(stream, prev_seq, waiting)
                prev_seq, waiting, size = waiting[-1].seq, [], 0
            waiting += of_command
            size += more
        yield _part(stream, prev_seq, waiting)
        return
    seq = frame.messages[-1].seq
    yield prev_seq, seq, position(stream, prev_seq, seq) + frame.SerializeToString()


def _part(stream: str, prev_seq: int, messages: list[pb.ServerMessage]) -> tuple[int, int, bytes]:
    seq = messages[-1].seq
    return prev_seq, seq, position(stream, prev_seq, seq) + encoded(*messages)


def joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces joined to frames of at most SERVER_FRAME_BYTES_MAX, unless one alone is longer."""
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
