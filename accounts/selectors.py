"""Queries about accounts. They only read: the engine owns the tables. Unit of cash: 1/10,000 chip."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Q, QuerySet

from accounts.models import Account, AccountKind, Ownership, Transfer

TRANSFERS_SHOWN = 50
NAMES_SUGGESTED = 500
ID_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True)
class Branch:
    """An account in a tree. Depth 0 is the root. `share` is the ownership that leads here; the root has none."""

    account: Account
    depth: int
    share: Ownership | None = None


def user_account(user_id: int) -> Account | None:
    return Account.objects.filter(user_id=user_id).first()


def tree(root: Account) -> list[Branch]:
    """Every account that the person of `root` may act as; owners come before what they own. One query per level.

    An account that is reached twice is listed where it is reached first.
    """
    return _branches(root, "owner", "account")


def owners_above(account: Account) -> list[Branch]:
    """The account, its owners, their owners and so on: all who may act as it. Order and queries are as in tree()."""
    return _branches(account, "account", "owner")


def _branches(root: Account, near: str, far: str) -> list[Branch]:
    """Walks Ownership from `root`: from the column `near` to the column `far`. Shares come with their account."""
    beyond: dict[int, list[Ownership]] = {}
    seen, level = {root.id}, [root.id]
    while level:
        linked = Ownership.objects.filter(**{f"{near}_id__in": level})
        rows = linked.select_related("account", far).order_by(f"{far}_id")
        level = []
        for row in rows:
            reached = getattr(row, f"{far}_id")
            if reached not in seen:
                seen.add(reached)
                level.append(reached)
                beyond.setdefault(getattr(row, f"{near}_id"), []).append(row)
    branches: list[Branch] = []
    waiting = [Branch(root, 0)]
    while waiting:
        branch = waiting.pop()
        branches.append(branch)
        shares = reversed(beyond.get(branch.account.id, []))
        waiting.extend(Branch(getattr(share, far), branch.depth + 1, share) for share in shares)
    return branches


def people_acting_as(account_ids: set[int]) -> dict[int, set[int]]:
    """For each account the ids of the users who may act as it. One query per level of owners above, and one more."""
    owners: dict[int, set[int]] = {}
    level = account_ids
    while level:
        owners |= {account: set() for account in level}
        rows = Ownership.objects.filter(account_id__in=level).values_list("account_id", "owner_id")
        for account, owner in rows:
            owners[account].add(owner)
        level = {owner for _, owner in rows} - owners.keys()
    users = dict(Account.objects.filter(id__in=owners).exclude(user=None).values_list("id", "user_id"))
    by_account: dict[int, set[int]] = {}
    for account in account_ids:
        above, waiting = {account}, [account]
        while waiting:
            waiting += (found := owners[waiting.pop()] - above)
            above |= found
        by_account[account] = {user for one in above if (user := users.get(one)) is not None}
    return by_account


@dataclass(frozen=True, slots=True)
class Possession:
    """An account of a tree with its owners. `acting` is the share of the account acted as; None if it owns none."""

    branch: Branch
    owners: list[Ownership]
    acting: Ownership | None


def possessions(branches: list[Branch], acting: Account) -> list[Possession]:
    """Who owns the money in each account of the tree, as of the last rebalancing. One query."""
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
    """The first NAMES_SUGGESTED user accounts by name, for suggestions."""
    return list(Account.objects.filter(kind=AccountKind.USER).order_by("name_key")[:NAMES_SUGGESTED])


def transfers(account_id: int, before: int | None = None, limit: int = TRANSFERS_SHOWN) -> list[Transfer]:
    """An account's last transfers before an id, newest first. Two queries, since each direction has its own index."""
    last = Transfer.objects.select_related("from_account", "to_account").order_by("-id")
    if before is not None:
        last = last.filter(id__lt=before)
    paid = last.filter(from_account_id=account_id)[:limit]
    received = last.filter(to_account_id=account_id)[:limit]
    return sorted((*paid, *received), key=lambda transfer: -transfer.id)[:limit]


class TransferRow(NamedTuple):
    """A transfer as the list of one of its accounts shows it. `amount` is negative if the account paid."""

    id: int
    at_us: int
    kind: str
    note: str
    auction: int
    other: str
    amount: int


def transfer_rows(account_id: int, found: Iterable[Transfer]) -> list[TransferRow]:
    """The account's own side of its transfers."""
    return [
        TransferRow(t.id, t.at_us, t.get_kind_display(), t.note, t.auction, other.name, amount)
        for t in found
        for other, amount in [
            (t.to_account, -t.amount) if t.from_account_id == account_id else (t.from_account, t.amount)
        ]
    ]


def payees(account: Account) -> list[Account]:
    """Accounts that this one may pay without an operator (rules, section 3), for suggestions.

    They are its owners, the accounts it owns and, for a user account, other user accounts.
    """
    owned = Ownership.objects.filter(owner=account).values("account")
    owners = Ownership.objects.filter(account=account).values("owner")
    may_receive = Q(id__in=owned) | Q(id__in=owners)
    if account.kind == AccountKind.USER:
        may_receive |= Q(kind=AccountKind.USER)
    found = Account.objects.filter(may_receive).exclude(id=account.id).order_by("name_key")
    return list(found[:NAMES_SUGGESTED])


def but_the_house() -> QuerySet[Account]:
    """All accounts except the house: nobody may act as it or name it."""
    return Account.objects.exclude(kind=AccountKind.HOUSE)


def other_account(account_id: int) -> Account | None:
    """Any account except the house: an operator in sudo may act as it."""
    return but_the_house().filter(id=account_id).first()


def account_named(name: str) -> Account | None:
    """The account with this name. Capitals and compatible characters may differ; the house is not found."""
    named = Q(name=_tidy(name)) | Q(name_key=_key(name))
    return but_the_house().filter(named).first()


def typed_id(text: str) -> int | None:
    """A typed id; None if the text is no id, or has more than ID_DIGITS_MAX digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= ID_DIGITS_MAX else None


def accounts_written(names: set[str]) -> dict[str, int]:
    """Maps each of these typed ids and names to the id of its account. Unknown ones and the house are left out.

    Digits are read as an id, even if an account has them as its name. Two queries.
    """
    ids = {name: id for name in names if (id := typed_id(name)) is not None}
    words = names - ids.keys()
    others = but_the_house()
    there = set(others.filter(id__in=ids.values()).values_list("id", flat=True))
    named = Q(name__in={_tidy(name) for name in words}) | Q(name_key__in={_key(name) for name in words})
    found: dict[str, int] = {}
    for id, name, key in others.filter(named).values_list("id", "name", "name_key"):
        found |= {name: id, key: id}
    return {name: id for name, id in ids.items() if id in there} | {
        name: found[way] for name in words if (way := _tidy(name)) in found or (way := _key(name)) in found
    }


def _tidy(name: str) -> str:
    return " ".join(name.split())


def _key(name: str) -> str:
    """The engine's key of a name. It differs for names with invisible marks; those are found by exact name."""
    return unicodedata.normalize("NFKC", _tidy(name)).casefold()


def reach(root: int) -> set[int]:
    """Ids of the accounts in the tree of `root`, itself included. One query per level."""
    seen, level = {root}, {root}
    while level:
        level = set(Ownership.objects.filter(owner_id__in=level).values_list("account_id", flat=True)) - seen
        seen |= level
    return seen


def transfers_of(account_id: int) -> QuerySet[Transfer]:
    """All transfers from or to an account."""
    return Transfer.objects.filter(Q(from_account_id=account_id) | Q(to_account_id=account_id))
