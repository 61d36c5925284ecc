"""The events of the engine: what an accepted command changed. Their names are in the past tense.

An event is immutable and complete: a reader needs no lookup. Its figures are absolute (what is left, the new credit),
never differences. The journal stores an event as a JSON array of its fields, so a new field goes to the end and has a
default.

Units: price 1/100 chip, size 1/100, amount and credit 1/10,000 chip, times UTC microseconds.
"""

from enum import IntEnum
from typing import NamedTuple


class AccountKind(IntEnum):
    """The kinds of accounts of the rules, section 1."""

    HOUSE = 1
    USER = 2
    ALT = 3


class TransferKind(IntEnum):
    """Why money moved (rules, section 3)."""

    PAYMENT = 1
    DEPOSIT = 2
    WITHDRAWAL = 3
    GIFT = 4
    STARTING_CASH = 5
    COLLECTION = 6
    AUCTION = 7


class CancelCause(IntEnum):
    """Why an order was cancelled, in whole or in part."""

    REQUESTED = 1
    IMMEDIATE_REST = 2
    SELF_TRADE = 3
    BY_CLOSE = 4
    BY_SETTLEMENT = 5
    NO_LONGER_LISTED = 6


class AccountCreated(NamedTuple):
    """An account was opened. `user` is the user id of the person who signs in as it, 0 for an alt and the house.

    `owner` is the owning account, 0 for none.
    """

    account: int
    name: str
    kind: int
    user: int
    owner: int


class Transferred(NamedTuple):
    """Money moved. `kind` is a TransferKind."""

    transfer: int
    from_account: int
    to_account: int
    amount: int
    kind: int
    note: str
    at_us: int
    auction: int = 0  # the auction it paid for, 0 for none


class ShareCreated(NamedTuple):
    """`owner` became another owner of `account`, with a credit of 0."""

    account: int
    owner: int


class ShareEnded(NamedTuple):
    """`owner` no longer owns `account`."""

    account: int
    owner: int


class CreditRedistributed(NamedTuple):
    """The credit of `owner` in `account` went to the other owners. The CreditsChanged before it has the figures."""

    account: int
    owner: int


class CreditsChanged(NamedTuple):
    """The credits in `account` now: (owner, credit) of every owner, lowest id first (rules, section 2)."""

    account: int
    credits: tuple[tuple[int, int], ...]


class MarketCreated(NamedTuple):
    """A market was opened. `visible_to`: see MarketEdited."""

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
    """A market's definition changed; the fields hold all that can be edited, as it is now.

    `visible_to` lists the accounts that may trade there, lowest id first; empty for everybody. `visible_before` is the
    list before the edit, None if the edit did not change it.
    """

    market: int
    name: str
    description: str
    category: str = ""
    pinned: bool = False
    visible_to: tuple[int, ...] = ()
    hide_account_ids: bool = False
    visible_before: tuple[int, ...] | None = None


class MarketStatusChanged(NamedTuple):
    """`status` is a MarketStatus. Closing also brings an OrderCancelled for each resting order."""

    market: int
    status: int


class MarketSettled(NamedTuple):
    """Comes after the OrderCancelled and PaidOut of the same command."""

    market: int
    price: int


class PaidOut(NamedTuple):
    """Settlement turned a position into cash: `amount` = position x price, negative for a short position."""

    market: int
    account: int
    position: int
    price: int
    amount: int


class OrderCreated(NamedTuple):
    """An order was accepted. Comes after the Traded and OrderCancelled of the same command.

    `filled` is what traded at once, `open` what rests after that.
    """

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
    """Two orders traded. `taker_side` is the side of the incoming order.

    `maker_open` and `taker_open` are what is left of the resting and of the incoming order.
    """

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
    """`size` of an order was cancelled and `open` is left: 0, unless the order was decremented (rules, section 5)."""

    order: int
    market: int
    account: int
    size: int
    open: int
    cause: int


class AuctionCreated(NamedTuple):
    """An auction was listed. `buy_now_price` is in 1/10,000 chip, None if there is none."""

    auction: int
    seller: int
    name: str
    description: str
    picture: str
    buy_now_price: int | None
    at_us: int


class AuctionEdited(NamedTuple):
    """An auction changed; the fields hold all that can be edited, as it is now."""

    auction: int
    name: str
    description: str
    picture: str
    buy_now_price: int | None


class AuctionWithdrawn(NamedTuple):
    """An auction was taken off the board for good."""

    auction: int


class AuctionSettled(NamedTuple):
    """Comes after the Transferred of the same command, unless `amount` is 0."""

    auction: int
    buyer: int
    amount: int


AuctionEvent = AuctionCreated | AuctionEdited | AuctionWithdrawn | AuctionSettled

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
    | AuctionEvent
)
