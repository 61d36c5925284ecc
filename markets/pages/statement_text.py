"""A statement's lines as text for its page, and as CSV for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from accounts import money
from accounts.models import Account, Transfer, TransferKind
from accounts.rest.fields import decimal, moment
from markets.models import Market, Side
from markets.reads.statement import CHUNK, Line, every_line

COLUMNS = (
    "entry",
    "time",
    "event",
    "id",
    "what",
    "with",
    "note",
    "market",
    "side",
    "price",
    "size",
    "amount",
    "balance",
)
BOM = "\ufeff"  # without it Excel reads UTF-8 as the machine's old code page
# Beginnings of a cell that a spreadsheet reads as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
TRANSFERRED = {  # received, paid
    TransferKind.PAYMENT: ("Payment from {name}", "Payment to {name}"),
    TransferKind.DEPOSIT: ("Deposit from {name}", "Deposit into {name}"),
    TransferKind.WITHDRAWAL: ("Withdrawal from {name}", "Withdrawal to {name}"),
    TransferKind.GIFT: ("Gift from {name}", "Gift to {name}"),
    TransferKind.STARTING_CASH: ("Starting cash from {name}", "Starting cash to {name}"),
    TransferKind.COLLECTION: ("Collected from {name}", "Collected by {name}"),
    TransferKind.AUCTION: ("Sold “{note}” to {name}", "Bought “{note}” from {name}"),
}


class Row(NamedTuple):
    """A line as its page shows it. It links to the market or the auction, if there is one."""

    seq: int
    at_us: int
    kind: str
    id: int
    words: str
    note: str
    market: int
    auction: int
    amount: int
    balance: int


class Entry(NamedTuple):
    """A line with the rows that its text needs: a transfer and its other account, or a market.

    It never holds the other side of a trade.
    """

    line: Line
    transfer: Transfer | None
    other: Account | None
    market: Market | None

    @property
    def event(self) -> tuple[str, int]:
        """The line's kind and id. A payout has the market's id."""
        return self.line.kind.lower(), self.line.id

    @property
    def words(self) -> str:
        """The line as a sentence. Raises ValueError if the line has no event."""
        line = self.line
        if self.transfer is not None and self.other is not None:
            how = TRANSFERRED[TransferKind(self.transfer.kind)][line.amount < 0]
            return how.format(name=self.other.name, note=self.transfer.note)
        if self.market is None or line.price is None or line.size is None:
            raise ValueError(f"a line of a statement without its event: {line}")
        if line.kind == "TRADE":
            verb = "Bought" if line.side == Side.BID else "Sold"
            return f"{verb} {money.size(line.size)} at {money.price(line.price)} in {self.market.name}"
        at, held = money.price(line.price), money.signed_size(line.size)
        return f"{self.market.name} settled at {at}, with a position of {held}"

    @property
    def note(self) -> str:
        """The transfer's note; "" for an auction, whose note is in `words`."""
        return self.transfer.note if self.transfer is not None and not self.transfer.auction else ""

    @property
    def row(self) -> Row:
        line, (kind, id) = self.line, self.event
        market = self.market.id if self.market is not None else 0
        auction = self.transfer.auction if self.transfer is not None else 0
        return Row(line.seq, line.at_us, kind, id, self.words, self.note, market, auction, line.amount, line.balance)


def entries(account: int, lines: Iterable[Line]) -> list[Entry]:
    """The lines with their rows. Two queries."""
    lines = list(lines)
    named = Transfer.objects.select_related("from_account", "to_account")
    transfers = named.in_bulk([line.transfer_id for line in lines if line.transfer_id is not None])
    markets = Market.objects.in_bulk({line.market_id for line in lines if line.market_id is not None})
    return [_entry(account, line, transfers.get(line.transfer_id or 0), markets) for line in lines]


def _entry(account: int, line: Line, transfer: Transfer | None, markets: dict[int, Market]) -> Entry:
    other = None
    if transfer is not None:
        other = transfer.from_account if transfer.to_account_id == account else transfer.to_account
    return Entry(line, transfer, other, markets.get(line.market_id or 0))


def csv_parts(account: int) -> Iterator[str]:
    """The whole statement, newest first, in parts of at most CHUNK lines."""
    yield BOM + _csv([COLUMNS])
    lines = every_line(account)
    while part := list(islice(lines, CHUNK)):
        yield _csv(_cells(entry) for entry in entries(account, part))


def _cells(entry: Entry) -> tuple[str, ...]:
    """An entry's cells in the order of COLUMNS. Times are ISO 8601 in UTC, amounts plain decimals.

    People's texts cannot be formulas.
    """
    line, (event, id) = entry.line, entry.event
    return (
        str(line.seq),
        moment(line.at_us),
        event,
        str(id),
        harmless(entry.words),
        harmless(entry.other.name if entry.other else ""),
        harmless(entry.transfer.note if entry.transfer else ""),
        harmless(entry.market.name if entry.market else ""),
        Side(line.side).name if line.side is not None else "",
        decimal(line.price, money.PRICE_DECIMALS) if line.price is not None else "",
        decimal(line.size, money.SIZE_DECIMALS) if line.size is not None else "",
        decimal(line.amount, money.CASH_DECIMALS),
        decimal(line.balance, money.CASH_DECIMALS),
    )


def harmless(text: str) -> str:
    """The text with an apostrophe in front if a spreadsheet would compute it as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _csv(rows: Iterable[Iterable[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
