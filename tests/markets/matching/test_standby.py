"""When a standby takes the lock from a matcher: never from one that works, nor because the database was frozen."""

import pytest

from markets.journal.lock import Holder
from markets.matching.lease import CHECK_SECONDS, HUNG_SECONDS
from markets.matching.standby import LOOK_SECONDS, LOOK_SECONDS_MAX, Watch


def holder(beat: float, pid: int = 7, works: bool = False) -> Holder:
    return Holder(pid, "this machine", str(beat), works)


def seconds_until_it_hangs(watch: Watch, begin: float, beats: list[Holder], every: float = LOOK_SECONDS) -> float:
    """Looks on at the holders, the last one for ever. Returns after how many seconds one is said to hang."""
    for number in range(10_000):
        now = begin + number * every
        if watch.hangs(beats[min(number, len(beats) - 1)], now):
            return now - begin
    return float("inf")


def test_one_that_beats_never_hangs() -> None:
    watch = Watch()
    assert not any(watch.hangs(holder(int(n * LOOK_SECONDS / CHECK_SECONDS)), n * LOOK_SECONDS) for n in range(1_000))


def test_one_that_does_not_beat_hangs_after_ten_seconds() -> None:
    took = seconds_until_it_hangs(Watch(), 100.0, [holder(1)])
    assert HUNG_SECONDS < took <= HUNG_SECONDS + 2 * LOOK_SECONDS


def test_one_that_the_server_works_for_does_not_hang() -> None:
    assert seconds_until_it_hangs(Watch(), 100.0, [holder(1, works=True)]) == float("inf")


def test_another_session_begins_anew() -> None:
    beats = [holder(1)] * 30 + [holder(1, pid=8)]
    assert seconds_until_it_hangs(Watch(), 100.0, beats) > 29 * LOOK_SECONDS + HUNG_SECONDS


@pytest.mark.parametrize("gap", [LOOK_SECONDS_MAX + 0.1, 20.0])
def test_a_gap_in_which_the_standby_saw_nothing_proves_nothing(gap: float) -> None:
    watch = Watch()
    assert not watch.hangs(holder(1), 100.0)
    assert not watch.hangs(holder(1), 100.0 + gap)
    assert seconds_until_it_hangs(watch, 100.0 + gap, [holder(1)]) > HUNG_SECONDS - LOOK_SECONDS
