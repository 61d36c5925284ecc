"""One stream in one process: which sockets hear it, and up to where each of them has heard everything.

Every message of a stream carries its own seq and that of the message before. A socket that stands at a seq has
everything up to it: it must not get that again, and must not get what comes after with something missing between.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from proto import exchange_pb2 as wire
from realtime import limits


class Reader(Protocol):
    """A socket, as far as a stream knows it (outbox.py)."""

    def push(self, frame: bytes) -> None: ...

    def catch_up(self, frames: Sequence[bytes]) -> None: ...


class Stream:
    """Sockets at `seq` are level; those with a newer snapshot stand ahead, none stands behind.

    While `waiting` for the answer to a resync nobody's position changes: live messages are held back, and judged
    afterwards. A stream whose group is yet to be joined waits from the beginning.
    """

    def __init__(self, name: str, *, waiting: bool) -> None:
        self.name = name
        self.seq = 0
        self.waiting = waiting
        self.asked_at = float("-inf")  # loop time of the last resync
        self._asked_from = 0
        self._level: dict[Reader, None] = {}
        self._ahead: dict[Reader, int] = {}
        self._held: list[tuple[int, int, bytes]] = []  # prev_seq, seq, data
        self._held_bytes = 0

    def __contains__(self, reader: object) -> bool:
        return reader in self._level or reader in self._ahead

    def __len__(self) -> int:
        return len(self._level) + len(self._ahead)

    def add(self, reader: Reader, seq: int) -> None:
        """The reader has a snapshot with everything up to `seq`. After this the stream may be `waiting`."""
        if not len(self) or seq == self.seq:
            self._level[reader] = None
            self.seq = seq
        elif seq > self.seq:
            self._ahead[reader] = seq
        else:  # an old snapshot: what came after it has been passed on to the others already
            self._ahead.update(dict.fromkeys(self._level, self.seq))
            self._level = {reader: None}
            self.seq = seq
            self.waiting = True

    def remove(self, reader: Reader) -> None:
        self._level.pop(reader, None)
        self._ahead.pop(reader, None)

    def ask(self, now: float) -> int:
        """A resync is asked for at this loop time. Returns from which seq on."""
        self.asked_at = now
        self._asked_from = self.seq
        return self.seq

    def hear(self, prev_seq: int, seq: int, data: bytes) -> None:
        """A message from the group: passed on, dropped if known, or held back behind a gap (then `waiting`)."""
        if seq <= self.seq:
            return
        if prev_seq > self.seq:
            self.waiting = True
        if self.waiting:
            self._hold(prev_seq, seq, data)
            return
        for reader in self._level:
            reader.push(data)
        self.seq = seq
        if self._ahead:
            self._pass_ahead(seq, data)

    def resynced(self, seq: int, replace: bool, frames: Sequence[bytes]) -> None:
        """The answer: a snapshot at `seq` (replace), or what came after the seq that was asked from, up to `seq`."""
        if not self.waiting or (self.seq < self._asked_from and not replace):
            return  # late, or it does not reach back to a socket that joined meanwhile: that is asked again
        for reader, position in list(self._positions()):
            if position < seq:
                whole = replace or position == self._asked_from
                reader.catch_up(frames if whole else after(frames, position))
        self._stand({reader: max(position, seq) for reader, position in self._positions()})
        self.waiting = False
        held, self._held, self._held_bytes = self._held, [], 0
        for message in held:
            self.hear(*message)

    def _hold(self, prev_seq: int, seq: int, data: bytes) -> None:
        if self._held_bytes + len(data) <= limits.HELD_BYTES_MAX:
            self._held.append((prev_seq, seq, data))
            self._held_bytes += len(data)

    def _pass_ahead(self, seq: int, data: bytes) -> None:
        for reader, position in list(self._ahead.items()):
            if position < seq:
                reader.push(data)
            if position <= seq:
                del self._ahead[reader]
                self._level[reader] = None

    def _positions(self) -> Iterator[tuple[Reader, int]]:
        for reader in self._level:
            yield reader, self.seq
        yield from self._ahead.items()

    def _stand(self, positions: dict[Reader, int]) -> None:
        self.seq = min(positions.values(), default=self.seq)
        self._level = {reader: None for reader, position in positions.items() if position == self.seq}
        self._ahead = {reader: position for reader, position in positions.items() if position > self.seq}


def after(frames: Sequence[bytes], seq: int) -> list[bytes]:
    """Of a replay only what came after `seq`. One StreamPosition may open several commands, each with its own seq."""
    passed = []
    passes = False
    for frame in frames:
        kept = wire.ServerFrame()
        for message in wire.ServerFrame.FromString(frame).messages:
            if message.HasField("stream_position"):
                passes = message.stream_position.seq > seq
            if passes and (not message.seq or message.seq > seq):
                kept.messages.append(message)
        if kept.messages:
            passed.append(kept.SerializeToString())
    return passed
