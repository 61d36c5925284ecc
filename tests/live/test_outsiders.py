"""Clients that nobody knows cannot keep others out, however many connections they open and however slow they are."""

import asyncio
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from proto import exchange_pb2 as wire
from tests.live.dripping import EVERY_KIND, dripping
from tests.live.exchange import LiveExchange, Template, manage
from tests.live.raw_socket import signed_in

OUTSIDERS = 1_000
FEW_DESCRIPTORS = 512
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
                await newcomer_gets_in(exchange)
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
