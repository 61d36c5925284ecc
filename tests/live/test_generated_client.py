"""A client generated from the API description, as users do it, trades on a live exchange."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.live.exchange import LiveExchange

PACKAGE = "generated_exchange"


@pytest.fixture(scope="module")
def generated(live: LiveExchange, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """generated("api.orders.create_order") imports that module of the generated client."""
    folder = tmp_path_factory.mktemp("generated")
    generator = Path(sys.executable).parent / "openapi-python-client"
    made = subprocess.run(
        [
            str(generator),
            "generate",
            f"--url={live.url}/api/v1/schema",
            f"--output-path={folder / PACKAGE}",
            "--meta=none",
            "--fail-on-warning",
        ],
        env={**os.environ, "PATH": f"{generator.parent}:{os.environ['PATH']}"},  # it formats its output with ruff
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))

    def module(name: str) -> ModuleType:
        return importlib.import_module(f"{PACKAGE}.{name}")

    yield module
    sys.path.remove(str(folder))


class Asks:
    """Calls operations of the generated client as a person."""

    def __init__(self, live: LiveExchange, generated: Any) -> None:
        self.live = live
        self.generated = generated
        self.models = generated("models")

    def __call__(self, name: str, operation: str, *arguments: Any, **more: Any) -> Any:
        client = self.generated("client").AuthenticatedClient(base_url=self.live.url, token=self.live.token(name))
        return self.generated(f"api.{operation}").sync(*arguments, client=client, **more)

    def order(self, name: str, market: int, side: str, price: str, **more: Any) -> Any:
        side = self.models.Side(side)
        body = self.models.NewOrder(market_id=market, side=side, price=price, size="2")
        return self(name, "orders.create_order", body=body, **more)


def test_a_generated_client_trades(live: LiveExchange, generated: Any) -> None:
    ask = Asks(live, generated)
    models = ask.models
    body = models.NewMarket(name="Generated", min_settlement="0", max_settlement="100")
    market = ask("alice", "markets.create_market", body=body).market.id
    resting = ask.order("alice", market, "BID", "48.5", idempotency_key="first")
    again = ask.order("alice", market, "BID", "48.5", idempotency_key="first")
    assert again.to_dict() == resting.to_dict()
    filled = ask.order("bob", market, "OFFER", "48")
    assert [(trade.price, trade.size) for trade in filled.trades] == [("48.50", "2.00")]
    refused = ask("alice", "orders.cancel_order", resting.order.id)
    assert (type(refused), refused.code) == (models.Error, models.Reason.ORDER_FILLED)
    ask.order("alice", market, "BID", "40")
    book = ask("alice", "markets.get_book", market)
    assert [(level.price, level.orders) for level in book.bids] == [("40.00", 1)]
    assert book.last_price == "48.50"
    assert ask("alice", "markets.get_book", market, at=resting.seq).bids[0].price == "48.50"
    kinds = [type(event).__name__ for event in ask("alice", "markets.list_events", market).events]
    assert kinds == ["MarketDefinedEvent", "OrderCreatedEvent", "TradeEvent", "OrderCreatedEvent"]
    stake = next(one for one in ask("bob", "money.get_portfolio").exposures if one.market_id == market)
    assert (stake.position, stake.cost) == ("-2.00", "-97.0000")
    trade, start = ask("bob", "money.get_statement").results
    assert (trade.kind, trade.amount, trade.side) == (models.StatementKind.TRADE, "97.0000", models.Side.OFFER)
    assert (start.kind, start.side) == (models.StatementKind.TRANSFER, None)
