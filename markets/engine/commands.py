"""What one may ask of the engine. Imperative, immutable, complete.

Every command begins with the same four fields: `by` (the signed-in person's user id, 0 for the exchange itself),
`account` (acted as), `sudo` (an operator's rights are on) and `key` (idempotency key of the acting account, "" for
none). New fields go to the end with a default: the journal keeps commands as JSON arrays of their fields.

Units: price 1/100 chip, size 1/100, amount 1/10,000 chip.
"""

from enum import IntEnum
from typing import NamedTuple


class Side(IntEnum):
    BID = 1
    OFFER = 2


class TimeInForce(IntEnum):
    GTC = 0
    IOC = 1
    FOK = 2


class SelfTrade(IntEnum):
    CANCEL_RESTING = 0
    CANCEL_INCOMING = 1
    DECREMENT = 2


class MarketStatus(IntEnum):
    OPEN = 1
    CANCEL_ONLY = 2
    PAUSED = 3
    CLOSED = 4
    SETTLED = 5


class AuctionStatus(IntEnum):
    OPEN = 1
    WITHDRAWN = 2
    SETTLED = 3


class CreateHouse(NamedTuple):
    """The first command of every journal: the account that issues all money."""

    by: int
    account: int
    sudo: bool
    key: str


class CreateUserAccount(NamedTuple):
    """The user account of `by` with its starting cash; a name that is taken gets " 2", " 3" ... (rules, section 1)."""

    by: int
    account: int
    sudo: bool
    key: str
    name: str
    starting_cash: int


class CreateAccount(NamedTuple):
    by: int
    account: int
    sudo: bool
    key: str
    name: str
    owner: int
    accounts_max: int = 50  # alts a person may make: a setting, kept here so that a replay decides alike


class ShareAccount(NamedTuple):
    """The acting user account, which owns `shared`, makes the user account `receiver` an owner too."""

    by: int
    account: int
    sudo: bool
    key: str
    shared: int
    receiver: int


class LeaveAccount(NamedTuple):
    """The acting account gives up what it owns of `left`."""

    by: int
    account: int
    sudo: bool
    key: str
    left: int


class RevokeShare(NamedTuple):
    by: int
    account: int
    sudo: bool
    key: str
    shared: int
    owner: int


class Redistribute(NamedTuple):
    """The credit of `owner` in `shared` goes to the other owners."""

    by: int
    account: int
    sudo: bool
    key: str
    shared: int
    owner: int


class MakeTransfer(NamedTuple):
    by: int
    account: int
    sudo: bool
    key: str
    from_account: int
    to_account: int
    amount: int
    note: str


class Gift(NamedTuple):
    by: int
    account: int
    sudo: bool
    key: str
    to_account: int
    amount: int
    note: str


class Collect(NamedTuple):
    by: int
    account: int
    sudo: bool
    key: str
    from_account: int
    amount: int
    note: str


class CreateMarket(NamedTuple):
    by: int
    account: int
    sudo: bool
    key: str
    name: str
    description: str
    min_settlement: int
    max_settlement: int
    tick_size: int
    smallest_size: int
    markets_max: int = 20  # unsettled markets a person may have made: a setting, as above
    category: str = ""
    category_public: bool = True  # whether it is one that everybody may use: a setting too
    pinned: bool = False
    visible_to: tuple[int, ...] = ()  # accounts; none: everybody
    hide_account_ids: bool = False


class EditMarket(NamedTuple):
    """None leaves a field as it is; an empty `visible_to` shows the market to everybody."""

    by: int
    account: int
    sudo: bool
    key: str
    market: int
    name: str | None
    description: str | None
    category: str | None = None
    pinned: bool | None = None
    visible_to: tuple[int, ...] | None = None
    hide_account_ids: bool | None = None


class SetMarketStatus(NamedTuple):
    by: int
    account: int
    sudo: bool
    key: str
    market: int
    status: int


class SettleMarket(NamedTuple):
    by: int
    account: int
    sudo: bool
    key: str
    market: int
    price: int


class CreateOrder(NamedTuple):
    """`key` is the client_order_id."""

    by: int
    account: int
    sudo: bool
    key: str
    market: int
    side: int
    price: int
    size: int
    time_in_force: int
    post_only: bool
    self_trade: int


class CancelOrder(NamedTuple):
    """By `order`, or by `client_order_id` if `order` is 0."""

    by: int
    account: int
    sudo: bool
    key: str
    order: int
    client_order_id: str


class Out(NamedTuple):
    """`market` 0: every market; `side` 0: both sides."""

    by: int
    account: int
    sudo: bool
    key: str
    market: int
    side: int


class CreateAuction(NamedTuple):
    """`picture` names an uploaded one, "" for none; `buy_now_price` is None for none, else 1/10,000 chip."""

    by: int
    account: int
    sudo: bool
    key: str
    name: str
    description: str
    picture: str
    buy_now_price: int | None


class EditAuction(NamedTuple):
    """None leaves a field as it is; `no_buy_now_price` takes the price away."""

    by: int
    account: int
    sudo: bool
    key: str
    auction: int
    name: str | None
    description: str | None
    picture: str | None
    buy_now_price: int | None
    no_buy_now_price: bool


class WithdrawAuction(NamedTuple):
    by: int
    account: int
    sudo: bool
    key: str
    auction: int


class BuyAuction(NamedTuple):
    """`amount` is the price that the buyer saw."""

    by: int
    account: int
    sudo: bool
    key: str
    auction: int
    amount: int


class SettleAuction(NamedTuple):
    by: int
    account: int
    sudo: bool
    key: str
    auction: int
    buyer: int
    amount: int


Command = (
    CreateHouse
    | CreateUserAccount
    | CreateAccount
    | ShareAccount
    | LeaveAccount
    | RevokeShare
    | Redistribute
    | MakeTransfer
    | Gift
    | Collect
    | CreateMarket
    | EditMarket
    | SetMarketStatus
    | SettleMarket
    | CreateOrder
    | CancelOrder
    | Out
    | CreateAuction
    | EditAuction
    | WithdrawAuction
    | BuyAuction
    | SettleAuction
)

# What a trader does: operators in sudo may no more than everybody, but for other accounts.
TRADING = (CreateOrder, CancelOrder, Out)

# Fields that tell how something was asked for, not what.
_CIRCUMSTANCES = frozenset({"by", "sudo", "accounts_max", "markets_max", "category_public"})


def same_request(one: Command, other: Command) -> bool:
    """Whether both ask for the same, whoever says it under whatever settings: so a key may be repeated."""
    said = zip(one._fields, one, other, strict=False)
    return type(one) is type(other) and all(a == b for name, a, b in said if name not in _CIRCUMSTANCES)
