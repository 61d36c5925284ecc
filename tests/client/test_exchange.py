"""Commands, replies and errors, against a scripted exchange."""

import asyncio
from decimal import Decimal

import pytest
from exchange_client import (
    BID,
    IOC,
    Busy,
    ConnectionLost,
    Exchange,
    ExchangeError,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Request,
    SlowConsumer,
    TooManyPending,
    pending,
    requests,
)
from exchange_client import exchange_pb2 as pb
from exchange_client.frames import FRAME_BYTES, FRAME_MESSAGES, pack
from websockets.exceptions import InvalidURI

from tests.client.script import (
    OWN,
    FakeExchange,
    Socket,
    authenticated,
    cancelled,
    connected,
    order,
    piece,
    ready,
    say,
    snapshot,
)


async def test_it_signs_in_with_token_and_subscriptions_and_its_state_is_complete_when_open(
    server: FakeExchange,
) -> None:
    async def other_end() -> None:
        socket = await server.accept()
        hello = await socket.welcome()
        assert (hello.token, hello.act_as, hello.epoch, hello.from_seq) == ("secret", 0, 0, 0)
        assert [item.market_id for item in hello.subscriptions] == [1]

    checked = asyncio.create_task(other_end())
    async with Exchange.connect(server.url, "secret", markets=[1]) as x:
        assert x.account_id == OWN
        assert x.book(1).best_bid == (4000, 1000, 1)
        assert x.portfolio().available == 10_000_000
    await checked


async def test_an_order_is_sent_in_whole_numbers_and_its_reply_is_returned(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        placing = asyncio.create_task(x.place(1, BID, "48.25", Decimal("10"), time_in_force=IOC))
        request = await socket.request()
        sent = request.create_order
        assert (sent.market_id, sent.side, sent.price, sent.size, sent.time_in_force) == (1, BID, 4825, 1000, IOC)
        assert 0 < len(sent.client_order_id) <= 36
        await socket.reply(request, pb.OrderCreated(order=order(5, BID, 4825, 1000)), seq=21)
        placed = await placing
        assert (placed.body.order.id, placed.seq, placed.replayed) == (5, 21, False)
        assert 5 not in x.book(1)  # a reply changes no state; the stream does


async def test_subscribe_waits_for_the_snapshot_in_whichever_order_it_comes(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        asking = asyncio.create_task(x.subscribe(2))
        request = await socket.request()
        assert [item.market_id for item in request.subscribe.subscriptions] == [2]
        await socket.reply(request, pb.Subscribed(streams=["market.2"]))
        await asyncio.sleep(0.05)
        assert not asking.done()
        await socket.send(*snapshot("market.2", 11, pb.Markets(markets=[pb.Market(id=2, name="Snow")])))
        await asking
        assert x.market(2).market.name == "Snow"


async def test_many_requests_travel_in_one_frame_and_get_one_reply_each(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        answers = x.send_many(
            [requests.cancel_order(1), requests.create_order(1, BID, "41", "1", post_only=True), requests.out()]
        )
        cancel, create, out = await socket.receive()
        assert (cancel.cancel_order.order_id, create.create_order.price, out.HasField("out")) == (1, 4100, True)
        refused = pb.Refused(code=pb.POST_ONLY_WOULD_TRADE, message="41 reaches 40.5")
        await socket.send(
            say(cancelled((1, 0)), seq=20, reply_to=cancel.request_id),
            say(refused, reply_to=create.request_id),
            say(pb.OrdersCancelled(), seq=21, reply_to=out.request_id),
        )
        first, second, third = await asyncio.gather(*answers, return_exceptions=True)
        assert not isinstance(first, BaseException)
        assert not isinstance(third, BaseException)
        assert (first.seq, third.seq) == (20, 21)
        assert isinstance(second, Refused)
        assert second.code == pb.POST_ONLY_WOULD_TRADE


def test_frames_stay_within_the_exchanges_limits() -> None:
    small = [pb.ClientMessage(request_id=str(number), out=pb.Out()) for number in range(FRAME_MESSAGES * 2 + 1)]
    frames = [pb.ClientFrame.FromString(data) for data in pack(small)]
    assert [len(frame.messages) for frame in frames] == [FRAME_MESSAGES, FRAME_MESSAGES, 1]
    assert [message for frame in frames for message in frame.messages] == small
    big = [pb.ClientMessage(create_market=pb.CreateMarket(description="x" * 20_000))] * 7
    assert [len(pb.ClientFrame.FromString(data).messages) for data in pack(big)] == [3, 3, 1]
    assert all(len(data) <= FRAME_BYTES for data in pack(big))
    with pytest.raises(ValueError, match="frame holds"):
        list(pack([pb.ClientMessage(create_market=pb.CreateMarket(description="x" * FRAME_BYTES))]))


@pytest.mark.parametrize(
    ("code", "kind"),
    [(pb.RATE_LIMITED, RateLimited), (pb.BUSY, Busy), (pb.INSUFFICIENT_FUNDS, Refused), (999, Refused)],
)
async def test_a_refusal_is_an_error_with_its_code(server: FakeExchange, code: int, kind: type[Refused]) -> None:
    async with connected(server) as (x, socket):
        placing = asyncio.create_task(x.place(1, BID, "40", "10"))
        refused = pb.Refused(message="needs 400, has 250", retry_after_ms=1500)
        refused.code = code  # type: ignore[assignment]
        await socket.reply(await socket.request(), refused, seq=0)
        with pytest.raises(Refused, match="needs 400, has 250") as caught:
            await placing
        assert type(caught.value) is kind
        assert (caught.value.code, caught.value.retry_after) == (code, 1.5)


async def test_a_request_with_unknown_outcome_can_be_repeated_with_its_key(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        placing = asyncio.create_task(x.place(1, BID, "40", "10"))
        first = await socket.request()
        await socket.reply(first, pb.Refused(code=pb.OUTCOME_UNKNOWN, message="no answer in time"))
        with pytest.raises(OutcomeUnknown) as caught:
            await placing
        again = x.send(caught.value.request)
        second = await socket.request()
        assert second.create_order == first.create_order
        await socket.reply(second, pb.OrderCreated(order=order(5, BID, 4000, 1000)), replayed=True)
        assert (await again).replayed


async def test_no_reply_in_time_is_an_unknown_outcome(server: FakeExchange) -> None:
    async with connected(server, answer_seconds=0.05) as (x, socket):
        with pytest.raises(OutcomeUnknown, match=r"no reply in 0\.05 s"):
            await x.out()
        late = await socket.request()
        await socket.reply(late, pb.OrdersCancelled())  # a late reply that nobody waits for is ignored


async def test_a_reply_of_the_wrong_kind_is_an_error(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        asking = x.send(Request.of(pb.Out(), pb.OrderCreated))
        await socket.reply(await socket.request(), pb.OrdersCancelled())
        with pytest.raises(ExchangeError, match="Out was answered with OrdersCancelled"):
            await asking


async def test_commands_wait_until_the_acting_account_is_known(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        switching = x.send(requests.act_as(8))
        with pytest.raises(ExchangeError, match="act_as is on its way"):
            x.send(requests.out())
        await socket.reply(await socket.request(), pb.ActingAs(account_id=8))
        await switching
        assert x.account_id == 8
        with pytest.raises(ExchangeError, match="act_as goes alone"):
            x.send_many([requests.act_as(3), requests.out()])


async def test_the_number_of_requests_without_a_reply_is_bounded(
    server: FakeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "PENDING_MAX", 100)
    async with connected(server) as (x, _):
        unanswered = x.send_many([requests.out()] * 100)
        with pytest.raises(TooManyPending):
            x.send(requests.out())
    for answer in unanswered:
        assert isinstance(answer.exception(), OutcomeUnknown)  # it was sent, but we stopped waiting


async def test_after_until_heard_the_state_shows_what_the_reply_said(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        placing = x.send(requests.create_order(1, BID, "40", "10"))
        created = pb.OrderCreated(order=order(5, BID, 4000, 1000, account=OWN))
        await socket.reply(await socket.request(), created, seq=21)
        hearing = asyncio.create_task(x.until_heard(await placing))
        await asyncio.sleep(0.05)
        assert not hearing.done()
        await socket.send(*piece(f"account.{OWN}", 10, 21, created))
        await hearing
        assert list(x.portfolio().orders) == [5]
        cancelling = x.send(requests.out())
        await socket.reply(await socket.request(), pb.OrdersCancelled(), seq=22)
        await x.until_heard(await cancelling)  # returns at once: nothing was cancelled, so no stream has a message


async def test_updates_come_in_order_and_of_the_streams_asked_for(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        of_market, of_all = x.updates("market.1"), x.updates()
        await socket.send(
            *piece("market.1", 10, 21, cancelled((1, 0))),
            *piece("account.3", 10, 21, pb.PortfolioUpdated(account_id=OWN, cash=5)),
            *piece("market.1", 21, 22, pb.BookCleared(market_id=1)),
        )
        assert [type((await anext(of_all)).body).__name__ for _ in range(3)] == [
            "OrdersCancelled",
            "PortfolioUpdated",
            "BookCleared",
        ]
        assert [(await anext(of_market)).seq for _ in range(2)] == [21, 22]
    assert [update async for update in of_all] == []  # closed by us: the iterator ends without an error


async def test_unread_updates_raise_an_error_and_take_no_memory(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        updates = x.updates(limit=2)
        for seq in range(21, 26):
            await socket.send(*piece("market.1", 10, seq, pb.BookCleared(market_id=1)))
        await socket.send(*piece("account.3", 10, 30, pb.PortfolioUpdated(account_id=OWN, cash=5)))
        await x.until(lambda: x.portfolio().cash == 5)
        with pytest.raises(SlowConsumer, match="2 updates"):
            await anext(updates)
        assert [update async for update in updates] == []


async def test_after_giving_up_a_lost_connection_every_call_raises(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        updates = x.updates()
        placing = x.send(requests.create_order(1, BID, "40", "10"))
        await socket.request()
        await socket.close(1011)
        with pytest.raises(OutcomeUnknown):
            await placing
        with pytest.raises(ConnectionLost, match="gave up"):
            await anext(updates)
        with pytest.raises(ConnectionLost, match="gave up"):
            await x.until_connected()
        with pytest.raises(ConnectionLost, match="not connected"):
            await x.place(1, BID, "40", "10")
        with pytest.raises(ConnectionLost):
            await anext(x.updates())


async def test_a_refused_token_ends_the_client(server: FakeExchange) -> None:
    async def other_end() -> None:
        socket = await server.accept()
        await socket.reply(await socket.request(), pb.Refused(code=pb.NOT_AUTHENTICATED, message="unknown token"))

    refusing = asyncio.create_task(other_end())
    with pytest.raises(Refused, match="NOT_AUTHENTICATED: unknown token"):
        async with Exchange.connect(server.url, "wrong"):
            pass
    await refusing


async def test_a_person_without_an_account_can_create_one(server: FakeExchange) -> None:
    async def other_end() -> Socket:
        socket = await server.accept()
        await socket.request()
        await socket.send(authenticated(), *snapshot("public", 10), ready(account=0))
        return socket

    opening = asyncio.create_task(other_end())
    async with Exchange.connect(server.url, "secret") as x:
        await opening
        assert x.account_id == 0


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", "text"])
async def test_an_unreadable_frame_ends_the_socket(server: FakeExchange, garbage: bytes | str) -> None:
    async with connected(server) as (x, socket):
        await socket.send_raw(garbage)
        with pytest.raises(ConnectionLost, match="gave up"):
            await x.until(lambda: False)


async def test_a_refusal_that_names_no_request_ends_nothing(
    server: FakeExchange, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(server) as (x, socket):
        await socket.send(say(pb.Refused(code=pb.INVALID_FRAME, message="too large")))
        placing = x.send(requests.out())
        await socket.reply(await socket.request(), pb.OrdersCancelled())
        await placing
    assert "INVALID_FRAME: too large" in caplog.text


def test_an_invalid_address_is_refused_at_once() -> None:
    with pytest.raises(InvalidURI):
        Exchange.connect("http://127.0.0.1/", "secret")


async def test_the_token_is_not_shown() -> None:
    x = Exchange.connect("ws://127.0.0.1:1/ws", "secret-token")
    assert "secret-token" not in repr(x._session._settings)
