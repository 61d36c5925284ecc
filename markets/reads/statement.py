"""An account's statement: every amount that changed its cash, and the balance after it.

Transfers, trades and payouts never change. So a balance is the sum of all amounts up to its line, even while more are
committed. Lines are in the order of the journal: by seq, and by id within one command. A command makes lines of one
kind. All tables are read up to the same seq, so a commit between two reads shows in none of them.
"""

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db.models import Case, F, Q, QuerySet, When

from accounts.models import Transfer
from accounts.selectors import transfers_of
from markets.models import JournalEntry, Payout, Side, Trade
from markets.reads.selectors import trades_of
from markets.reads.sums import exact_sum

CHUNK = 1_000  # rows per query of a whole statement


class Line(NamedTuple):
    """One amount, and the balance after it. Units: price and size 1/100, amount and balance 1/10,000 chip."""

    seq: int
    id: int
    kind: str
    at_us: int
    amount: int
    balance: int = 0
    transfer_id: int | None = None
    trade_id: int | None = None
    market_id: int | None = None
    order_id: int | None = None
    side: int | None = None
    price: int | None = None
    size: int | None = None

    @property
    def cursor(self) -> str:
        return f"{self.seq}-{self.id}"


def lines(account: int, before: tuple[int, int] | None, limit: int) -> tuple[list[Line], bool]:
    """The last `limit` lines before a (seq, id), newest first, and whether there are more."""
    transfers, trades, payouts = _sources(account)
    before = before or (_head() + 1, 0)
    found = [
        *(_of_transfer(row, account) for row in _last(transfers, "id", before, limit)),
        *(_of_trade(row, account) for row in _last(trades, "id", before, limit)),
        *_of_payouts(_last(payouts, "market_id", before, limit)),
    ]
    found.sort(reverse=True)
    shown = found[:limit]
    return _balanced(account, shown), len(found) > limit


def every_line(account: int) -> Iterator[Line]:
    """Every line up to now, newest first. Reads each table once, in chunks, and keeps no lines in memory."""
    head = _head()
    transfers, trades, payouts = _sources(account)
    merged = heapq.merge(
        (_of_transfer(row, account) for row in _by_id(transfers.filter(seq__lte=head))),
        (_of_trade(row, account) for row in _by_id(trades.filter(seq__lte=head))),
        _of_payouts(payouts.filter(seq__lte=head).order_by("-seq")),
        reverse=True,
    )
    balance: int | None = None
    for line in merged:
        balance = _sum_up_to(account, line) if balance is None else balance
        yield line._replace(balance=balance)
        balance -= line.amount


def _head() -> int:
    """The last seq whose rows are all committed."""
    return JournalEntry.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


def _by_id(rows: QuerySet[Any]) -> Iterator[Any]:
    """Newest first, because ids are counters in the order of the journal."""
    found = list(rows.order_by("-id")[:CHUNK])
    while found:
        yield from found
        found = list(rows.filter(id__lt=found[-1].id).order_by("-id")[:CHUNK])


def _sources(account: int) -> tuple[QuerySet[Transfer], QuerySet[Trade], QuerySet[Payout]]:
    return transfers_of(account), trades_of(account), Payout.objects.filter(account_id=account)


def _last(rows: QuerySet[Any], id: str, before: tuple[int, int], limit: int) -> QuerySet[Any]:
    seq, last = before
    earlier = rows.filter(Q(seq__lt=seq) | Q(**{"seq": seq, f"{id}__lt": last}))
    return earlier.order_by("-seq", f"-{id}")[: limit + 1]


def _of_transfer(row: Transfer, account: int) -> Line:
    amount = row.amount if row.to_account_id == account else -row.amount
    return Line(row.seq, row.id, "TRANSFER", row.at_us, amount, transfer_id=row.id)


def _of_trade(row: Trade, account: int) -> Line:
    side = Side.BID if row.buyer_id == account else Side.OFFER
    value = row.price * row.size
    return Line(
        seq=row.seq,
        id=row.id,
        kind="TRADE",
        at_us=row.at_us,
        amount=-value if side == Side.BID else value,
        trade_id=row.id,
        market_id=row.market_id,
        order_id=row.taker_order if side == row.taker_side else row.maker_order,
        side=side,
        price=row.price,
        size=row.size,
    )


def _of_payouts(rows: QuerySet[Payout]) -> list[Line]:
    found = list(rows)
    at = dict(JournalEntry.objects.filter(seq__in=[row.seq for row in found]).values_list("seq", "at_us"))
    return [
        Line(
            seq=row.seq,
            id=row.market_id,
            kind="PAYOUT",
            at_us=at[row.seq],
            amount=row.amount,
            market_id=row.market_id,
            price=row.price,
            size=row.position,
        )
        for row in found
    ]


def _balanced(account: int, shown: list[Line]) -> list[Line]:
    """Fills in the balance after each line."""
    if not shown:
        return []
    balance = _sum_up_to(account, shown[0])
    balanced = []
    for line in shown:
        balanced.append(line._replace(balance=balance))
        balance -= line.amount
    return balanced


def _sum_up_to(account: int, line: Line) -> int:
    """The sum of all amounts up to this line, the line included."""
    transfers, trades, payouts = _sources(account)
    value = F("price") * F("size")
    sums = (
        (transfers, "id", Case(When(to_account_id=account, then=F("amount")), default=-F("amount"))),
        (trades, "id", Case(When(buyer_id=account, then=-value), default=value)),
        (payouts, "market_id", F("amount")),
    )
    total = 0
    for rows, id, amount in sums:
        earlier = rows.filter(Q(seq__lt=line.seq) | Q(**{"seq": line.seq, f"{id}__lte": line.id}))
        total += exact_sum(earlier, amount)
    return total
