"""The exchange in two processes over Redis and PostgreSQL: a matcher, and one that serves pages and sockets."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from exchange_client import BID, OFFER, Exchange

from tests.live.exchange import STOP_SECONDS_MAX, LiveExchange, SplitExchange, Template

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


@pytest.fixture
def split(postgres_template: Template, redis_url: str, tmp_path: Path) -> Iterator[LiveExchange]:
    exchange = SplitExchange(postgres_template, tmp_path / "split", {"REDIS_URL": redis_url})
    yield exchange
    exchange.close()


async def test_orders_trade_and_survive_a_new_matcher(split: SplitExchange) -> None:
    async with (
        Exchange.connect(split.ws_url, token=split.token("alice"), all_markets=True) as alice,
        Exchange.connect(split.ws_url, token=split.token("bob"), all_markets=True) as bob,
    ):
        market = (await alice.create_market("Rain", "0", "100")).body.market.id
        await alice.place(market, OFFER, "50", "3")
        bought = await bob.place(market, BID, "50", "2", client_order_id="once")
        assert bought.body.order.filled == 200
        await bob.until(lambda: bob.portfolio().position(market) == 200)
        await alice.until(lambda: alice.portfolio().position(market) == -200)

        split.matcher.send_signal(signal.SIGTERM)
        assert split.matcher.wait(STOP_SECONDS_MAX) == 0
        split.launch_matcher()
        again = await bob.place(market, BID, "50", "2", client_order_id="once")
        assert again.replayed
        assert again.body.order.id == bought.body.order.id
        rest = await bob.place(market, BID, "50", "1")
        assert rest.body.order.filled == 100
        await bob.until(lambda: bob.portfolio().position(market) == 300)
        await alice.until_connected()
        (past,) = [page async for page in alice.order_history(market)]  # histories are read by the matcher's process
        assert [(one.open, one.WhichOneof("cause")) for one in past.changes if one.order_id == rest.body.order.id] == [
            (100, "created"),
            (0, "trade_id"),
        ]
    assert split.stop() == 0
    split.verify()
