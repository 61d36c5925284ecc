"""From a socket's frame to the matching queue: the sender, what travels together, what is refused, and what waits."""

import asyncio
from typing import Any

import pytest
from channels.exceptions import ChannelFull

from proto import exchange_pb2 as wire
from realtime import frames, limits
from realtime.groups import MATCHING
from tests.patience import STEP_SECONDS_MAX
from tests.realtime.world import QUIET_SECONDS, World, client_frame, encode, order, subscribe, until


def act_as(account: int) -> wire.ClientMessage:
    return wire.ClientMessage(request_id=f"as {account}", act_as=wire.ActAs(account_id=account))


class TestForwarding:
    async def test_carries_the_sender_and_the_time(self, world: World) -> None:
        alice = await world.signed_in()
        alice.send(order("o1"))
        await alice.reply("o1")
        (message,) = world.matching.of("command")
        (session,) = world.matching.of("session")
        assert message["origin"] == session["origin"]
        assert message["origin"].startswith(world.hub.gateway.process)
        assert message["number"] == session["number"] + 1
        assert (message["user"], message["account"], message["sudo"], message["count"]) == (1, 1, False, 1)
        assert message["received_us"] > 1_700_000_000_000_000

    async def test_the_frame_travels_as_it_came(self, world: World) -> None:
        alice = await world.signed_in()
        data = client_frame(*(order(f"o{number}") for number in range(100)))
        alice.send_bytes(data)
        await alice.reply("o99")
        (message,) = world.matching.of("command")
        assert message["data"] == data
        assert message["count"] == 100

    async def test_session_messages_split_a_frame(self, world: World) -> None:
        """Commands after ActAs are sent as the new account, once the matcher has agreed."""
        alice = await world.signed_in()
        alice.send(order("o1"), order("o2"), act_as(12), order("o3"), subscribe(4), order("o4"), order("o5"))
        await alice.reply("o5")
        sent = []
        for message in world.matching.received:
            if message["type"] != "resync":
                assert message["type"] != "charge"
                assert message["type"] != "draw"
                assert message["type"] != "revoked"
                ids = [one.request_id for one in wire.ClientFrame.FromString(message["data"]).messages]
                sent.append((message["type"], message["account"], ids))
        assert sent[1:] == [
            ("command", 1, ["o1", "o2"]),
            ("session", 1, ["as 12"]),
            ("command", 12, ["o3"]),
            ("session", 12, ["sub"]),
            ("command", 12, ["o4", "o5"]),
        ]

    async def test_histories_travel_alone_and_nothing_waits_for_them(self, world: World) -> None:
        alice = await world.signed_in()
        world.matching.silent = True
        past = wire.GetFullTradeHistory(market_id=1)
        alice.send(order("o1"), wire.ClientMessage(request_id="h", get_full_trade_history=past), order("o2"))
        await until(lambda: len(world.matching.of("command")) == 2)
        (history,) = world.matching.of("history")
        assert wire.ClientFrame.FromString(history["data"]).messages[0].get_full_trade_history == past
        assert (history["count"], history["number"]) == (1, world.matching.of("command")[0]["number"] + 1)

    async def test_a_client_that_does_not_read_gets_no_second_history(self, world: World) -> None:
        alice = await world.signed_in()
        alice.outlet.writable = False
        world.matching.silent = True
        past = wire.GetFullTradeHistory(market_id=1)
        alice.send(wire.ClientMessage(request_id="h1", get_full_trade_history=past))
        await until(lambda: world.matching.of("history"))
        answer = encode(wire.ServerMessage(request_id="h1", trade_history=wire.TradeHistory()))
        await world.matching.replies(world.matching.of("history")[0], [answer] * 20, {})
        await asyncio.sleep(QUIET_SECONDS)
        alice.send(wire.ClientMessage(request_id="h2", get_full_trade_history=past))
        await asyncio.sleep(QUIET_SECONDS)
        assert alice.outlet.code is None
        assert len(world.matching.of("history")) == 1
        alice.outlet.drain()
        await until(lambda: len(world.matching.of("history")) == 2)
        assert len(alice.replies("h1")) == 20

    async def test_a_reply_read_in_sudo_is_not_passed_on_once_sudo_is_off(self, world: World) -> None:
        alice = await world.signed_in()
        world.matching.silent = True
        past = wire.GetFullTradeHistory(market_id=1)
        for on, expected in ((True, ["trade_history"]), (False, ["refused"])):
            alice.send(wire.ClientMessage(request_id=f"h {on}", get_full_trade_history=past))
            await until(lambda: len(world.matching.of("history")) == 2 - on)  # noqa: B023 - awaited here
            alice_socket = next(iter(world.hub._sockets.values()))
            alice_socket.sudo = on
            answer = encode(wire.ServerMessage(request_id=f"h {on}", trade_history=wire.TradeHistory()))
            instead = encode(wire.ServerMessage(request_id=f"h {on}", refused=wire.Refused(code=wire.SUDO_REQUIRED)))
            await world.matching.replies(world.matching.of("history")[-1], [answer], {"unless_sudo": [instead]})
            await alice.reply(f"h {on}")
            assert [one.WhichOneof("message") for one in alice.replies(f"h {on}")] == expected

    async def test_a_session_message_that_is_refused_changes_nothing(self, world: World) -> None:
        alice = await world.signed_in()
        world.matching.silent = True
        alice.send(act_as(66), order("o1"))
        await until(lambda: len(world.matching.of("session")) == 2)
        await world.matching.replies(world.matching.of("session")[1], [b""])
        await until(lambda: world.matching.of("command"))
        assert world.matching.of("command")[0]["account"] == 1


class TestRefused:
    """A refused message gets a code. The socket stays open, and its other messages are executed."""

    @pytest.mark.parametrize(
        "data",
        [
            b"garbage",
            b"",
            client_frame(*(order(str(number)) for number in range(257))),
            bytes(limits.CLIENT_FRAME_BYTES_MAX + 1),
            client_frame(wire.ClientMessage()),
            client_frame(wire.ClientMessage(create_order=wire.CreateOrder(side=9))),  # type: ignore[arg-type]
        ],
    )
    async def test_frames(self, world: World, data: bytes) -> None:
        alice = await world.signed_in()
        alice.send_bytes(data)
        assert await alice.refusal() == wire.INVALID_FRAME
        alice.send(order("after"))
        await alice.reply("after")
        assert len(world.matching.of("command")) == 1

    async def test_text(self, world: World) -> None:
        alice = await world.signed_in()
        alice.send_text("hello")
        assert await alice.refusal() == wire.INVALID_FRAME

    async def test_its_neighbours_are_executed(self, world: World) -> None:
        alice = await world.signed_in()
        broken = wire.ClientMessage(request_id="broken")
        alice.send(order("before"), broken, order("after"))
        assert await alice.refusal("broken") == wire.INVALID_FRAME
        await alice.reply("after")
        (message,) = world.matching.of("command")
        assert message["data"] == client_frame(order("before"), order("after"))
        assert message["count"] == 2

    async def test_many_refusals_slow_the_client_down(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "REFUSALS_MAX", 5)
        alice, bob = await world.signed_in("alice"), await world.signed_in("bob")
        for _ in range(50):
            alice.send_bytes(b"garbage")
        await until(lambda: alice.unread <= 44)
        await asyncio.sleep(QUIET_SECONDS)
        assert alice.unread >= 43
        bob.send(order("o1"))
        await bob.reply("o1")

    async def test_a_few_do_not_slow_anybody_down(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "REFUSALS_MAX", 5)
        monkeypatch.setattr(limits, "REFUSALS_SECONDS", 0.0)
        alice = await world.signed_in()
        for _ in range(50):
            alice.send_bytes(b"garbage")
        alice.send(order("o1"))
        await alice.reply("o1")

    async def test_a_mistake_of_ours_is_answered(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        alice = await world.signed_in()
        with monkeypatch.context() as patch:
            patch.setattr(frames, "read", lambda data: 1 / 0)
            alice.send(order("o1"))
            assert await alice.refusal() == wire.INTERNAL
        alice.send(order("o2"))
        await alice.reply("o2")


class TestCharged:
    """Refusals by the process count against the person's rates, which the matcher keeps."""

    @staticmethod
    def charges(world: World) -> list[tuple[int, bool, str, int]]:
        return [(one["user"], one["sudo"], one["rate_class"], one["cost"]) for one in world.matching.of("charge")]

    async def test_once_a_frame_for_all_of_its_refusals(self, world: World) -> None:
        alice = await world.signed_in()
        alice.send(order("o1"), *[wire.ClientMessage(request_id="broken")] * 7, order("o2"))
        alice.send_bytes(b"garbage")
        alice.send_text("hello")
        alice.send(order("o3"))
        await alice.reply("o3")
        assert self.charges(world) == [(1, False, "mutate", 7), (1, False, "mutate", 1), (1, False, "mutate", 1)]

    async def test_what_is_taken_is_not_charged_here(self, world: World) -> None:
        alice = await world.signed_in()
        alice.send(order("o1"), act_as(12), subscribe(1))
        await alice.reply("sub")
        assert self.charges(world) == []

    async def test_in_sudo_to_the_bucket_of_sudo(self, world: World) -> None:
        await world.signed_in("bob")
        alice = await world.signed_in()
        for socket in world.hub._people[1].sockets:
            socket.sudo = True
        alice.send_bytes(b"garbage")
        await until(lambda: world.matching.of("charge"))
        assert self.charges(world) == [(1, True, "mutate", 1)]

    async def test_before_signing_in_there_is_nobody_to_charge(self, world: World) -> None:
        client = world.client()
        client.send_bytes(b"garbage")
        client.send(order("o1"))
        assert await client.refusal("o1") == wire.NOT_AUTHENTICATED
        await asyncio.sleep(QUIET_SECONDS)
        assert self.charges(world) == []

    async def test_is_lost_if_the_matcher_is_silent(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        alice = await world.signed_in()
        monkeypatch.setattr(limits, "BEAT_SECONDS_MAX", 0.0)
        alice.send_bytes(b"garbage")
        assert await alice.refusal() == wire.INVALID_FRAME
        monkeypatch.undo()
        alice.send(order("o1"))
        await alice.reply("o1")
        assert self.charges(world) == []


class TestBusy:
    async def test_no_beat(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        alice = await world.signed_in()
        monkeypatch.setattr(limits, "BEAT_SECONDS_MAX", 0.0)
        alice.send(order("o1"), order("o2"), act_as(12))
        for request_id in ("o1", "o2", "as 12"):
            assert await alice.refusal(request_id) == wire.BUSY
        assert alice.replies("o1")[0].refused.retry_after_ms == limits.BUSY_RETRY_MS
        monkeypatch.undo()
        alice.send(order("o3"))
        await alice.reply("o3")

    @pytest.mark.parametrize(
        ("error", "code"),
        [(ChannelFull(), wire.BUSY), (ConnectionError(), wire.OUTCOME_UNKNOWN)],
        ids=["full", "broken: it may have taken the command"],
    )
    async def test_a_queue_that_takes_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
    ) -> None:
        alice = await world.signed_in()
        await world.settled()
        original = world.matching.layer.send

        async def send(channel: str, message: dict[str, Any]) -> None:
            if channel == MATCHING:
                raise error
            await original(channel, message)

        with monkeypatch.context() as patch:
            patch.setattr(world.matching.layer, "send", send)
            alice.send(order("o1"))
            assert await alice.refusal("o1") == code
        alice.send(order("o2"))
        await alice.reply("o2")


class TestWaiting:
    async def test_commands_of_a_socket(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "SOCKET_COMMANDS_MAX", 10)
        alice = await world.signed_in()
        world.matching.silent = True
        for number in range(5):
            alice.send(*(order(f"{number}.{n}") for n in range(4)))
        await until(lambda: len(world.matching.of("command")) == 2)
        await asyncio.sleep(QUIET_SECONDS)
        assert len(world.matching.of("command")) == 2
        assert alice.unread == 2
        world.matching.silent = False
        for message in world.matching.of("command"):
            await world.matching.answer(message)
        await alice.reply("4.3")

    async def test_commands_of_a_person(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "PERSON_COMMANDS_MAX", 3)
        phone, desk, bob = [await world.signed_in(name) for name in ("alice", "alice", "bob")]
        world.matching.silent = True
        phone.send(order("p1"), order("p2"))
        desk.send(order("d1"), order("d2"))
        bob.send(order("b1"), order("b2"))
        await until(lambda: len(world.matching.of("command")) == 2)
        await asyncio.sleep(QUIET_SECONDS)
        assert [message["user"] for message in world.matching.of("command")] == [1, 2]
        phone.leave()
        await until(lambda: len(world.matching.of("command")) == 3)

    async def test_a_client_that_leaves_meanwhile(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "SOCKET_COMMANDS_MAX", 1)
        alice = await world.signed_in()
        world.matching.silent = True
        alice.send(order("o1"))
        alice.send(order("o2"))
        await until(lambda: world.matching.of("command") and not alice.unread)
        alice.leave()
        await asyncio.wait_for(alice.task, STEP_SECONDS_MAX)
        assert len(world.matching.of("command")) == 1

    async def test_a_client_that_leaves_while_its_persons_other_socket_fills_the_queue(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "PERSON_COMMANDS_MAX", 1)
        phone, desk = await world.signed_in(), await world.signed_in()
        world.matching.silent = True
        phone.send(order("p1"))
        await until(lambda: world.matching.of("command"))
        desk.send(order("d1"))
        await until(lambda: not desk.unread)
        desk.leave()
        await asyncio.wait_for(desk.task, STEP_SECONDS_MAX)
        assert len(world.matching.of("command")) == 1

    async def test_a_client_that_leaves_during_a_session_message(self, world: World) -> None:
        alice = await world.signed_in()
        world.matching.silent = True
        alice.send(act_as(12), order("o1"))
        await until(lambda: len(world.matching.of("session")) == 2)
        alice.leave()
        await asyncio.wait_for(alice.task, STEP_SECONDS_MAX)
        assert world.matching.of("command") == []

    async def test_one_snapshot_at_a_time(self, world: World) -> None:
        """A client that subscribes but does not read gets no second snapshot. Its commands go on."""
        alice = await world.signed_in()
        alice.outlet.writable = False
        alice.send(subscribe(1, request_id="first"))
        alice.send(order("o1"))
        alice.send(subscribe(2, request_id="second"))
        await until(lambda: world.matching.of("command"))
        await asyncio.sleep(QUIET_SECONDS)
        assert len(world.matching.of("session")) == 2
        alice.outlet.drain()
        assert (await alice.reply("second")).HasField("subscribed")
