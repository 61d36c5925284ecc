from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.realtime.world import World, running_world


@pytest_asyncio.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with running_world(monkeypatch) as running:
        yield running
