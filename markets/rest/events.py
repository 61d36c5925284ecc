"""Renders the journal's events of a market for REST: exactly what the market's stream published.

wire/audience.py decides who gets an event live. This does the same afterwards, without an engine. Account ids are 0 if
the market hides them. Payouts, client_order_ids, and cancels at the market's end are left out: only their accounts see
them. Only operators in sudo see `visible_to`.
"""

from collections.abc import Iterator
from typing import Any

from accounts.rest.fields import decimal, moment
from markets.engine import events
from markets.engine.commands import MarketStatus, Side, TimeInForce
from markets.engine.events import CancelCause, Event
from markets.journal.entries import Outcome
from markets.wire.audience import CLEARED

Rendered = dict[str, Any]


def rendered(outcome: Outcome, market: int, masked: bool, sudo: bool) -> Iterator[Rendered]:
    """What an entry did in the market, as one object per event."""
    head = {"seq": outcome.seq, "at": moment(outcome.at_us)}
    incoming = next((e.order for e in outcome.events if isinstance(e, events.OrderCreated)), 0)
    for event in outcome.events:
        if getattr(event, "market", 0) == market:
            for body in _rendered(event, incoming, masked, sudo):
                yield {**head, **body}


def _rendered(event: Event, incoming: int, masked: bool, sudo: bool) -> Iterator[Rendered]:
    match event:
        case events.OrderCreated() if event.open:
            yield _order(event, masked)
        case events.Traded():
            yield _trade(event, masked)
        case events.OrderCancelled() if event.order != incoming and event.cause not in CLEARED:
            cause = CancelCause(event.cause).name
            yield {"type": "order_cancelled", "order_id": event.order, "open": decimal(event.open, 2), "cause": cause}
        case events.MarketCreated() | events.MarketEdited():
            yield _definition(event, sudo)
        case events.MarketStatusChanged():
            yield {"type": "status_changed", "status": MarketStatus(event.status).name}
            if event.status == MarketStatus.CLOSED:
                yield {"type": "book_cleared"}
        case events.MarketSettled():
            yield {"type": "book_cleared"}
            yield {"type": "market_settled", "price": decimal(event.price, 2)}


def _order(event: events.OrderCreated, masked: bool) -> Rendered:
    """An order that rests with `open`."""
    return {
        "type": "order_created",
        "order_id": event.order,
        "account_id": 0 if masked else event.account,
        "side": Side(event.side).name,
        "price": decimal(event.price, 2),
        "size": decimal(event.size, 2),
        "open": decimal(event.open, 2),
        "time_in_force": TimeInForce(event.time_in_force).name,
        "post_only": event.post_only,
    }


def _trade(event: events.Traded, masked: bool) -> Rendered:
    return {
        "type": "trade",
        "trade_id": event.trade,
        "price": decimal(event.price, 2),
        "size": decimal(event.size, 2),
        "buyer_id": 0 if masked else event.buyer,
        "seller_id": 0 if masked else event.seller,
        "taker_side": Side(event.taker_side).name,
        "maker_order_id": event.maker_order,
        "maker_open": decimal(event.maker_open, 2),
        "taker_order_id": event.taker_order,
    }


def _definition(event: events.MarketCreated | events.MarketEdited, sudo: bool) -> Rendered:
    return {
        "type": "market_created" if isinstance(event, events.MarketCreated) else "market_edited",
        "name": event.name,
        "description": event.description,
        "category": event.category,
        "pinned": event.pinned,
        "hide_account_ids": event.hide_account_ids,
        "visible_to": list(event.visible_to) if sudo else None,
    }
