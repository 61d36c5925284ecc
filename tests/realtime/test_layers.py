"""The layer of a single process keeps order and limits, and hands over the message objects themselves."""

import asyncio

import pytest
from channels.exceptions import ChannelFull

from realtime.layers import LocalLayer


@pytest.fixture
def layer() -> LocalLayer:
    return LocalLayer(capacity=3)


async def test_in_order_and_not_copied(layer: LocalLayer) -> None:
    sent = [{"type": "a", "number": number} for number in range(3)]
    for message in sent:
        await layer.send("matching", message)
    for message in sent:
        assert await layer.receive("matching") is message


async def test_a_reader_that_waits_already(layer: LocalLayer) -> None:
    waiting = asyncio.create_task(layer.receive("matching"))
    await asyncio.sleep(0)
    for number in range(2):
        await layer.send("matching", {"type": "a", "number": number})
    assert (await waiting)["number"] == 0
    assert (await layer.receive("matching"))["number"] == 1


async def test_a_full_channel(layer: LocalLayer) -> None:
    for _ in range(3):
        await layer.send("matching", {"type": "a"})
    with pytest.raises(ChannelFull):
        await layer.send("matching", {"type": "a"})
    await layer.receive("matching")
    await layer.send("matching", {"type": "a"})


async def test_a_group_reaches_all_members_but_those_that_are_full(layer: LocalLayer) -> None:
    full, free = await layer.new_channel(), await layer.new_channel()
    for channel in (full, free):
        await layer.group_add("public", channel)
    for _ in range(3):
        await layer.send(full, {"type": "before"})
    await layer.group_send("public", {"type": "news"})
    assert (await layer.receive(free))["type"] == "news"
    assert [(await layer.receive(full))["type"] for _ in range(3)] == ["before"] * 3
    await layer.group_discard("public", free)
    await layer.group_send("public", {"type": "later"})
    assert (await layer.receive(full))["type"] == "later"


async def test_a_group_that_nobody_is_in(layer: LocalLayer) -> None:
    await layer.group_send("nobody", {"type": "news"})


async def test_flush_forgets_everything(layer: LocalLayer) -> None:
    await layer.group_add("public", "reader")
    await layer.send("reader", {"type": "old"})
    await layer.flush()
    await layer.group_send("public", {"type": "lost"})
    await layer.send("reader", {"type": "new"})
    assert (await layer.receive("reader"))["type"] == "new"
