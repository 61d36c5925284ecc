"""Stream: one stream in one process, the sockets that follow it, and the position of each socket.

Every message of a stream carries its own seq and the seq of the message before. A socket at position `seq` has every
message up to it. It must get none of those again, and no later message before all messages in between.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from proto import exchange_pb2 as wire
from realtime import limits


class Reader(Protocol):
    """What a stream needs of a socket (outbox.py)."""

    def push(self, frame: bytes) -> None: ...

    def catch_up(self, frames: Sequence[bytes]) -> None: ...


class Stream:
    """The sockets at position `seq` are level. Those with a newer snapshot are ahead. None is behind.

    While the stream is `waiting` for the reply to a resync, no position changes: live messages are held, and delivered
    after the reply. A stream starts out waiting if its group has not been joined yet.
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
        """Adds a reader that has a snapshot up to `seq`. Afterwards the stream may be `waiting`."""
        if not len(self) or seq == self.seq:
            self._level[reader] = None
            self.seq = seq
        elif seq > self.seq:
            self._ahead[reader] = seq
        else:  # an old snapshot: later messages have already been passed on to the others
            self._ahead.update(dict.fromkeys(self._level, self.seq))
            self._level = {reader: None}
            self.seq = seq
            self.waiting = True

    def remove(self, reader: Reader) -> None:
        self._level.pop(reader, None)
        self._ahead.pop(reader, None)

    def ask(self, now: float) -> int:
        """Notes that a resync is asked for at this loop time. Returns the seq after which messages are missing."""
        self.asked_at = now
        self._asked_from = self.seq
        return self.seq

    def deliver(self, prev_seq: int, seq: int, data: bytes) -> None:
        """Takes a message from the group. Passes it on; or drops it, if it is known; or holds it, if messages before
        it are missing, and then the stream is `waiting`."""
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
        """Takes the reply to a resync. The frames are a snapshot at `seq` (`replace`), or the messages after the seq
        that ask() returned, up to `seq`."""
        if not self.waiting or (self.seq < self._asked_from and not replace):
            return  # late, or too short for a socket that joined meanwhile; then the resync is asked for again
        for reader, position in list(self._positions()):
            if position < seq:
                needs_all = replace or position == self._asked_from
                reader.catch_up(frames if needs_all else after(frames, position))
        self._set_positions({reader: max(position, seq) for reader, position in self._positions()})
        self.waiting = False
        held, self._held, self._held_bytes = self._held, [], 0
        for message in held:
            self.deliver(*message)

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

    def _set_positions(self, positions: dict[Reader, int]) -> None:
        self.seq = min(positions.values(), default=self.seq)
        self._level = {reader: None for reader, position in positions.items() if position == self.seq}
        self._ahead = {reader: position for reader, position in positions.items() if position > self.seq}


def after(frames: Sequence[bytes], seq: int) -> list[bytes]:
    """Returns the part of a replay after `seq`. Several commands may follow one StreamPosition, each with its own
    seq."""
    kept_frames = []
    is_later = False
    for frame in frames:
        kept = wire.ServerFrame()
        for message in wire.ServerFrame.FromString(frame).messages:
            if message.HasField("stream_position"):
                is_later = message.stream_position.seq > seq
            if is_later and (not message.seq or message.seq > seq):
                kept.messages.append(message)
        if kept.messages:
            kept_frames.append(kept.SerializeToString())
    return kept_frames
