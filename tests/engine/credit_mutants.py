"""Mutants: each breaks one rule of credits on purpose, for the state machine to notice."""

from collections.abc import Callable

import pytest

from markets.engine import commands as c
from markets.engine import credits, engine, ownership, transfers
from markets.engine.errors import Reason, Rejected
from markets.engine.events import Event
from markets.engine.ledger import Account
from markets.engine.state import State

Breaks = Callable[[pytest.MonkeyPatch], None]


def drop_the_rounding(patch: pytest.MonkeyPatch) -> None:
    """The units left over by rounding down are lost."""

    def floored(owners: dict[int, int], worth: int) -> dict[int, int]:
        total = sum(owners.values())
        return {owner: worth * credit // total if total else worth // len(owners) for owner, credit in owners.items()}

    patch.setattr(credits, "pro_rata", floored)


def three_units_for_the_first(patch: pytest.MonkeyPatch) -> None:
    """The sum is right, but one owner has more than a unit too much."""

    def generous(owners: dict[int, int], worth: int) -> dict[int, int]:
        scaled = exact(owners, worth)
        richest, first = max(scaled, key=lambda owner: scaled[owner]), min(scaled)
        if worth != sum(owners.values()) and scaled[richest] >= 3:
            scaled[richest] -= 3
            scaled[first if first != richest else max(scaled)] += 3
        return scaled

    exact = credits.pro_rata
    patch.setattr(credits, "pro_rata", generous)


def always_evenly(patch: pytest.MonkeyPatch) -> None:
    exact = credits.pro_rata
    patch.setattr(credits, "pro_rata", lambda owners, worth: exact(dict.fromkeys(owners, 1), worth))


def owners_before_owned(patch: pytest.MonkeyPatch) -> None:
    right = credits._deepest_first
    patch.setattr(credits, "_deepest_first", lambda state, account: reversed(list(right(state, account))))


def shortest_way_down(patch: pytest.MonkeyPatch) -> None:
    """An account that two ways lead to gets the smaller depth."""

    def order(state: State, account: Account) -> list[int]:
        depth, layer = {account.id: 0}, [account.id]
        while layer:
            layer = [child for one in layer for child in state.accounts[one].owned if child not in depth]
            depth |= dict.fromkeys(layer, max(depth.values()) + 1)
        return sorted(depth, key=lambda id: (-depth[id], id))

    patch.setattr(credits, "_deepest_first", order)


def only_the_account_itself(patch: pytest.MonkeyPatch) -> None:
    """The accounts below are not rebalanced."""
    patch.setattr(credits, "_deepest_first", lambda state, account: [account.id])


def cash_without_credits(patch: pytest.MonkeyPatch) -> None:
    """The credits that an account has in accounts below do not count."""
    patch.setattr(credits, "_credits_in", lambda state, planned, account: dict.fromkeys(state.accounts, 0))


def credit_of_the_initiator(patch: pytest.MonkeyPatch) -> None:
    """A withdrawal checks and lowers the credit of the person who asks, not that of the receiver."""

    def make_transfer(state: State, acting: Account, command: c.MakeTransfer, at_us: int) -> list[Event]:
        initiator = state.people[command.by]

        def move(state: State, account: Account, owner: int, amount: int) -> list[Event]:
            charged = initiator if amount < 0 and initiator in account.owners else owner
            return move_credit(state, account, charged, amount)

        patch.setattr(transfers, "move_credit", move)
        return original(state, acting, command, at_us)

    move_credit, original = credits.move_credit, transfers.make_transfer
    patch.setitem(engine.HANDLERS, c.MakeTransfer, make_transfer)


def more_than_the_credit(patch: pytest.MonkeyPatch) -> None:
    """A withdrawal beyond the credit takes the difference from the other owners' credits."""

    def move(state: State, account: Account, owner: int, amount: int) -> list[Event]:
        try:
            return right(state, account, owner, amount)
        except Rejected as refused:
            if refused.reason != Reason.INSUFFICIENT_CREDIT:
                raise
            events = credits.apply_credits(state, credits.plan_rebalancing(state, account))
            left, short = account.owners | {owner: 0}, -amount - account.owners[owner]
            for other in sorted(left):
                paid = min(short, left[other])
                left[other] -= paid
                short -= paid
            return [*events, *credits.set_credits(state, account, left)]

    right = credits.move_credit
    patch.setattr(transfers, "move_credit", move)


def deposits_are_gifts(patch: pytest.MonkeyPatch) -> None:
    right = credits.move_credit
    gift = lambda state, account, owner, amount: right(state, account, owner, min(amount, 0))  # noqa: E731
    patch.setattr(transfers, "move_credit", gift)


def flat_or_not(patch: pytest.MonkeyPatch) -> None:
    for module in (credits, ownership):
        patch.setattr(module, "check_flat", lambda state, account: None)


def what_is_below_need_not_be_flat(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(credits, "is_flat", lambda state, account: credits._holds_nothing(account))


def leave_with_credit(patch: pytest.MonkeyPatch) -> None:
    """An owner may leave with a credit, which then belongs to the others."""

    def end(state: State, shared: Account, owner: Account) -> list[Event]:
        try:
            return right(state, shared, owner)
        except Rejected as refused:
            if refused.reason != Reason.CREDIT_REMAINS:
                raise
            events = credits.apply_credits(state, credits.plan_rebalancing(state, shared))
            state.remove_owner(shared, owner.id)
            return events

    right = ownership._end_share
    patch.setattr(ownership, "_end_share", end)


MUTANTS = [
    drop_the_rounding,
    three_units_for_the_first,
    always_evenly,
    owners_before_owned,
    shortest_way_down,
    only_the_account_itself,
    cash_without_credits,
    credit_of_the_initiator,
    more_than_the_credit,
    deposits_are_gifts,
    flat_or_not,
    what_is_below_need_not_be_flat,
    leave_with_credit,
]
