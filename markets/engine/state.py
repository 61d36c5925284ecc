"""What the engine knows: dicts of slotted objects, counters, and what the running batch has touched."""

import json
from hashlib import sha256
from operator import attrgetter

from markets.engine.board import Auction
from markets.engine.book import Market, Order
from markets.engine.errors import Reason, Rejected
from markets.engine.events import AccountKind
from markets.engine.ledger import Account, Exposure
from markets.engine.text import name_key

HOUSE = 1  # account id

# Raised by every change that alters the result of an accepted command; the journal keeps it per entry.
# 2: names hide no spaces.
RULES_VERSION = 2

PRICE_MAX = 100_000_000  # 1/100 chip, either sign: 1,000,000.00
SIZE_MAX = 10_000_000  # 1/100: 100,000.00
ORDERS_MAX = 1_000  # open, per account and market
NOTIONAL_MAX = 10**17  # 1/10,000 chip: keeps every stored figure within 64 bits (POSITION_LIMIT)
AMOUNT_MAX = 10**13  # 1/10,000 chip: 1,000,000,000 chips in one transfer
ISSUE_MAX = 10**17  # 1/10,000 chip: 10^13 chips owed by the house

_NOTHING: set[int] = set()


class Changed:
    """The objects that a batch touched: what the journal writes and whose portfolios are told. Written once each."""

    __slots__ = (
        "accounts",
        "auctions",
        "exposures",
        "left",
        "markets",
        "masks",
        "orders",
        "owners",
        "reach",
        "unlisted",
        "visibility",
    )

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}
        self.owners: dict[int, Account] = {}  # accounts with new owners or credits
        self.left: dict[tuple[int, int], None] = {}  # (account id, owner id) of shares that ended
        self.reach: dict[int, None] = {}  # user ids of people who may act as other accounts than before
        self.markets: dict[int, Market] = {}
        self.visibility: dict[int, Market] = {}  # those that other people see now, or with other masks
        self.masks: dict[int, None] = {}  # those that hide account ids now, or no longer
        self.unlisted: dict[tuple[int, int], None] = {}  # (market id, account id) that are listed no longer
        self.orders: dict[int, Order] = {}  # finished ones too
        self.exposures: dict[tuple[int, int], Exposure] = {}  # by (account id, market id)
        self.auctions: dict[int, Auction] = {}


class State:
    """Everything the rules read and change. `seq` and `at_us` are those of the last accepted command; `rules` is the
    version that a replay sets to that of the entry."""

    def __init__(self) -> None:
        self.rules = RULES_VERSION
        self.seq = 0
        self.at_us = 0
        self.accounts: dict[int, Account] = {}
        self.markets: dict[int, Market] = {}
        self.orders: dict[int, Order] = {}  # the open ones
        self.auctions: dict[int, Auction] = {}
        self.people: dict[int, int] = {}  # user id -> user account id
        self.names: dict[str, int] = {}  # name key -> account id
        self.market_names: dict[str, int] = {}
        self.alts_made: dict[int, int] = {}  # user id -> how many
        self.markets_made: dict[int, int] = {}  # user id -> unsettled ones
        self.next_account = 1
        self.next_market = 1
        self.next_order = 1
        self.next_trade = 1
        self.next_transfer = 1
        self.next_auction = 1
        self.changed = Changed()
        self._reach: dict[int, set[int]] = {}  # user id -> accounts within reach

    def take_changed(self) -> Changed:
        """What was touched since the last call."""
        changed, self.changed = self.changed, Changed()
        return changed

    def reach(self, user: int) -> set[int]:
        """The accounts a person may act as: the user account and all below it. Do not change the set."""
        return self._reach.get(user, _NOTHING)

    def below(self, account: int) -> set[int]:
        """The accounts that `account` owns, directly or through others."""
        found: set[int] = set()
        waiting = list(self.accounts[account].owned)
        while waiting:
            child = waiting.pop()
            if child not in found:
                found.add(child)
                waiting.extend(self.accounts[child].owned)
        return found

    def acting(self, by: int, account: int, sudo: bool) -> Account:
        """The account acted as. Rejected ACCOUNT_NOT_FOUND if there is none or it is not this person's to act as."""
        found = self.accounts.get(account)
        if found is not None and (account in self.reach(by) or (sudo and found.kind != AccountKind.HOUSE)):
            return found
        raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"You have no account {account} to act as.")

    def known(self, account: int) -> Account:
        """Any account. Rejected ACCOUNT_NOT_FOUND if there is none of that number."""
        found = self.accounts.get(account)
        if found is None:
            raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"There is no account {account}.")
        return found

    def add_account(self, account: Account) -> None:
        """Registers an account that is complete but for its owners."""
        self.accounts[account.id] = account
        self.names[name_key(account.name)] = account.id
        if account.user:
            self.people[account.user] = account.id
            self._reach[account.user] = {account.id}
        elif account.kind == AccountKind.ALT:
            self.alts_made[account.creator] = self.alts_made.get(account.creator, 0) + 1
        self.changed.accounts[account.id] = account

    def add_owner(self, account: Account, owner: int, credit: int) -> None:
        """`owner` may act as the account from now on."""
        account.owners[owner] = credit
        self.accounts[owner].owned.append(account.id)
        new = self.below(account.id) | {account.id}
        for user, reached in self._reach.items():
            if owner in reached:
                reached |= new
                self.changed.reach[user] = None
        self.changed.owners[account.id] = account
        self.changed.accounts[account.id] = account

    def remove_owner(self, account: Account, owner: int) -> None:
        """`owner` may act as the account no longer, unless by another way."""
        account.owners = {id: credit for id, credit in account.owners.items() if id != owner}
        self.accounts[owner].owned.remove(account.id)
        for user, reached in self._reach.items():
            if owner in reached:
                own = self.people[user]
                self._reach[user] = self.below(own) | {own}
                self.changed.reach[user] = None
        self.changed.owners[account.id] = account
        self.changed.accounts[account.id] = account
        self.changed.left[account.id, owner] = None

    def add_market(self, market: Market) -> None:
        self.markets[market.id] = market
        self.market_names[name_key(market.name)] = market.id
        if market.settle_price is None:
            self.markets_made[market.creator] = self.markets_made.get(market.creator, 0) + 1
        self.changed.markets[market.id] = market

    def add_auction(self, auction: Auction) -> None:
        self.auctions[auction.id] = auction
        self.changed.auctions[auction.id] = auction

    def digest(self) -> str:
        """SHA-256 over the whole state in canonical order: equal states have equal digests, however they came to be."""
        counters = [self.next_account, self.next_market, self.next_order, self.next_trade, self.next_transfer]
        counters.append(self.next_auction)
        parts: list[object] = [self.seq, self.at_us, counters, sorted(self.people.items()), sorted(self.names.items())]
        parts += [sorted(self.market_names.items()), sorted(self.alts_made.items()), sorted(self.markets_made.items())]
        parts += [_account_figures(self.accounts[id]) for id in sorted(self.accounts)]
        parts += [_market_figures(self.markets[id]) for id in sorted(self.markets)]
        parts += [attrgetter(*Auction.__slots__)(self.auctions[id]) for id in sorted(self.auctions)]
        return sha256(json.dumps(parts).encode()).hexdigest()


def _account_figures(account: Account) -> tuple[object, ...]:
    exposures = [
        (
            *(id, e.position, e.bid_size, e.bid_value, e.offer_size, e.offer_value),
            *(e.worst_case, e.notional, e.cost, e.realised, e.traded),
        )
        for id, e in account.exposures.items()  # their order is that of events
    ]
    return (
        *(account.id, account.name, account.kind, account.user, account.creator, account.seq),
        *(
            account.cash,
            account.worst_case,
            account.notional,
            exposures,
            sorted(account.owners.items()),
            sorted(account.owned),
        ),
        *(list(account.keys.items()), sorted(account.open_by_key), list(account.transfers)),
    )


def _market_figures(market: Market) -> tuple[object, ...]:
    return (
        *(market.id, market.name, market.description, market.owner, market.creator, market.seq, market.created_us),
        *(market.min_settlement, market.max_settlement, market.tick_size, market.smallest_size),
        *(market.status, market.settle_price, market.last_price, list(market.holders), list(market.tape)),
        *(market.volume, market.category, market.pinned, list(market.visible_to), market.hide_account_ids),
        [_order_figures(order) for order in (*market.bids, *market.offers)],
    )


def _order_figures(order: Order) -> tuple[object, ...]:
    return (
        *(order.id, order.account, order.side, order.price, order.size, order.open, order.filled, order.cancelled),
        *(order.time_in_force, order.post_only, order.client_order_id, order.created_us, order.seq),
    )
