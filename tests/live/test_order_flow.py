"""An order's way through real sockets: its reply, the market's stream, the accounts' streams, the portfolios."""

import pytest

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import kinds, signed_in
from tests.live.requests import bid, new_market, offer, one_market


@pytest.mark.parametrize(("buyer_name", "seller_name", "pace"), [("alice", "bob", 0), ("student0", "student1", 60)])
async def test_taker_maker_and_watcher_receive_a_trade(
    live: LiveExchange, buyer_name: str, seller_name: str, pace: int
) -> None:
    async with (
        signed_in(live.ws_url, live.token(buyer_name), frames_per_second=pace) as alice,
        signed_in(live.ws_url, live.token(seller_name), frames_per_second=pace) as bob,
        signed_in(live.ws_url, live.token("carol"), frames_per_second=pace) as carol,
    ):
        market = await new_market(bob)
        await carol.ask(subscribe=pb.Subscribe(subscriptions=one_market(market)))
        resting = await bob.ask(create_order=offer(market, 4_800, 300, client_order_id="bob's"))
        taken = await alice.ask(create_order=bid(market, 5_000, 200, client_order_id="alice's"))

        assert resting.seq < taken.seq
        for reply in (resting, taken):
            assert 0 < reply.received_us <= reply.sequenced_us <= reply.committed_us
            assert not reply.replayed
        order, (trade,) = taken.order_created.order, taken.order_created.trades
        assert (order.open, order.filled, order.client_order_id) == (0, 200, "alice's")
        assert (trade.price, trade.size, trade.maker_order_id) == (4_800, 200, resting.order_created.order.id)

        on_market = await carol.until_received(f"market.{market}", taken.seq)
        assert kinds(on_market) == ["trades"]  # nothing of the bid rests
        assert list(on_market[0].trades.trades) == [trade]
        (shown,) = carol.received_on(f"market.{market}", resting.seq)
        assert shown.order_created.order.client_order_id == ""
        assert shown.order_created.order.open == 300

        buyer, seller = order.account_id, resting.order_created.order.account_id
        of_taker = await alice.until_received(f"account.{buyer}", taken.seq)
        of_maker = await bob.until_received(f"account.{seller}", taken.seq)
        assert kinds(of_taker) == ["fills", "order_created", "portfolio_updated"]
        assert kinds(of_maker) == ["fills", "portfolio_updated"]
        (bought,), (sold,) = of_taker[0].fills.fills, of_maker[0].fills.fills
        assert (bought.side, bought.size, bought.maker, bought.counterparty_id) == (pb.BID, 200, False, seller)
        assert (sold.side, sold.size, sold.maker, sold.counterparty_id) == (pb.OFFER, 200, True, buyer)
        assert (bought.open, sold.open, sold.order_id) == (0, 100, resting.order_created.order.id)

        portfolios_tell_of_it(market, of_taker[-1].portfolio_updated, of_maker[-1].portfolio_updated)


def portfolios_tell_of_it(market: int, paid: pb.PortfolioUpdated, short: pb.PortfolioUpdated) -> None:
    """2 are bought at 48; 1 of the 3 offered still rests."""
    assert [(e.market_id, e.position, e.cost) for e in paid.exposures] == [(market, 200, 200 * 4_800)]
    assert [(e.position, e.offer_size, e.offer_value) for e in short.exposures] == [(-200, 100, 480_000)]
    # The taker can lose what it paid. The maker can lose what 3 sold at 48 cost at a settlement of 100.
    assert short.available == short.cash - 300 * 10_000 + 480_000
    assert paid.available == paid.cash


async def test_orders_of_one_frame_get_one_reply_each_in_order(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("alice")) as alice:
        market = await new_market(alice)
        many = [
            pb.ClientMessage(request_id=f"order {i}", create_order=bid(market, 100 + i, 100 if i % 10 else 0))
            for i in range(256)
        ]
        await alice.send(*many)
        replies: list[pb.ServerMessage] = []
        while len(replies) < len(many):
            replies += [m for m in await alice.receive() if m.request_id]
        assert [reply.request_id for reply in replies] == [message.request_id for message in many]
        refused = [i for i, reply in enumerate(replies) if reply.HasField("refused")]
        assert refused == list(range(0, 256, 10))
        assert {replies[i].refused.code for i in refused} == {pb.INVALID_SIZE}
        accepted = [reply.seq for reply in replies if not reply.HasField("refused")]
        assert accepted == sorted(set(accepted))


async def test_a_cancel_and_out_reach_market_and_account(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("student4")) as alice,
        signed_in(live.ws_url, live.token("student5")) as bob,
    ):
        market = await new_market(alice)
        await bob.ask(subscribe=pb.Subscribe(subscriptions=one_market(market)))
        ids = [(await alice.ask(create_order=bid(market, p, 100))).order_created.order.id for p in (10, 20, 30)]
        cancelled = await alice.ask(cancel_order=pb.CancelOrder(order_id=ids[1]))
        assert [one.order_id for one in cancelled.orders_cancelled.orders] == [ids[1]]
        out = await alice.ask(out=pb.Out(market_id=market))
        assert sorted(one.order_id for one in out.orders_cancelled.orders) == [ids[0], ids[2]]
        for reply, gone in ((cancelled, [ids[1]]), (out, [ids[0], ids[2]])):
            (message,) = await bob.until_received(f"market.{market}", reply.seq)
            assert sorted(one.order_id for one in message.orders_cancelled.orders) == gone
        own = await alice.until_received(f"account.{alice.account}", out.seq)
        assert kinds(own) == ["orders_cancelled", "portfolio_updated"]
        assert own[-1].portfolio_updated.available == own[-1].portfolio_updated.cash


async def test_a_market_trades_closes_and_pays_out(live: LiveExchange) -> None:
    """The last example of rules section 6; everybody receives the settlement."""
    async with (
        signed_in(live.ws_url, live.token("carol"), subscriptions=[pb.Subscription(all_markets=True)]) as carol,
        signed_in(live.ws_url, live.token("student2")) as alice,
        signed_in(live.ws_url, live.token("student3")) as bob,
    ):
        market = await new_market(carol)
        await alice.ask(create_order=offer(market, 3_000, 500))
        await bob.ask(create_order=bid(market, 3_000, 500))
        resting = await bob.ask(create_order=bid(market, 1_000, 100))
        refused = await alice.ask(settle_market=pb.SettleMarket(market_id=market, price=7_000))
        assert refused.refused.code == pb.NOT_ALLOWED  # not hers
        settled = await carol.ask(settle_market=pb.SettleMarket(market_id=market, price=7_000))
        assert settled.market_settled.market.status == pb.SETTLED
        assert settled.market_settled.market.settle_price == 7_000

        on_market = await carol.until_received(f"market.{market}", settled.seq)
        assert kinds(on_market) == ["book_cleared", "market_settled"]
        for socket in (alice, bob):
            assert kinds(await socket.until_received("public", settled.seq)) == ["market_settled"]
        of_alice = await alice.until_received(f"account.{alice.account}", settled.seq)
        of_bob = await bob.until_received(f"account.{bob.account}", settled.seq)
        assert kinds(of_alice) == ["paid_out", "portfolio_updated"]
        assert kinds(of_bob) == ["orders_cancelled", "paid_out", "portfolio_updated"]
        assert (of_alice[0].paid_out.position, of_alice[0].paid_out.amount) == (-500, -3_500_000)
        assert (of_bob[1].paid_out.position, of_bob[1].paid_out.amount) == (500, 3_500_000)
        (cancelled,) = of_bob[0].orders_cancelled.orders
        assert (cancelled.order_id, cancelled.cause) == (resting.order_created.order.id, pb.BY_SETTLEMENT)
        (flat,) = of_alice[1].portfolio_updated.exposures
        assert (flat.position, flat.worst, flat.realised) == (0, 0, -2_000_000)
        again = await carol.ask(settle_market=pb.SettleMarket(market_id=market, price=7_000))
        assert again.refused.code == pb.MARKET_SETTLED
        late = await alice.ask(create_order=offer(market, 3_000, 500))
        assert late.refused.code == pb.MARKET_SETTLED
