"""A typed asyncio client of the exchange. README.md has the tour; exchange_pb2 is the wire contract.

Begin with `Exchange`. `State` is its reader of frames, for programs with a socket of their own.
"""

from exchange_client.backoff import Backoff
from exchange_client.book import Book, Level, Order
from exchange_client.errors import (
    Busy,
    ConnectionLost,
    ExchangeError,
    OutcomeUnknown,
    RateLimited,
    Refused,
    SlowConsumer,
    TooManyPending,
)
from exchange_client.exchange import Exchange
from exchange_client.exchange_pb2 import BID, FOK, GTC, IOC, OFFER
from exchange_client.messages import Reply, Request
from exchange_client.state import State, Update
from exchange_client.units import (
    amount_decimal,
    amount_units,
    price_decimal,
    price_units,
    size_decimal,
    size_units,
)
from exchange_client.updates import Updates
from exchange_client.version import VERSION as __version__
from exchange_client.views import MarketView, Portfolio

__all__ = [
    "BID",
    "FOK",
    "GTC",
    "IOC",
    "OFFER",
    "Backoff",
    "Book",
    "Busy",
    "ConnectionLost",
    "Exchange",
    "ExchangeError",
    "Level",
    "MarketView",
    "Order",
    "OutcomeUnknown",
    "Portfolio",
    "RateLimited",
    "Refused",
    "Reply",
    "Request",
    "SlowConsumer",
    "State",
    "TooManyPending",
    "Update",
    "Updates",
    "__version__",
    "amount_decimal",
    "amount_units",
    "price_decimal",
    "price_units",
    "size_decimal",
    "size_units",
]
