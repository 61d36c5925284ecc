"""The exact credits in accounts, as Fractions that are never rounded, to compare with the engine's (rules, section 2).

An owner's *due* in an account is what they have put in, plus their part of what the account made or lost between two
rebalancings: pro rata to the stakes, evenly if all are 0. *taken* is what they have taken out. Their *stake* is due
less taken. The checks:

- nobody has taken more than was due to them, apart from the *slack*;
- nobody's credit differs from their stake by more than the slack, and no credit is below 0;
- after a rebalancing the credits in a flat account sum to its worth: its cash and the credits that it has itself.

The slack is how far rounding can lead: less than one unit for each rebalancing that changes anything, and it grows with
the account. An operator's redistribution sets the stakes of that account anew to its credits. Nothing is shared with
markets/engine/credits.py or with the other oracle. Cash, positions, orders and owners are read from the engine; other
tests compare those. Units: 1/10,000 chip.
"""

from dataclasses import dataclass
from fractions import Fraction

from markets.engine import commands as c
from markets.engine.commands import Command
from markets.engine.engine import Engine

OWNING = (c.ShareAccount, c.LeaveAccount, c.RevokeShare, c.Redistribute)


@dataclass(slots=True)
class Stake:
    due: Fraction = Fraction(0)
    taken: int = 0

    @property
    def left(self) -> Fraction:
        return self.due - self.taken


class Stakes:
    """Call accept() for every accepted command, with the cash before it. Raises AssertionError if a check fails."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.of: dict[int, dict[int, Stake]] = {}  # account -> owner -> stake
        self.slack: dict[int, Fraction] = {}

    def cash(self) -> dict[int, int]:
        """The cash of every account now, by id."""
        return {account.id: account.cash for account in self.engine.accounts.values()}

    def add_owner(self, account: int, owner: int) -> None:
        """Adds an owner, who has put in nothing yet."""
        self.of.setdefault(account, {})[owner] = Stake()
        self.slack.setdefault(account, Fraction(0))

    def accept(self, command: Command, cash: dict[int, int]) -> None:
        if isinstance(command, c.CreateAccount):
            self.add_owner(self.engine.next_account - 1, command.owner or command.account)
        elif isinstance(command, c.MakeTransfer):
            payer, payee, amount = command.from_account, command.to_account, command.amount
            if payer in self.of.get(payee, {}):
                self._rebalance_all(payee, cash, must_be_flat=len(self.of[payee]) > 1)
                self._move(payee, payer, put_in=amount)
            elif payee in self.of.get(payer, {}):
                self._rebalance_all(payer, cash, must_be_flat=len(self.of[payer]) > 1)
                self._move(payer, payee, taken=amount)
        elif isinstance(command, OWNING):
            shared = command.left if isinstance(command, c.LeaveAccount) else command.shared
            self._rebalance_all(shared, cash, must_be_flat=True)
            if isinstance(command, c.ShareAccount):
                self.add_owner(shared, command.receiver)
            elif isinstance(command, c.Redistribute):
                self._redistribute(shared, command.owner)
            else:
                self._remove_owner(shared, command.account if isinstance(command, c.LeaveAccount) else command.owner)
        self._check()

    def is_flat(self, account: int) -> bool:
        """Whether neither it nor any account below it has a position or an open order."""
        exposures = [x for one in self._children_first(account) for x in self.engine.accounts[one].exposures.values()]
        return not any(exposure.position or exposure.orders for exposure in exposures)

    # --- What a command does to the stakes

    def _move(self, account: int, owner: int, put_in: int = 0, taken: int = 0) -> None:
        """Books a deposit or withdrawal. Only a sole owner can take more than their credit; that is theirs too."""
        stake = self.of[account][owner]
        stake.due += put_in
        stake.taken += taken
        if len(self.of[account]) == 1 and stake.left < 0:
            stake.due = Fraction(stake.taken)

    def _redistribute(self, account: int, owner: int) -> None:
        credits, stakes = self.engine.accounts[account].owners, self.of[account]
        assert credits[owner] == 0, "all of the owner's credit goes"
        for other in stakes.keys() - {owner}:
            assert credits[other] > stakes[other].left - self.slack[account] - 1, "the others only gain"
        self.of[account] = {one: Stake(Fraction(credit)) for one, credit in credits.items()}
        self.slack[account] = Fraction(0)

    def _remove_owner(self, account: int, owner: int) -> None:
        rest = self.of[account].pop(owner).left
        assert abs(rest) <= self.slack[account], f"{owner} leaves {float(rest)} behind"
        self.of[account][min(self.of[account])].due += rest
        self.slack[account] += abs(rest)

    def _rebalance_all(self, account: int, cash: dict[int, int], must_be_flat: bool) -> None:
        """Rebalances every flat account below, then the account itself, with the cash from before the command."""
        for one in self._children_first(account):
            if self.is_flat(one):
                self._rebalance(one, cash[one] + self._credits_held(one))
                found = self.engine.accounts[one]
                worth = found.cash + self._credits_held(one)
                assert sum(found.owners.values()) == worth, f"the credits in {one} do not sum to its worth of {worth}"
            else:
                assert one != account or not must_be_flat, f"{account} is shared and not flat"

    def _rebalance(self, account: int, worth: int) -> None:
        stakes = self.of[account]
        total = sum(stake.left for stake in stakes.values())
        if worth == total:
            return
        for stake in stakes.values():
            part = stake.left / total if total else Fraction(1, len(stakes))
            stake.due += worth * part - stake.left
        self.slack[account] = self.slack[account] * worth / total + 1 if total else Fraction(1)

    # --- Read from the engine

    def _children_first(self, account: int) -> list[int]:
        """The account and all below it; an owner comes after what it owns."""
        order: list[int] = []
        for child in self.engine.accounts[account].owned:
            order += [one for one in self._children_first(child) if one not in order]
        return [*order, account]

    def _credits_held(self, account: int) -> int:
        """The sum of the credits that the account has in accounts it owns."""
        owned = self.engine.accounts[account].owned
        return sum(self.engine.accounts[child].owners[account] for child in owned)

    def _check(self) -> None:
        for account, stakes in self.of.items():
            credits, slack = self.engine.accounts[account].owners, self.slack[account]
            assert credits.keys() == stakes.keys()
            for owner, stake in stakes.items():
                assert credits[owner] >= 0, f"credit of {owner} in {account} below 0"
                assert stake.taken <= stake.due + slack, f"{owner} took more out of {account} than was theirs"
                off = credits[owner] - stake.left
                assert abs(off) <= slack, f"credit of {owner} in {account} is {float(off)} off, slack {float(slack)}"
