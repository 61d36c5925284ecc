"""Who sees which market, over real sockets: restricted markets, hidden ids, sudo. Changes take effect at once."""

import asyncio
from collections.abc import Iterable

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import WAIT_SECONDS, RawSocket, signed_in
from tests.live.requests import bid, hundred, new_market, offer, one_market

EVERYTHING = [pb.Subscription(all_markets=True), pb.Subscription(market_summary=True)]


async def sudo(socket: RawSocket, on: bool = True) -> None:
    assert (await socket.ask(set_sudo=pb.SetSudo(on=on))).sudo_set.on == on


async def restricted(operator: RawSocket, name: str, accounts: Iterable[int]) -> int:
    market = hundred(name)
    market.visible_to.ids.extend(accounts)
    made = await operator.ask(create_market=market)
    assert made.HasField("market_created"), made
    return made.market_created.market.id


async def show_to(operator: RawSocket, market: int, accounts: Iterable[int]) -> int:
    edit = pb.EditMarket(market_id=market, visible_to=pb.AccountIds(ids=accounts))
    edited = await operator.ask(edit_market=edit)
    assert edited.HasField("market_updated"), edited
    return edited.seq


def names(messages: list[pb.ServerMessage], market: int) -> bool:
    """Whether any of the messages is about the market."""
    about = (f"market.{market}", f"market_id: {market}\n")
    return any(any(text in str(message) for text in about) for message in messages)


async def until_snapshot(socket: RawSocket, stream: str, since: int = 0) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not any(message.snapshot_end.stream == stream for message in socket.received[since:]):
            await socket.receive()


async def unsubscribed(socket: RawSocket) -> list[str]:
    """The streams of the first Unsubscribed, which may come in one frame with replies."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not (ended := [m.unsubscribed.streams for m in socket.received if m.HasField("unsubscribed")]):
            await socket.receive()
    return list(ended[0])


async def test_only_listed_accounts_see_a_restricted_market(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("operator"), subscriptions=EVERYTHING) as operator,
        signed_in(live.ws_url, live.token("alice"), subscriptions=EVERYTHING) as alice,
        signed_in(live.ws_url, live.token("bob"), subscriptions=EVERYTHING) as bob,
    ):
        await sudo(operator)
        market = await restricted(operator, "Club night", [alice.account])
        await until_snapshot(alice, f"market.{market}")
        await until_snapshot(alice, f"market.{market}.summary")
        await until_snapshot(operator, f"market.{market}")
        definitions = [m.market_created.market for m in alice.received if m.HasField("market_created")]
        assert [one.restricted for one in definitions if one.id == market] == [True]
        assert not any(one.visible_to.ids for one in definitions)
        placed = await alice.ask(create_order=bid(market, 4_000, 100))
        assert placed.HasField("order_created")
        for request in (
            {"create_order": bid(market, 4_000, 100)},
            {"subscribe": pb.Subscribe(subscriptions=one_market(market))},
            {"out": pb.Out(market_id=market)},
            {"settle_market": pb.SettleMarket(market_id=market)},
            {"edit_market": pb.EditMarket(market_id=market, description="?")},
        ):
            unseen = (await bob.ask(**request)).refused
            assert (unseen.code, unseen.message) == (pb.MARKET_NOT_FOUND, f"There is no market {market}."), request
        refused = await operator.ask(
            create_order=bid(market, 4_000, 100)
        )  # people who see a market may still not be able to trade there
        assert refused.refused.code == pb.MARKET_NOT_FOUND
        everybodys = await new_market(bob)
        await until_snapshot(bob, f"market.{everybodys}")
        assert not names(bob.received_but_refusals(), market)
    live.verify()


async def test_a_change_of_the_list_takes_effect_at_once(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("operator")) as operator,
        signed_in(live.ws_url, live.token("alice"), subscriptions=EVERYTHING) as alice,
        signed_in(live.ws_url, live.token("bob"), subscriptions=EVERYTHING) as bob,
        signed_in(live.ws_url, live.token("carol"), subscriptions=EVERYTHING) as carol,
    ):
        await sudo(operator)
        market = await new_market(operator)
        for socket in (alice, bob, carol):
            await until_snapshot(socket, f"market.{market}")
        await alice.ask(create_order=bid(market, 4_000, 200))
        await bob.ask(create_order=offer(market, 4_000, 100))  # Bob has traded, Carol only bids
        mine = await carol.ask(create_order=bid(market, 3_000, 100))
        hidden = await show_to(operator, market, [alice.account])
        cancelled = await carol.until_received(f"account.{carol.account}", hidden)
        (lost,) = next(m.orders_cancelled.orders for m in cancelled if m.HasField("orders_cancelled"))
        assert (lost.order_id, lost.open, lost.cause) == (mine.order_created.order.id, 0, pb.NO_LONGER_LISTED)
        for socket in (bob, carol):
            assert await unsubscribed(socket) == [f"market.{market}", f"market.{market}.summary"]
        messages = await bob.until_received(f"account.{bob.account}", hidden)
        (kept,) = [m.market_updated.market for m in messages if m.HasField("market_updated")]
        assert (kept.restricted, kept.HasField("last_price"), kept.volume) == (True, False, 0)
        withdrawn = await carol.until_received("public", hidden)
        assert [m.market_withdrawn.market_id for m in withdrawn] == [market]
        more = await alice.ask(create_order=bid(market, 4_500, 100))
        await alice.until_received(f"market.{market}", more.seq)
        settled = await operator.ask(settle_market=pb.SettleMarket(market_id=market, price=6_000))
        paid = await bob.until_received(f"account.{bob.account}", settled.seq)
        assert [m.market_settled.market.settle_price for m in paid if m.HasField("market_settled")] == [6_000]
        quiet = await carol.ask(create_account=pb.CreateAccount(name="Carol waits"))
        await carol.until_received(f"account.{carol.account}", quiet.seq)
        for socket in (bob, carol):
            assert not socket.received_on(f"market.{market}", more.seq)
            assert not socket.received_on("public", settled.seq)
        assert not carol.received_on(f"account.{carol.account}", settled.seq)
    live.verify()


async def test_a_restricted_market_becomes_public_again(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("operator")) as operator,
        signed_in(live.ws_url, live.token("bob"), subscriptions=EVERYTHING) as bob,
        signed_in(live.ws_url, live.token("carol"), subscriptions=EVERYTHING) as carol,
    ):
        await sudo(operator)
        market = await restricted(operator, "Members only", [bob.account])
        everybody = await show_to(operator, market, [])
        for socket in (bob, carol):
            assert any(m.HasField("market_updated") for m in await socket.until_received("public", everybody))
            await until_snapshot(socket, f"market.{market}")


async def test_a_resuming_socket_gets_nothing_of_a_market_restricted_meanwhile(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("operator")) as operator:
        await sudo(operator)
        market = await new_market(operator)
        async with signed_in(live.ws_url, live.token("bob"), subscriptions=EVERYTHING) as bob:
            hello = next(m.authenticated for m in bob.received if m.HasField("authenticated"))
        await operator.ask(edit_market=pb.EditMarket(market_id=market, description="Secret", name="Secret club"))
        await show_to(operator, market, [operator.account])
        standing = [pb.Subscription(market_id=market, from_seq=hello.seq)]
        standing += [pb.Subscription(all_markets=True, from_seq=hello.seq)]
        resuming = {"epoch": hello.epoch, "from_seq": hello.seq, "subscriptions": standing}
        async with signed_in(live.ws_url, live.token("bob"), **resuming) as bob:
            again = next(m.authenticated for m in bob.received if m.HasField("authenticated"))
            assert again.anew
            (gone,) = [m.unsubscribed.streams for m in bob.received if m.HasField("unsubscribed")]
            assert gone == [f"market.{market}"]
            assert "Secret" not in str(bob.received)


async def hidden(operator: RawSocket, *others: RawSocket) -> int:
    """A market that hides account ids. All sockets subscribe to it; the operator is in sudo."""
    await sudo(operator)
    market = await new_market(operator)
    for socket in (operator, *others):
        await socket.ask(subscribe=pb.Subscribe(subscriptions=one_market(market)))
    since = {socket: len(socket.received) for socket in others}
    await operator.ask(edit_market=pb.EditMarket(market_id=market, hide_account_ids=True))
    assert await unsubscribed(operator) == [f"market.{market}"]
    await until_snapshot(operator, f"market.{market}.unmasked")
    for socket, index in since.items():
        await until_snapshot(socket, f"market.{market}", index)
    return market


async def test_hidden_ids_show_only_in_sudo(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("operator")) as operator,
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        market = await hidden(operator, alice, bob)
        placed = await alice.ask(create_order=bid(market, 4_000, 200))
        for socket, stream, account in (
            (bob, f"market.{market}", 0),
            (alice, f"market.{market}", 0),
            (operator, f"market.{market}.unmasked", alice.account),
        ):
            (received,) = await socket.until_received(stream, placed.seq)
            assert received.order_created.order.account_id == account
        taken = await bob.ask(create_order=offer(market, 4_000, 100))
        (trade,) = taken.order_created.trades
        assert (trade.buyer_id, trade.seller_id) == (0, bob.account)
        fills = await alice.until_received(f"account.{alice.account}", taken.seq)
        assert [f.counterparty_id for m in fills for f in m.fills.fills] == [0]
        (received, *_) = await alice.until_received(f"market.{market}", taken.seq)
        assert [(t.buyer_id, t.seller_id) for t in received.trades.trades] == [(0, 0)]
        (received, *_) = await operator.until_received(f"market.{market}.unmasked", taken.seq)
        assert [(t.buyer_id, t.seller_id) for t in received.trades.trades] == [(alice.account, bob.account)]
    live.verify()


async def test_an_operator_hides_ids_and_shows_them_again(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("operator")) as operator,
        signed_in(live.ws_url, live.token("alice")) as alice,
    ):
        market = await hidden(operator, alice)
        await alice.ask(create_order=bid(market, 4_000, 200))
        since = len(operator.received)
        await sudo(operator, on=False)
        book = [m for m in operator.received[since:] if m.HasField("orders")]
        assert [order.account_id for m in book for order in m.orders.orders if order.market_id == market] == [0]
        since = len(alice.received)
        await sudo(operator)
        await operator.ask(edit_market=pb.EditMarket(market_id=market, hide_account_ids=False))
        await until_snapshot(alice, f"market.{market}", since)
        book = [m for m in alice.received[since:] if m.HasField("orders")]
        assert [order.account_id for m in book for order in m.orders.orders] == [alice.account]
    live.verify()


async def test_sudo_acts_as_any_account_until_it_is_turned_off(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("operator"), subscriptions=EVERYTHING) as operator,
        signed_in(live.ws_url, live.token("alice")) as alice,
    ):
        market = await new_market(alice)
        assert (await alice.ask(set_sudo=pb.SetSudo(on=True))).refused.code == pb.NOT_ALLOWED
        assert (await operator.ask(act_as=pb.ActAs(account_id=alice.account))).refused.code == pb.ACCOUNT_NOT_FOUND
        await sudo(operator)
        secret = await restricted(operator, "Teachers", [alice.account])
        await until_snapshot(operator, f"market.{secret}")
        assert (await operator.ask(act_as=pb.ActAs(account_id=1))).refused.code == pb.ACCOUNT_NOT_FOUND
        assert (await operator.ask(act_as=pb.ActAs(account_id=alice.account))).HasField("acting_as")
        placed = await operator.ask(create_order=bid(market, 4_000, 100))
        assert placed.order_created.order.account_id == alice.account
        await operator.until_received(f"account.{alice.account}", placed.seq)
        await alice.until_received(f"account.{alice.account}", placed.seq)
        since = len(operator.received)
        await sudo(operator, on=False)
        ended = operator.received[since:]
        assert [m.acting_as.account_id for m in ended if m.HasField("acting_as")] == [operator.account]
        (gone,) = [m.unsubscribed.streams for m in ended if m.HasField("unsubscribed")]
        assert {f"account.{alice.account}", f"market.{secret}", f"market.{secret}.summary"} <= set(gone)
        assert {f"account.{operator.account}", f"market.{market}", "public"}.isdisjoint(gone)
        unheard = await alice.ask(create_order=bid(secret, 4_000, 100))
        quiet = await operator.ask(create_account=pb.CreateAccount(name="Off duty"))
        assert quiet.account_created.owners[0].owner_id == operator.account
        await operator.until_received(f"account.{operator.account}", quiet.seq)
        assert not operator.received_on(f"market.{secret}", unheard.seq)
        assert not operator.received_on(f"account.{alice.account}", unheard.seq)
    live.verify()


async def test_summaries_come_at_most_four_times_a_second(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob"), subscriptions=[pb.Subscription(market_summary=True)]) as bob,
    ):
        market = await new_market(alice)
        await until_snapshot(bob, f"market.{market}.summary")
        last = None
        for price in range(1_000, 1_300):
            last = await alice.ask(create_order=bid(market, price, 100))
        assert last is not None
        line = await bob.until(lambda m: m.market_summary.bid == 1_299)
        assert line.market_summary.bid_size == 100
        lines = [m for m in bob.received if m.market_summary.market_id == market]
        assert len(lines) < 60  # of 300 orders within a few seconds
        assert not any(m.stream_position.stream == f"market.{market}" for m in bob.received)
