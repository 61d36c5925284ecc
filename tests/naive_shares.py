"""The oracle's shares: share, leave, revoke and redistribute (docs/rules.md, sections 1 and 2)."""

from copy import deepcopy

from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.errors import Reason
from markets.engine.events import AccountKind, Event
from tests.naive_money import NaiveMoney, scaled
from tests.naive_shape import RESTRICTED, Refused, refuse


class NaiveShares(NaiveMoney):
    """Commands that change who owns an account."""

    def share_account(self, command: c.ShareAccount, at_us: int) -> list[Event]:
        giver, shared, receiver = command.account, command.shared, command.receiver
        broken: set[Reason] = set()
        if shared not in self.accounts or giver not in self.accounts[shared].owners:
            broken |= {Reason.ACCOUNT_NOT_FOUND, *RESTRICTED}
        if self.accounts[giver].kind != AccountKind.USER:
            broken |= RESTRICTED
        if receiver not in self.accounts:
            broken.add(Reason.ACCOUNT_NOT_FOUND)
        elif self.accounts[receiver].kind != AccountKind.USER:
            broken.add(Reason.NOT_A_USER)
        elif shared in self.accounts and receiver in self.accounts[shared].owners:
            broken.add(Reason.ALREADY_OWNER)
        if shared in self.accounts and not self.is_flat(shared):
            broken.add(Reason.SHARED_ACCOUNT_NOT_FLAT)
        refuse(broken)
        events = self.rebalance_all(shared)
        self.accounts[shared].owners[receiver] = 0
        return [*events, e.ShareCreated(shared, receiver)]

    def leave_account(self, command: c.LeaveAccount, at_us: int) -> list[Event]:
        return self.end_share(command.left, command.account, set())

    def revoke_share(self, command: c.RevokeShare, at_us: int) -> list[Event]:
        broken = set() if command.sudo else set(RESTRICTED)
        if command.owner in self.accounts and self.accounts[command.owner].kind != AccountKind.USER:
            broken.add(Reason.NOT_A_USER)
        return self.end_share(command.shared, command.owner, broken)

    def end_share(self, shared: int, owner: int, broken: set[Reason]) -> list[Event]:
        if shared not in self.accounts or owner not in self.accounts[shared].owners:
            raise Refused(broken | {Reason.ACCOUNT_NOT_FOUND, *RESTRICTED})
        if len(self.accounts[shared].owners) == 1:
            broken |= RESTRICTED
        if not self.is_flat(shared):
            broken.add(Reason.SHARED_ACCOUNT_NOT_FLAT)
        before = deepcopy(self.accounts)
        events = self.rebalance_all(shared)
        if self.accounts[shared].owners[owner]:
            broken.add(Reason.CREDIT_REMAINS)
        if broken:
            self.accounts = before
            raise Refused(broken)
        del self.accounts[shared].owners[owner]
        return [*events, e.ShareEnded(shared, owner)]

    def redistribute(self, command: c.Redistribute, at_us: int) -> list[Event]:
        shared, owner = command.shared, command.owner
        broken = set() if command.sudo else set(RESTRICTED)
        if shared not in self.accounts or owner not in self.accounts[shared].owners:
            raise Refused(broken | {Reason.ACCOUNT_NOT_FOUND})
        if len(self.accounts[shared].owners) == 1:
            broken |= RESTRICTED
        if not self.is_flat(shared):
            broken.add(Reason.SHARED_ACCOUNT_NOT_FLAT)
        refuse(broken)
        events = self.rebalance_all(shared)
        credits = self.accounts[shared].owners
        others = {other: credit for other, credit in credits.items() if other != owner}
        events += self.set_credits(shared, {owner: 0, **scaled(others, sum(credits.values()))})
        return [*events, e.CreditRedistributed(shared, owner)]
