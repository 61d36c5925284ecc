"""The hub, with a matching side that loses messages, sends them twice and restarts."""

import asyncio
from typing import Any

import pytest

from proto import exchange_pb2 as wire
from realtime import limits
from realtime.errors import CloseCode
from realtime.groups import HUBS, PUBLIC
from realtime.messages import private_message, stream_message
from tests.realtime.world import (
    FAST_SECONDS,
    QUIET_SECONDS,
    World,
    authenticate,
    encode,
    order,
    position,
    subscribe,
    until,
)

MARKET = "market.1"
ALICES = "account.1"


class TestFanOut:
    async def test_every_socket_gets_it(self, world: World) -> None:
        alice, bob = await world.market_reader("alice"), await world.market_reader("bob")
        seq = await world.matching.publish(MARKET)
        await until(lambda: alice.live_seqs(MARKET) == bob.live_seqs(MARKET) == [seq])

    async def test_one_group_membership_for_all(self, world: World) -> None:
        for _ in range(3):
            await world.market_reader()
        assert len(world.groups[MARKET]) == 1

    async def test_accounts_travel_with_the_hubs(self, world: World) -> None:
        alice, bob = await world.signed_in("alice"), await world.signed_in("bob")
        seq = await world.matching.publish(ALICES)
        await until(lambda: alice.live_seqs(ALICES) == [seq])
        assert bob.live_seqs(ALICES) == []
        assert ALICES not in world.groups

    async def test_the_messages_of_one_batch_are_one_frame(self, world: World) -> None:
        alice = await world.signed_in()
        before = len(alice.outlet.frames)
        items = [(ALICES, seq - 1, seq, encode(position(ALICES, seq - 1, seq))) for seq in (101, 102, 103)]
        await world.matching.messages.group_send(HUBS, private_message(items))
        await until(lambda: alice.live_seqs(ALICES) == [101, 102, 103])
        assert len(alice.outlet.frames) == before + 1

    async def test_the_last_to_leave_ends_the_membership(self, world: World) -> None:
        alice, bob = await world.market_reader("alice"), await world.market_reader("bob")
        alice.leave()
        await asyncio.sleep(QUIET_SECONDS)
        assert MARKET in world.groups
        bob.leave()
        await until(lambda: MARKET not in world.groups)

    async def test_unsubscribe_leaves(self, world: World) -> None:
        alice = await world.market_reader()
        unsubscribe = wire.Unsubscribe(subscriptions=[wire.Subscription(market_id=1)])
        alice.send(wire.ClientMessage(request_id="un", unsubscribe=unsubscribe))
        await alice.reply("un")
        await world.matching.publish(MARKET)
        await until(lambda: MARKET not in world.groups)
        assert alice.live_seqs(MARKET) == []

    async def test_a_bad_message_does_not_stop_the_hub(self, world: World) -> None:
        alice = await world.market_reader()
        await world.matching.layer.group_send(HUBS, {"type": "nonsense"})
        incomplete: dict[str, Any] = {**stream_message(MARKET, 100, 101, b"")}
        del incomplete["seq"]
        await world.matching.layer.group_send(HUBS, incomplete)
        seq = await world.matching.publish(MARKET)
        await until(lambda: alice.live_seqs(MARKET) == [seq])


class TestJoining:
    async def test_what_passed_before_the_group_was_joined(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """The stream publishes after the snapshot and before the hub joins its group. The hub asks for a resync from
        the snapshot on."""
        alice = await world.signed_in()
        answer = world.matching.replies

        async def publish_meanwhile(*arguments: Any) -> None:
            await answer(*arguments)
            await world.matching.publish(MARKET)

        monkeypatch.setattr(world.matching, "replies", publish_meanwhile)
        alice.send(subscribe(1))
        await until(lambda: alice.live_seqs(MARKET) == [101])
        assert world.matching.of("resync")[-1]["streams"] == {MARKET: 100}

    async def test_accounts_need_no_resync(self, world: World) -> None:
        await world.signed_in()
        await world.settled()
        assert all(ALICES not in message["streams"] for message in world.matching.of("resync"))

    async def test_messages_that_a_snapshot_contains_are_not_passed_on_again(self, world: World) -> None:
        await world.market_reader("bob")
        first = await world.matching.publish(MARKET)
        alice = await world.market_reader("alice")
        second = await world.matching.publish(MARKET)
        await until(lambda: alice.live_seqs(MARKET))
        assert alice.snapshots(MARKET) == [first]
        assert alice.live_seqs(MARKET) == [second]


class TestGap:
    async def test_is_filled_before_anything_later(self, world: World) -> None:
        alice = await world.market_reader()
        await world.matching.publish(MARKET)
        await world.matching.publish(MARKET, lost=True)
        await world.matching.publish(MARKET)
        await world.matching.publish(MARKET)
        await until(lambda: len(alice.live_seqs(MARKET)) == 4)
        assert alice.live_seqs(MARKET) == [101, 102, 103, 104]

    async def test_one_resync_for_all_sockets(self, world: World) -> None:
        readers = [await world.market_reader(name) for name in ("alice", "bob", "alice")]
        asked = len(world.matching.of("resync"))
        await world.matching.publish(MARKET, lost=True)
        await world.matching.publish(MARKET)
        for reader in readers:
            await until(lambda reader=reader: reader.live_seqs(MARKET) == [101, 102])  # type: ignore[misc]
        assert [message["streams"] for message in world.matching.of("resync")[asked:]] == [{MARKET: 100}]

    async def test_at_most_one_a_second(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "RESYNC_SECONDS", 60.0)
        alice = await world.market_reader()  # for which the hub has just asked
        asked = len(world.matching.of("resync"))
        await world.matching.publish(MARKET, lost=True)
        await world.matching.publish(MARKET)
        await world.matching.publish(MARKET)
        await asyncio.sleep(QUIET_SECONDS)
        assert len(world.matching.of("resync")) == asked
        assert alice.live_seqs(MARKET) == []

    async def test_at_most_one_a_second_for_each_stream(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        await world.market_reader(market=1)
        await world.market_reader(market=2)
        await asyncio.sleep(2 * FAST_SECONDS)
        monkeypatch.setattr(limits, "RESYNC_SECONDS", 60.0)
        world.matching.silent = True
        for stream in (MARKET, "market.2"):
            asked = len(world.matching.of("resync"))
            world.hub._streams[stream].asked_at = float("-inf")
            await world.matching.publish(stream, lost=True)
            await world.matching.publish(stream)
            await until(lambda asked=asked: len(world.matching.of("resync")) > asked)  # type: ignore[misc]
            assert world.matching.of("resync")[-1]["streams"] == {stream: 100}

    async def test_a_lost_answer_is_asked_for_again(self, world: World) -> None:
        alice = await world.market_reader()
        world.matching.silent = True
        asked = len(world.matching.of("resync"))
        await world.matching.publish(MARKET, lost=True)
        await world.matching.publish(MARKET)
        await until(lambda: len(world.matching.of("resync")) > asked)
        assert alice.live_seqs(MARKET) == []
        world.matching.silent = False
        await until(lambda: alice.live_seqs(MARKET) == [101, 102])

    async def test_a_snapshot_in_place_of_a_replay(self, world: World) -> None:
        alice = await world.market_reader()
        world.matching.snapshots = True
        await world.matching.publish(MARKET, lost=True)
        await world.matching.publish(MARKET)
        await until(lambda: alice.snapshots(MARKET) == [100, 102])
        seq = await world.matching.publish(MARKET)
        await until(lambda: alice.live_seqs(MARKET) == [seq])

    async def test_on_an_account(self, world: World) -> None:
        alice = await world.signed_in()
        await world.matching.publish(ALICES, lost=True)
        await world.matching.publish(ALICES)
        await until(lambda: alice.live_seqs(ALICES) == [101, 102])


class TestBeat:
    async def test_reveals_that_the_last_message_was_lost(self, world: World) -> None:
        """No later message of the stream reveals the gap."""
        alice = await world.market_reader()
        await world.matching.publish(MARKET, lost=True)
        await world.matching.beat()
        await until(lambda: alice.live_seqs(MARKET) == [101])

    async def test_up_to_date(self, world: World) -> None:
        alice = await world.market_reader()
        await world.matching.publish(MARKET)
        await world.matching.beat()
        await until(lambda: _up_to_date(alice.outlet.messages))
        assert _up_to_date(alice.outlet.messages) == [101]
        assert alice.outlet.messages[-1].up_to_date.epoch == world.matching.epoch

    async def test_not_more_often_than_every_five_seconds(self, world: World) -> None:
        alice = await world.market_reader()
        for _ in range(3):
            await world.matching.beat()
        await asyncio.sleep(QUIET_SECONDS)
        assert len(_up_to_date(alice.outlet.messages)) == 1

    async def test_not_up_to_date_while_something_is_missing(self, world: World) -> None:
        alice, bob = await world.market_reader("alice"), await world.signed_in("bob")
        world.matching.silent = True
        await world.matching.publish(MARKET, lost=True)
        await world.matching.beat()
        await until(lambda: _up_to_date(bob.outlet.messages))
        assert _up_to_date(alice.outlet.messages) == []
        world.matching.silent = False
        await world.matching.resynced(MARKET, 100)
        await until(lambda: alice.live_seqs(MARKET) == [101])
        await world.matching.beat()
        await until(lambda: _up_to_date(alice.outlet.messages) == [101])

    async def test_another_epoch_closes_the_sockets(self, world: World) -> None:
        alice = await world.signed_in()
        world.matching.epoch += 1
        await world.matching.beat()
        await until(lambda: alice.outlet.code == CloseCode.RESTART)

    async def test_a_dropped_membership_is_renewed(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Channels' in-memory layer removes a reader from all groups when one of its messages has expired."""
        alice = await world.market_reader()
        world.groups.clear()
        monkeypatch.setattr(limits, "BEAT_SECONDS_MAX", 0.0)
        await until(lambda: {HUBS, MARKET, PUBLIC} <= set(world.groups))
        seq = await world.matching.publish(MARKET)
        await until(lambda: alice.live_seqs(MARKET) == [seq])


class TestEntitlement:
    async def test_all_who_follow_all_markets(self, world: World) -> None:
        alice = await world.signed_in("alice", subscriptions=[wire.Subscription(all_markets=True)])
        bob = await world.signed_in("bob")
        await world.matching.entitle("market.9", None)
        await until(lambda: alice.snapshots("market.9") == [100])
        await world.settled()
        seq = await world.matching.publish("market.9")
        await until(lambda: alice.live_seqs("market.9") == [seq])
        assert bob.snapshots("market.9") == bob.live_seqs("market.9") == []

    async def test_the_sockets_of_some_people(self, world: World) -> None:
        phone, desk, bob = [await world.signed_in(name) for name in ("alice", "alice", "bob")]
        await world.matching.entitle("account.12", [1, 99])
        seq = await world.matching.publish("account.12")
        await until(lambda: phone.live_seqs("account.12") == desk.live_seqs("account.12") == [seq])
        assert bob.live_seqs("account.12") == []

    async def test_without_its_snapshot_the_hub_asks_for_it(self, world: World) -> None:
        """It asks only if somebody here follows the stream, and once for all of them."""
        world.matching.snapshots = True
        phone, desk, bob = [await world.signed_in(name) for name in ("alice", "alice", "bob")]
        await world.matching.entitle("account.12", [1, 99], snapshot=False)
        await world.matching.entitle("account.13", [99], snapshot=False)
        await until(lambda: phone.snapshots("account.12") == desk.snapshots("account.12") == [100])
        seq = await world.matching.publish("account.12")
        await until(lambda: phone.live_seqs("account.12") == desk.live_seqs("account.12") == [seq])
        assert bob.snapshots("account.12") == []
        asked = [stream for message in world.matching.of("resync") for stream in message["streams"]]
        assert [stream for stream in asked if stream.startswith("account.1")] == ["account.12"]

    async def test_a_socket_that_follows_it_already_gets_no_second_snapshot(self, world: World) -> None:
        alice = await world.market_reader()
        await world.matching.entitle(MARKET, [1])
        await world.matching.publish(MARKET)
        await until(lambda: alice.live_seqs(MARKET))
        assert alice.snapshots(MARKET) == [100]

    async def test_a_repeated_one_does_not_bring_back_a_socket_that_has_left(self, world: World) -> None:
        alice = await world.market_reader()
        unsubscribe = wire.Unsubscribe(subscriptions=[wire.Subscription(market_id=1)])
        alice.send(wire.ClientMessage(request_id="un", unsubscribe=unsubscribe))
        await alice.reply("un")
        await world.matching.entitle(MARKET, [1])
        await asyncio.sleep(QUIET_SECONDS)
        assert alice.snapshots(MARKET) == [100]
        alice.send(subscribe(1))
        await alice.reply("sub")
        await world.settled()
        seq = await world.matching.publish(MARKET)
        await until(lambda: alice.live_seqs(MARKET) == [seq])

    async def test_not_before_the_matcher_has_admitted_the_socket(self, world: World) -> None:
        """The snapshots of its sign-in will include the stream."""
        world.matching.silent = True
        alice = world.client()
        alice.send(authenticate())
        await until(lambda: world.matching.of("session"))
        await world.matching.entitle("account.12", [1])
        await asyncio.sleep(QUIET_SECONDS)
        assert alice.outlet.frames == []


class TestReplies:
    async def test_come_to_the_asker_only(self, world: World) -> None:
        alice, bob = await world.signed_in("alice"), await world.signed_in("bob")
        alice.send(order("a1"))
        assert (await alice.reply("a1")).seq == 101
        assert bob.replies("a1") == []

    async def test_twice_are_passed_on_once(self, world: World) -> None:
        alice = await world.signed_in()
        alice.send(order("a1"))
        await alice.reply("a1")
        await world.matching.replies(world.matching.of("command")[0], [encode(wire.ServerMessage(request_id="a1"))])
        alice.send(order("a2"))
        await alice.reply("a2")
        assert len(alice.replies("a1")) == 1

    async def test_that_never_come(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        alice = await world.signed_in()
        monkeypatch.setattr(limits, "REPLY_SECONDS_MAX", 0.0)
        world.matching.silent = True
        alice.send(order("a1"), order("a2"))
        assert await alice.refusal("a1") == await alice.refusal("a2") == wire.OUTCOME_UNKNOWN

    async def test_lost_in_an_outage_hold_no_room_for_long(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Beats in time leave the requests waiting. After a late one they have only a little longer."""
        alice = await world.signed_in()
        monkeypatch.setattr(limits, "REPLY_AFTER_OUTAGE_SECONDS_MAX", 0.0)
        monkeypatch.setattr(limits, "BEAT_LATE_SECONDS", float("inf"))
        world.matching.silent = True
        alice.send(order("a1"), order("a2"))
        await until(lambda: world.matching.of("command"))
        await world.matching.beat()
        await asyncio.sleep(limits.TICK_SECONDS + QUIET_SECONDS)
        assert alice.replies("a1") == []
        monkeypatch.setattr(limits, "BEAT_LATE_SECONDS", 0.0)
        await world.matching.beat()
        assert await alice.refusal("a1") == await alice.refusal("a2") == wire.OUTCOME_UNKNOWN
        await world.matching.answer(world.matching.of("command")[0])  # late, so dropped
        world.matching.silent = False
        alice.send(order("a3"))
        await alice.reply("a3")
        assert len(alice.replies("a1")) == 1

    async def test_a_late_one_is_dropped(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        alice = await world.signed_in()
        monkeypatch.setattr(limits, "REPLY_SECONDS_MAX", 0.0)
        world.matching.silent = True
        alice.send(order("a1"))
        await alice.refusal("a1")
        await world.matching.answer(world.matching.of("command")[0])
        await asyncio.sleep(QUIET_SECONDS)
        assert len(alice.replies("a1")) == 1

    async def test_the_matcher_may_close_the_socket(self, world: World) -> None:
        alice = await world.signed_in()
        world.matching.silent = True
        alice.send(subscribe(1))
        await until(lambda: len(world.matching.of("session")) == 2)
        last_words = encode(wire.ServerMessage(request_id="sub"))
        await world.matching.replies(world.matching.of("session")[1], [last_words], {"close": 4003})
        await until(lambda: alice.outlet.code == 4003)
        assert alice.outlet.frames[-1] == last_words


class TestRevoked:
    async def test_closes_the_sockets_of_that_credential(self, world: World) -> None:
        alice, bob = await world.signed_in("alice"), await world.signed_in("bob")
        world.revoked.add("alice")
        await until(lambda: alice.outlet.code == CloseCode.NOT_AUTHENTICATED)
        assert await alice.refusal() == wire.NOT_AUTHENTICATED
        assert bob.outlet.code is None


class TestDrain:
    async def test_passes_on_what_the_layer_holds_then_closes(self, world: World) -> None:
        alice = await world.signed_in()
        items = [(ALICES, seq - 1, seq, encode(position(ALICES, seq - 1, seq))) for seq in (101, 102, 103)]
        await world.matching.messages.send(world.hub.gateway.channel, private_message(items))
        assert alice.live_seqs(ALICES) == []
        await world.hub.drain()
        assert alice.live_seqs(ALICES) == [101, 102, 103]
        assert alice.outlet.code == CloseCode.RESTART


def _up_to_date(messages: list[wire.ServerMessage]) -> list[int]:
    return [message.up_to_date.seq for message in messages if message.HasField("up_to_date")]
