"""A client that a generator makes of our description, as users do, trades on a live exchange."""

import importlib
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
    """generated("api.orders.create_order") is that module of the client."""
    folder = tmp_path_factory.mktemp("generated")
    generator = Path(sys.executable).parent / "openapi-python-client"
    made = subprocess.run(
        [
            *(str(generator), "generate", "--url", f"{live.url}/api/v1/schema"),
            *("--output-path", str(folder / PACKAGE), "--meta", "none", "--fail-on-warning"),
        ],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))

    def module(name: str) -> ModuleType:
        return importlib.import_module(f"{PACKAGE}.{name}")

    yield module
    sys.path.remove(str(folder))


def test_it_trades(live: LiveExchange, generated: Any) -> None:
    models = generated("models")

    def client(name: str) -> Any:
        return generated("client").AuthenticatedClient(base_url=live.url, token=live.token(name))

    def ask(name: str, operation: str, *arguments: Any, **more: Any) -> Any:
        return generated(f"api.{operation}").sync(*arguments, client=client(name), **more)

    wish = models.NewMarket(name="Generated", min_settlement="0", max_settlement="100")
    market = ask("alice", "markets.create_market", body=wish).market.id

    def order(side: str, price: str) -> Any:
        return models.NewOrder(market_id=market, side=models.Side(side), price=price, size="2")

    resting = ask("alice", "orders.create_order", body=order("BID", "48.5"), idempotency_key="first")
    again = ask("alice", "orders.create_order", body=order("BID", "48.5"), idempotency_key="first")
    assert again.to_dict() == resting.to_dict()
    filled = ask("bob", "orders.create_order", body=order("OFFER", "48"))
    assert [(trade.price, trade.size) for trade in filled.trades] == [("48.50", "2.00")]
    refused = ask("alice", "orders.cancel_order", resting.order.id)
    assert (type(refused), refused.code) == (models.Error, models.Reason.ORDER_NOT_FOUND)
    ask("alice", "orders.create_order", body=order("BID", "40"))
    book = ask("alice", "markets.get_book", market)
    assert [(level.price, level.orders) for level in book.bids] == [("40.00", 1)]
    assert book.last_price == "48.50"
    assert ask("alice", "markets.get_book", market, at=resting.seq).bids[0].price == "48.50"
    events = ask("alice", "markets.list_events", market).events
    assert [type(event) for event in events] == [
        models.MarketDefinedEvent,
        models.OrderCreatedEvent,
        models.TradeEvent,
        models.OrderCreatedEvent,
    ]
    stake = next(one for one in ask("bob", "money.get_portfolio").exposures if one.market_id == market)
    assert (stake.position, stake.cost) == ("-2.00", "-97.0000")
    trade, start = ask("bob", "money.get_statement").results
    assert (trade.kind, trade.amount, trade.side, start.side) == (
        models.StatementKind.TRADE,
        "97.0000",
        models.Side.OFFER,
        None,
    )
