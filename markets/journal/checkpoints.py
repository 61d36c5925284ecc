"""A market's past state: the last checkpoint before a seq, plus the market's own entries after it.

The journal writes a checkpoint after every CHECKPOINT_EVERY entries of a market, in the transaction of the batch that
completes them. That is cheaper than to make it from the entries later, and a past state needs no preparation: it takes
one checkpoint, and the entries of at most CHECKPOINT_EVERY plus a batch.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

import orjson
from django.db.backends.base.base import BaseDatabaseWrapper

from markets.engine.book import Market
from markets.engine.commands import MarketStatus, Side
from markets.engine.engine import Engine
from markets.engine.events import (
    Event,
    MarketCreated,
    MarketEdited,
    MarketSettled,
    MarketStatusChanged,
    OrderCancelled,
    OrderCreated,
    PaidOut,
    Traded,
)
from markets.journal.entries import EVENTS_WITHOUT_MARKET, decode_events
from markets.journal.tables import fetch

CHECKPOINT_EVERY = 5_000  # entries of a market


class RestingOrder(NamedTuple):
    """An open order. Price in 1/100 chip, size and open in 1/100."""

    id: int
    account: int
    side: int
    price: int
    size: int
    open: int


@dataclass
class MarketState:
    """A market as it was when the journal stood at `seq`.

    `orders` holds the open orders by id, `positions` (1/100) those that are not 0 by account id. Prices in 1/100 chip.
    """

    market: int
    seq: int = 0
    name: str = ""
    description: str = ""
    status: int = MarketStatus.OPEN
    settle_price: int | None = None
    last_price: int | None = None
    orders: dict[int, RestingOrder] = field(default_factory=dict)
    positions: dict[int, int] = field(default_factory=dict)

    def side(self, side: int) -> list[RestingOrder]:
        """The resting orders of one side in priority order."""
        sign = -1 if side == Side.BID else 1
        return sorted((o for o in self.orders.values() if o.side == side), key=lambda o: (sign * o.price, o.id))

    def apply(self, events: Iterable[Event]) -> None:
        """Brings the state forward by the next events of the journal; skips events of other markets."""
        for event in events:
            if not isinstance(event, EVENTS_WITHOUT_MARKET) and event.market == self.market:
                _HANDLERS[type(event)](self, event)

    def _on_created(self, event: MarketCreated) -> None:
        self.name, self.description = event.name, event.description

    def _on_edited(self, event: MarketEdited) -> None:
        self.name, self.description = event.name, event.description

    def _on_status_changed(self, event: MarketStatusChanged) -> None:
        self.status = event.status

    def _on_settled(self, event: MarketSettled) -> None:
        self.status, self.settle_price = MarketStatus.SETTLED, event.price

    def _on_paid_out(self, event: PaidOut) -> None:
        self._add_position(event.account, -event.position)

    def _on_order_created(self, event: OrderCreated) -> None:
        if event.open:
            self.orders[event.order] = RestingOrder(
                id=event.order,
                account=event.account,
                side=event.side,
                price=event.price,
                size=event.size,
                open=event.open,
            )

    def _on_order_cancelled(self, event: OrderCancelled) -> None:
        self._set_open(event.order, event.open)

    def _on_traded(self, event: Traded) -> None:
        self.last_price = event.price
        self._set_open(event.maker_order, event.maker_open)
        self._add_position(event.buyer, event.size)
        self._add_position(event.seller, -event.size)

    def _set_open(self, order: int, open: int) -> None:
        """Sets what is open of a resting order. Does nothing for an incoming order, which does not rest yet."""
        if open and order in self.orders:
            self.orders[order] = self.orders[order]._replace(open=open)
        else:
            self.orders.pop(order, None)

    def _add_position(self, account: int, size: int) -> None:
        position = self.positions.get(account, 0) + size
        if position:
            self.positions[account] = position
        else:
            self.positions.pop(account, None)


_HANDLERS: dict[type, Any] = {
    MarketCreated: MarketState._on_created,
    MarketEdited: MarketState._on_edited,
    MarketStatusChanged: MarketState._on_status_changed,
    MarketSettled: MarketState._on_settled,
    PaidOut: MarketState._on_paid_out,
    OrderCreated: MarketState._on_order_created,
    OrderCancelled: MarketState._on_order_cancelled,
    Traded: MarketState._on_traded,
}


# --- Checkpoints

_order_fields = attrgetter(*RestingOrder._fields)


def encode_checkpoint(engine: Engine, market: Market) -> bytes:
    """The market as it is now, as a JSON array: its figures, its orders in priority order, its positions by account."""
    figures = [market.name, market.description, market.status, market.settle_price, market.last_price]
    # One call per order: with thousands of orders, one call for all would hold the interpreter lock for milliseconds.
    orders = b",".join([orjson.dumps(_order_fields(order)) for side in (market.bids, market.offers) for order in side])
    exposures = ((holder, engine.accounts[holder].exposures[market.id]) for holder in sorted(market.holders))
    positions = [(holder, exposure.position) for holder, exposure in exposures if exposure.position]
    return b"[%b,[%b],%b]" % (orjson.dumps(figures), orders, orjson.dumps(positions))


def decode_checkpoint(market: int, seq: int, data: bytes) -> MarketState:
    """The state that a checkpoint of this market and seq holds."""
    (name, description, status, settle_price, last_price), orders, positions = orjson.loads(data)
    resting = {fields[0]: RestingOrder(*fields) for fields in orders}
    return MarketState(market, seq, name, description, status, settle_price, last_price, resting, dict(positions))


def entries_since_checkpoint(connection: BaseDatabaseWrapper) -> Counter[int]:
    """The number of entries after the last checkpoint, by market id."""
    counts = fetch(
        connection,
        "SELECT id, (SELECT count(*) FROM markets_journalmarket WHERE market_id = markets_market.id AND seq >"
        " coalesce((SELECT max(seq) FROM markets_marketcheckpoint WHERE market_id = markets_market.id), 0))"
        " FROM markets_market",
    )
    return Counter(dict(counts))


# --- The past


def market_state(connection: BaseDatabaseWrapper, market: int, seq: int) -> MarketState:
    """The market as it was when the journal stood at `seq`. LookupError if it did not exist yet."""
    latest = fetch(
        connection,
        "SELECT seq, state FROM markets_marketcheckpoint WHERE market_id = %s AND seq <= %s ORDER BY seq DESC LIMIT 1",
        market,
        seq,
    )
    state = decode_checkpoint(market, *latest[0]) if latest else MarketState(market)
    for (events,) in fetch(
        connection,
        "SELECT events FROM markets_journalmarket m JOIN markets_journalentry e ON e.seq = m.seq"
        " WHERE m.market_id = %s AND m.seq > %s AND m.seq <= %s ORDER BY m.seq",
        market,
        state.seq,
        seq,
    ):
        state.apply(decode_events(events))
    if not state.name:
        raise LookupError(f"There was no market {market} when the journal stood at {seq}.")
    state.seq = seq
    return state
