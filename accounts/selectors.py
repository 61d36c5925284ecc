"""What pages read about accounts. The engine's tables are only read here; unit of cash: 1/10,000 chip."""

import unicodedata
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from accounts.models import Account, AccountKind, Ownership, Transfer

TRANSFERS_SHOWN = 50
NAMES_SUGGESTED = 500


@dataclass(frozen=True, slots=True)
class Branch:
    """An account in somebody's tree; depth 0 is their own user account."""

    account: Account
    depth: int


def user_account(user_id: int) -> Account | None:
    return Account.objects.filter(user_id=user_id).first()


def tree(root: Account) -> list[Branch]:
    """Every account that `root`'s person may act as, owners before what they own. One query per level of the tree.

    An account that is reached twice stands where it is reached first.
    """
    owned: dict[int, list[Account]] = {}
    seen, level = {root.id}, [root.id]
    while level:
        rows = Ownership.objects.filter(owner_id__in=level).select_related("account").order_by("account_id")
        level = []
        for row in rows:
            if row.account_id not in seen:
                seen.add(row.account_id)
                level.append(row.account_id)
                owned.setdefault(row.owner_id, []).append(row.account)
    branches: list[Branch] = []
    waiting = [Branch(root, 0)]
    while waiting:
        branch = waiting.pop()
        branches.append(branch)
        below = owned.get(branch.account.id, ())
        waiting.extend(Branch(account, branch.depth + 1) for account in reversed(below))
    return branches


def people_acting_as(account_ids: set[int]) -> dict[int, set[int]]:
    """Of each of these accounts the user ids of who may act as it. One query per level of owners above them."""
    owners: dict[int, set[int]] = {}
    level = account_ids
    while level:
        owners |= {account: set() for account in level}
        rows = Ownership.objects.filter(account_id__in=level).values_list("account_id", "owner_id")
        for account, owner in rows:
            owners[account].add(owner)
        level = {owner for _, owner in rows} - owners.keys()
    users = dict(Account.objects.filter(id__in=owners).exclude(user=None).values_list("id", "user_id"))
    people: dict[int, set[int]] = {}
    for account in account_ids:
        above, waiting = {account}, [account]
        while waiting:
            waiting += (found := owners[waiting.pop()] - above)
            above |= found
        people[account] = {user for one in above if (user := users.get(one)) is not None}
    return people


@dataclass(frozen=True, slots=True)
class Possession:
    """An account in somebody's tree with its owners; `acting` is the part of the account acted as, if it owns some."""

    branch: Branch
    owners: list[Ownership]
    acting: Ownership | None


def possessions(branches: list[Branch], acting: Account) -> list[Possession]:
    """One query; whose the money in every account of the tree is, as of the last rebalancing."""
    rows = Ownership.objects.filter(account_id__in=[branch.account.id for branch in branches])
    owners: dict[int, list[Ownership]] = {}
    for row in rows.select_related("owner").order_by("owner_id"):
        owners.setdefault(row.account_id, []).append(row)
    return [
        Possession(branch, of_one, next((row for row in of_one if row.owner_id == acting.id), None))
        for branch in branches
        for of_one in [owners.get(branch.account.id, [])]
    ]


def people() -> list[Account]:
    """User accounts, for suggestions."""
    return list(Account.objects.filter(kind=AccountKind.USER).order_by("name_key")[:NAMES_SUGGESTED])


def transfers(account_id: int, before: int | None = None, limit: int = TRANSFERS_SHOWN) -> list[Transfer]:
    """The last ones of an account before an id, newest first. Two queries: each finds its own in an index."""
    last = Transfer.objects.select_related("from_account", "to_account").order_by("-id")
    if before is not None:
        last = last.filter(id__lt=before)
    paid = last.filter(from_account_id=account_id)[:limit]
    received = last.filter(to_account_id=account_id)[:limit]
    return sorted((*paid, *received), key=lambda transfer: -transfer.id)[:limit]


def payees(account: Account) -> list[Account]:
    """Whom this account may pay without an operator: other people, what it owns, and who owns it (rules, section 3)."""
    owned = Ownership.objects.filter(owner=account).values("account")
    owners = Ownership.objects.filter(account=account).values("owner")
    may_receive = Q(id__in=owned) | Q(id__in=owners)
    if account.kind == AccountKind.USER:
        may_receive |= Q(kind=AccountKind.USER)
    found = Account.objects.filter(may_receive).exclude(id=account.id).order_by("name_key")
    return list(found[:NAMES_SUGGESTED])


def other_account(account_id: int) -> Account | None:
    """Any but the house: what an operator in sudo may act as."""
    return Account.objects.filter(id=account_id).exclude(kind=AccountKind.HOUSE).first()


def account_named(name: str) -> Account | None:
    """By name, as the exchange compares names: NFKC and casefold."""
    key = unicodedata.normalize("NFKC", " ".join(name.split())).casefold()
    return Account.objects.filter(name_key=key).exclude(kind=AccountKind.HOUSE).first()


def reach(root: int) -> set[int]:
    """The ids of the accounts in the tree of an account, itself included. One query per level."""
    seen, level = {root}, {root}
    while level:
        level = set(Ownership.objects.filter(owner_id__in=level).values_list("account_id", flat=True)) - seen
        seen |= level
    return seen


def transfers_of(account_id: int) -> QuerySet[Transfer]:
    """From and to an account."""
    return Transfer.objects.filter(Q(from_account_id=account_id) | Q(to_account_id=account_id))
