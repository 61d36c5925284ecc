"""Frames that wait for a socket are joined, written at the client's pace, and dropped if the client does not read."""

import asyncio

import pytest

from realtime import limits
from realtime.errors import CloseCode
from realtime.outbox import Outbox, SendOutlet, Turn
from tests.patience import STEP_SECONDS_MAX
from tests.realtime.world import FakeOutlet, until


@pytest.fixture
def outlet() -> FakeOutlet:
    return FakeOutlet()


@pytest.fixture
async def outbox(outlet: FakeOutlet) -> Outbox:
    return Outbox(outlet, Turn())


async def a_turn() -> None:
    """Lets the event loop run twice."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


class TestJoining:
    async def test_what_comes_in_one_turn_is_one_frame(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        outbox.push(b"a")
        outbox.push(b"b")
        assert outlet.frames == []
        await a_turn()
        outbox.push(b"c")
        await a_turn()
        assert outlet.frames == [b"ab", b"c"]

    async def test_one_frame_is_written_as_it_is(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        frame = b"frame" * 10
        outbox.push(frame)
        await a_turn()
        assert outlet.frames[0] is frame

    async def test_frames_are_no_larger_than_clients_expect(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        third = bytes(limits.SERVER_FRAME_BYTES_MAX // 3 + 1)
        for _ in range(5):
            outbox.push(third)
        await a_turn()
        assert [len(frame) // len(third) for frame in outlet.frames] == [2, 2, 1]

    async def test_a_snapshot_keeps_its_place(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        outbox.push(b"before ")
        outbox.catch_up([b"snapshot ", b"in parts "])
        outbox.push(b"after")
        await a_turn()
        assert b"".join(outlet.frames) == b"before snapshot in parts after"


class TestPace:
    async def test_at_most_so_many_frames_a_second(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        outbox.set_pace(20)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        while loop.time() - begin < 0.5:
            outbox.push(b"x")
            await asyncio.sleep(0.001)
        assert 2 <= len(outlet.frames) <= 11

    async def test_the_first_frame_does_not_wait(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        outbox.set_pace(1)
        outbox.push(b"x")
        await a_turn()
        assert outlet.frames == [b"x"]

    async def test_nothing_is_lost(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        outbox.set_pace(50)
        for number in range(30):
            outbox.push(b"%02d " % number)
            await asyncio.sleep(0.002)
        await until(lambda: b"".join(outlet.frames).split() == [b"%02d" % number for number in range(30)])

    async def test_the_fastest_pace(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        outbox.set_pace(100_000)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        while loop.time() - begin < 0.2:
            outbox.push(b"x")
            await asyncio.sleep(0.001)
        assert len(outlet.frames) <= 0.2 * limits.FRAMES_PER_SECOND_MAX + 1


class TestSlowReader:
    async def test_more_than_may_wait_closes_it(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        outlet.writable = False
        for _ in range(limits.WAITING_BYTES_MAX // 1024):
            outbox.push(bytes(1024))
        await a_turn()
        before = outlet.code
        outbox.push(b"x")
        assert (before, outlet.code) == (None, CloseCode.SLOW_READER)
        assert outbox.closed

    async def test_a_burst_is_not_a_slow_reader(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        """The socket would take the bytes, but the loop has not had a turn yet."""
        for _ in range(3 * limits.WAITING_BYTES_MAX // 1024):
            outbox.push(bytes(1024))
        await a_turn()
        assert outlet.code is None
        assert sum(map(len, outlet.frames)) == 3 * limits.WAITING_BYTES_MAX

    async def test_a_snapshot_may_be_larger(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        outlet.writable = False
        pieces = [bytes([number]) * limits.SERVER_FRAME_BYTES_MAX for number in range(40)]
        outbox.catch_up(pieces)
        outbox.push(b"after")
        await a_turn()
        assert outlet.code is None
        assert outlet.frames == []
        outlet.drain()
        assert outlet.frames == [*pieces, b"after"]

    async def test_asking_for_snapshots_does_not_make_room(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        """Frames that waited when a snapshot came count until the snapshot is written."""
        half = bytes(limits.WAITING_BYTES_MAX // 2)
        outlet.writable = False
        for _ in range(2):
            outbox.push(half)
            outbox.catch_up([b"snapshot"])
        assert outlet.code is None
        outbox.push(b"more")
        assert outlet.code == CloseCode.SLOW_READER

    async def test_once_they_are_written_there_is_room_again(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        half = bytes(limits.WAITING_BYTES_MAX // 2)
        outlet.writable = False
        outbox.push(half)
        outbox.catch_up([b"snapshot"])
        await a_turn()
        outlet.drain()
        outlet.writable = False
        outbox.push(half)
        outbox.push(half)
        assert outlet.code is None

    async def test_it_is_written_as_the_transport_drains(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        def one_at_a_time(payload: bytes) -> None:
            outlet.frames.append(payload)
            outlet.writable = False

        outlet.write = one_at_a_time  # type: ignore[method-assign]
        outbox.catch_up([bytes(limits.SERVER_FRAME_BYTES_MAX)] * 3)
        await a_turn()
        assert len(outlet.frames) == 1
        outlet.drain()
        assert len(outlet.frames) == 2
        outlet.drain()
        assert len(outlet.frames) == 3

    async def test_caught_up(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        outlet.writable = False
        outbox.catch_up([b"snapshot"])
        waiting = asyncio.create_task(outbox.caught_up())
        await a_turn()
        assert not waiting.done()
        outlet.drain()
        await asyncio.wait_for(waiting, STEP_SECONDS_MAX)

    async def test_a_transport_that_is_stuck(
        self, outlet: FakeOutlet, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "STALL_SECONDS_MAX", 0.02)
        outlet.writable = False
        outbox.push(b"x")
        await a_turn()
        outbox.check_stall()
        assert outlet.code is None
        await asyncio.sleep(0.03)
        outbox.check_stall()
        assert outlet.code == CloseCode.SLOW_READER

    async def test_a_transport_that_moves_is_not(
        self, outlet: FakeOutlet, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "STALL_SECONDS_MAX", 0.02)
        outlet.writable = False
        outbox.push(b"x")
        await a_turn()
        outlet.drain()
        await asyncio.sleep(0.03)
        outbox.check_stall()
        assert outlet.code is None


class TestClosing:
    async def test_what_waits_goes_first(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        outbox.set_pace(1)
        outbox.push(b"a")
        await a_turn()
        outbox.push(b"last words")
        outbox.close(CloseCode.RESTART)
        assert outlet.frames == [b"a", b"last words"]
        assert outlet.code == 1012

    async def test_nothing_comes_after(self, outlet: FakeOutlet, outbox: Outbox) -> None:
        outbox.close(CloseCode.RESTART)
        outbox.push(b"x")
        outbox.catch_up([b"y"])
        outbox.close(CloseCode.SLOW_READER)
        await a_turn()
        assert outlet.frames == []
        assert outlet.code == 1012
        assert outbox._waiting == []


class TestAnyServer:
    """Under a server without our Outlet, everything is written through its `send`."""

    async def test_frames_in_order_then_the_close(self) -> None:
        sent: list[object] = []

        async def send(message: object) -> None:
            sent.append(message)

        outlet = SendOutlet(send)
        outlet.write(b"a")
        outlet.write(b"b")
        outlet.close(CloseCode.RESTART)
        await until(lambda: len(sent) == 3)
        assert sent == [
            {"type": "websocket.send", "bytes": b"a"},
            {"type": "websocket.send", "bytes": b"b"},
            {"type": "websocket.close", "code": 1012},
        ]
        outlet.abandon()

    async def test_a_send_that_blocks_holds_back(self) -> None:
        goes_on, drained = asyncio.Event(), asyncio.Event()

        async def send(message: object) -> None:
            await goes_on.wait()

        outlet = SendOutlet(send)
        outlet.on_drain = drained.set
        outlet.write(bytes(limits.TRANSPORT_BYTES_PAUSE + 1))
        before = outlet.writable
        goes_on.set()
        await asyncio.wait_for(drained.wait(), STEP_SECONDS_MAX)
        assert (before, outlet.writable) == (False, True)
        outlet.abandon()

    async def test_a_connection_that_is_gone(self) -> None:
        lost = asyncio.Event()

        async def send(message: object) -> None:
            raise OSError

        outlet = SendOutlet(send)
        outlet.on_lost = lost.set
        outlet.write(b"x")
        await asyncio.wait_for(lost.wait(), STEP_SECONDS_MAX)
