"""The commands of the engine: immutable, and complete without a lookup. Their names are imperative.

Every command begins with the same four fields:
- `by`: user id of the person who signed in, 0 for the exchange itself;
- `account`: the account acted as;
- `sudo`: whether an operator's rights are on;
- `key`: idempotency key of the acting account, "" for none.

The journal stores a command as a JSON array of its fields. So a new field goes to the end and has a default, and no
field is renamed: the operator console shows the names.

Units: price 1/100 chip, size 1/100, amount 1/10,000 chip. `owner`, `receiver`, `shared`, `left` and `buyer` are account
ids.
"""

from enum import IntEnum
from typing import NamedTuple


class Side(IntEnum):
    BID = 1
    OFFER = 2


class TimeInForce(IntEnum):
    """What happens to the part of an order that does not trade at once (rules, section 5, Time in force)."""

    GTC = 0
    IOC = 1
    FOK = 2


class SelfTrade(IntEnum):
    """What happens where an order meets one of the same account (rules, section 5, Self-trade)."""

    CANCEL_RESTING = 0
    CANCEL_INCOMING = 1
    DECREMENT = 2


class MarketStatus(IntEnum):
    """Which orders, cancels and settlements a market allows (rules, section 4)."""

    OPEN = 1
    CANCEL_ONLY = 2
    PAUSED = 3
    CLOSED = 4
    SETTLED = 5


class AuctionStatus(IntEnum):
    """Whether an auction is for sale, gone or sold (rules, section 7)."""

    OPEN = 1
    WITHDRAWN = 2
    SETTLED = 3


class CreateHouse(NamedTuple):
    """Opens the house, the account that issues all money. The first command of every journal."""

    by: int
    account: int
    sudo: bool
    key: str


class CreateUserAccount(NamedTuple):
    """Opens the user account of `by`. `starting_cash` is in 1/10,000 chip; a name that is taken gets a number."""

    by: int
    account: int
    sudo: bool
    key: str
    name: str
    starting_cash: int


class CreateAccount(NamedTuple):
    """Opens an alt under `owner`; 0 means the acting account."""

    by: int
    account: int
    sudo: bool
    key: str
    name: str
    owner: int
    accounts_max: int = 50  # alts per person: a setting, carried along so that a replay decides alike


class ShareAccount(NamedTuple):
    """Makes the user account `receiver` another owner of `shared`. The acting user account owns it already."""

    by: int
    account: int
    sudo: bool
    key: str
    shared: int
    receiver: int


class LeaveAccount(NamedTuple):
    """Ends the acting account's share in `left`."""

    by: int
    account: int
    sudo: bool
    key: str
    left: int


class RevokeShare(NamedTuple):
    """Ends the share of the user account `owner` in `shared`. Needs sudo."""

    by: int
    account: int
    sudo: bool
    key: str
    shared: int
    owner: int


class Redistribute(NamedTuple):
    """Gives the credit of `owner` in `shared` to the other owners. Needs sudo."""

    by: int
    account: int
    sudo: bool
    key: str
    shared: int
    owner: int


class MakeTransfer(NamedTuple):
    """Moves money between two accounts, neither of them the house."""

    by: int
    account: int
    sudo: bool
    key: str
    from_account: int
    to_account: int
    amount: int
    note: str


class Gift(NamedTuple):
    """Moves money from the house to an account. Needs sudo."""

    by: int
    account: int
    sudo: bool
    key: str
    to_account: int
    amount: int
    note: str


class Collect(NamedTuple):
    """Moves money from an account to the house. Needs sudo."""

    by: int
    account: int
    sudo: bool
    key: str
    from_account: int
    amount: int
    note: str


class CreateMarket(NamedTuple):
    """Opens a market that the acting account owns. The settlement bounds and the tick size are prices."""

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
    markets_max: int = 20  # unsettled markets per person: a setting, carried along as above
    category: str = ""
    category_public: bool = True  # whether everybody may use the category: a setting too
    pinned: bool = False
    visible_to: tuple[int, ...] = ()  # accounts that see and trade it; empty for everybody
    hide_account_ids: bool = False


class EditMarket(NamedTuple):
    """Changes a market. None leaves a field as it is; an empty `visible_to` shows the market to everybody."""

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
    """Opens, restricts, pauses or closes a market. Needs sudo."""

    by: int
    account: int
    sudo: bool
    key: str
    market: int
    status: int


class SettleMarket(NamedTuple):
    """Settles a market: pays every position at `price`."""

    by: int
    account: int
    sudo: bool
    key: str
    market: int
    price: int


class CreateOrder(NamedTuple):
    """Places a limit order. `key` is its client_order_id."""

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
    """Cancels an open order, named by its id, or by its `client_order_id` if `order` is 0."""

    by: int
    account: int
    sudo: bool
    key: str
    order: int
    client_order_id: str


class Out(NamedTuple):
    """Cancels the acting account's open orders. `market` 0 means every market, `side` 0 both sides."""

    by: int
    account: int
    sudo: bool
    key: str
    market: int
    side: int


class CreateAuction(NamedTuple):
    """Lists an auction. `picture` names an uploaded file, "" for none.

    `buy_now_price` is in 1/10,000 chip, None for none.
    """

    by: int
    account: int
    sudo: bool
    key: str
    name: str
    description: str
    picture: str
    buy_now_price: int | None


class EditAuction(NamedTuple):
    """Changes an auction. None leaves a field as it is; `no_buy_now_price` removes the price."""

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
    """Takes an auction off the board for good."""

    by: int
    account: int
    sudo: bool
    key: str
    auction: int


class BuyAuction(NamedTuple):
    """Buys at the buy-it-now price. `amount` is the price that the buyer saw."""

    by: int
    account: int
    sudo: bool
    key: str
    auction: int
    amount: int


class SettleAuction(NamedTuple):
    """Sells an auction to `buyer` for `amount`. Needs sudo."""

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

# Trading. Sudo gives an operator no right here beyond acting as other accounts.
TRADING = (CreateOrder, CancelOrder, Out)

# Fields that say who asks, with which rights and under which settings. They are not part of what is asked for.
_CIRCUMSTANCES = frozenset({"by", "sudo", "accounts_max", "markets_max", "category_public"})


def same_request(one: Command, other: Command) -> bool:
    """Whether both ask for the same, so that the second may repeat the key of the first (rules, section 5, Keys)."""
    fields = zip(one._fields, one, other, strict=False)
    return type(one) is type(other) and all(a == b for name, a, b in fields if name not in _CIRCUMSTANCES)
