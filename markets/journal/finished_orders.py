"""Orders that are no longer open. The engine has forgotten them; the tables keep them."""

from collections.abc import Collection
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from markets.engine.events import OrderCreated
from markets.journal.entries import read_outcomes
from markets.journal.tables import fetch


class FinishedOrder(NamedTuple):
    """An order of which nothing is open: filled + cancelled = size, in 1/100. The price is in 1/100 chip.

    `seq` is that of the command that created it.
    """

    id: int
    seq: int
    market: int
    account: int
    price: int
    size: int
    filled: int
    cancelled: int


def read_finished_orders(
    connection: BaseDatabaseWrapper, ids: Collection[int], seqs: Collection[int]
) -> list[FinishedOrder]:
    """The finished orders among those with these ids and those that the commands `seqs` created. Others are left out.

    Two statements at most, by primary keys.
    """
    wanted = set(ids)
    if seqs:
        for outcome in read_outcomes(connection, f"seq IN ({_places(seqs)})", *seqs):
            wanted.update(event.order for event in outcome.events if isinstance(event, OrderCreated))
    if not wanted:
        return []
    columns = "id, seq, market_id, account_id, price, size, filled, cancelled"
    query = f"SELECT {columns} FROM markets_order WHERE open = 0 AND id IN ({_places(wanted)})"  # noqa: S608 - our text
    return list(map(FinishedOrder._make, fetch(connection, query, *wanted)))


def _places(values: Collection[int]) -> str:
    return ", ".join(["%s"] * len(values))
