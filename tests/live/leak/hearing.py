"""What one socket heard, each message with where it came from and how far its socket stood when it came."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from proto import exchange_pb2 as pb

HISTORIES = frozenset({"trade_history", "order_history", "market_positions"})


@dataclass
class Recording:
    """Of one connection. `named`: the markets that it asked for when it signed in, which it may hear are not there."""

    name: str
    user: int
    frames: list[bytes] = field(default_factory=list)
    named: set[int] = field(default_factory=set)

    @property
    def messages(self) -> list[pb.ServerMessage]:
        return [message for frame in self.frames for message in pb.ServerFrame.FromString(frame).messages]


class Heard(NamedTuple):
    """`at`: the socket had been told of this seq before, or the snapshot stands there; `until`: the next seq that it
    was told of. The message left between the two. `stream` is "" in replies."""

    message: pb.ServerMessage
    kind: str
    stream: str
    snapshot: bool
    at: int
    until: int
    sudo: bool


def told_seq(message: pb.ServerMessage) -> int:
    """A seq which the exchange had reached when it sent this."""
    position, end = message.stream_position.seq, message.snapshot_end.seq
    return max(message.seq, position, end, message.authenticated.seq, message.up_to_date.seq)


def heard(recording: Recording) -> Iterator[Heard]:
    messages = recording.messages
    sudo = _sudo(messages)
    at = _running_max(messages)
    until = _next_larger(at)
    ends = _snapshot_ends(messages)
    stream = ""
    for index, message in enumerate(messages):
        kind = message.WhichOneof("message") or ""
        if kind == "stream_position":
            stream = message.stream_position.stream
        elif kind == "snapshot_begin":
            stream = message.snapshot_begin.stream
        elif message.request_id or kind in ("unsubscribed", "up_to_date", "acting_as", "sudo_set"):
            stream = ""
        stands = max(at[index], ends.get(index, 0))
        yield Heard(message, kind, stream, index in ends, stands, max(until[index], stands), sudo[index])
        if kind == "snapshot_end":
            stream = ""


def _running_max(messages: list[pb.ServerMessage]) -> list[int]:
    found, most = [], 0
    for message in messages:
        most = max(most, told_seq(message))
        found.append(most)
    return found


def _next_larger(at: list[int]) -> list[int]:
    """Of every place the next larger value, or its own at the end."""
    found = at[:]
    for index in range(len(at) - 2, -1, -1):
        found[index] = at[index + 1] if at[index + 1] > at[index] else found[index + 1]
    return found


def _snapshot_ends(messages: list[pb.ServerMessage]) -> dict[int, int]:
    """The seq of the snapshot that each place is in."""
    found: dict[int, int] = {}
    begin: int | None = None
    for index, message in enumerate(messages):
        if message.HasField("snapshot_begin"):
            begin = index
        elif message.HasField("snapshot_end"):
            assert begin is not None
            found.update(dict.fromkeys(range(begin, index + 1), message.snapshot_end.seq))
            begin = None
    return found


def _sudo(messages: list[pb.ServerMessage]) -> list[bool]:
    """Whether an operator's rights were on; what stands between the streams that ended and SudoSet is told
    with the new rights already."""
    found: list[bool] = []
    on, inside = False, _snapshot_ends(messages)
    for index, message in enumerate(messages):
        if message.HasField("sudo_set"):
            on = message.sudo_set.on
            back = index - 1
            while back >= 0 and (back in inside or messages[back].HasField("acting_as")):
                found[back] = on
                back -= 1
        found.append(on)
    return found
