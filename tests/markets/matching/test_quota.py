"""A person may add so many bytes to the journal in a day. The journal tells after a restart what was added."""

import pytest

from markets.engine.engine import Engine
from markets.engine.errors import Reason, Rejected
from markets.journal.entries import GENESIS, bytes_by_person, make_entry
from markets.matching.quota import DAY_US, DailyQuota
from realtime.limits import RateClass
from tests.markets.keeping import apply_all, commit_history, open_journal, random_history

NOON = 20_000 * DAY_US + DAY_US // 2
HALF_A_DAY_MS = 12 * 3_600_000


def refusal(quota: DailyQuota, rate_class: RateClass = "mutate", sudo: bool = False, at: int = NOON) -> Rejected | None:
    try:
        quota.check(1, rate_class, sudo, at)
    except Rejected as rejected:
        return rejected
    return None


def test_a_person_who_has_used_the_day_up_waits_for_the_next() -> None:
    quota = DailyQuota(2_000_000, NOON)
    quota.add({1: 1_999_999, 2: 5_000_000}, NOON)
    assert refusal(quota) is None
    quota.add({1: 1}, NOON)
    refused = refusal(quota)
    assert refused is not None
    assert (refused.reason, refused.retry_after_ms) == (Reason.RATE_LIMITED, HALF_A_DAY_MS)
    assert "2 MB" in refused.message
    assert "12 h 0 min" in refused.message
    quota.check(3, "mutate", False, NOON)
    almost = refusal(quota, at=NOON + DAY_US // 2 - 1)
    assert almost is not None
    assert almost.retry_after_ms == 1
    assert refusal(quota, at=NOON + DAY_US // 2) is None, "waiting that long is enough"
    assert refusal(quota, "expensive", at=NOON + DAY_US) is None


def test_cancels_may_use_a_tenth_more() -> None:
    quota = DailyQuota(1_000, NOON, {1: 1_099})
    assert refusal(quota) is not None
    assert refusal(quota, "cancel") is None
    quota.add({1: 1}, NOON)
    assert refusal(quota, "cancel") is not None


def test_operators_in_sudo_are_not_refused() -> None:
    assert refusal(DailyQuota(1_000, NOON, {1: 10**9}), sudo=True) is None


def test_no_limit() -> None:
    assert refusal(DailyQuota(0, NOON, {1: 10**15})) is None


@pytest.mark.parametrize("since", [1, 100, 250, 251])
def test_the_journal_tells_what_was_added_since_a_moment(database: str, since: int) -> None:
    history = [(command, at_us) for at_us, (command, _) in enumerate(random_history(7, 250), 1)]
    commit_history(history)
    with open_journal() as (journal, engine):
        told = journal.bytes_since(since)
    outcomes = [one for one in apply_all(Engine(), history) if one.at_us >= since]
    assert engine.seq == len(history)
    assert told == bytes_by_person(make_entry(one, GENESIS) for one in outcomes)
    assert (sum(told.values()) > 0) == (since <= len(history))
