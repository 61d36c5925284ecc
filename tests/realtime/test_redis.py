"""The hub over Redis, as in an exchange with several processes."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from channels_redis.pubsub import RedisPubSubChannelLayer

from proto import exchange_pb2 as wire
from realtime import gateway
from tests.realtime.world import World, order, running_world, until

pytestmark = pytest.mark.redis


@pytest_asyncio.fixture
async def world(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> AsyncIterator[World]:
    host = {"address": redis_url, "socket_timeout": 15}
    layer: Any = RedisPubSubChannelLayer(hosts=[host], prefix=f"test-{uuid4().hex}")
    async with running_world(monkeypatch, layer) as running:
        yield running
    await layer.flush()


async def test_commands_asks_streams_gaps_and_entitlements(world: World) -> None:
    alice = await world.market_reader()
    alice.send(order("o1"))
    assert (await alice.reply("o1")).seq == 101
    assert (await gateway.ask(2, order("o2"))).seq == 102
    await world.matching.publish("market.1", lost=True)
    await world.matching.publish("market.1")
    await world.matching.publish("account.1")
    await until(lambda: alice.live_seqs("market.1") == [103, 104] and alice.live_seqs("account.1") == [105])
    await world.matching.entitle("account.12", [1])
    await until(lambda: alice.snapshots("account.12") == [105])
    await world.matching.beat()
    await until(lambda: [one.up_to_date.seq for one in alice.outlet.messages if one.HasField("up_to_date")] == [105])


async def test_a_stream_that_nobody_reads_any_more(world: World) -> None:
    alice = await world.market_reader()
    unsubscribe = wire.Unsubscribe(subscriptions=[wire.Subscription(market_id=1)])
    alice.send(wire.ClientMessage(request_id="un", unsubscribe=unsubscribe))
    await alice.reply("un")
    await world.matching.publish("market.1")
    assert (await gateway.ask(1, order("o1"))).seq == 102
    assert alice.live_seqs("market.1") == []
