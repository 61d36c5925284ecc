"""Rights that end while sockets are open: the streams of an account that is no longer a person's end."""

import asyncio

import pytest

from proto import exchange_pb2 as wire
from realtime import limits
from realtime.errors import CloseCode
from tests.realtime.world import QUIET_SECONDS, World, order, until

MARKET = "market.1"
ALICES = "account.1"


class TestReach:
    async def test_streams_that_are_no_longer_theirs_end(self, world: World) -> None:
        phone, desk, bob = [await world.signed_in(name) for name in ("alice", "alice", "bob")]
        await world.matching.entitle("account.12", [1, 2])
        await world.matching.limit_reach(1)
        lost = await world.matching.publish("account.12")
        own = await world.matching.publish(ALICES)
        await until(lambda: phone.live_seqs(ALICES) == desk.live_seqs(ALICES) == [own])
        await until(lambda: bob.live_seqs("account.12") == [lost])
        assert phone.live_seqs("account.12") == desk.live_seqs("account.12") == []
        unsubscribed = [list(message.unsubscribed.streams) for message in phone.outlet.messages]
        assert [streams for streams in unsubscribed if streams] == [["account.12"]]

    async def test_a_socket_that_acted_as_it_acts_as_the_persons_own_account(self, world: World) -> None:
        alice, elsewhere = await world.signed_in("alice"), await world.signed_in("alice")
        await world.matching.entitle("account.12", [1])
        alice.send(wire.ClientMessage(request_id="act", act_as=wire.ActAs(account_id=12)))
        await alice.reply("act")
        await world.matching.limit_reach(1)
        await until(lambda: alice.outlet.messages[-1].acting_as.account_id == 1)
        alice.send(order("a1"))
        await alice.reply("a1")
        assert world.matching.of("command")[-1]["account"] == 1
        assert not elsewhere.outlet.messages[-1].HasField("acting_as")

    async def test_streams_that_are_still_theirs_go_on(self, world: World) -> None:
        alice = await world.signed_in("alice", subscriptions=[wire.Subscription(market_id=1)])
        await world.matching.entitle("account.12", [1])
        await world.matching.limit_reach(1, "account.12")
        await world.settled()
        seqs = [await world.matching.publish(stream) for stream in ("account.12", MARKET)]
        await until(lambda: [alice.live_seqs("account.12"), alice.live_seqs(MARKET)] == [[seqs[0]], [seqs[1]]])

    async def test_a_person_without_sockets_here(self, world: World) -> None:
        bob = await world.signed_in("bob")
        await world.matching.limit_reach(99)
        seq = await world.matching.publish("account.2")
        await until(lambda: bob.live_seqs("account.2") == [seq])

    async def test_after_a_long_silence_the_sockets_are_closed(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A beat repeats only the access changes of the last seconds. The hub may have missed an earlier one, so nobody
        may get another message."""
        alice = await world.signed_in()
        await world.matching.entitle("account.12", [1])
        await until(lambda: alice.snapshots("account.12"))
        await asyncio.sleep(QUIET_SECONDS)
        monkeypatch.setattr(limits, "BEAT_COVERS_SECONDS", QUIET_SECONDS)
        await world.matching.beat()
        await until(lambda: alice.outlet.code == CloseCode.RESTART)
        await world.matching.publish("account.12")
        await world.matching.beat()
        again = await world.signed_in()
        assert alice.live_seqs("account.12") == []
        assert again.outlet.code is None
