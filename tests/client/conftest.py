from collections.abc import AsyncIterator

import pytest_asyncio

from tests.client.script import FakeExchange, fake_exchange


@pytest_asyncio.fixture
async def server() -> AsyncIterator[FakeExchange]:
    async with fake_exchange() as exchange:
        yield exchange
