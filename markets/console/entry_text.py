"""Writes commands and events for people: fields by name, units as decimals, codes as words."""

import json
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from accounts import money
from accounts.console.words import when
from markets.engine import events
from markets.engine.commands import Command, MarketStatus, SelfTrade, Side, TimeInForce
from markets.engine.events import AccountKind, CancelCause, Event, TransferKind

DEFAULTS = ("", None, False, 0, (), TimeInForce.GTC.name, SelfTrade.CANCEL_RESTING.name)
HEAD = ("by", "account", "sudo", "key")  # the first fields of every command, which are columns of the journal
LEFT_OUT = (*HEAD, "accounts_max", "markets_max", "category_public")


def _word(kind: type[IntEnum]) -> Callable[[int], str | int]:
    return lambda code: kind(code).name if code in set(kind) else code


WRITERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("price", "min_settlement", "max_settlement", "tick_size"), money.price),
    **dict.fromkeys(
        ("size", "smallest_size", "open", "filled", "maker_open", "taker_open", "position", "volume"), money.size
    ),
    **dict.fromkeys(("amount", "starting_cash", "buy_now_price"), money.chips),
    **dict.fromkeys(("side", "taker_side"), _word(Side)),
    "status": _word(MarketStatus),
    "time_in_force": _word(TimeInForce),
    "self_trade": _word(SelfTrade),
    "cause": _word(CancelCause),
    "at_us": when,
    "credits": lambda rows: {str(owner): money.chips(credit) for owner, credit in rows},
}
# Fields shown as they are: ids, texts, counts. A test fails for a field that is neither here nor above.
PLAIN = frozenset(
    [
        *HEAD,
        "user",
        "owner",
        "shared",
        "receiver",
        "left",
        "name",
        "description",
        "note",
        "kind",
        "market",
        "order",
        "trade",
        "transfer",
        "from_account",
        "to_account",
        "buyer",
        "seller",
        "maker_order",
        "taker_order",
        "client_order_id",
        "post_only",
        "accounts_max",
        "markets_max",
        "category",
        "category_public",
        "pinned",
        "visible_to",
        "visible_before",
        "hide_account_ids",
        "auction",
        "seller",
        "picture",
        "no_buy_now_price",
    ]
)
KINDS: dict[type, type[IntEnum]] = {events.AccountCreated: AccountKind, events.Transferred: TransferKind}


def readable(thing: Command | Event) -> dict[str, Any]:
    """Its fields by name, in their order, written for people."""
    return {name: _written(type(thing), name, value) for name, value in thing._asdict().items()}


def summary(command: Command) -> str:
    """What a command asks for, in one line: "market 3, price 70.00". Default values are left out."""
    asked = ((name, value) for name, value in readable(command).items() if name not in LEFT_OUT)
    shown = [(name.replace("_", " "), value) for name, value in asked if value not in DEFAULTS]
    return ", ".join(name if value is True else f"{name} {value}" for name, value in shown)


def as_json(things: Any) -> str:
    return json.dumps(things, indent=2, ensure_ascii=False)


def _written(cls: type, name: str, value: Any) -> Any:
    if name == "kind" and cls in KINDS:
        return _word(KINDS[cls])(value)
    write = WRITERS.get(name)
    return value if write is None or value is None else write(value)
