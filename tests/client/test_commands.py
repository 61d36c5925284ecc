"""Every command of the contract: the client's method and the message that it sends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from exchange_client import OFFER, Exchange
from exchange_client import exchange_pb2 as pb
from google.protobuf.message import Message

from tests.client.script import FakeExchange, cancelled, connected

COMMANDS: list[tuple[Callable[[Exchange], Awaitable[Any]], Message, Message]] = [
    (lambda x: x.cancel(5, key="k"), pb.CancelOrder(order_id=5, key="k"), cancelled((5, 0))),
    (
        lambda x: x.cancel(client_order_id="c", key="k"),
        pb.CancelOrder(client_order_id="c", key="k"),
        cancelled((5, 0)),
    ),
    (lambda x: x.out(1, OFFER, key="k"), pb.Out(market_id=1, side=OFFER, key="k"), pb.OrdersCancelled()),
    (lambda x: x.create_user_account("Al"), pb.CreateUserAccount(name="Al"), pb.AccountCreated()),
    (
        lambda x: x.create_account("Al", owner_id=3, key="k"),
        pb.CreateAccount(name="Al", owner_id=3, key="k"),
        pb.AccountCreated(),
    ),
    (
        lambda x: x.make_transfer(3, 4, "0.5", note="n", key="k"),
        pb.MakeTransfer(from_account_id=3, to_account_id=4, amount=5000, note="n", key="k"),
        pb.TransferCreated(),
    ),
    (lambda x: x.gift(4, "2", key="k"), pb.Gift(to_account_id=4, amount=20_000, key="k"), pb.TransferCreated()),
    (
        lambda x: x.collect(4, "2", key="k"),
        pb.Collect(from_account_id=4, amount=20_000, key="k"),
        pb.TransferCreated(),
    ),
    (
        lambda x: x.share_account(4, 5, key="k"),
        pb.ShareAccount(account_id=4, receiver_id=5, key="k"),
        pb.OwnersChanged(),
    ),
    (lambda x: x.leave_account(4, key="k"), pb.LeaveAccount(account_id=4, key="k"), pb.OwnersChanged()),
    (
        lambda x: x.revoke_share(4, 5, key="k"),
        pb.RevokeShare(account_id=4, owner_id=5, key="k"),
        pb.OwnersChanged(),
    ),
    (
        lambda x: x.redistribute(4, 5, key="k"),
        pb.Redistribute(account_id=4, owner_id=5, key="k"),
        pb.OwnersChanged(),
    ),
    (
        lambda x: x.create_market("Rain", "-1", "100", tick_size="0.5", key="k"),
        pb.CreateMarket(
            name="Rain", min_settlement=-100, max_settlement=10_000, tick_size=50, smallest_size=1, key="k"
        ),
        pb.MarketCreated(),
    ),
    (
        lambda x: x.create_market(
            "Hail", "0", "1", category="Class", pinned=True, visible_to=[3, 4], hide_account_ids=True, key="k"
        ),
        pb.CreateMarket(
            name="Hail",
            max_settlement=100,
            tick_size=1,
            smallest_size=1,
            category="Class",
            pinned=True,
            visible_to=pb.AccountIds(ids=[3, 4]),
            hide_account_ids=True,
            key="k",
        ),
        pb.MarketCreated(),
    ),
    (
        lambda x: x.edit_market(1, description="", key="k"),
        pb.EditMarket(market_id=1, description="", key="k"),
        pb.MarketUpdated(),
    ),
    (
        lambda x: x.edit_market(1, category="", pinned=False, visible_to=(), hide_account_ids=False, key="k"),
        pb.EditMarket(
            market_id=1, category="", pinned=False, visible_to=pb.AccountIds(), hide_account_ids=False, key="k"
        ),
        pb.MarketUpdated(),
    ),
    (
        lambda x: x.set_market_status(1, pb.PAUSED, key="k"),
        pb.SetMarketStatus(market_id=1, status=pb.PAUSED, key="k"),
        pb.MarketUpdated(),
    ),
    (
        lambda x: x.settle_market(1, "70", key="k"),
        pb.SettleMarket(market_id=1, price=7000, key="k"),
        pb.MarketSettled(),
    ),
    (
        lambda x: x.create_auction("Lamp", picture="p", buy_now_price="0", key="k"),
        pb.CreateAuction(name="Lamp", picture="p", buy_now_price=0, key="k"),
        pb.AuctionCreated(),
    ),
    (
        lambda x: x.edit_auction(6, description="", buy_now_price="12.5", key="k"),
        pb.EditAuction(auction_id=6, description="", buy_now_price=125_000, key="k"),
        pb.AuctionUpdated(),
    ),
    (
        lambda x: x.edit_auction(6, no_buy_now_price=True, key="k"),
        pb.EditAuction(auction_id=6, no_buy_now_price=True, key="k"),
        pb.AuctionUpdated(),
    ),
    (lambda x: x.withdraw_auction(6, key="k"), pb.WithdrawAuction(auction_id=6, key="k"), pb.AuctionWithdrawn()),
    (
        lambda x: x.buy_auction(6, "12.5", key="k"),
        pb.BuyAuction(auction_id=6, price=125_000, key="k"),
        pb.AuctionSettled(),
    ),
    (
        lambda x: x.settle_auction(6, 4, "2", key="k"),
        pb.SettleAuction(auction_id=6, buyer_id=4, price=20_000, key="k"),
        pb.AuctionSettled(),
    ),
    (lambda x: x.act_as(8), pb.ActAs(account_id=8), pb.ActingAs(account_id=8)),
    (lambda x: x.set_sudo(on=True), pb.SetSudo(on=True), pb.SudoSet(on=True)),
    (
        lambda x: x.subscribe(summaries=True),
        pb.Subscribe(subscriptions=[pb.Subscription(market_summary=True)]),
        pb.Subscribed(),
    ),
    (
        lambda x: x.unsubscribe(summaries=True),
        pb.Unsubscribe(subscriptions=[pb.Subscription(market_summary=True)]),
        pb.Unsubscribed(streams=["market.1.summary"]),
    ),
    (
        lambda x: x.unsubscribe(1),
        pb.Unsubscribe(subscriptions=[pb.Subscription(market_id=1)]),
        pb.Unsubscribed(streams=["market.1"]),
    ),
]


@pytest.mark.parametrize(("call", "sent", "answer"), COMMANDS, ids=[type(item[1]).__name__ for item in COMMANDS])
async def test_every_command_sends_its_message(
    server: FakeExchange, call: Callable[[Exchange], Awaitable[Any]], sent: Message, answer: Message
) -> None:
    async with connected(server) as (x, socket):
        asking = asyncio.ensure_future(call(x))
        request = await socket.request()
        assert getattr(request, request.WhichOneof("message") or "") == sent
        await socket.reply(request, answer)
        assert (await asking).body == answer
