"""Builds request messages for the tests. Prices and sizes are in 1/100."""

import itertools
from typing import Any

from proto import exchange_pb2 as pb
from tests.live.raw_socket import RawSocket

_numbers = itertools.count(1)


def bid(market: int, price: int, size: int, **more: Any) -> pb.CreateOrder:
    return pb.CreateOrder(market_id=market, side=pb.BID, price=price, size=size, **more)


def offer(market: int, price: int, size: int, **more: Any) -> pb.CreateOrder:
    return pb.CreateOrder(market_id=market, side=pb.OFFER, price=price, size=size, **more)


def hundred(name: str) -> pb.CreateMarket:
    """A market from 0 to 100 chips."""
    return pb.CreateMarket(name=name, min_settlement=0, max_settlement=10_000)


async def new_market(socket: RawSocket) -> int:
    """Creates a market of the person on this socket; returns its id."""
    created = await socket.ask(create_market=hundred(f"Gold {next(_numbers)}"))
    assert created.HasField("market_created"), created
    return created.market_created.market.id


def one_market(market: int) -> list[pb.Subscription]:
    return [pb.Subscription(market_id=market)]
