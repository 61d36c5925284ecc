"""Credits: which part of an alt's money belongs to which owner (rules, section 2). Unit: 1/10,000 chip.

Rebalancing has two steps. plan_rebalancing() computes the new credits and changes nothing, so a refusal may follow.
apply_credits() sets them and returns the events.
"""

from collections.abc import Iterator

from markets.engine.errors import Reason, Rejected
from markets.engine.events import CreditsChanged, Event
from markets.engine.ledger import Account
from markets.engine.state import CREDIT_MAX, State
from markets.engine.text import chips

Credits = dict[int, dict[int, int]]  # account id -> owner id -> credit


def move_credit(state: State, account: Account, owner: int, amount: int) -> list[Event]:
    """Rebalances, then changes the owner's credit by a deposit (`amount` > 0) or a withdrawal.

    Rejected SHARED_ACCOUNT_NOT_FLAT or INSUFFICIENT_CREDIT, if the account has several owners.
    """
    shared = len(account.owners) > 1
    if shared:
        check_flat(state, account)
    planned = plan_rebalancing(state, account)
    credits = dict(planned.get(account.id, account.owners))
    if shared and credits[owner] + amount < 0:
        raise Rejected(
            Reason.INSUFFICIENT_CREDIT,
            f"Needs a credit of {chips(-amount)} in {account.name}, {state.accounts[owner].name} has "
            f"{chips(credits[owner])}.",
        )
    credits[owner] = max(credits[owner] + amount, 0)
    if state.rules >= 4:
        credits[owner] = min(credits[owner], CREDIT_MAX)
    return [*apply_credits(state, planned), *set_credits(state, account, credits)]


def spend_credit(state: State, account: Account, by: int, price: int) -> list[Event]:
    """Lowers the person's own credit by what they spend as the account, if its money belongs to several owners.

    The money may be parked below the shared account: then the credits between the two fall too, as if it was withdrawn
    first. An account with several owners has only user accounts as owners. Touches no credit if the person is no owner:
    an operator in sudo. Rejected SHARED_ACCOUNT_NOT_FLAT, INSUFFICIENT_CREDIT.
    """
    between: list[Account] = []
    while len(account.owners) == 1:
        between.append(account)
        account = state.accounts[next(iter(account.owners))]
    owner = state.people.get(by)
    if owner not in account.owners or not price:
        return []
    events = move_credit(state, account, owner, -price)
    for one in between:
        events += set_credits(state, one, {parent: credit - price for parent, credit in one.owners.items()})
    return events


def redistribute_credit(credits: dict[int, int], owner: int) -> dict[int, int]:
    """New credits: that of `owner` goes to the others, pro rata to theirs, or evenly if theirs are all 0."""
    others = {other: credit for other, credit in credits.items() if other != owner}
    return {owner: 0} | pro_rata(others, sum(credits.values()))


def check_flat(state: State, account: Account) -> None:
    """Rejected SHARED_ACCOUNT_NOT_FLAT unless the account is flat."""
    if not is_flat(state, account):
        raise Rejected(
            Reason.SHARED_ACCOUNT_NOT_FLAT,
            f"This needs a flat account: {account.name}, or an account below it, has a position or an open order.",
        )


def apply_credits(state: State, planned: Credits) -> list[Event]:
    """Sets the planned credits, account by account."""
    return [event for id, credits in planned.items() for event in set_credits(state, state.accounts[id], credits)]


def set_credits(state: State, account: Account, credits: dict[int, int]) -> list[Event]:
    """Sets the credits of an account's owners. No event if they do not change."""
    if credits == account.owners:
        return []
    account.owners = credits
    state.changed.owners[account.id] = account
    state.changed.accounts[account.id] = account
    return [CreditsChanged(account.id, tuple(sorted(credits.items())))]


def plan_rebalancing(state: State, account: Account) -> Credits:
    """New credits of every flat account below, deepest first, then of the account itself if it is flat.

    Holds only those that change. Changes nothing.
    """
    planned: Credits = {}
    for id in _deepest_first(state, account):
        one = state.accounts[id]
        if is_flat(state, one):
            worth = one.cash + sum(_credits_in(state, planned, child)[id] for child in one.owned)
            credits = pro_rata(one.owners, worth)
            if credits != one.owners:
                planned[id] = credits
    return planned


def _credits_in(state: State, planned: Credits, account: int) -> dict[int, int]:
    return planned.get(account, state.accounts[account].owners)


def pro_rata(credits: dict[int, int], worth: int) -> dict[int, int]:
    """The credits scaled so that they sum to `worth`, or parted evenly if all are 0.

    They are rounded down to units of 1/10,000 chip. The units left over go one each to the owners with the largest
    fractions, at equal fractions to the lowest id first.
    """
    total = sum(credits.values())
    weights = credits if total else dict.fromkeys(credits, 1)
    total = total or len(credits)
    scaled = {owner: worth * weight // total for owner, weight in weights.items()}
    left = worth - sum(scaled.values())
    by_fraction = sorted(weights, key=lambda owner: (-(worth * weights[owner] % total), owner))
    for owner in by_fraction[:left]:
        scaled[owner] += 1
    return scaled


def is_flat(state: State, account: Account) -> bool:
    """Whether neither the account nor any account below it has a position or an open order."""
    return all(_holds_nothing(state.accounts[id]) for id in (account.id, *state.below(account.id)))


def _holds_nothing(account: Account) -> bool:
    return not any(exposure.position or exposure.orders for exposure in account.exposures.values())


def _deepest_first(state: State, account: Account) -> Iterator[int]:
    """The ids of the account and of all below it: deepest first, at one depth the lowest id first.

    An account that several ways lead to is as deep as the longest one.
    """
    depth = {account.id: 0}
    waiting = [account.id]
    while waiting:
        parent = waiting.pop()
        for child in state.accounts[parent].owned:
            if depth.get(child, -1) < depth[parent] + 1:
                depth[child] = depth[parent] + 1
                waiting.append(child)
    yield from sorted(depth, key=lambda id: (-depth[id], id))
