"""What pages read about accounts. The engine's tables are only read here; unit of cash: 1/10,000 chip."""

import unicodedata
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from accounts.models import Account, AccountKind, Ownership, Transfer

TRANSFERS_SHOWN = 50
NAMES_SUGGESTED = 500
ID_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True)
class Branch:
    """An account in somebody's tree; depth 0 is their own user account. `share` is how it came to be there."""

    account: Account
    depth: int
    share: Ownership | None = None


def user_account(user_id: int) -> Account | None:
    return Account.objects.filter(user_id=user_id).first()


def tree(root: Account) -> list[Branch]:
    """Every account that `root`'s person may act as, owners before what they own. One query per level of the tree.

    An account that is reached twice stands where it is reached first.
    """
    return _branches(root, "owner", "account")


def owners_above(account: Account) -> list[Branch]:
    """Whoever may act as it: itself, its owners, and theirs, in the same order and as many queries as tree()."""
    return _branches(account, "account", "owner")


def _branches(root: Account, near: str, far: str) -> list[Branch]:
    """From `root` along Ownership, away from its side `near`."""
    beyond: dict[int, list[Ownership]] = {}
    seen, level = {root.id}, [root.id]
    while level:
        rows = Ownership.objects.filter(**{f"{near}_id__in": level}).select_related(near, far).order_by(f"{far}_id")
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


def but_the_house() -> QuerySet[Account]:
    """Accounts that somebody may act as, or name: all others."""
    return Account.objects.exclude(kind=AccountKind.HOUSE)


def other_account(account_id: int) -> Account | None:
    """Any but the house: what an operator in sudo may act as."""
    return but_the_house().filter(id=account_id).first()


def account_named(name: str) -> Account | None:
    """By name, as it stands or with other capitals and compatible characters."""
    named = Q(name=_tidy(name)) | Q(name_key=_key(name))
    return but_the_house().filter(named).first()


def typed_id(text: str) -> int | None:
    """An id that somebody wrote; None for what is none, or none that a row can have."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= ID_DIGITS_MAX else None


def accounts_written(names: set[str]) -> dict[str, int]:
    """Of these ids and names those that are some account's but the house's, with its id. An id in digits is an id, also
    if somebody is called so. Two queries."""
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
    """Of almost every name what the engine calls it by; where marks that nobody sees are in it, its name finds it."""
    return unicodedata.normalize("NFKC", _tidy(name)).casefold()


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
