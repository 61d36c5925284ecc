"""The oracle's accounts: docs/rules.md, sections 1, 2 and 6, over plain lists. Every figure is counted anew."""

from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction

from markets.engine.errors import Reason
from markets.engine.events import AccountKind, CreditsChanged, Event, TransferKind, Transferred
from tests.naive_book import NaiveMarket, NaiveOrder
from tests.naive_shape import Refused, same_name, tidy

HOUSE = 1
KEYS_REMEMBERED = 10_000
ALL_MONEY = 10**13 * 10_000  # what the house may owe


@dataclass(slots=True)
class NaiveAccount:
    id: int
    name: str
    kind: AccountKind
    user: int
    creator: int
    seq: int
    owners: dict[int, int] = field(default_factory=dict)  # owner -> credit
    moved: int = 0  # cash from transfers, and from the trades and payouts of settled markets
    realised: int = 0  # the sum of |realised| of settled markets
    keys: dict[str, int] = field(default_factory=dict)  # key -> the seq of its latest command

    def gain(self, profit: int) -> None:
        """Books what a market came to when it settled: its trades and its payout."""
        self.moved += profit
        self.realised += abs(profit)


def scaled(credits: dict[int, int], worth: int) -> dict[int, int]:
    """The credits scaled to sum to `worth`, pro rata, or evenly if all are 0 (rules, section 2).

    Each gets whole units. The units left over go one each by largest fraction, then lowest id.
    """
    weights = credits if any(credits.values()) else dict.fromkeys(credits, 1)
    exact = {owner: Fraction(worth * weight, sum(weights.values())) for owner, weight in weights.items()}
    whole = {owner: int(part) for owner, part in exact.items()}
    queue = sorted(exact, key=lambda owner: (whole[owner] - exact[owner], owner))
    for owner in queue[: worth - sum(whole.values())]:
        whole[owner] += 1
    return whole


class NaiveMoney:
    """All accounts: who owns which, and what each has."""

    def __init__(self) -> None:
        self.seq = 0
        self.accounts: dict[int, NaiveAccount] = {}
        self.markets: dict[int, NaiveMarket] = {}
        self.running: list[int] = []  # markets that are not settled
        self.transfers = 0

    # --- Who owns what

    def may_act_as(self, user: int, sudo: bool) -> set[int]:
        """The own user account and all below it; for an operator in sudo every account but the house."""
        if sudo:
            return set(self.accounts) - {HOUSE}
        mine = {a.id for a in self.accounts.values() if user and a.user == user}
        while True:
            more = {a.id for a in self.accounts.values() if mine & set(a.owners)} - mine
            if not more:
                return mine
            mine |= more

    def below(self, account: int) -> list[int]:
        """Every account below, deepest first, then lowest id. The longest way down is an account's depth."""
        depths: dict[int, int] = {}
        layer, depth = {account}, 0
        while layer:
            depth += 1
            layer = {a.id for a in self.accounts.values() if layer & set(a.owners)}
            depths |= dict.fromkeys(layer, depth)
        return sorted(depths, key=lambda id: (-depths[id], id))

    def find_key(self, account: int, key: str) -> int:
        """The seq of the command that used the key; 0 if none did or it is forgotten."""
        if not key:
            return 0
        for order in self.open_orders(account):
            if order.client_order_id == key:
                return order.seq
        seq = self.accounts[account].keys.get(key, 0)
        if not seq:
            return 0
        mine = self.same_memory(self.accounts[account])
        later = sum(used > seq for id in mine for used in self.accounts[id].keys.values())
        return seq if later < KEYS_REMEMBERED else 0

    def same_memory(self, account: NaiveAccount) -> set[int]:
        """The accounts of which 10,000 keys are remembered together."""
        if account.kind != AccountKind.ALT:
            return {account.id}
        return {a.id for a in self.accounts.values() if a.kind == AccountKind.ALT and a.creator == account.creator}

    def remember_key(self, account: int, key: str) -> None:
        """Remembers the key of the command that was just accepted."""
        if key:
            self.accounts[account].keys[key] = self.seq

    def add_account(self, name: str, kind: AccountKind, user: int, creator: int) -> NaiveAccount:
        new = NaiveAccount(len(self.accounts) + 1, name, kind, user, creator, self.seq + 1)
        self.accounts[new.id] = new
        return new

    def name_taken(self, name: str) -> set[Reason]:
        same = any(same_name(a.name, tidy(name)) for a in self.accounts.values())
        return {Reason.NAME_TAKEN} if same else set()

    def pick_free_name(self, name: str) -> str:
        """The name itself, or with " 2", " 3" and so on, cut to 40 characters."""
        free, number = name, 1
        while self.name_taken(free):
            number += 1
            free = name[: 40 - len(f" {number}")].rstrip() + f" {number}"
        return free

    # --- What an account has (rules, section 6)

    def unsettled(self) -> list[NaiveMarket]:
        return [self.markets[id] for id in self.running]

    def open_orders(self, account: int) -> list[NaiveOrder]:
        return [o for m in self.unsettled() for o in m.orders_of(account)]

    def cash(self, account: int) -> int:
        return self.accounts[account].moved + sum(m.cash_from_trades(account) for m in self.unsettled())

    def worst_case(self, account: int) -> int:
        return sum(m.stake(account).worst_case for m in self.unsettled())

    def notional(self, account: int) -> int:
        """What counts towards POSITION_LIMIT beside cash."""
        return self.accounts[account].realised + sum(m.notional(account) for m in self.unsettled())

    def available(self, account: int) -> int:
        return self.cash(account) + self.worst_case(account)

    # --- Credits (rules, section 2) and the transfer itself

    def is_flat(self, account: int) -> bool:
        accounts = [account, *self.below(account)]
        return not any(m.position(one) or m.orders_of(one) for one in accounts for m in self.unsettled())

    def worth(self, account: int) -> int:
        return self.cash(account) + sum(a.owners.get(account, 0) for a in self.accounts.values())

    def rebalance(self, account: int) -> list[Event]:
        """Rebalances the account if it is flat."""
        if not self.is_flat(account):
            return []
        return self.set_credits(account, scaled(self.accounts[account].owners, self.worth(account)))

    def rebalance_all(self, account: int) -> list[Event]:
        """Rebalances every flat account below, deepest first, then the account itself."""
        return [event for one in [*self.below(account), account] for event in self.rebalance(one)]

    def set_credits(self, account: int, credits: dict[int, int]) -> list[Event]:
        owners = self.accounts[account].owners
        if owners == credits:
            return []
        owners.update(credits)
        return [CreditsChanged(account, tuple(sorted(owners.items())))]

    def move_credit(self, owned: int, owner: int, amount: int) -> list[Event]:
        """The credit part of a deposit (`amount` > 0) or withdrawal.

        With several owners the account must be flat, and an owner takes out at most their own credit.
        """
        owners = self.accounts[owned].owners
        if len(owners) > 1 and not self.is_flat(owned):
            raise Refused({Reason.SHARED_ACCOUNT_NOT_FLAT})
        before = deepcopy(self.accounts)
        events = self.rebalance_all(owned)
        credit = owners[owner] + amount
        if len(owners) > 1 and credit < 0:
            self.accounts = before
            raise Refused({Reason.INSUFFICIENT_CREDIT})
        return events + self.set_credits(owned, {owner: min(max(0, credit), ALL_MONEY)})

    def transfer(
        self, payer: int, payee: int, amount: int, kind: TransferKind, note: str, at_us: int, auction: int = 0
    ) -> Event:
        self.accounts[payer].moved -= amount
        self.accounts[payee].moved += amount
        self.transfers += 1
        return Transferred(self.transfers, payer, payee, amount, kind, note, at_us, auction)
