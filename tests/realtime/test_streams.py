"""The position of each socket on a stream: no message twice, and none before an earlier one that is missing."""

from collections.abc import Sequence

import pytest

from proto import exchange_pb2 as wire
from realtime import limits
from realtime.streams import Stream, after
from tests.realtime.world import encode, position


class Reader:
    """Collects the frames that it is given."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def push(self, frame: bytes) -> None:
        self.got.append(frame)

    def catch_up(self, frames: Sequence[bytes]) -> None:
        self.got.extend(frames)


def live(prev_seq: int, seq: int) -> tuple[int, int, bytes]:
    """The arguments of Stream.deliver()."""
    return prev_seq, seq, b"%d" % seq


def replay(*seqs: int) -> list[bytes]:
    """One frame for each seq, as in the reply to a resync."""
    return [encode(position("s", 0, seq), wire.ServerMessage(seq=seq)) for seq in seqs]


@pytest.fixture
def stream() -> Stream:
    return Stream("s", waiting=False)


@pytest.fixture
def alice(stream: Stream) -> Reader:
    reader = Reader()
    stream.add(reader, 10)
    return reader


class TestLive:
    def test_the_same_bytes_go_to_all(self, stream: Stream, alice: Reader) -> None:
        bob = Reader()
        stream.add(bob, 10)
        message = live(10, 11)
        stream.deliver(*message)
        assert alice.got == bob.got == [b"11"]
        assert alice.got[0] is bob.got[0] is message[2]

    def test_what_is_known_is_not_passed_on_again(self, stream: Stream, alice: Reader) -> None:
        for message in (live(10, 11), live(10, 11), live(8, 9), live(11, 14), live(10, 11)):
            stream.deliver(*message)
        assert alice.got == [b"11", b"14"]

    def test_a_snapshot_may_be_newer_than_the_stream(self, stream: Stream, alice: Reader) -> None:
        """Bob's snapshot contains everything up to 12. He gets 14, but not 11 and 12."""
        bob = Reader()
        stream.add(bob, 12)
        for message in (live(10, 11), live(11, 12), live(12, 14)):
            stream.deliver(*message)
        assert alice.got == [b"11", b"12", b"14"]
        assert bob.got == [b"14"]

    def test_a_snapshot_between_two_messages(self, stream: Stream, alice: Reader) -> None:
        """The journal was at 12 when Bob's snapshot was made. The stream itself publishes at 11 and at 15."""
        bob = Reader()
        stream.add(bob, 12)
        stream.deliver(*live(10, 11))
        stream.deliver(*live(11, 15))
        assert bob.got == [b"15"]

    def test_a_new_snapshot_moves_a_reader(self, stream: Stream, alice: Reader) -> None:
        stream.remove(alice)
        stream.add(alice, 20)
        stream.deliver(*live(10, 19))
        stream.deliver(*live(19, 21))
        assert alice.got == [b"21"]

    def test_a_reader_that_has_left_gets_nothing(self, stream: Stream, alice: Reader) -> None:
        stream.remove(alice)
        stream.deliver(*live(10, 11))
        assert alice.got == []
        assert len(stream) == 0


class TestGap:
    def test_is_held_back_until_it_is_filled(self, stream: Stream, alice: Reader) -> None:
        stream.deliver(*live(11, 12))
        stream.deliver(*live(12, 13))
        assert stream.waiting
        assert alice.got == []
        assert stream.ask(0.0) == 10
        stream.resynced(12, False, replay(11, 12))
        assert alice.got == [*replay(11, 12), b"13"]
        assert not stream.waiting

    def test_a_snapshot_replaces_everything(self, stream: Stream, alice: Reader) -> None:
        stream.deliver(*live(11, 12))
        stream.ask(0.0)
        stream.resynced(15, True, [b"snapshot"])
        stream.deliver(*live(12, 16))
        assert alice.got == [b"snapshot", b"16"]

    def test_nothing_new_is_an_answer_too(self, stream: Stream, alice: Reader) -> None:
        stream.waiting = True
        stream.ask(0.0)
        stream.resynced(10, False, [])
        stream.deliver(*live(10, 11))
        assert alice.got == [b"11"]

    def test_a_gap_behind_the_gap(self, stream: Stream, alice: Reader) -> None:
        stream.deliver(*live(11, 12))
        stream.deliver(*live(13, 14))
        stream.ask(0.0)
        stream.resynced(12, False, replay(11, 12))
        assert stream.waiting
        assert alice.got == replay(11, 12)
        assert stream.ask(1.0) == 12
        stream.resynced(14, False, replay(13, 14))
        assert alice.got == replay(11, 12, 13, 14)
        assert not stream.waiting

    def test_an_answer_to_nothing_is_dropped(self, stream: Stream, alice: Reader) -> None:
        stream.resynced(20, True, [b"snapshot"])
        assert alice.got == []

    def test_each_reader_gets_what_it_lacks(self, stream: Stream, alice: Reader) -> None:
        bob, carol = Reader(), Reader()
        stream.add(bob, 11)
        stream.add(carol, 12)
        stream.deliver(*live(12, 13))
        stream.ask(0.0)
        stream.resynced(12, False, replay(11, 12))
        assert alice.got == [*replay(11, 12), b"13"]
        assert bob.got == [*replay(12), b"13"]
        assert carol.got == [b"13"]

    def test_a_snapshot_is_only_for_those_behind_it(self, stream: Stream, alice: Reader) -> None:
        bob = Reader()
        stream.add(bob, 20)
        stream.deliver(*live(12, 13))
        stream.ask(0.0)
        stream.resynced(15, True, [b"snapshot"])
        assert alice.got == [b"snapshot"]
        assert bob.got == []

    def test_what_is_held_is_bounded(self, stream: Stream, alice: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
        """Messages beyond the limit are dropped, which is a new gap."""
        monkeypatch.setattr(limits, "HELD_BYTES_MAX", 4)
        for seq in range(12, 16):
            stream.deliver(*live(seq - 1, seq))
        stream.ask(0.0)
        stream.resynced(11, False, replay(11))
        assert alice.got == [*replay(11), b"12", b"13"]
        stream.deliver(*live(15, 16))
        assert stream.waiting
        assert stream.ask(0.0) == 13


class TestOldSnapshot:
    """Bob's snapshot is older than Alice's position."""

    def test_is_made_up_for(self, stream: Stream, alice: Reader) -> None:
        stream.deliver(*live(10, 12))
        bob = Reader()
        stream.add(bob, 11)
        assert stream.waiting
        assert stream.ask(0.0) == 11
        stream.deliver(*live(12, 13))
        stream.resynced(12, False, replay(12))
        assert alice.got == [b"12", b"13"]
        assert bob.got == [*replay(12), b"13"]

    def test_while_an_answer_is_under_way_that_does_not_reach_back(self, stream: Stream, alice: Reader) -> None:
        stream.deliver(*live(11, 12))
        assert stream.ask(0.0) == 10
        bob = Reader()
        stream.add(bob, 8)
        stream.resynced(12, False, replay(11, 12))
        assert stream.waiting
        assert alice.got == bob.got == []
        assert stream.ask(1.0) == 8
        stream.resynced(12, False, replay(9, 11, 12))
        assert alice.got == replay(11, 12)
        assert bob.got == replay(9, 11, 12)


def test_part_of_a_replay_by_command() -> None:
    """A replay from the journal may have one StreamPosition for several commands, each with its own seq."""
    commands = [wire.ServerMessage(seq=seq) for seq in (11, 12, 13)]
    frames = [encode(position("s", 10, 13), *commands[:2]), encode(commands[2])]
    assert after(frames, 10) == frames
    assert after(frames, 11) == [encode(position("s", 10, 13), commands[1]), frames[1]]
    assert after(frames, 13) == []
