"""How much an account may pay, and to whom. The text beside the payment form shows it; the exchange decides (rules,
sections 2 and 3).

Unit: 1/10,000 chip.
"""

from collections import defaultdict
from typing import NamedTuple

from django.db.models import Q

from accounts.models import Account, AccountKind, Ownership
from accounts.selectors import reach
from markets.engine.credits import pro_rata
from markets.models import Exposure


class Limit(NamedTuple):
    """How much may be paid to `to`: at most `most`.

    If `most` is None, nothing may be paid while the account `busy`, or one below it, is not flat. With `credit`, the
    money that belongs to `to` is a limit too.
    """

    to: str
    most: int | None
    busy: str = ""
    credit: bool = False


def limits(account: Account) -> list[Limit]:
    """The limits for other people, for accounts that it owns, and for its owners.

    Six queries, and one for each level of accounts below it.
    """
    below = _Below(account)
    found = [Limit("other people", account.available)] if account.kind == AccountKind.USER else []
    found += [_deposit(below, account, owned) for owned in sorted(below.owned[account.id])]
    credits = below.credits(account.id)
    return found + [_withdrawal(below, account, owner, credit) for owner, credit in sorted(credits.items())]


def _deposit(below: "_Below", account: Account, owned: int) -> Limit:
    open_now = len(below.owners[owned]) == 1 or below.is_flat(owned)
    return Limit(below.names[owned], account.available if open_now else None, below.names[owned])


def _withdrawal(below: "_Below", account: Account, owner: int, credit: int) -> Limit:
    shared = len(below.owners[account.id]) > 1
    if shared and not below.is_flat(account.id):
        return Limit(below.names[owner], None, account.name)
    return Limit(below.names[owner], min(credit, account.available) if shared else account.available, "", shared)


class _Below:
    """An account and all accounts below it, with the credits after a rebalancing (engine/credits.py)."""

    def __init__(self, account: Account) -> None:
        ids = reach(account.id)
        self.owners: dict[int, dict[int, int]] = defaultdict(dict)
        self.owned: dict[int, list[int]] = defaultdict(list)
        self.names: dict[int, str] = {}
        for row in Ownership.objects.filter(account_id__in=ids).select_related("owner", "account"):
            self.owners[row.account_id][row.owner_id] = row.credit
            self.owned[row.owner_id].append(row.account_id)
            self.names |= {row.owner_id: row.owner.name, row.account_id: row.account.name}
        self._cash = dict(Account.objects.filter(id__in=ids).values_list("id", "cash"))
        stakes = Exposure.objects.filter(~Q(position=0, bid_size=0, offer_size=0), account_id__in=ids)
        self._busy = set(stakes.values_list("account_id", flat=True))

    def is_flat(self, account: int) -> bool:
        """Whether it and the accounts below it have no positions and no open orders."""
        return account not in self._busy and all(self.is_flat(owned) for owned in self.owned[account])

    def credits(self, account: int) -> dict[int, int]:
        """Each owner's credit, after rebalancing if the account is flat."""
        if not self.is_flat(account):
            return self.owners[account]
        worth = self._cash[account] + sum(self.credits(owned)[account] for owned in self.owned[account])
        return pro_rata(self.owners[account], worth)
