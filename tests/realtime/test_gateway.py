"""ask() and ask_sync(), through which pages, REST and the admin reach the matcher."""

import asyncio

import pytest
from django.db import transaction

from proto import exchange_pb2 as wire
from realtime import gateway, limits
from realtime.errors import RequestFailed
from tests.realtime.world import World, encode, order, until


async def answer_with(world: World, **what: object) -> None:
    await until(lambda: world.matching.of("command"))
    reply = wire.ServerMessage(**what)  # type: ignore[arg-type]
    await world.matching.replies(world.matching.of("command")[-1], [encode(reply)])


class TestAsk:
    async def test_returns_the_reply(self, world: World) -> None:
        reply = await gateway.ask(1, order("o1"), account=12, sudo=True)
        assert (reply.request_id, reply.seq) == ("o1", 101)
        (message,) = world.matching.of("command")
        assert (message["user"], message["account"], message["sudo"], message["count"]) == (1, 12, True, 1)
        assert message["origin"] == f"{world.hub.gateway.process}.ask"

    async def test_many_at_once(self, world: World) -> None:
        replies = await asyncio.gather(*(gateway.ask(1, order(str(number))) for number in range(20)))
        assert [reply.request_id for reply in replies] == [str(number) for number in range(20)]
        assert [message["number"] for message in world.matching.of("command")] == list(range(1, 21))

    async def test_a_refusal_is_raised(self, world: World) -> None:
        world.matching.silent = True
        asking = asyncio.create_task(gateway.ask(1, order("o1")))
        refused = wire.Refused(code=wire.INSUFFICIENT_FUNDS, message="needs 400, has 250", retry_after_ms=7)
        await answer_with(world, refused=refused)
        with pytest.raises(RequestFailed, match="needs 400, has 250") as failure:
            await asking
        assert (failure.value.reason, failure.value.retry_after_ms) == (wire.INSUFFICIENT_FUNDS, 7)

    async def test_no_answer_in_time(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "ASK_SECONDS_MAX", 0.02)
        world.matching.silent = True
        with pytest.raises(RequestFailed) as failure:
            await gateway.ask(1, order("o1"))
        assert failure.value.reason == wire.OUTCOME_UNKNOWN

    async def test_a_late_answer_is_dropped(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "ASK_SECONDS_MAX", 0.02)
        world.matching.silent = True
        with pytest.raises(RequestFailed):
            await gateway.ask(1, order("o1"))
        await answer_with(world, request_id="o1")
        monkeypatch.undo()
        world.matching.silent = False
        assert (await gateway.ask(1, order("o2"))).request_id == "o2"

    async def test_busy_without_a_matcher(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "BEAT_SECONDS_MAX", 0.0)
        with pytest.raises(RequestFailed) as failure:
            await gateway.ask(1, order("o1"))
        assert failure.value.reason == wire.BUSY
        assert failure.value.retry_after_ms

    async def test_another_epoch(self, world: World) -> None:
        world.matching.silent = True
        asking = asyncio.create_task(gateway.ask(1, order("o1")))
        await until(lambda: world.matching.of("command"))
        world.matching.epoch += 1
        await world.matching.beat()
        with pytest.raises(RequestFailed) as failure:
            await asking
        assert failure.value.reason == wire.OUTCOME_UNKNOWN


class TestAskSync:
    async def test_from_the_thread_of_a_view(self, world: World) -> None:
        reply = await asyncio.to_thread(gateway.ask_sync, 1, order("o1"), account=12)
        assert reply.request_id == "o1"

    async def test_not_on_the_loops_own_thread(self, world: World) -> None:
        with pytest.raises(RuntimeError, match="await ask"):
            gateway.ask_sync(1, order("o1"))
        assert world.matching.received == []

    def test_busy_where_no_hub_runs(self) -> None:
        with pytest.raises(RequestFailed) as failure:
            gateway.ask_sync(1, order("o1"))
        assert failure.value.reason == wire.BUSY


@pytest.mark.django_db(transaction=True)
def test_not_inside_a_transaction() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a database transaction"):
        gateway.ask_sync(1, order("o1"))
