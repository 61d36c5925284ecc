"""The usual class: Alice, Bob, Carol and Dave with 1,000 chips each, and GOLD, which settles from 0 to 100."""

import pytest

from tests.scenario import Scenario


@pytest.fixture
def day() -> Scenario:
    day = Scenario()
    day.people("alice", "bob", "carol", "dave", cash=1_000)
    day.market("GOLD", 0, 100)
    return day
