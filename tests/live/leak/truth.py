"""Who could act as which account, and who could see what of a market, at every seq (rules, sections 1 and 4).

Read from the journal after the run and computed without the exchange's code of visibility. The exchange publishes a
batch as a whole, so the rights at the end of the batch count.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from typing import Generic, TypeVar

from markets.engine import events as e
from markets.journal.entries import decode_events
from tests.live.tables import Tables

T = TypeVar("T")
Stake = tuple[int, int]  # market, account


class Degree(IntEnum):
    """How much somebody may see of a market."""

    NOTHING = 0
    KNOWN = 1  # the definition, the settlement and their own rows
    WHOLE = 2


class Timeline(Generic[T]):
    """A value that changes from seq to seq."""

    def __init__(self, first: T) -> None:
        self._seqs = [0]
        self._values = [first]

    def at(self, seq: int) -> T:
        return self._values[bisect_right(self._seqs, seq) - 1]

    @property
    def last(self) -> T:
        return self._values[-1]

    def set(self, seq: int, value: T) -> None:
        if value != self.last:
            self._seqs.append(seq)
            self._values.append(value)

    def between(self, first: int, last: int) -> list[T]:
        """All values from seq `first` to seq `last`."""
        begin = bisect_right(self._seqs, first) - 1
        return self._values[begin : bisect_right(self._seqs, last)]

    @property
    def changes(self) -> list[int]:
        return self._seqs[1:]


@dataclass
class MarketTruth:
    created: int  # seq
    owner: int
    listed: Timeline[frozenset[int]]  # accounts that see it; empty: everybody
    hides: Timeline[bool]
    names: dict[str, None] = field(default_factory=dict)  # every name it ever had
    traded: dict[int, int] = field(default_factory=dict)  # account -> seq of its first trade
    own: dict[int, set[int]] = field(
        default_factory=lambda: defaultdict(set)
    )  # account -> prices of its orders and trades
    prices: set[int] = field(default_factory=set)
    settled_at: int | None = None  # the settlement price


class Truth:
    """`committed`: seq -> committed_us of the reply, which is the same for a whole batch.

    `bound`: made-up user id -> account, for people who use a token that is bound to an account; they may act as that
    account only.
    """

    def __init__(self, tables: Tables, committed: dict[int, int], bound: dict[int, int]) -> None:
        self.markets: dict[int, MarketTruth] = {}
        self.orders: dict[int, Stake] = {}
        self.takes: dict[int, tuple[int, int, int]] = {}  # trade -> market, buyer, seller
        self.client_order_ids: dict[str, int] = {}  # -> account
        self.transfers: dict[int, frozenset[int]] = {}  # -> payer and receiver
        self.notes: dict[str, frozenset[int]] = {}  # note of a transfer -> payer and receiver
        self.users: dict[int, int] = {}  # user -> own account
        self.names: dict[int, str] = {}  # of accounts
        self.entered: dict[Stake, int] = {}  # -> seq of the account's first order in the market
        self.reaches: dict[int, Timeline[frozenset[int]]] = {
            user: Timeline(frozenset({account})) for user, account in bound.items()
        }  # user -> the accounts that they may act as
        self._owners: dict[int, set[int]] = defaultdict(set)
        self._owned: dict[int, set[int]] = defaultdict(set)
        self.head = 0
        for seq, data in tables.rows("SELECT seq, events FROM markets_journalentry ORDER BY seq"):
            self.head = seq
            for event in decode_events(bytes(data)):
                self._add(seq, event)
        self._ends = self._batch_ends(committed)
        self.degree = cache(self._degree)

    def _batch_ends(self, committed: dict[int, int]) -> list[int]:
        """The last seq of every batch. A seq without a reply counts as a batch of its own."""
        seqs = range(1, self.head + 1)
        moment = {seq: committed.get(seq, -seq) for seq in seqs}
        return [seq for seq in seqs if moment[seq] != moment.get(seq + 1)]

    def batch_end(self, seq: int) -> int:
        """The last seq of the batch that contains `seq`."""
        index = bisect_right(self._ends, seq - 1)
        return self._ends[index] if index < len(self._ends) else seq

    # --- Rights

    def reach(self, user: int, seq: int) -> frozenset[int]:
        course = self.reaches.get(user)
        return course.at(seq) if course else frozenset()

    def _degree(self, user: int, sudo: bool, market: int, seq: int) -> Degree:
        found = self.markets.get(market)
        if found is None or found.created > seq:
            return Degree.NOTHING
        listed = found.listed.at(seq)
        mine = self.reach(user, seq)
        if sudo or not listed or listed & mine:
            return Degree.WHOLE if user else Degree.NOTHING
        past = any(found.traded.get(account, seq + 1) <= seq for account in mine)
        return Degree.KNOWN if past or found.owner in mine else Degree.NOTHING

    def ever(self, user: int, market: int, first: int, last: int) -> Degree:
        """The most that the person could see without sudo at any seq from `first` to `last`."""
        found = self.markets.get(market)
        if found is None or user not in self.reaches:
            return Degree.NOTHING
        moments = {first, last, found.created, *found.listed.changes, *self.reaches[user].changes}
        moments.update(found.traded.values())
        return max(self.degree(user, False, market, seq) for seq in moments if first <= seq <= last)

    def list_changed(self, market: int, first: int, last: int) -> bool:
        return any(first <= seq <= last for seq in self.markets[market].listed.changes)

    # --- Reading the journal

    def _add(self, seq: int, event: e.Event) -> None:
        match event:
            case e.AccountCreated():
                self.names[event.account] = event.name
                if event.user:
                    self.users[event.user] = event.account
                    self.reaches[event.user] = Timeline(frozenset())
                if event.owner:
                    self._own(event.account, event.owner)
                self._reach_anew(seq)
            case e.ShareCreated():
                self._own(event.account, event.owner)
                self._reach_anew(seq)
            case e.ShareEnded():
                self._owners[event.account].discard(event.owner)
                self._owned[event.owner].discard(event.account)
                self._reach_anew(seq)
            case e.Transferred():
                self.transfers[event.transfer] = frozenset({event.from_account, event.to_account})
                self.notes[event.note] = self.transfers[event.transfer]
            case e.MarketCreated() | e.MarketEdited() | e.MarketSettled():
                self._add_market(seq, event)
            case e.OrderCreated():
                stake = event.market, event.account
                self.orders[event.order] = stake
                self.client_order_ids[event.client_order_id] = event.account
                self.entered.setdefault(stake, seq)
                self._quote(event.market, event.price, (event.account,))
            case e.Traded():
                self.takes[event.trade] = event.market, event.buyer, event.seller
                for account in (event.buyer, event.seller):
                    self.markets[event.market].traded.setdefault(account, seq)
                self._quote(event.market, event.price, (event.buyer, event.seller))

    def _add_market(self, seq: int, event: e.MarketCreated | e.MarketEdited | e.MarketSettled) -> None:
        if isinstance(event, e.MarketSettled):
            self.markets[event.market].settled_at = event.price
            return
        if isinstance(event, e.MarketCreated):
            listed, hides = Timeline(frozenset(event.visible_to)), Timeline(event.hide_account_ids)
            self.markets[event.market] = MarketTruth(seq, event.owner, listed, hides)
        market = self.markets[event.market]
        market.names[event.name] = None
        market.listed.set(seq, frozenset(event.visible_to))
        market.hides.set(seq, event.hide_account_ids)

    def _own(self, account: int, owner: int) -> None:
        self._owners[account].add(owner)
        self._owned[owner].add(account)

    def _reach_anew(self, seq: int) -> None:
        for user, own in self.users.items():
            self.reaches[user].set(seq, frozenset(self._below(own)))

    def _below(self, account: int) -> Iterable[int]:
        found, waiting = {account}, [account]
        while waiting:
            new = self._owned[waiting.pop()] - found
            found |= new
            waiting += new
        return found

    def _quote(self, market: int, price: int, accounts: Iterable[int]) -> None:
        found = self.markets[market]
        found.prices.add(price)
        for account in accounts:
            found.own[account].add(price)
