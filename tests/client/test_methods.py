"""The commands of Exchange are the functions of requests: the same parameters, types and docstrings."""

import asyncio
import inspect
import pydoc
from typing import assert_type, get_args, get_origin

import pytest
from exchange_client import BID, Exchange, Reply, Request, requests
from exchange_client import exchange_pb2 as pb

from tests.client.script import FakeExchange, cancelled, connected, order

NAMED = {"place": "create_order", "cancel": "cancel_order"}
# These take `*markets` rather than a list; subscribe also waits for the snapshots.
WRITTEN = {"subscribe", "unsubscribe"}
# Their iterators over pages are trade_history, order_history and positions.
PAGES = {"get_full_trade_history", "get_full_order_history", "get_market_positions"}


COMMANDS = [
    name
    for name, method in inspect.getmembers(Exchange, inspect.iscoroutinefunction)
    if "__signature__" in vars(method)
]


def test_every_builder_has_its_command() -> None:
    functions = inspect.getmembers(requests, inspect.isfunction)
    builders = {
        name for name, function in functions if get_origin(inspect.signature(function).return_annotation) is Request
    }
    assert {NAMED.get(name, name) for name in COMMANDS} == builders - WRITTEN - PAGES


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_parameters_and_the_text_of_its_builder(name: str) -> None:
    method, builder = getattr(Exchange, name), getattr(requests, NAMED.get(name, name))
    itself, *parameters = inspect.signature(method).parameters.values()
    assert itself.name == "self"
    assert parameters == list(inspect.signature(builder).parameters.values())
    answer = inspect.signature(method).return_annotation
    assert answer.__origin__ is Reply
    assert get_args(answer) == get_args(inspect.signature(builder).return_annotation)
    assert method.__doc__ == builder.__doc__ != ""
    assert (method.__name__, method.__qualname__) == (name, f"Exchange.{name}")
    assert method.__module__ == Exchange.__module__


def test_help_shows_parameters_and_text() -> None:
    page = pydoc.plain(pydoc.render_doc(Exchange.connect("ws://127.0.0.1:1/ws", "secret").place))
    assert (
        "async place(market_id: int, side: int, price: decimal.Decimal | str, size: decimal.Decimal | str, *," in page
    )
    assert "Bids for (BID) or offers (OFFER)" in page


async def test_type_checkers_know_parameters_and_replies(server: FakeExchange) -> None:
    """mypy checks this too: an ignore below without an error to ignore is an error itself."""
    async with connected(server) as (x, socket):
        with pytest.raises(TypeError):
            await x.place(1)  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            await x.place(1, BID, 48.25, "10")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            await x.place(1, BID, "48.25", "10", pots_only=True)  # type: ignore[call-arg]
        placing = asyncio.create_task(x.place(1, BID, "48.25", "10", post_only=True))
        await socket.reply(await socket.request(), pb.OrderCreated(order=order(5, BID, 4825, 1000)))
        assert_type(await placing, Reply[pb.OrderCreated])
        cancelling = asyncio.create_task(x.cancel(client_order_id="mine"))
        await socket.reply(await socket.request(), cancelled((5, 0)))
        assert_type((await cancelling).body, pb.OrdersCancelled)
