"""Auctions as the client knows them."""

import asyncio

from exchange_client import exchange_pb2 as pb
from exchange_client import requests
from exchange_client.state import State

from tests.client.script import OWN, FakeExchange, connected, frame, piece, snapshot


def test_the_client_follows_the_auction_board() -> None:
    """A snapshot has all auctions but withdrawn ones. A withdrawn auction disappears."""
    lamp = pb.Auction(id=1, name="Lamp", status=pb.Auction.OPEN, buy_now_price=0)
    state = State()
    board = state.public.auctions
    state.feed(frame(*snapshot("public", 12, pb.Auctions(auctions=[lamp, pb.Auction(id=2, name="Chair")]))))
    assert {id: auction.name for id, auction in state.public.auctions.items()} == {1: "Lamp", 2: "Chair"}
    assert state.public.auctions[1].HasField("buy_now_price")
    edited = pb.Auction(id=1, name="Brass lamp", status=pb.Auction.OPEN)
    state.feed(frame(*piece("public", 12, 13, pb.AuctionUpdated(auction=edited))))
    assert not state.public.auctions[1].HasField("buy_now_price")
    state.feed(frame(*piece("public", 13, 14, pb.AuctionCreated(auction=pb.Auction(id=3)))))
    state.feed(frame(*piece("public", 14, 15, pb.AuctionWithdrawn(auction=pb.Auction(id=2)))))
    sold = pb.Auction(id=3, status=pb.Auction.SETTLED, buyer_id=OWN, settle_price=5)
    state.feed(frame(*piece("public", 15, 16, pb.AuctionSettled(auction=sold))))
    assert {id: auction.status for id, auction in state.public.auctions.items()} == {
        1: pb.Auction.OPEN,
        3: pb.Auction.SETTLED,
    }
    assert board == {}, "a snapshot begins a new board"


async def test_until_heard_waits_for_the_board_and_for_the_payment(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        buying = x.send(requests.buy_auction(6, "2"))
        sold = pb.AuctionSettled(auction=pb.Auction(id=6, seller_id=9, buyer_id=OWN, settle_price=20_000))
        await socket.reply(await socket.request(), sold, seq=21)
        hearing = asyncio.create_task(x.until_heard(await buying))
        await socket.send(*piece("public", 10, 21, sold))
        await asyncio.sleep(0.05)
        assert not hearing.done()
        await socket.send(*piece(f"account.{OWN}", 10, 21, pb.PortfolioUpdated(account_id=OWN, cash=5)))
        await hearing
        assert x.state.public.auctions[6].buyer_id == OWN
        listing = x.send(requests.create_auction("Lamp"))
        listed = pb.AuctionCreated(auction=pb.Auction(id=7, seller_id=OWN, name="Lamp"))
        await socket.reply(await socket.request(), listed, seq=22)
        await socket.send(*piece("public", 21, 22, listed))
        await x.until_heard(await listing)  # no payment, so the account's stream has no message
