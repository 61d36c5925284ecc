"""A hypothesis state machine for the rules of credits (section 2): deep trees, several owners, diamonds.

It has two oracles. tests/naive_exchange.py says which events every command causes; tests/naive_stakes.py counts the
credits in Fractions that are never rounded. Runs without the first show that the second alone finds every mutant.
"""

import pytest
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from markets.engine import commands as c
from markets.engine.book import Market
from markets.engine.commands import Command, MarketStatus, SelfTrade, Side, TimeInForce
from markets.engine.engine import Engine
from markets.engine.errors import Reason, Rejected
from markets.engine.events import AccountKind, Event
from tests.agreement import Touched, ask_both, ask_engine, differences
from tests.engine import invariants
from tests.engine.credit_mutants import MUTANTS, Breaks
from tests.engine.machines import Machine, run
from tests.naive_exchange import NaiveExchange
from tests.naive_stakes import Stakes

EXAMPLES, STEPS = 300, 50
PEOPLE = 4
OPERATOR = 1  # user id
CASH = 20_000
ACCOUNTS_MAX = 18

picks = st.integers(0, 59)  # the n-th of a list, modulo its length
amounts = st.sampled_from([1, 2, 7, 100, 333, 1_000, 3_001])
prices = st.integers(1, 99)
sizes = st.sampled_from([1, 3, 7, 10])
rare = precondition(lambda self: self.engine.seq % 3 == 0)

# Answers and events that a run must see often, or the machine does not reach a rule.
OFTEN = {
    # events
    "Traded",
    "MarketSettled",
    "CreditsChanged",
    "ShareCreated",
    "ShareEnded",
    "CreditRedistributed",
    # refusals
    "SHARED_ACCOUNT_NOT_FLAT",
    "INSUFFICIENT_CREDIT",
    "CREDIT_REMAINS",
    "INSUFFICIENT_FUNDS",
    # see count()
    "rounded",
    "several owners carried up",
    "flat again",
}


class SharedMoney(Machine):
    """Bob opened Team and gave Carol a share. Below Team there are a chain of accounts, six deep, and a diamond.

    No command makes a diamond: only what a user account owns can be shared, and user accounts have no owners. The rules
    cover diamonds all the same, so the machine plants one, whose two sides differ in length.
    """

    compare = True

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine()
        self.oracle = NaiveExchange("House")
        self.stakes = Stakes(self.engine)
        self.at_us = 0

    # --- Asking

    def ask(self, command: Command) -> None:
        type(self).steps += 1
        self.at_us += 1
        cash = self.stakes.cash()
        if self.compare:
            answer = ask_both(self.engine, self.oracle, command, self.at_us)
        else:
            answer = ask_engine(self.engine, command, self.at_us)
        if isinstance(answer, list):
            self.count(answer)
            self.stakes.accept(command, cash)
        else:
            assert isinstance(answer, Rejected)
            self.answers[answer.reason.name] += 1
            self.justify(answer.reason, command)
        changed = self.engine.take_changed()
        if self.compare:
            assert differences(self.engine, self.oracle, Touched.by(changed)) == []
            invariants.check_batch(self.engine, changed)

    def count(self, events: list[Event]) -> None:
        """Counts the events, and situations that are rare."""
        names = [type(event).__name__ for event in events]
        self.answers.update(names)
        self.answers["several owners carried up"] += names.count("CreditsChanged") > 3
        fractions = [stake.left for stakes in self.stakes.of.values() for stake in stakes.values()]
        self.answers["rounded"] += any(fraction.denominator > 1 for fraction in fractions)
        self.answers["flat again"] += "MarketSettled" in names and "PaidOut" in names

    def justify(self, reason: Reason, command: Command) -> None:
        """Checks two refusals: both need a shared account, one that is not flat, the other one that is."""
        if reason not in (Reason.SHARED_ACCOUNT_NOT_FLAT, Reason.INSUFFICIENT_CREDIT):
            return
        if isinstance(command, c.MakeTransfer):
            payer, payee = command.from_account, command.to_account
            shared = payee if payer in self.stakes.of.get(payee, {}) else payer
            assert len(self.stakes.of[shared]) > 1, "an only owner may move what is available"
        else:
            shared = command.left if isinstance(command, c.LeaveAccount) else command.shared  # type: ignore[union-attr]
        assert self.stakes.is_flat(shared) == (reason == Reason.INSUFFICIENT_CREDIT)

    # --- Choosing

    def person(self, account: int, pick: int) -> int:
        """The user id of somebody who may act as the account."""
        users = [user for user in self.engine.people if account in self.engine.reach(user)]
        return users[pick % len(users)]

    def head(self, account: int, pick: int) -> tuple[int, int, bool, str]:
        return self.person(account, pick), account, False, ""

    def sudo(self) -> tuple[int, int, bool, str]:
        return OPERATOR, self.engine.people[OPERATOR], True, ""

    def alt(self, pick: int) -> int:
        """An alt; two of three picks give one with several owners."""
        alts = [a.id for a in self.engine.accounts.values() if a.kind == AccountKind.ALT]
        shared = [id for id in alts if len(self.engine.accounts[id].owners) > 1]
        some = shared if shared and pick % 3 else alts
        return some[pick // 3 % len(some)]

    def owner(self, account: int, pick: int) -> int:
        owners = sorted(self.engine.accounts[account].owners)
        return owners[pick % len(owners)]

    def trader(self, pick: int) -> int:
        return 2 + pick % (len(self.engine.accounts) - 1)

    def market(self) -> Market:
        return self.engine.markets[self.engine.next_market - 1]

    # --- Steps

    @initialize()
    def open(self) -> None:
        self.ask(c.CreateHouse(0, 0, True, ""))
        for user in range(1, PEOPLE + 1):
            self.ask(c.CreateUserAccount(user, 0, False, "", "trader", CASH))
        bob, carol = self.engine.people[2], self.engine.people[3]
        self.new_market()
        team = self.make(bob)
        self.ask(c.ShareAccount(2, bob, False, "", team, carol))
        chain = [team]
        for _ in range(5):
            chain.append(self.make(chain[-1]))
        side = self.make(team)
        self.plant(chain[4], side)  # two steps below Team by the side, four by the chain
        self.ask(c.MakeTransfer(2, bob, False, "", bob, team, 2_000, ""))
        self.ask(c.MakeTransfer(3, carol, False, "", carol, team, 1_001, ""))
        for account in (*chain, side):
            self.ask(c.Gift(*self.sudo(), account, 333, ""))

    def make(self, owner: int) -> int:
        self.ask(c.CreateAccount(*self.head(owner, 0), f"alt {self.engine.next_account}", 0))
        return self.engine.next_account - 1

    def plant(self, account: int, owner: int) -> None:
        """Adds an owner without a command."""
        self.engine.add_owner(self.engine.accounts[account], owner, 0)
        if self.compare:
            self.oracle.accounts[account].owners[owner] = 0
        self.stakes.add_owner(account, owner)

    def new_market(self) -> None:
        self.ask(c.CreateMarket(*self.sudo(), f"M {self.engine.seq}", "", 0, 100, 1, 1))

    @rare
    @rule(pick=picks)
    def alt_below(self, pick: int) -> None:
        if len(self.engine.accounts) < ACCOUNTS_MAX:
            self.make(self.trader(pick))

    @rare
    @rule(pick=picks, by=picks)
    def diamond(self, pick: int, by: int) -> None:
        account, owner = self.alt(3 * pick), self.trader(by)
        owners = self.engine.accounts[account].owners
        if owner != account and owner not in owners and owner not in self.engine.below(account) and len(owners) < 4:
            self.plant(account, owner)

    @rule(pick=picks, owner=picks, amount=amounts)
    def deposit(self, pick: int, owner: int, amount: int) -> None:
        account = self.alt(pick)
        payer = self.owner(account, owner)
        self.ask(c.MakeTransfer(*self.head(payer, owner), payer, account, amount, ""))

    @rule(pick=picks, owner=picks, by=picks, more=st.sampled_from([-300, -1, 0, 0, 1]))
    def withdraw(self, pick: int, owner: int, by: int, more: int) -> None:
        """Withdraws about the receiver's last credit, by anybody who may act as the account."""
        account = self.alt(pick)
        payee = self.owner(account, owner)
        amount = max(1, self.engine.accounts[account].owners[payee] + more)
        self.ask(c.MakeTransfer(*self.head(account, by), account, payee, amount, ""))

    @rule(pick=picks, owner=picks, by=picks, amount=amounts)
    def withdraw_some(self, pick: int, owner: int, by: int, amount: int) -> None:
        account = self.alt(pick)
        self.ask(c.MakeTransfer(*self.head(account, by), account, self.owner(account, owner), amount, ""))

    @rule(seller=picks, buyer=picks, price=prices, size=sizes)
    def trade(self, seller: int, buyer: int, price: int, size: int) -> None:
        """An offer and a bid at one price, by any two accounts."""
        for pick, side in ((seller, Side.OFFER), (buyer, Side.BID)):
            head = self.head(self.trader(pick), seller)
            how = (TimeInForce.GTC, False, SelfTrade.CANCEL_RESTING)
            self.ask(c.CreateOrder(*head, self.market().id, side, price, size, *how))

    @rule(price=prices)
    def settle(self, price: int) -> None:
        """Settles the market, so that everybody is flat again."""
        if self.market().status == MarketStatus.OPEN and self.market().tape:
            self.ask(c.SettleMarket(*self.sudo(), self.market().id, price))
            self.new_market()

    @rule(pick=picks)
    def out(self, pick: int) -> None:
        account = self.trader(pick)
        self.ask(c.Out(*self.head(account, pick), 0, 0))

    @rule(pick=picks, owner=picks, receiver=picks)
    def share(self, pick: int, owner: int, receiver: int) -> None:
        account = self.alt(pick)
        giver = self.owner(account, owner)
        people = sorted(self.engine.people.values())
        self.ask(c.ShareAccount(*self.head(giver, 0), account, people[receiver % len(people)]))

    @rule(pick=picks, owner=picks, revoke=st.booleans())
    def end(self, pick: int, owner: int, revoke: bool) -> None:
        account = self.alt(pick)
        gone = self.owner(account, owner)
        if revoke:
            self.ask(c.RevokeShare(*self.sudo(), account, gone))
        else:
            self.ask(c.LeaveAccount(*self.head(gone, owner), account))

    @rare
    @rule(pick=picks, owner=picks)
    def redistribute(self, pick: int, owner: int) -> None:
        account = self.alt(pick)
        self.ask(c.Redistribute(*self.sudo(), account, self.owner(account, owner)))

    @rule(pick=picks, amount=amounts, kind=st.sampled_from(["gift", "collect", "move"]))
    def operate(self, pick: int, amount: int, kind: str) -> None:
        """Moves money without touching credits, so that cash and credits differ."""
        account = self.alt(3 * pick)
        if kind == "gift":
            self.ask(c.Gift(*self.sudo(), account, amount, ""))
        elif kind == "collect":
            self.ask(c.Collect(*self.sudo(), account, amount, ""))
        else:
            self.ask(c.MakeTransfer(OPERATOR, account, True, "", account, self.engine.people[4], amount, ""))


def test_hundreds_of_shared_accounts() -> None:
    run(SharedMoney, EXAMPLES, STEPS)
    print(SharedMoney.steps, SharedMoney.answers)
    assert SharedMoney.steps >= EXAMPLES * STEPS / 2
    assert set(SharedMoney.answers) >= OFTEN
    assert min(SharedMoney.answers[one] for one in OFTEN) >= 20, SharedMoney.answers


class UnwatchedMoney(SharedMoney):
    """Without the oracle of events: only the stakes can find a mutant."""

    compare = False


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_stakes_find_every_mutant(mutant: Breaks, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError) as failure:
        run(UnwatchedMoney, EXAMPLES, STEPS, phases=(Phase.generate,))
    print(mutant.__name__, UnwatchedMoney.steps, str(failure.value).splitlines()[0])
