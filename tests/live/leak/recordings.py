"""What one socket received: each message with its stream, and the seqs between which it was sent."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from proto import exchange_pb2 as pb

HISTORIES = frozenset({"trade_history", "order_history", "market_positions"})


@dataclass
class Recording:
    """All frames of one connection. `named`: markets that it named at sign-in; it may learn that they are gone."""

    name: str
    user: int
    frames: list[bytes] = field(default_factory=list)
    named: set[int] = field(default_factory=set)

    @property
    def messages(self) -> list[pb.ServerMessage]:
        return [message for frame in self.frames for message in pb.ServerFrame.FromString(frame).messages]


class Received(NamedTuple):
    """One message. The exchange sent it between the seqs `at` and `until`.

    `at`: the highest seq that the socket had received before, or the seq of the snapshot. `until`: the next seq that it
    received. `stream` is "" in replies.
    """

    message: pb.ServerMessage
    kind: str
    stream: str
    snapshot: bool
    at: int
    until: int
    sudo: bool


def stated_seq(message: pb.ServerMessage) -> int:
    """The highest seq in the message: the exchange had reached it when it sent this."""
    position, end = message.stream_position.seq, message.snapshot_end.seq
    return max(message.seq, position, end, message.authenticated.seq, message.up_to_date.seq)


def received(recording: Recording) -> Iterator[Received]:
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
        yield Received(message, kind, stream, index in ends, stands, max(until[index], stands), sudo[index])
        if kind == "snapshot_end":
            stream = ""


def _running_max(messages: list[pb.ServerMessage]) -> list[int]:
    found, most = [], 0
    for message in messages:
        most = max(most, stated_seq(message))
        found.append(most)
    return found


def _next_larger(at: list[int]) -> list[int]:
    """For each index the next larger value; the value itself if there is none."""
    found = at[:]
    for index in range(len(at) - 2, -1, -1):
        found[index] = at[index + 1] if at[index + 1] > at[index] else found[index + 1]
    return found


def _snapshot_ends(messages: list[pb.ServerMessage]) -> dict[int, int]:
    """Index -> seq of the snapshot that contains the message."""
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
    """Whether sudo was on, for each message. Snapshots and ActingAs just before SudoSet have the new rights."""
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
