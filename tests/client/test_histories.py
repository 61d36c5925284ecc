"""Histories, page by page, against a scripted exchange."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from exchange_client import Backoff, Exchange, Refused
from exchange_client import exchange_pb2 as pb
from google.protobuf.message import Message

from tests.client.script import FakeExchange, Socket

HISTORIES: list[tuple[Callable[[Exchange], AsyncIterator[Any]], type[Message], type[Message]]] = [
    (lambda x: x.trade_history(7, limit=2), pb.GetFullTradeHistory, pb.TradeHistory),
    (lambda x: x.order_history(7, limit=2), pb.GetFullOrderHistory, pb.OrderHistory),
    (lambda x: x.positions(7, limit=2), pb.GetMarketPositions, pb.MarketPositions),
]
each = pytest.mark.parametrize(("call", "asks", "answer"), HISTORIES, ids=[item[1].__name__ for item in HISTORIES])


async def read(server: FakeExchange, call: Callable[[Exchange], AsyncIterator[Any]], *answers: Message) -> list[Any]:
    """What the client requested, and the pages that its iterator yields, while the exchange gives these answers."""
    asked: list[Message] = []

    async def other_end() -> Socket:
        socket = await server.accept()
        await socket.welcome()
        for answer in answers:
            request = await socket.request()
            asked.append(getattr(request, request.WhichOneof("message") or ""))
            await socket.reply(request, answer)
        return socket

    talking = asyncio.create_task(other_end())
    async with Exchange.connect(server.url, "secret", backoff=Backoff(reconnects=0)) as x:
        pages = [page async for page in call(x)]
        await talking
    return [asked, pages]


@each
async def test_each_page_is_requested_after_the_one_before(
    server: FakeExchange,
    call: Callable[[Exchange], AsyncIterator[Any]],
    asks: Callable[..., Message],
    answer: Callable[..., Message],
) -> None:
    pages = [answer(market_id=7, next=5, more=True), answer(market_id=7, next=9, more=True), answer(market_id=7)]
    asked, messages = await read(server, call, *pages)
    assert asked == [asks(market_id=7, after=after, limit=2) for after in (0, 5, 9)]
    assert messages == pages


@each
async def test_a_busy_exchange_is_asked_again_after_a_wait(
    server: FakeExchange,
    call: Callable[[Exchange], AsyncIterator[Any]],
    asks: Callable[..., Message],
    answer: Callable[..., Message],
) -> None:
    passing = [pb.Refused(code=code, retry_after_ms=30) for code in (pb.RATE_LIMITED, pb.BUSY)]
    begun = asyncio.get_running_loop().time()
    asked, messages = await read(server, call, answer(next=5, more=True), *passing, answer(next=6))
    assert asked == [asks(market_id=7, after=after, limit=2) for after in (0, 5, 5, 5)]
    assert messages == [answer(next=5, more=True), answer(next=6)]
    assert asyncio.get_running_loop().time() - begun >= 0.06


@each
async def test_another_refusal_ends_the_history(
    server: FakeExchange,
    call: Callable[[Exchange], AsyncIterator[Any]],
    asks: Callable[..., Message],
    answer: Callable[..., Message],
) -> None:
    with pytest.raises(Refused, match="no market 7"):
        await read(server, call, pb.Refused(code=pb.MARKET_NOT_FOUND, message="There is no market 7."))
