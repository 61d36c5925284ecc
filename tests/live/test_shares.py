"""Shared accounts over real sockets: the beginning and the end of a share take effect at once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import RawSocket, signed_in
from tests.live.requests import bid, new_market

End = Callable[[LiveExchange, RawSocket, int], Coroutine[Any, Any, pb.ServerMessage]]


async def team_of(socket: RawSocket, name: str, owner: int = 0) -> int:
    made = await socket.ask(create_account=pb.CreateAccount(name=name, owner_id=owner))
    return made.account_created.account.id


def hello_of(socket: RawSocket) -> pb.Authenticated:
    return next(message.authenticated for message in socket.received if message.HasField("authenticated"))


async def until_snapshot(socket: RawSocket, stream: str) -> None:
    while not any(message.snapshot_end.stream == stream for message in socket.received):
        await socket.receive()


async def test_a_new_owner_gets_the_stream_and_trades_at_once(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        market = await new_market(alice)
        team = await team_of(alice, "Team of two")
        cellar = await team_of(alice, "Cellar of two", team)
        refused = await bob.ask(act_as=pb.ActAs(account_id=team))
        assert refused.refused.code == pb.ACCOUNT_NOT_FOUND
        shared = await alice.ask(share_account=pb.ShareAccount(account_id=team, receiver_id=bob.account))
        assert [owner.owner_id for owner in shared.owners_changed.owners] == sorted([alice.account, bob.account])
        for account in (team, cellar):
            await until_snapshot(bob, f"account.{account}")
        received = await bob.until_received(f"account.{bob.account}", shared.seq)
        (changed,) = [message for message in received if message.HasField("owners_changed")]
        assert changed.owners_changed.account.id == team
        paid = pb.MakeTransfer(from_account_id=bob.account, to_account_id=team, amount=1_000_000)
        assert (await bob.ask(make_transfer=paid)).HasField("transfer_created")
        assert (await bob.ask(act_as=pb.ActAs(account_id=team))).acting_as.account_id == team
        placed = await bob.ask(create_order=bid(market, 100, 100))
        assert placed.order_created.order.account_id == team
        received = await alice.until_received(f"account.{team}", placed.seq)
        (created,) = [message for message in received if message.HasField("order_created")]
        assert created.order_created.order.id == placed.order_created.order.id
    live.verify()


async def test_a_share_of_many_accounts_sends_all_their_streams_and_again_when_repeated(live: LiveExchange) -> None:
    """Entitlements travel without snapshots (tests/markets/matching/test_entitlements.py); the hub requests each."""
    async with signed_in(live.ws_url, live.token("carol")) as carol, signed_in(live.ws_url, live.token("bob")) as bob:
        top = await team_of(carol, "Top of many")
        below = [await team_of(carol, f"Below {number}", top) for number in range(20)]
        shared = await carol.ask(share_account=pb.ShareAccount(account_id=top, receiver_id=bob.account))
        assert shared.HasField("owners_changed")
        for account in (top, *below):
            await until_snapshot(bob, f"account.{account}")
        left = await bob.ask(leave_account=pb.LeaveAccount(account_id=top))
        assert left.HasField("owners_changed")
        again = await carol.ask(share_account=pb.ShareAccount(account_id=top, receiver_id=bob.account))
        bob.received.clear()
        for account in (top, *below):
            await until_snapshot(bob, f"account.{account}")
        assert again.HasField("owners_changed")


async def leaves(live: LiveExchange, owner: RawSocket, account: int) -> pb.ServerMessage:
    left = await owner.ask(leave_account=pb.LeaveAccount(account_id=account))
    assert not left.owners_changed.owners
    return left


async def is_revoked(live: LiveExchange, owner: RawSocket, account: int) -> pb.ServerMessage:
    async with signed_in(live.ws_url, live.token("operator")) as operator:
        await operator.ask(set_sudo=pb.SetSudo(on=True))
        return await operator.ask(revoke_share=pb.RevokeShare(account_id=account, owner_id=owner.account))


@pytest.mark.parametrize("ends", [leaves, is_revoked])
async def test_an_owner_whose_share_ends_gets_nothing_more_and_acts_as_themselves(
    live: LiveExchange, ends: End
) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
        signed_in(live.ws_url, live.token("bob")) as bobs_bot,
    ):
        market = await new_market(alice)
        team = await team_of(alice, f"Team of whom {ends.__name__}")
        cellar = await team_of(alice, f"Cellar of whom {ends.__name__}", team)
        await alice.ask(share_account=pb.ShareAccount(account_id=team, receiver_id=bob.account))
        await until_snapshot(bobs_bot, f"account.{cellar}")
        await bobs_bot.ask(act_as=pb.ActAs(account_id=cellar))
        left = await ends(live, bob, team)
        assert left.owners_changed.account.id == team
        put_back = await bobs_bot.until(lambda message: message.HasField("acting_as"))
        assert put_back.acting_as.account_id == bob.account
        assert (await bob.ask(act_as=pb.ActAs(account_id=team))).refused.code == pb.ACCOUNT_NOT_FOUND
        paid = pb.MakeTransfer(from_account_id=alice.account, to_account_id=team, amount=1_000_000)
        unheard = await alice.ask(make_transfer=paid)
        await asyncio.sleep(2.5)  # two beats, after which hubs fetch what they missed
        own = await bobs_bot.ask(create_order=bid(market, 100, 100))
        assert own.order_created.order.account_id == bob.account
        for socket in (bob, bobs_bot):
            await socket.until_received(f"account.{bob.account}", own.seq)
            for account in (team, cellar):
                assert socket.received_on(f"account.{account}", unheard.seq) == []
                positions = [message.stream_position for message in socket.received]
                assert all(one.seq < left.seq for one in positions if one.stream == f"account.{account}")
    live.verify()


async def test_a_repeated_answer_does_not_show_a_former_owner_the_credits(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        made = {"create_account": pb.CreateAccount(name="Team of one after all", key="made")}
        team = (await alice.ask(**made)).account_created.account.id
        shared = {"share_account": pb.ShareAccount(account_id=team, receiver_id=bob.account, key="shared")}
        assert len((await alice.ask(**shared)).owners_changed.owners) == 2
        assert (await alice.ask(leave_account=pb.LeaveAccount(account_id=team))).HasField("owners_changed")
        paid = pb.MakeTransfer(from_account_id=bob.account, to_account_id=team, amount=1_000_000)
        assert (await bob.ask(make_transfer=paid)).HasField("transfer_created")
        for again in (await alice.ask(**made), await alice.ask(**shared)):
            assert again.replayed
            assert not [*again.account_created.owners, *again.owners_changed.owners], again


async def test_who_shares_and_leaves_in_one_batch_does_not_see_the_rest(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        team = await team_of(alice, "Team of a moment")
        share = pb.ShareAccount(account_id=team, receiver_id=bob.account)
        leave = pb.LeaveAccount(account_id=team)
        await alice.send(
            pb.ClientMessage(request_id="share", share_account=share),
            pb.ClientMessage(request_id="leave", leave_account=leave),
        )
        await alice.reply("leave")
        replies = [message for message in alice.received if message.request_id in ("share", "leave")]
        assert [len(reply.owners_changed.owners) for reply in replies] == [0, 0]


async def test_a_change_of_shares_while_away_makes_the_socket_start_anew(live: LiveExchange) -> None:
    """A resumed socket gets nothing from streams that are not, or not yet, its person's."""
    async with signed_in(live.ws_url, live.token("alice")) as alice:
        team = await team_of(alice, "Team of passers-by")
        async with signed_in(live.ws_url, live.token("bob")) as bob:
            account = bob.account
            hello = hello_of(bob)
        await alice.ask(share_account=pb.ShareAccount(account_id=team, receiver_id=account))
        resuming = {"epoch": hello.epoch, "from_seq": hello.seq}
        async with signed_in(live.ws_url, live.token("bob"), **resuming) as bob:
            again = hello_of(bob)
            assert again.anew
            begun = {message.snapshot_begin.stream for message in bob.received if message.HasField("snapshot_begin")}
            assert {"public", f"account.{account}", f"account.{team}"} <= begun
            standing = {"epoch": hello.epoch, "from_seq": again.seq}
        async with signed_in(live.ws_url, live.token("bob"), **standing) as bob:
            hello = hello_of(bob)
            assert not hello.anew
            await bob.ask(leave_account=pb.LeaveAccount(account_id=team))
        async with signed_in(live.ws_url, live.token("bob"), **standing) as bob:
            assert hello_of(bob).anew
            streams = {message.snapshot_begin.stream for message in bob.received if message.HasField("snapshot_begin")}
            assert f"account.{team}" not in streams


async def test_wrong_requests_about_shares_are_refused(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("carol")) as carol,
    ):
        team = await team_of(alice, "Team of nobody else")
        revoke = pb.RevokeShare(account_id=team, owner_id=alice.account)
        redistribute = pb.Redistribute(account_id=team, owner_id=alice.account)
        asked = {
            pb.ACCOUNT_NOT_FOUND: await carol.ask(leave_account=pb.LeaveAccount(account_id=team)),
            pb.NOT_A_USER: await alice.ask(share_account=pb.ShareAccount(account_id=team, receiver_id=team)),
            pb.NOT_ALLOWED: await alice.ask(redistribute=redistribute),
        }
        for code, reply in asked.items():
            assert reply.refused.code == code, reply
        assert (await alice.ask(revoke_share=revoke)).refused.code == pb.NOT_ALLOWED
        collect = pb.Collect(from_account_id=alice.account, amount=1)
        assert (await alice.ask(collect=collect)).refused.code == pb.NOT_ALLOWED
