"""A command repeated with its key is done once and gets the first answer again (rules, section 5: keys)."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from proto import exchange_pb2 as pb
from tests.kinds import find_rare
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import RawSocket, signed_in
from tests.live.requests import bid, new_market, offer, one_market
from tests.live.tables import Tables

Start = Callable[..., LiveExchange]
ORDERS = 100


def same_answer(first: pb.ServerMessage, again: pb.ServerMessage) -> None:
    assert (first.replayed, again.replayed) == (False, True)
    assert again.seq == first.seq
    kind = first.WhichOneof("message")
    assert kind is not None
    assert getattr(again, kind) == getattr(first, kind)


async def test_a_repeated_order_gets_the_first_answer(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("alice")) as other,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        market = await new_market(alice)
        await bob.ask(create_order=offer(market, 4_800, 100))
        order = bid(market, 5_000, 300, client_order_id="once")
        first = await alice.ask(create_order=order)
        assert (first.order_created.order.filled, len(first.order_created.trades)) == (100, 1)
        same_answer(first, await alice.ask(create_order=order))
        same_answer(first, await other.ask(create_order=order))  # the key is the account's, not the socket's
        # Filled in the meantime: the answer is still the first one.
        await bob.ask(create_order=offer(market, 5_000, 200))
        same_answer(first, await alice.ask(create_order=order))
        assert Tables(live.env).book(market) == {pb.BID: [], pb.OFFER: []}


async def test_a_key_used_for_something_else_is_a_conflict(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("bob")) as bob:
        market = await new_market(bob)
        await bob.ask(create_order=bid(market, 5_000, 100, client_order_id="key"))
        before = Tables(live.env).digest()
        for request in (
            {"create_order": bid(market, 5_001, 100, client_order_id="key")},
            {"create_order": offer(market, 5_000, 100, client_order_id="key")},
            {"create_order": bid(market, 5_000, 100, client_order_id="key", post_only=True)},
            {"out": pb.Out(key="key")},
            {"create_account": pb.CreateAccount(name="Key", key="key")},
        ):
            assert (await bob.ask(**request)).refused.code == pb.KEY_CONFLICT
        assert Tables(live.env).digest() == before


async def test_another_person_may_repeat_a_command_of_a_shared_account(live: LiveExchange) -> None:
    """A key belongs to the account, whoever acts as it."""
    async with signed_in(live.ws_url, live.token("alice")) as alice, signed_in(live.ws_url, live.token("bob")) as bob:
        market = await new_market(alice)
        team = (await alice.ask(create_account=pb.CreateAccount(name="Team of two"))).account_created.account.id
        await alice.ask(share_account=pb.ShareAccount(account_id=team, receiver_id=bob.account))
        paid = pb.MakeTransfer(from_account_id=alice.account, to_account_id=team, amount=10_000_000)
        await alice.ask(make_transfer=paid)
        for one in (alice, bob):
            await one.ask(act_as=pb.ActAs(account_id=team))
        order = bid(market, 5_000, 100, client_order_id="ours")
        same_answer(await alice.ask(create_order=order), await bob.ask(create_order=order))


async def test_a_command_done_in_sudo_must_be_repeated_in_sudo(live: LiveExchange) -> None:
    """A new socket has sudo off."""
    sudo = pb.SetSudo(on=True)
    async with signed_in(live.ws_url, live.token("operator")) as operator:
        market = await new_market(operator)
        await operator.ask(set_sudo=sudo)
        order = bid(market, 5_000, 100, client_order_id="before")
        gift = pb.Gift(to_account_id=operator.account, amount=1, key="gift")
        placed, given = await operator.ask(create_order=order), await operator.ask(gift=gift)
        assert placed.HasField("order_created")
        assert given.HasField("transfer_created")
    async with signed_in(live.ws_url, live.token("operator")) as operator:
        same_answer(placed, await operator.ask(create_order=order))  # traders need no sudo
        assert (await operator.ask(gift=gift)).refused.code == pb.SUDO_REQUIRED
        await operator.ask(set_sudo=sudo)
        same_answer(given, await operator.ask(gift=gift))


async def test_a_refusal_leaves_its_key_unused(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("carol")) as carol:
        market = await new_market(carol)
        refused = await carol.ask(create_order=bid(market, 20_000, 100, client_order_id="try"))
        assert refused.refused.code == pb.INVALID_PRICE
        accepted = await carol.ask(create_order=bid(market, 2_000, 100, client_order_id="try"))
        assert accepted.HasField("order_created")
        assert not accepted.replayed


async def test_a_command_twice_in_one_frame_is_done_once(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("student0")) as socket:
        market = await new_market(socket)
        order = bid(market, 5_000, 100, client_order_id="twin")
        await socket.send(*(pb.ClientMessage(request_id=id, create_order=order) for id in ("one", "two", "three")))
        await socket.reply("three")
        replies = {message.request_id: message for message in socket.received if message.request_id}
        same_answer(replies["one"], replies["two"])
        same_answer(replies["one"], replies["three"])
        assert len(Tables(live.env).book(market)[pb.BID]) == 1


async def everything_with_a_key(socket: RawSocket) -> list[dict[str, Any]]:
    """One request of each kind that takes a key; all are accepted."""
    market = await new_market(socket)
    settled = await new_market(socket)
    placed = await socket.ask(create_order=bid(market, 100, 100))
    other = (await socket.ask(create_account=pb.CreateAccount(name=f"Alt {market}"))).account_created.account.id
    return [
        {"create_order": bid(market, 5_000, 100, client_order_id="order")},
        {"cancel_order": pb.CancelOrder(order_id=placed.order_created.order.id, key="cancel")},
        {"out": pb.Out(market_id=market, key="out")},
        {"create_account": pb.CreateAccount(name=f"Desk {market}", key="account")},
        {
            "make_transfer": pb.MakeTransfer(
                from_account_id=socket.account, to_account_id=other, amount=5, key="transfer"
            )
        },
        {"create_market": pb.CreateMarket(name=f"Key {market}", max_settlement=100, key="market")},
        {"edit_market": pb.EditMarket(market_id=market, description="Described", key="edit")},
        {"settle_market": pb.SettleMarket(market_id=settled, price=100, key="settle")},
    ]


async def created_account(socket: RawSocket, name: str) -> int:
    return (await socket.ask(create_account=pb.CreateAccount(name=name))).account_created.account.id


async def listed(socket: RawSocket, name: str) -> int:
    """An auction with a buy-now price of 5."""
    made = await socket.ask(create_auction=pb.CreateAuction(name=name, buy_now_price=5))
    return made.auction_created.auction.id


async def sharing_with_a_key(alice: RawSocket, bob: int) -> list[dict[str, Any]]:
    """Alice shares accounts with Bob, leaves one, and lists lamps."""
    given, left = await created_account(alice, "Given"), await created_account(alice, "Left")
    await alice.ask(share_account=pb.ShareAccount(account_id=left, receiver_id=bob))
    lamp, gone = await listed(alice, "Lamp"), await listed(alice, "Gone")
    return [
        {"share_account": pb.ShareAccount(account_id=given, receiver_id=bob, key="share")},
        {"leave_account": pb.LeaveAccount(account_id=left, key="leave")},
        {"create_auction": pb.CreateAuction(name="Vase", key="list")},
        {"edit_auction": pb.EditAuction(auction_id=lamp, name="Old lamp", key="edit auction")},
        {"withdraw_auction": pb.WithdrawAuction(auction_id=gone, key="withdraw")},
    ]


async def sudo_with_a_key(alice: RawSocket, bob: int) -> list[dict[str, Any]]:
    """Requests that need sudo, and purchases from somebody else.

    Each changes a thing of its own, because repeated answers show owners and markets as they are now.
    """
    shown_market, paused = await new_market(alice), await new_market(alice)
    team, crew = await created_account(alice, "Team"), await created_account(alice, "Crew")
    for shared in (team, crew):
        await alice.ask(share_account=pb.ShareAccount(account_id=shared, receiver_id=bob))
    bought, settled = await listed(alice, "Chair"), await listed(alice, "Stool")
    shown = pb.AccountIds(ids=[bob])
    return [
        {"gift": pb.Gift(to_account_id=bob, amount=7, key="gift")},
        {"collect": pb.Collect(from_account_id=bob, amount=3, key="collect")},
        {"redistribute": pb.Redistribute(account_id=team, owner_id=bob, key="redistribute")},
        {"revoke_share": pb.RevokeShare(account_id=crew, owner_id=bob, key="revoke")},
        {"edit_market": pb.EditMarket(market_id=shown_market, pinned=True, visible_to=shown, key="edit market")},
        {"set_market_status": pb.SetMarketStatus(market_id=paused, status=pb.PAUSED, key="status")},
        {"buy_auction": pb.BuyAuction(auction_id=bought, price=5, key="buy")},
        {"settle_auction": pb.SettleAuction(auction_id=settled, buyer_id=bob, price=4, key="sell")},
    ]


async def all_replayed(socket: RawSocket, requests: list[dict[str, Any]], first: list[pb.ServerMessage]) -> None:
    for request, answer in zip(requests, first, strict=True):
        same_answer(answer, await socket.ask(**request))


def start_again(live: LiveExchange, how: str) -> None:
    if how == "stop":
        live.restart()
    else:
        live.kill()
        live.start()


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_every_kind_of_command_across_a_restart(start_exchange: Start, how: str) -> None:
    live = start_exchange()
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
        signed_in(live.ws_url, live.token("operator")) as operator,
    ):
        await operator.ask(set_sudo=pb.SetSudo(on=True))
        hers = [*await everything_with_a_key(alice), *await sharing_with_a_key(alice, bob.account)]
        theirs = await sudo_with_a_key(alice, bob.account)
        to_her = [await alice.ask(**request) for request in hers]
        to_them = [await operator.ask(**request) for request in theirs]
        assert not [answer.refused for answer in (*to_her, *to_them) if answer.HasField("refused")]
        assert find_rare(Tables(live.env).kinds(), least=1) == []
        head = Tables(live.env).head
        await all_replayed(alice, hers, to_her)
        await all_replayed(operator, theirs, to_them)
    start_again(live, how)
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("operator")) as operator,
    ):
        await operator.ask(set_sudo=pb.SetSudo(on=True))
        await all_replayed(alice, hers, to_her)
        await all_replayed(operator, theirs, to_them)
        conflict = await alice.ask(create_order=bid(1, 1, 100, client_order_id="order"))
        assert conflict.refused.code == pb.KEY_CONFLICT
    assert Tables(live.env).head == head
    live.verify()


async def test_an_order_whose_reply_was_lost_is_done_once(live: LiveExchange) -> None:
    """The socket is cut right after the order was sent, so it may have arrived or not. Repeated, it exists once."""
    async with signed_in(live.ws_url, live.token("student1")) as owner:
        market = await new_market(owner)
        watcher_of = one_market(market)
    replayed = 0
    for number in range(ORDERS):
        order = bid(market, 100 + number, 100, client_order_id=f"lost {number}")
        async with signed_in(live.ws_url, live.token("student1")) as socket:
            await socket.send(pb.ClientMessage(request_id="lost", create_order=order))
            if number % 2:
                await socket.receive()  # let odd ones arrive; even ones may be cut off on their way
            socket.connection.transport.abort()
        async with signed_in(live.ws_url, live.token("student1")) as socket:
            replayed += (await socket.ask(create_order=order)).replayed
    assert replayed >= ORDERS // 2
    resting = Tables(live.env).book(market)[pb.BID]
    assert [row[2] for row in resting] == [100 + number for number in reversed(range(ORDERS))]
    async with signed_in(live.ws_url, live.token("bob"), subscriptions=watcher_of) as bob:
        received = [order for message in bob.received for order in message.orders.orders if order.market_id == market]
        assert len(received) == ORDERS


async def test_orders_under_way_when_the_exchange_is_killed_exist_once(start_exchange: Start) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    live = start_exchange()
    async with signed_in(live.ws_url, live.token("alice")) as alice:
        market = await new_market(alice)
        orders = [bid(market, 100 + number, 100, client_order_id=f"order {number}") for number in range(ORDERS)]
        for order in orders[: rng.randrange(ORDERS)]:
            await alice.send(pb.ClientMessage(request_id=order.client_order_id, create_order=order))
        live.kill()
    live.start()
    async with signed_in(live.ws_url, live.token("alice")) as alice:
        for order in orders:
            assert (await alice.ask(create_order=order)).order_created.order.price == order.price
    assert sorted(row[2] for row in Tables(live.env).book(market)[pb.BID]) == [order.price for order in orders]
    assert all(len(seqs) == 1 for seqs in Tables(live.env).keyed().values())
    live.verify()
