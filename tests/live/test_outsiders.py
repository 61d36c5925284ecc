"""Clients that nobody knows cannot keep others out, however many connections they open and however slow they are."""

import asyncio
import contextlib
import resource
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError

import pytest

from proto import exchange_pb2 as wire
from tests.live.dripping import EVERY_KIND, dripping
from tests.live.exchange import LiveExchange, Template, manage
from tests.live.raw_socket import raw_socket, signed_in

OUTSIDERS = 1_000
NEWCOMERS = 60
FEW_DESCRIPTORS = 512
TRIES = 10
WAIT_SECONDS = 60.0

Start = Callable[..., LiveExchange]


class ExchangeOfFewFiles(LiveExchange):
    """An exchange that the system allows FEW_DESCRIPTORS open files, and that starts with half of them."""

    def launch(self) -> None:
        with self.log.open("a") as log:
            few = (FEW_DESCRIPTORS // 2, FEW_DESCRIPTORS)
            self.process = manage(
                "runexchange",
                "--port",
                str(self.port),
                env=self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, few),
            )


async def newcomer_gets_in(exchange: LiveExchange) -> None:
    """Gets the sign-in page, signs in there, reads the list of markets, opens a socket and sends an order's cancel."""
    page = await asyncio.to_thread(exchange.browser().get, "/sign-in/")
    assert page.status == 200
    browser = await asyncio.to_thread(exchange.browser, "bob")
    assert (await asyncio.to_thread(browser.get, "/")).status == 200
    async with signed_in(exchange.ws_url, exchange.token("alice")) as bot:
        answer = await bot.ask(cancel_order=wire.CancelOrder(order_id=1))
        assert answer.refused.code == wire.ORDER_NOT_FOUND


async def newcomer_keeps_trying(exchange: LiveExchange) -> None:
    """As browsers do: while there are fewer places than slow clients, it may be the newcomer that gives way."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(ConnectionError, URLError):
            return await newcomer_gets_in(exchange)
    await newcomer_gets_in(exchange)


@pytest.mark.parametrize("places", [OUTSIDERS // 2, OUTSIDERS * 2])
async def test_a_thousand_dripping_connections_keep_no_newcomer_out(start_exchange: Start, places: int) -> None:
    """They come from the newcomer's own address, and may hold all of its places."""
    exchange = start_exchange(WAITING_CONNECTIONS_MAX=str(places))
    async with asyncio.timeout(WAIT_SECONDS), dripping(exchange.port, OUTSIDERS):
        await newcomer_gets_in(exchange)
    assert "Traceback" not in exchange.log.read_text()


async def test_whoever_waits_gives_way_before_the_files_run_out(template: Template, tmp_path: Path) -> None:
    exchange = ExchangeOfFewFiles(template, tmp_path / "few", {"WAITING_CONNECTIONS_MAX": str(OUTSIDERS)})
    try:
        async with asyncio.timeout(WAIT_SECONDS), signed_in(exchange.ws_url, exchange.token("carol")) as early:
            async with dripping(exchange.port, OUTSIDERS) as drippers:
                await newcomer_keeps_trying(exchange)
                assert sum(one.dropped.is_set() for one in drippers) > OUTSIDERS - FEW_DESCRIPTORS
            answer = await early.ask(cancel_order=wire.CancelOrder(order_id=1))
            assert answer.refused.code == wire.ORDER_NOT_FOUND, "who has signed in keeps the connection"
    finally:
        exchange.close()
    log = exchange.log.read_text()
    assert "Traceback" not in log
    assert "Too many open files" not in log


async def test_every_kind_of_slow_client_has_a_deadline(start_exchange: Start) -> None:
    exchange = start_exchange(DJANGO_SETTINGS_MODULE="tests.live.settings.strict")
    async with asyncio.timeout(WAIT_SECONDS), dripping(exchange.port, len(EVERY_KIND) * 3) as drippers:
        for one in drippers:
            await one.dropped.wait()
    assert "Traceback" not in exchange.log.read_text()


class GuessingBot(threading.Thread):
    """Tries wrong tokens over sockets and REST, and wrong passwords, until it is told to end."""

    def __init__(self, exchange: LiveExchange) -> None:
        super().__init__(daemon=True)
        self._exchange = exchange
        self.done = threading.Event()
        self.refused = 0

    def run(self) -> None:
        headers = {"Authorization": "Bearer xt_wrong"}
        while not self.done.is_set():
            request = urllib.request.Request(f"{self._exchange.url}/api/v1/me", headers=headers)
            self.refused += self._exchange.browser().open(request).status in (401, 429)
            self.refused += asyncio.run(self._guess())

    async def _guess(self) -> bool:
        async with raw_socket(self._exchange.ws_url) as socket:
            answer = await socket.ask(authenticate=wire.Authenticate(token="xt_wrong"))
            return answer.refused.code in (wire.NOT_AUTHENTICATED, wire.RATE_LIMITED)


def signs_up(exchange: LiveExchange, number: int) -> bool:
    """A newcomer signs up, or where the number is even signs out and in again too."""
    browser = exchange.browser()
    secret = f"correct horse {number}"
    page = browser.post("/sign-up/", username=f"newcomer{number}", password1=secret, password2=secret)
    if number % 2 == 0:
        browser.post("/sign-out/")
        browser.sign_in(f"newcomer{number}", secret)
        page = browser.get("/")
    return page.status == 200 and "/sign-" not in page.url


def test_a_class_starts_behind_one_address_while_a_bot_guesses(start_exchange: Start) -> None:
    """One wrong token is too many already, so that every newcomer signs in at an address over its limit."""
    exchange = start_exchange(SIGN_UP_OPEN="1", RATE_FACTOR="1", SIGN_IN_FAILURES_PER_ADDRESS_MAX="1")
    bot = GuessingBot(exchange)
    bot.start()
    began = time.monotonic()
    with ThreadPoolExecutor(8) as people:
        got_in = list(people.map(lambda number: signs_up(exchange, number), range(NEWCOMERS)))
    seconds = time.monotonic() - began
    bot.done.set()
    bot.join(WAIT_SECONDS)
    assert got_in == [True] * NEWCOMERS
    assert bot.refused > 0
    print(f"{NEWCOMERS} newcomers in {seconds:.0f} s, {bot.refused} guesses refused")


HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\n%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n"
)
REQUEST = b"GET %s HTTP/1.1\r\n%s\r\n\r\n"
HOST = b"Host: 127.0.0.1"
WRONG_TOKEN = HOST + b"\r\nAccept: text/html\r\nAuthorization: Bearer xt_wrong"
# Requests that no sound client sends -> the status of the answer.
MALFORMED = {
    HANDSHAKE % (HOST, b"Origin: \r\n"): 400,
    HANDSHAKE % (HOST, b"Origin: http://[::1\r\n"): 400,
    HANDSHAKE % (HOST, b"Origin: http://a:99999\r\n"): 400,
    HANDSHAKE % (HOST, b"Sec-WebSocket-Key: x\r\n"): 400,
    HANDSHAKE % (HOST, b"Sec-WebSocket-Protocol: \xff\r\n"): 101,
    HANDSHAKE % (HOST, b"Daphne-Root-Path: \xff\r\n"): 101,
    HANDSHAKE % (HOST, b"Origin: http://evil.example\r\n"): 101,  # accepted, to say why it is closed
    HANDSHAKE % (b"Host: 127.0.0.1:x", b""): 400,
    HANDSHAKE % (b"X: y", b""): 400,
    REQUEST % (b"/sign-in/", b"Host: evil.example"): 400,
    REQUEST % (b"/sign-in/", b"Host: a b"): 400,
    REQUEST % (b"/api/v1/time", b"Host: "): 400,
    REQUEST % (b"/api/v1/time", HOST + b"\r\nDaphne-Root-Path: \xff"): 200,
    REQUEST % (b"/api/v1/time", WRONG_TOKEN): 401,
    REQUEST % (b"/api/v1/orders", WRONG_TOKEN): 401,
}


def test_a_malformed_request_costs_the_log_one_line_at_most(live: LiveExchange) -> None:
    before = live.log.read_text()
    for request, status in MALFORMED.items():
        with socket.create_connection(("127.0.0.1", live.port), timeout=WAIT_SECONDS) as connection:
            connection.sendall(request)
            answer = connection.recv(64)
        assert answer.split()[1] == str(status).encode(), (request, answer)
    assert live.browser().get("/api/v1/time").status == 200
    lines = live.log.read_text().removeprefix(before).splitlines()
    assert len(lines) <= len(MALFORMED), "\n".join(lines)
    assert not [line for line in lines if "Traceback" in line or " ERROR " in line or " CRITICAL " in line], lines
    assert len([line for line in lines if "its origin 'http://evil.example' is not allowed" in line]) == 1
