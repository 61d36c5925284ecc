"""Open sockets receive streams created later: a new market for who follows all markets, an alt for its owner."""

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import RawSocket, signed_in
from tests.live.requests import bid, new_market, one_market

ALL = [pb.Subscription(all_markets=True)]


async def until_snapshot(socket: RawSocket, stream: str) -> None:
    while not any(message.snapshot_end.stream == stream for message in socket.received):
        await socket.receive()


async def test_a_follower_of_all_markets_receives_a_market_created_later(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice"), subscriptions=ALL) as from_the_start,
        signed_in(live.ws_url, live.token("bob")) as asks_later,
        signed_in(live.ws_url, live.token("carol")) as carol,
    ):
        await asks_later.ask(subscribe=pb.Subscribe(subscriptions=ALL))
        market = await new_market(carol)
        stream = f"market.{market}"
        placed = await carol.ask(create_order=bid(market, 4_000, 100))
        for socket in (from_the_start, asks_later):
            await until_snapshot(socket, stream)
            (received,) = await socket.until_received(stream, placed.seq)
            assert received.order_created.order.id == placed.order_created.order.id


async def test_a_follower_of_one_market_learns_of_a_new_one_but_does_not_receive_its_stream(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        first = await new_market(bob)
        await alice.ask(subscribe=pb.Subscribe(subscriptions=one_market(first)))
        second = await new_market(bob)
        await bob.ask(create_order=bid(second, 4_000, 100))
        placed = await bob.ask(create_order=bid(first, 4_000, 100))
        await alice.until_received(f"market.{first}", placed.seq)
        created = [message.market_created.market.id for message in alice.received if message.HasField("market_created")]
        assert created[-1] == second
        assert not any(message.stream_position.stream == f"market.{second}" for message in alice.received)


async def test_unsubscribed_streams_send_nothing_more(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice"), subscriptions=ALL) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        first, second = await new_market(bob), await new_market(bob)
        await until_snapshot(alice, f"market.{second}")
        left = await alice.ask(unsubscribe=pb.Unsubscribe(subscriptions=one_market(first)))
        assert list(left.unsubscribed.streams) == [f"market.{first}"]
        silent = await bob.ask(create_order=bid(first, 4_000, 100))
        received = await bob.ask(create_order=bid(second, 4_000, 100))
        await alice.until_received(f"market.{second}", received.seq)
        assert alice.received_on(f"market.{first}", silent.seq) == []


async def test_only_the_owners_other_sockets_receive_a_new_alt(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as one,
        signed_in(live.ws_url, live.token("alice")) as other,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        alt = (await one.ask(create_account=pb.CreateAccount(name="Second desk"))).account_created.account.id
        stream = f"account.{alt}"
        request = pb.MakeTransfer(from_account_id=one.account, to_account_id=alt, amount=10_000)
        paid = await one.ask(make_transfer=request)
        for socket in (one, other):
            await until_snapshot(socket, stream)
            received = await socket.until_received(stream, paid.seq)
            assert received[-1].portfolio_updated.cash == 10_000
        to_bob = pb.MakeTransfer(from_account_id=one.account, to_account_id=bob.account, amount=1)
        last = await one.ask(make_transfer=to_bob)
        await bob.until_received(f"account.{bob.account}", last.seq)
        streams = {message.stream_position.stream for message in bob.received} | {
            message.snapshot_begin.stream for message in bob.received
        }
        assert streams - {""} == {"public", f"account.{bob.account}"}
        assert any(message.account_created.account.id == alt for message in bob.received)  # its name is public ...
        assert not any(message.account_created.owners for message in bob.received)  # ... but its owner is not


async def test_a_second_socket_can_act_as_a_new_alt_at_once(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("carol")) as one,
        signed_in(live.ws_url, live.token("carol")) as other,
    ):
        alt = (await one.ask(create_account=pb.CreateAccount(name="Third desk"))).account_created.account.id
        assert (await other.ask(act_as=pb.ActAs(account_id=alt))).acting_as.account_id == alt
