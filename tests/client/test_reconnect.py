"""Lost sockets: back-off, resuming, and commands that are done once."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from exchange_client import BID, Backoff, ConnectionLost, Exchange, OutcomeUnknown, Request, requests, session
from exchange_client import exchange_pb2 as pb
from exchange_client.backoff import RESTART_CODE
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response

from tests.client.script import EPOCH, OWN, FakeExchange, Socket, authenticated, cancelled, order, piece, ready, say


def at_once(attempts: int | None = 5) -> Backoff:
    return Backoff(first=0.01, most=0.01, restart=0.01, attempts=attempts, reconnects=attempts)


@asynccontextmanager
async def connected(server: FakeExchange) -> AsyncIterator[tuple[Exchange, Socket]]:
    async def welcome() -> Socket:
        socket = await server.accept()
        await socket.welcome()
        return socket

    opening = asyncio.create_task(welcome())
    async with Exchange.connect(server.url, "secret", markets=[1], backoff=at_once()) as x:
        yield x, await opening


async def come_back(server: FakeExchange) -> tuple[Socket, pb.Authenticate]:
    """The exchange's end of the next socket, ready. It sends no snapshots: the client missed nothing."""
    socket = await server.accept()
    hello = (await socket.request()).authenticate
    await socket.send(authenticated(), ready(hello.act_as))
    return socket, hello


async def test_the_client_resumes_where_it_stood_and_its_book_continues(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        book = x.book(1)
        await socket.send(*piece("market.1", 10, 14, cancelled((2, 0))), say(pb.UpToDate(seq=15, epoch=EPOCH)))
        await socket.send(*piece("market.1", 14, 17, pb.OrderCreated(order=order(3, BID, 4100, 100))))
        await x.until(lambda: 3 in book)
        socket.cut()
        socket = await server.accept()
        hello = (await socket.request()).authenticate
        assert (hello.epoch, hello.from_seq, hello.act_as) == (EPOCH, 15, OWN)
        assert [(item.market_id, item.from_seq) for item in hello.subscriptions] == [(1, 17)]
        # New messages, and one that the client has already.
        await socket.send(
            authenticated(),
            *piece("market.1", 14, 17, pb.OrderCreated(order=order(3, BID, 4100, 100))),
            *piece("market.1", 17, 18, cancelled((3, 40))),
            ready(),
        )
        await x.until_connected()
        assert book.best_bid == (4100, 40, 1)
        assert x.state.gaps == 0


async def test_a_request_without_a_reply_is_sent_again_with_its_key(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        placing = x.send(requests.create_order(1, BID, "40", "10"))
        transferring = x.send(requests.make_transfer(OWN, 9, "1"))
        sent = [await socket.request(), await socket.request()]
        socket.cut()
        socket, _ = await come_back(server)
        again = await socket.receive()
        assert again == sent
        await socket.reply(again[0], pb.OrderCreated(order=order(5, BID, 4000, 1000)), seq=12, replayed=True)
        await socket.reply(again[1], pb.TransferCreated(), seq=30)
        assert (await placing).replayed
        assert not (await transferring).replayed


async def test_an_answered_request_is_not_sent_again(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        first, second = x.send(requests.out()), x.send(requests.out())
        asked = [await socket.request(), await socket.request()]
        await socket.reply(asked[0], pb.OrdersCancelled())
        await first
        socket.cut()
        socket, _ = await come_back(server)
        assert await socket.receive() == [asked[1]]
        await socket.reply(asked[1], pb.OrdersCancelled())
        await second


async def test_a_request_without_a_key_is_not_sent_again(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        # The bot's author chose to send no key.
        asking = x.send(Request(pb.CreateOrder(market_id=1, side=BID, price=1, size=1), pb.OrderCreated))
        await socket.request()
        socket.cut()
        with pytest.raises(OutcomeUnknown, match="connection was lost"):
            await asking
        socket, _ = await come_back(server)
        await x.until_connected()
        x.send(requests.out(key="next"))
        assert (await socket.request()).out.key == "next"


async def test_a_request_is_sent_four_times_at_most(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        asking = x.send(requests.out())
        request = await socket.request()
        for _ in range(3):
            socket.cut()
            socket, _ = await come_back(server)
            assert await socket.request() == request
        socket.cut()
        await come_back(server)
        with pytest.raises(OutcomeUnknown, match="sent 4 times"):
            await asking


async def test_an_abandoned_request_is_not_sent_again(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        asking = x.send(requests.out())
        await socket.request()
        asking.cancel()
        socket.cut()
        socket, _ = await come_back(server)
        await x.until_connected()
        x.send(requests.out(key="next"))
        assert (await socket.request()).out.key == "next"


async def test_a_request_is_not_sent_again_as_another_account(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        asking = x.send(requests.out())
        await socket.request()
        await socket.send(say(pb.ActingAs(account_id=8)))  # the exchange switched the account
        await x.until(lambda: x.account_id == 8)
        socket.cut()
        _, hello = await come_back(server)
        assert hello.act_as == 8
        with pytest.raises(OutcomeUnknown, match="another account"):
            await asking


async def test_commands_without_a_connection_raise_an_error(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        socket.cut()
        socket = await server.accept()
        with pytest.raises(ConnectionLost, match="not connected"):
            x.send(requests.out())
        await socket.request()
        await socket.send(authenticated(), ready())
        await x.until_connected()


async def test_subscriptions_made_later_are_made_again(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        for coroutine, answer in (
            (x.subscribe(all_markets=True), pb.Subscribed(streams=["market.1"])),
            (x.unsubscribe(1), pb.Unsubscribed(streams=["market.1"])),
        ):
            asking = asyncio.ensure_future(coroutine)
            await socket.reply(await socket.request(), answer)
            await asking
        socket.cut()
        _, hello = await come_back(server)
        # A client that follows all markets follows market 1 again too, and needs a snapshot for what it missed.
        assert [(item.market_id, item.all_markets) for item in hello.subscriptions] == [(0, True), (1, False)]
        assert hello.subscriptions[1].from_seq == 0


async def test_a_busy_exchange_is_asked_again_after_the_time_it_names(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        socket.cut()
        socket = await server.accept()
        begun = asyncio.get_running_loop().time()
        await socket.reply(await socket.request(), pb.Refused(code=pb.BUSY, retry_after_ms=200), seq=0)
        await come_back(server)
        await x.until_connected()
        assert asyncio.get_running_loop().time() - begun >= 0.2


async def test_a_restarted_exchange_replaces_everything(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        book = x.book(1)
        await socket.send(*piece("market.1", 10, 14, cancelled((1, 0), (2, 0))))
        await x.until(lambda: len(book) == 0)
        await socket.close(RESTART_CODE)
        socket = await server.accept()
        hello = await socket.welcome(EPOCH + 1)
        assert hello.epoch == EPOCH
        await x.until_connected()
        assert x.book(1) is book
        assert len(book) == 2


async def test_a_lasting_gap_makes_the_client_reconnect(server: FakeExchange) -> None:
    async with connected(server) as (x, socket):
        await socket.send(*piece("market.1", 11, 12, cancelled((1, 0))))
        for _ in range(2):
            await socket.send(say(pb.UpToDate(seq=13, epoch=EPOCH)))
        socket = await server.accept()
        assert (await socket.welcome()).epoch == 0
        await x.until_connected()
        assert x.state.gaps == 1


async def test_a_lasting_connection_resets_the_count_of_failures(
    server: FakeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "HELD_SECONDS", 0.0)
    async with connected(server) as (x, socket):
        for _ in range(8):  # the back-off allows 5 in a row
            socket.cut()
            socket, _ = await come_back(server)
        await x.until_connected()


async def test_the_client_leaves_a_silent_exchange(server: FakeExchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SILENCE_SECONDS", 0.05)
    async with connected(server) as (x, _):
        await come_back(server)
        await x.until_connected()


async def test_an_unreachable_exchange_is_tried_several_times_before_an_error(unused_tcp_port: int) -> None:
    with pytest.raises(ConnectionLost, match="gave up connecting"):
        async with Exchange.connect(f"ws://127.0.0.1:{unused_tcp_port}/ws", "secret", backoff=at_once(attempts=2)):
            pass


def test_waits_double_up_to_the_most_and_are_drawn_from_zero() -> None:
    drawn: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    backoff = Backoff(first=1, most=10, restart=5, attempts=6, draw=draw)
    assert [backoff.wait_after(1006) for _ in range(5)] == [1, 2, 4, 8, 10]
    assert backoff.wait_after(RESTART_CODE) == 5
    assert backoff.wait_after(1006) is None
    backoff.reset()
    assert backoff.wait_after(1006) == 1
    assert {low for low, _ in drawn} == {0}


def test_after_a_restart_clients_come_back_spread_over_five_seconds() -> None:
    waits = [Backoff().wait_after(RESTART_CODE) or 0 for _ in range(500)]
    assert 0 <= min(waits) < 0.5
    assert 4.5 < max(waits) <= 5


def test_before_the_first_connection_there_are_eight_attempts() -> None:
    backoff = Backoff(draw=lambda low, high: high)
    waits = [backoff.wait_after(1006) for _ in range(9)]
    assert waits[8] is None
    assert sum(filter(None, waits)) > 20  # seconds


def test_once_connected_the_client_retries_for_ever() -> None:
    backoff = Backoff(draw=lambda low, high: high)
    backoff.connected()
    assert [backoff.wait_after(1006) for _ in range(2000)][-1] == 10


def test_the_number_of_reconnects_may_be_limited() -> None:
    backoff = Backoff(attempts=1, reconnects=3)
    backoff.connected()
    assert [backoff.wait_after(1006) is None for _ in range(4)] == [False, False, False, True]


class TestAWrongAddress:
    """It ends the client at once, with a sentence. `attempts=None` would try for ever."""

    @staticmethod
    async def error_of(status: int, attempts: int | None = None) -> str:
        """The error of a client whose server answers its handshake with this HTTP status."""

        def answer(connection: ServerConnection, request: HttpRequest) -> Response:
            return connection.respond(HTTPStatus(status), "")

        async def nobody(socket: ServerConnection) -> None:
            raise AssertionError("no socket opens")

        async with serve(nobody, "127.0.0.1", 0, process_request=answer) as server:
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
            with pytest.raises(ConnectionLost) as lost:
                async with Exchange.connect(url, "secret", backoff=at_once(attempts)):
                    pass
        return str(lost.value)

    @pytest.mark.parametrize("status", [200, 400, 403, 404])
    async def test_a_server_without_a_socket_there_ends_it(self, status: int) -> None:
        assert re.search(rf"HTTP {status}\. The path of the socket is /ws\.$", await self.error_of(status))

    @pytest.mark.parametrize("status", [429, 502, 503, 504])
    async def test_a_proxy_whose_exchange_is_away_does_not(self, status: int) -> None:
        assert (await self.error_of(status, attempts=2)).startswith("gave up connecting")

    async def test_a_server_without_tls_ends_it(self) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"
            with pytest.raises(ConnectionLost, match="Without TLS the address begins with ws://"):
                async with Exchange.connect(url, "secret", backoff=at_once(None)):
                    pass
