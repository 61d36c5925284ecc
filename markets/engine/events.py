"""What happened. Past tense, immutable, complete: a reader of events needs no lookup. All figures are absolute.

New fields go to the end with a default: the journal keeps events as JSON arrays of their fields.
Units: price 1/100 chip, size 1/100, amount, credit 1/10,000 chip, times UTC microseconds.
"""

from enum import IntEnum
from typing import NamedTuple


class AccountKind(IntEnum):
    HOUSE = 1
    USER = 2
    ALT = 3


class TransferKind(IntEnum):
    PAYMENT = 1
    DEPOSIT = 2
    WITHDRAWAL = 3
    GIFT = 4
    STARTING_CASH = 5
    COLLECTION = 6
    AUCTION = 7


class CancelCause(IntEnum):
    REQUESTED = 1
    IMMEDIATE_REST = 2
    SELF_TRADE = 3
    BY_CLOSE = 4
    BY_SETTLEMENT = 5
    NO_LONGER_LISTED = 6


class AccountCreated(NamedTuple):
    """`user` is the person's user id, 0 for an account without a sign-in; `owner` the owning account, 0 for none."""

    account: int
    name: str
    kind: int
    user: int
    owner: int


class Transferred(NamedTuple):
    transfer: int
    from_account: int
    to_account: int
    amount: int
    kind: int
    note: str
    at_us: int
    auction: int = 0  # what it was paid for


class ShareCreated(NamedTuple):
    """`owner` owns `account` too from now on, with no credit yet."""

    account: int
    owner: int


class ShareEnded(NamedTuple):
    """`owner` no longer owns `account`."""

    account: int
    owner: int


class CreditRedistributed(NamedTuple):
    """What `owner` had in `account` went to the other owners; the figures are in the CreditsChanged before."""

    account: int
    owner: int


class CreditsChanged(NamedTuple):
    """Whose the money of `account` now is: (owner, credit) of every owner, lowest id first (rules, section 2)."""

    account: int
    credits: tuple[tuple[int, int], ...]


class MarketCreated(NamedTuple):
    market: int
    name: str
    description: str
    owner: int
    min_settlement: int
    max_settlement: int
    tick_size: int
    smallest_size: int
    at_us: int
    category: str = ""
    pinned: bool = False
    visible_to: tuple[int, ...] = ()
    hide_account_ids: bool = False


class MarketEdited(NamedTuple):
    """`visible_to`: the accounts that may trade there, lowest id first; none: everybody. `visible_before`: those until
    then, if they changed."""

    market: int
    name: str
    description: str
    category: str = ""
    pinned: bool = False
    visible_to: tuple[int, ...] = ()
    hide_account_ids: bool = False
    visible_before: tuple[int, ...] | None = None


class MarketStatusChanged(NamedTuple):
    market: int
    status: int


class MarketSettled(NamedTuple):
    market: int
    price: int


class PaidOut(NamedTuple):
    """`amount` = position x price, negative for a short."""

    market: int
    account: int
    position: int
    price: int
    amount: int


class OrderCreated(NamedTuple):
    """Comes after the Traded and OrderCancelled of the same command; `open` is what rests of it at the end."""

    order: int
    market: int
    account: int
    side: int
    price: int
    size: int
    open: int
    filled: int
    time_in_force: int
    post_only: bool
    client_order_id: str
    at_us: int


class Traded(NamedTuple):
    """`taker_side` tells which of buyer and seller came last; `maker_open`, `taker_open` what is left of each order."""

    trade: int
    market: int
    price: int
    size: int
    buyer: int
    seller: int
    taker_side: int
    maker_order: int
    maker_open: int
    taker_order: int
    taker_open: int
    at_us: int


class OrderCancelled(NamedTuple):
    """`size` was cancelled of it, `open` still rests: 0, unless it was decremented."""

    order: int
    market: int
    account: int
    size: int
    open: int
    cause: int


class AuctionCreated(NamedTuple):
    """`buy_now_price` (1/10,000 chip) is None if it cannot be bought at once."""

    auction: int
    seller: int
    name: str
    description: str
    picture: str
    buy_now_price: int | None
    at_us: int


class AuctionEdited(NamedTuple):
    """All that can be edited, as it is now."""

    auction: int
    name: str
    description: str
    picture: str
    buy_now_price: int | None


class AuctionWithdrawn(NamedTuple):
    auction: int


class AuctionSettled(NamedTuple):
    """Comes after the Transferred of the same command, unless `amount` is 0."""

    auction: int
    buyer: int
    amount: int


OfAuction = AuctionCreated | AuctionEdited | AuctionWithdrawn | AuctionSettled

Event = (
    AccountCreated
    | ShareCreated
    | ShareEnded
    | CreditRedistributed
    | Transferred
    | CreditsChanged
    | MarketCreated
    | MarketEdited
    | MarketStatusChanged
    | MarketSettled
    | PaidOut
    | OrderCreated
    | Traded
    | OrderCancelled
    | OfAuction
)
