"""Sudo over lost sockets, and subscriptions that the exchange ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from exchange_client import Backoff, Exchange, OutcomeUnknown, requests
from exchange_client import exchange_pb2 as pb

from tests.client.script import (
    OWN,
    FakeExchange,
    Socket,
    authenticated,
    first_snapshots,
    order,
    ready,
    say,
    snapshot,
    welcome,
)

GUEST = 8  # somebody else's account
SECRET = "market.5"  # operators see it only in sudo
MARKETS = [1, 5]


@asynccontextmanager
async def operating(server: FakeExchange, **options: Any) -> AsyncIterator[tuple[Exchange, Socket]]:
    """A client in sudo that acts as the guest and follows markets 1 and 5."""
    opening = asyncio.create_task(welcome(server))
    backoff = Backoff(first=0.01, most=0.01, restart=0.01, attempts=5)
    async with Exchange.connect(server.url, "secret", markets=[1], backoff=backoff, **options) as x:
        socket = await opening
        turning_on = asyncio.ensure_future(x.set_sudo(on=True))
        await answer_sudo(socket, await socket.request())
        await turning_on
        subscribing = asyncio.ensure_future(x.subscribe(5))
        await answer_subscribe(socket, await socket.request())
        await subscribing
        acting = asyncio.ensure_future(x.act_as(GUEST))
        await answer_act_as(socket, await socket.request())
        await acting
        yield x, socket


async def answer_sudo(socket: Socket, request: pb.ClientMessage) -> None:
    """Market 1 hides ids."""
    assert request.set_sudo.on
    bids = pb.Orders(orders=[order(1, pb.BID, 4000, 1000, account=9)])
    await socket.send(
        say(pb.Unsubscribed(streams=["market.1"])),
        *snapshot("market.1.unmasked", 11, pb.Markets(markets=[pb.Market(id=1, name="Rain")]), bids),
        say(pb.SudoSet(on=True), reply_to=request.request_id),
    )


async def answer_subscribe(socket: Socket, request: pb.ClientMessage) -> None:
    assert [item.market_id for item in request.subscribe.subscriptions] == [5]
    await socket.send(
        *snapshot(SECRET, 11, pb.Markets(markets=[pb.Market(id=5, name="Secret")])),
        say(pb.Subscribed(streams=[SECRET]), reply_to=request.request_id),
    )


async def answer_act_as(socket: Socket, request: pb.ClientMessage) -> None:
    assert request.act_as.account_id == GUEST
    bob = pb.AccountState(account=pb.Account(id=GUEST, name="Bob"), cash=7)
    await socket.send(
        *snapshot(f"account.{GUEST}", 11, bob), say(pb.ActingAs(account_id=GUEST), reply_to=request.request_id)
    )


async def come_back(server: FakeExchange) -> tuple[Socket, list[pb.ClientMessage]]:
    """Accepts the client's new socket, signed in without sudo. Returns it and the client's next requests."""
    socket = await server.accept()
    hello = (await socket.request()).authenticate
    assert (hello.act_as, hello.epoch, hello.from_seq) == (0, 0, 0)
    assert [(item.market_id, item.from_seq) for item in hello.subscriptions] == [(1, 0), (5, 0)]
    await socket.send(authenticated(), *first_snapshots(), say(pb.Unsubscribed(streams=[SECRET])), ready())
    return socket, await socket.receive()


async def test_sudo_is_turned_on_again_before_requests_that_need_it(server: FakeExchange) -> None:
    async with operating(server) as (x, socket):
        book, portfolio = x.book(1), x.portfolio()
        giving = x.send(requests.gift(OWN, "1", key="gift"))
        await socket.request()
        socket.cut()
        socket, (sudo, again, act_as) = await come_back(server)
        assert (x.connected, x.state.sudo) == (False, False)
        assert len(x.book(5)) == 0  # never gone
        await answer_sudo(socket, sudo)
        await answer_subscribe(socket, again)
        await answer_act_as(socket, act_as)
        repeated = await socket.request()
        assert repeated.gift.key == "gift"
        await socket.reply(repeated, pb.TransferCreated())
        await giving
        assert x.state.sudo
        assert (x.account_id, x.portfolio().cash) == (GUEST, 7)
        assert x.portfolio() is portfolio
        assert x.book(1) is book
        assert [resting.account_id for resting in book.bids] == [9]
        assert set(x.state.markets) == {1, 5}


async def test_a_former_operator_continues_without_sudo(server: FakeExchange) -> None:
    async with operating(server) as (x, socket):
        giving = x.send(requests.gift(OWN, "1"))
        await socket.request()
        socket.cut()
        socket, requested = await come_back(server)
        refusals = (pb.NOT_ALLOWED, pb.MARKET_NOT_FOUND, pb.ACCOUNT_NOT_FOUND)
        for request, code in zip(requested, refusals, strict=True):
            await socket.reply(request, pb.Refused(code=code))
        with pytest.raises(OutcomeUnknown, match="another account"):
            await giving
        await x.until_connected()
        assert (x.account_id, set(x.state.markets), set(x.state.portfolios)) == (OWN, {1}, {OWN})
        socket.cut()
        socket = await server.accept()
        hello = (await socket.request()).authenticate
        assert [item.market_id for item in hello.subscriptions] == [1]  # market 5 is not asked for again
        await socket.send(authenticated(), ready())
        await x.until_connected()


async def test_a_busy_exchange_is_asked_for_sudo_again(server: FakeExchange) -> None:
    async with operating(server) as (x, socket):
        for _ in range(2):
            socket.cut()
            socket, requested = await come_back(server)
            await socket.reply(requested[0], pb.Refused(code=pb.BUSY))
        socket, requested = await come_back(server)
        await answer_sudo(socket, requested[0])
        await answer_subscribe(socket, requested[1])
        await answer_act_as(socket, requested[2])
        await x.until_connected()
        assert x.state.sudo
        assert x.account_id == GUEST


async def test_sudo_that_ended_by_itself_is_not_turned_on_again(server: FakeExchange) -> None:
    async with operating(server) as (x, socket):
        await socket.send(
            say(pb.Unsubscribed(streams=[f"account.{GUEST}", "market.1.unmasked", SECRET])),
            *first_snapshots(),
            say(pb.ActingAs(account_id=OWN)),
            say(pb.SudoSet(on=False)),
        )
        await x.until(lambda: not x.state.sudo)
        assert (x.account_id, set(x.state.markets)) == (OWN, {1})
        socket.cut()
        socket = await server.accept()
        hello = (await socket.request()).authenticate
        assert (hello.act_as, [item.market_id for item in hello.subscriptions]) == (OWN, [1])
        await socket.send(authenticated(), ready())
        await x.until_connected()
        x.send(requests.out(key="next"))
        assert (await socket.request()).out.key == "next"


async def test_a_socket_that_is_lost_while_sudo_is_turned_on_starts_anew(server: FakeExchange) -> None:
    opening = asyncio.create_task(welcome(server))
    backoff = Backoff(first=0.01, most=0.01, attempts=5)
    async with Exchange.connect(server.url, "secret", markets=[1], backoff=backoff) as x:
        book, socket = x.book(1), await opening
        turning_on = asyncio.ensure_future(x.set_sudo(on=True))
        await socket.request()
        await socket.send(say(pb.Unsubscribed(streams=["market.1"])))
        socket.cut()
        socket = await server.accept()
        assert (await socket.welcome()).epoch == 0
        await answer_sudo(socket, await socket.request())
        await turning_on
        assert x.book(1) is book
        assert [resting.account_id for resting in book.bids] == [9]


@pytest.mark.parametrize("while_away", [False, True])
async def test_a_market_that_may_no_longer_be_seen_is_subscribed_once_more_at_most(
    server: FakeExchange, while_away: bool
) -> None:
    opening = asyncio.create_task(welcome(server))
    backoff = Backoff(first=0.01, most=0.01, attempts=9)
    async with Exchange.connect(server.url, "secret", markets=[1], backoff=backoff) as x:
        socket = await opening
        gone = say(pb.Unsubscribed(streams=["market.1"]))
        if not while_away:
            await socket.send(gone)
            await x.until(lambda: not x.state.markets)
        asked = []
        for _ in range(2):
            socket.cut()
            socket = await server.accept()
            hello = (await socket.request()).authenticate
            asked.append([item.market_id for item in hello.subscriptions])
            await socket.send(authenticated(), *([gone] if asked[-1] else []), ready())
            await x.until_connected()
        assert asked == ([[1], []] if while_away else [[], []])
        assert x.state.markets == {}
        subscribing = asyncio.ensure_future(x.subscribe(1))
        await socket.reply(await socket.request(), pb.Subscribed(streams=["market.1"]))
        await socket.send(*first_snapshots()[-5:])
        await subscribing
        socket.cut()
        socket = await server.accept()
        assert [item.market_id for item in (await socket.request()).authenticate.subscriptions] == [1]


async def test_summaries_continue_after_a_lost_socket(server: FakeExchange) -> None:
    line = pb.MarketSummary(market_id=1, status=pb.OPEN, bid=4000)

    async def other_end() -> Socket:
        socket = await server.accept()
        hello = (await socket.request()).authenticate
        assert [item.market_summary for item in hello.subscriptions] == [True]
        await socket.send(authenticated(), *first_snapshots(), *snapshot("market.1.summary", 10, line), ready())
        return socket

    opening = asyncio.create_task(other_end())
    backoff = Backoff(first=0.01, most=0.01, attempts=5)
    async with Exchange.connect(server.url, "secret", summaries=True, backoff=backoff) as x:
        socket, summaries = await opening, x.summaries
        assert summaries[1].bid == 4000
        socket.cut()
        line.bid = 4100
        socket = await other_end()
        await x.until_connected()
        assert summaries[1].bid == 4100
        leaving = asyncio.ensure_future(x.unsubscribe(summaries=True))
        await socket.reply(await socket.request(), pb.Unsubscribed(streams=["market.1.summary"]))
        await leaving
        assert summaries == {}
        socket.cut()
        socket = await server.accept()
        assert not (await socket.request()).authenticate.subscriptions
