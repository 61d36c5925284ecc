"""Whose the money in an owned account is (rules, section 2).

Rebalancing has two halves: what it would come to (nothing changes, so a refusal may follow), and saying so.
"""

from collections.abc import Iterator

from markets.engine.errors import Reason, Rejected
from markets.engine.events import CreditsChanged, Event
from markets.engine.ledger import Account
from markets.engine.state import State
from markets.engine.text import chips

Credits = dict[int, dict[int, int]]  # account id -> owner id -> credit


def move_credit(state: State, account: Account, owner: int, amount: int) -> list[Event]:
    """Of a deposit (`amount` > 0) or withdrawal: the owner's credit after everything flat was rebalanced."""
    shared = len(account.owners) > 1
    if shared:
        check_flat(state, account)
    planned = rebalanced(state, account)
    credits = dict(planned.get(account.id, account.owners))
    if shared and credits[owner] + amount < 0:
        raise Rejected(
            Reason.INSUFFICIENT_CREDIT,
            f"Needs {chips(-amount)}, {state.accounts[owner].name} has {chips(credits[owner])} of credit there.",
        )
    credits[owner] = max(credits[owner] + amount, 0)
    return [*apply(state, planned), *set_credits(state, account, credits)]


def redistributed(credits: dict[int, int], owner: int) -> dict[int, int]:
    """The credits when those of `owner` went to the others pro rata, or evenly if theirs are all 0."""
    others = {other: credit for other, credit in credits.items() if other != owner}
    return {owner: 0} | pro_rata(others, sum(credits.values()))


def check_flat(state: State, account: Account) -> None:
    if not is_flat(state, account):
        raise Rejected(
            Reason.SHARED_ACCOUNT_NOT_FLAT,
            f"Not flat: {account.name}, or an account below it, holds a position or an open order.",
        )


def apply(state: State, planned: Credits) -> list[Event]:
    return [event for id, credits in planned.items() for event in set_credits(state, state.accounts[id], credits)]


def set_credits(state: State, account: Account, credits: dict[int, int]) -> list[Event]:
    """Nothing if they are what they were."""
    if credits == account.owners:
        return []
    account.owners = credits
    state.changed.owners[account.id] = account
    state.changed.accounts[account.id] = account
    return [CreditsChanged(account.id, tuple(sorted(credits.items())))]


def rebalanced(state: State, account: Account) -> Credits:
    """The credits that change when every flat account below, deepest first, and then the account are rebalanced."""
    planned: Credits = {}
    for id in _deepest_first(state, account):
        one = state.accounts[id]
        if is_flat(state, one):
            worth = one.cash + sum(_credits(state, planned, child)[id] for child in one.owned)
            credits = pro_rata(one.owners, worth)
            if credits != one.owners:
                planned[id] = credits
    return planned


def _credits(state: State, planned: Credits, account: int) -> dict[int, int]:
    return planned.get(account, state.accounts[account].owners)


def pro_rata(credits: dict[int, int], worth: int) -> dict[int, int]:
    """The credits scaled so that they sum to worth; all 0: evenly.

    Floored to 1/10,000; the units left over go one each by largest fraction, then lowest id (rules, section 2).
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
    return all(_holds_nothing(state.accounts[id]) for id in (account.id, *state.below(account.id)))


def _holds_nothing(account: Account) -> bool:
    return not any(exposure.position or exposure.orders for exposure in account.exposures.values())


def _deepest_first(state: State, account: Account) -> Iterator[int]:
    """The account and all below it: those with the longest way down from it first, then the lowest id."""
    depth = {account.id: 0}
    waiting = [account.id]
    while waiting:
        parent = waiting.pop()
        for child in state.accounts[parent].owned:
            if depth.get(child, -1) < depth[parent] + 1:
                depth[child] = depth[parent] + 1
                waiting.append(child)
    yield from sorted(depth, key=lambda id: (-depth[id], id))
