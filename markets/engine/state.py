"""What the engine remembers: dicts of slotted objects, counters, and the objects that the running batch touched."""

import json
from hashlib import sha256
from operator import attrgetter

from markets.engine.board import Auction
from markets.engine.book import Market, Order
from markets.engine.errors import Reason, Rejected
from markets.engine.events import AccountKind
from markets.engine.ledger import Account, Exposure, Keys
from markets.engine.text import looks_of, name_key

HOUSE = 1  # account id

# Goes up with every change that alters the result of an accepted command. The journal stores it with each entry.
# 2: names hide no spaces. 3: a co-owner buys at auctions with their own credit. 4: realised profit counts towards
# POSITION_LIMIT, and credits end at CREDIT_MAX. 5: names that look alike are the same, and mix no scripts.
RULES_VERSION = 5

PRICE_MAX = 100_000_000  # 1/100 chip, either sign: 1,000,000.00
SIZE_MAX = 10_000_000  # 1/100: 100,000.00
ORDERS_MAX = 1_000  # open orders per account and market
NOTIONAL_MAX = 10**17  # 1/10,000 chip: POSITION_LIMIT, which keeps every stored figure within 64 bits
AMOUNT_MAX = 10**13  # 1/10,000 chip: 1,000,000,000 chips in one transfer
ISSUE_MAX = 10**17  # 1/10,000 chip: 10^13 chips owed by the house
CREDIT_MAX = ISSUE_MAX  # 1/10,000 chip: no part of the money is more than all of it

_NOTHING: set[int] = set()


class Changed:
    """The objects that a batch touched. The journal writes each once; portfolios are published from them."""

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
        self.reach: dict[int, None] = {}  # user ids of people whose accounts to act as changed
        self.markets: dict[int, Market] = {}
        self.visibility: dict[int, Market] = {}  # markets that other people see now, or with other masks
        self.masks: dict[int, None] = {}  # markets that began or ceased to hide account ids
        self.unlisted: dict[tuple[int, int], None] = {}  # (market id, account id) no longer listed
        self.orders: dict[int, Order] = {}  # finished ones too
        self.exposures: dict[tuple[int, int], Exposure] = {}  # by (account id, market id)
        self.auctions: dict[int, Auction] = {}


class State:
    """Everything that the rules read and change.

    `seq` and `at_us` (UTC microseconds) are those of the last accepted command. `rules` is the version of the rules to
    apply; a replay sets it for each entry.
    """

    def __init__(self) -> None:
        self.rules = RULES_VERSION
        self.seq = 0
        self.at_us = 0
        self.accounts: dict[int, Account] = {}
        self.markets: dict[int, Market] = {}
        self.orders: dict[int, Order] = {}  # open ones only
        self.auctions: dict[int, Auction] = {}
        self.people: dict[int, int] = {}  # user id -> user account id
        self.names: dict[str, int] = {}  # name key -> account id
        self.market_names: dict[str, int] = {}
        self.looks: dict[str, dict[int, None]] = {}  # look of a name -> account ids; old names may share one
        self.market_looks: dict[str, dict[int, None]] = {}
        self.alts_made: dict[int, int] = {}  # user id -> number of alts
        self.alt_keys: dict[int, Keys] = {}  # user id -> keys of the alts that the person made
        self.markets_made: dict[int, int] = {}  # user id -> number of unsettled markets
        self.next_account = 1
        self.next_market = 1
        self.next_order = 1
        self.next_trade = 1
        self.next_transfer = 1
        self.next_auction = 1
        self.changed = Changed()
        self._reach: dict[int, set[int]] = {}  # user id -> ids of the accounts to act as

    def take_changed(self) -> Changed:
        """Returns what was touched since the last call, and starts anew."""
        changed, self.changed = self.changed, Changed()
        return changed

    def reach(self, user: int) -> set[int]:
        """The ids of the accounts that a person may act as: the user account and all below it (rules, section 1).

        The set is the engine's own: do not change it.
        """
        return self._reach.get(user, _NOTHING)

    def below(self, account: int) -> set[int]:
        """The ids of the accounts that `account` owns, directly or through others."""
        found: set[int] = set()
        waiting = list(self.accounts[account].owned)
        while waiting:
            child = waiting.pop()
            if child not in found:
                found.add(child)
                waiting.extend(self.accounts[child].owned)
        return found

    def find_acting_account(self, by: int, account: int, sudo: bool) -> Account:
        """The account, if person `by` may act as it; in sudo any but the house. Else Rejected ACCOUNT_NOT_FOUND."""
        found = self.accounts.get(account)
        if found is not None and (account in self.reach(by) or (sudo and found.kind != AccountKind.HOUSE)):
            return found
        raise not_theirs(account)

    def find_account(self, account: int) -> Account:
        """The account of that id, whoever owns it. Rejected ACCOUNT_NOT_FOUND if there is none."""
        found = self.accounts.get(account)
        if found is None:
            raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"There is no account {account}.")
        return found

    def add_account(self, account: Account) -> None:
        """Registers a new account. Its owners follow by add_owner()."""
        self.accounts[account.id] = account
        self.names[name_key(account.name)] = account.id
        for look in looks_of(account.name):
            self.looks.setdefault(look, {})[account.id] = None
        if account.user:
            self.people[account.user] = account.id
            self._reach[account.user] = {account.id}
        elif account.kind == AccountKind.ALT:
            self.alts_made[account.creator] = self.alts_made.get(account.creator, 0) + 1
            account.keys = self.alt_keys.setdefault(account.creator, account.keys)
        self.changed.accounts[account.id] = account

    def add_owner(self, account: Account, owner: int, credit: int) -> None:
        """Makes `owner` an owner with this credit. Whoever may act as it may now act as the account and all below."""
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
        """Ends the share of `owner`. Whoever could act as the account only through it no longer can."""
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
        """Registers a market. An unsettled one counts towards its creator's limit."""
        self.markets[market.id] = market
        self.add_market_name(market)
        if market.settle_price is None:
            self.markets_made[market.creator] = self.markets_made.get(market.creator, 0) + 1
        self.changed.markets[market.id] = market

    def add_market_name(self, market: Market) -> None:
        self.market_names[name_key(market.name)] = market.id
        for look in looks_of(market.name):
            self.market_looks.setdefault(look, {})[market.id] = None

    def remove_market_name(self, market: Market) -> None:
        del self.market_names[name_key(market.name)]
        for look in looks_of(market.name):
            del self.market_looks[look][market.id]
            if not self.market_looks[look]:
                del self.market_looks[look]

    def is_name_taken(self, name: str) -> bool:
        """Whether an account has this name, or one that looks like it (rules, section 1, Names)."""
        alike = self.rules >= 5 and any(look in self.looks for look in looks_of(name))
        return alike or name_key(name) in self.names

    def is_market_name_taken(self, name: str, but: int = 0) -> bool:
        """Whether a market has this name, or one that looks like it; the market `but` aside."""
        alike = looks_of(name) if self.rules >= 5 else ()
        holders = {
            self.market_names.get(name_key(name), 0),
            *(id for look in alike for id in self.market_looks.get(look, ())),
        }
        return bool(holders - {0, but})

    def add_auction(self, auction: Auction) -> None:
        self.auctions[auction.id] = auction
        self.changed.auctions[auction.id] = auction

    def digest(self) -> str:
        """SHA-256 over the whole state in canonical order, as hex. Equal states have equal digests."""
        counters = [self.next_account, self.next_market, self.next_order, self.next_trade, self.next_transfer]
        counters.append(self.next_auction)
        parts: list[object] = [self.seq, self.at_us, counters, sorted(self.people.items()), sorted(self.names.items())]
        parts += [sorted(self.market_names.items()), sorted(self.alts_made.items()), sorted(self.markets_made.items())]
        parts += [list(self.alt_keys[id].items()) for id in sorted(self.alt_keys)]
        parts += [_account_figures(self.accounts[id]) for id in sorted(self.accounts)]
        parts += [_market_figures(self.markets[id]) for id in sorted(self.markets)]
        parts += [_auction_figures(self.auctions[id]) for id in sorted(self.auctions)]
        return sha256(json.dumps(parts).encode()).hexdigest()


def _account_figures(account: Account) -> tuple[object, ...]:
    return (
        account.id,
        account.name,
        account.kind,
        account.user,
        account.creator,
        account.seq,
        account.cash,
        account.worst_case,
        account.notional,
        # Not sorted: the order of exposures decides the order of events.
        [(id, *_exposure_figures(exposure)) for id, exposure in account.exposures.items()],
        sorted(account.owners.items()),
        sorted(account.owned),
        [] if account.kind == AccountKind.ALT else list(account.keys.items()),
        sorted(account.open_by_key),
        list(account.transfers),
    )


def _market_figures(market: Market) -> tuple[object, ...]:
    return (
        market.id,
        market.name,
        market.description,
        market.owner,
        market.creator,
        market.seq,
        market.created_us,
        market.min_settlement,
        market.max_settlement,
        market.tick_size,
        market.smallest_size,
        market.status,
        market.settle_price,
        market.last_price,
        list(market.holders),
        list(market.tape),
        market.volume,
        market.category,
        market.pinned,
        list(market.visible_to),
        market.hide_account_ids,
        [_order_figures(order) for order in (*market.bids, *market.offers)],
    )


_exposure_figures = attrgetter(*(name for name in Exposure.__slots__ if name not in ("market", "orders")))
_order_figures = attrgetter(*Order.__slots__)
_auction_figures = attrgetter(*Auction.__slots__)


def not_theirs(account: int) -> Rejected:
    """For an account that is not there, or not this person's to act as."""
    return Rejected(Reason.ACCOUNT_NOT_FOUND, f"You have no account {account} to act as.")
