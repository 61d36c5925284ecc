"""Tells whoever cancels an own order that is no longer open whether it is filled or cancelled.

The engine keeps open orders only and answers ORDER_NOT_FOUND for every other one. A refusal is not journalled, so what
the tables say may replace it. They are read once for all cancels of a batch, after its commit: then they also hold the
orders that finished in this batch.
"""

import logging
from collections.abc import Iterable

from markets.engine.commands import CancelOrder, Command
from markets.engine.engine import Engine
from markets.engine.errors import Reason, Rejected
from markets.engine.text import hundredths
from markets.engine.visibility import NOTHING
from markets.journal.finished_orders import FinishedOrder
from markets.journal.journal import Journal
from markets.matching.batch import Frame, Sought
from markets.wire import codec

logger = logging.getLogger(__name__)


def sought(engine: Engine, command: Command, rejected: Rejected) -> Sought | None:
    """What the refused command looked for. None if it is no cancel, or if there has been no such order.

    Call it before the next command: later the id or the key may exist.
    """
    if rejected.reason is not Reason.ORDER_NOT_FOUND or not isinstance(command, CancelOrder):
        return None
    if command.order:
        return Sought(command.account, command.order, 0) if 0 < command.order < engine.next_order else None
    seq = engine.accounts[command.account].seq_of(command.client_order_id)
    return None if seq is None else Sought(command.account, 0, seq)


async def explain(journal: Journal, engine: Engine, frames: Iterable[Frame]) -> None:
    """Replaces ORDER_NOT_FOUND by ORDER_FILLED or ORDER_CANCELLED where the order was the acting account's.

    Everybody else gets the same answer as for an order that never was. So does the account for an order in a market
    of which it may know nothing now. If the tables cannot be read, the refusals stay as they are.
    """
    cancels = [(slot, slot.sought, frame.asker) for frame in frames for slot in frame.slots if slot.sought is not None]
    if not cancels:
        return
    ids = {named.order for _, named, _ in cancels if named.order}
    seqs = {named.seq for _, named, _ in cancels if named.seq}
    try:
        finished = await journal.finished_orders(ids, seqs)
    except Exception:
        logger.exception("The finished orders that %d cancels named could not be read.", len(cancels))
        return
    by_id = {order.id: order for order in finished}
    by_seq = {order.seq: order for order in finished}
    for slot, named, asker in cancels:
        order = by_id.get(named.order) if named.order else by_seq.get(named.seq)
        if order is None or order.account != named.account:
            continue
        if asker.degree(engine, engine.markets[order.market]) > NOTHING:
            slot.message = codec.refusal(slot.request_id, _refusal(order), asker.rights.operator)


def _refusal(order: FinishedOrder) -> Rejected:
    size, filled = hundredths(order.size), hundredths(order.filled)
    if not order.cancelled:
        return Rejected(
            Reason.ORDER_FILLED,
            f"Your order {order.id} is filled: all {size}, at {hundredths(order.price)} or better.",
        )
    return Rejected(
        Reason.ORDER_CANCELLED,
        f"Your order {order.id} is cancelled already: of {size}, {filled} were filled"
        f" and {hundredths(order.cancelled)} cancelled.",
    )
