"""A market's past: what its own entries of the journal say, on from the checkpoint before.

The journal writes a checkpoint with every CHECKPOINT_EVERY entries of a market, in the transaction of the batch that
completes them. That is cheaper than making them later, out of the entries, and the past needs no preparation: the way
to any seq is one checkpoint and at most CHECKPOINT_EVERY entries and a batch.
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
from markets.journal.entries import OF_NO_MARKET, decode_events
from markets.journal.tables import fetch

CHECKPOINT_EVERY = 5_000  # entries of a market


class RestingOrder(NamedTuple):
    """Price 1/100 chip, size and open 1/100."""

    id: int
    account: int
    side: int
    price: int
    size: int
    open: int


@dataclass
class MarketState:
    """A market as it was when the journal stood at `seq`: what is open by order id, what is held by account id."""

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
        """The resting orders of a side in priority order."""
        sign = -1 if side == Side.BID else 1
        return sorted((o for o in self.orders.values() if o.side == side), key=lambda o: (sign * o.price, o.id))

    def apply(self, events: Iterable[Event]) -> None:
        """What came next in the journal; events of other markets are passed over."""
        for event in events:
            if not isinstance(event, OF_NO_MARKET) and event.market == self.market:
                _HANDLERS[type(event)](self, event)

    def _created(self, event: MarketCreated) -> None:
        self.name, self.description = event.name, event.description

    def _edited(self, event: MarketEdited) -> None:
        self.name, self.description = event.name, event.description

    def _status_changed(self, event: MarketStatusChanged) -> None:
        self.status = event.status

    def _settled(self, event: MarketSettled) -> None:
        self.status, self.settle_price = MarketStatus.SETTLED, event.price

    def _paid_out(self, event: PaidOut) -> None:
        self._hold(event.account, -event.position)

    def _ordered(self, event: OrderCreated) -> None:
        if event.open:
            self.orders[event.order] = RestingOrder(
                event.order, event.account, event.side, event.price, event.size, event.open
            )

    def _cancelled(self, event: OrderCancelled) -> None:
        self._leave(event.order, event.open)

    def _traded(self, event: Traded) -> None:
        self.last_price = event.price
        self._leave(event.maker_order, event.maker_open)
        self._hold(event.buyer, event.size)
        self._hold(event.seller, -event.size)

    def _leave(self, order: int, open: int) -> None:
        """An order that is still coming in does not rest yet."""
        if open and order in self.orders:
            self.orders[order] = self.orders[order]._replace(open=open)
        else:
            self.orders.pop(order, None)

    def _hold(self, account: int, size: int) -> None:
        position = self.positions.get(account, 0) + size
        if position:
            self.positions[account] = position
        else:
            self.positions.pop(account, None)


_HANDLERS: dict[type, Any] = {
    MarketCreated: MarketState._created,
    MarketEdited: MarketState._edited,
    MarketStatusChanged: MarketState._status_changed,
    MarketSettled: MarketState._settled,
    PaidOut: MarketState._paid_out,
    OrderCreated: MarketState._ordered,
    OrderCancelled: MarketState._cancelled,
    Traded: MarketState._traded,
}


# --- Checkpoints

_order_fields = attrgetter(*RestingOrder._fields)


def checkpoint(engine: Engine, market: Market) -> bytes:
    """The market as it is now: a JSON array of its figures, its orders by priority, its positions by account."""
    figures = [market.name, market.description, market.status, market.settle_price, market.last_price]
    # Order by order: one call for all would hold the interpreter lock for milliseconds where thousands rest.
    orders = b",".join([orjson.dumps(_order_fields(order)) for side in (market.bids, market.offers) for order in side])
    exposures = ((holder, engine.accounts[holder].exposures[market.id]) for holder in sorted(market.holders))
    positions = [(holder, exposure.position) for holder, exposure in exposures if exposure.position]
    return b"[%b,[%b],%b]" % (orjson.dumps(figures), orders, orjson.dumps(positions))


def restore(market: int, seq: int, data: bytes) -> MarketState:
    """The state that a checkpoint holds."""
    (name, description, status, settle_price, last_price), orders, positions = orjson.loads(data)
    resting = {fields[0]: RestingOrder(*fields) for fields in orders}
    return MarketState(market, seq, name, description, status, settle_price, last_price, resting, dict(positions))


def entries_since_checkpoint(connection: BaseDatabaseWrapper) -> Counter[int]:
    """How many entries of each market came after its last checkpoint."""
    counts = fetch(
        connection,
        "SELECT id, (SELECT count(*) FROM markets_journalmarket WHERE market_id = markets_market.id AND seq >"
        " coalesce((SELECT max(seq) FROM markets_marketcheckpoint WHERE market_id = markets_market.id), 0))"
        " FROM markets_market",
    )
    return Counter(dict(counts))


# --- The past


def market_state(connection: BaseDatabaseWrapper, market: int, seq: int) -> MarketState:
    """The market as it was when the journal stood at `seq`. LookupError if it was not made by then."""
    kept = fetch(
        connection,
        "SELECT seq, state FROM markets_marketcheckpoint WHERE market_id = %s AND seq <= %s ORDER BY seq DESC LIMIT 1",
        *(market, seq),
    )
    state = restore(market, *kept[0]) if kept else MarketState(market)
    for (events,) in fetch(
        connection,
        "SELECT events FROM markets_journalmarket m JOIN markets_journalentry e ON e.seq = m.seq"
        " WHERE m.market_id = %s AND m.seq > %s AND m.seq <= %s ORDER BY m.seq",
        *(market, state.seq, seq),
    ):
        state.apply(decode_events(events))
    if not state.name:
        raise LookupError(f"There was no market {market} when the journal stood at {seq}.")
    state.seq = seq
    return state
