"""The usual class: Alice, Bob, Carol and Dave with 1,000 chips each, and GOLD, which settles from 0 to 100."""

import pytest

from tests.scenario import Scenario


@pytest.fixture
def day() -> Scenario:
    day = Scenario()
    day.people("alice", "bob", "carol", "dave", cash=1_000)
    day.market("GOLD", 0, 100)
    return day


@pytest.fixture
def copper(day: Scenario) -> Scenario:
    """COPPER is for Alice's alt Desk and for Bob; Desk has 500."""
    day.alt("alice", "Desk")
    day.pay("alice", "Desk", 500)
    day.market("COPPER", 0, 100, visible_to=("Desk", "bob"))
    return day
