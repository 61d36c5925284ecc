"""A hypothesis state machine: 10,000 steps in small exchanges. Everything is compared after each step."""

import pytest
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from markets.engine import commands as c
from markets.engine.commands import AuctionStatus, Command, MarketStatus, SelfTrade, Side, TimeInForce
from markets.engine.engine import Engine
from markets.engine.errors import Rejected, Repeated
from markets.engine.events import AccountKind, Event
from tests.agreement import ask_both, differences
from tests.engine import invariants
from tests.engine.driver import event_name
from tests.engine.event_ledger import EventLedger
from tests.engine.machines import Machine, run
from tests.naive_exchange import NaiveExchange

EXAMPLES, STEPS = 150, 80
PEOPLE = 3
OPERATOR = 1  # user id; the others are people

persons = st.integers(1, PEOPLE)
picks = st.integers(0, 9)  # the n-th of a list, modulo its length
sides = st.sampled_from(Side)
# Few prices and sizes, so that orders meet.
prices = st.sampled_from([30, 40, 50, 60, 70])
sizes = st.sampled_from([2, 4, 10])
odd_prices = st.sampled_from([-10, 0, 1, 50, 99, 100, 101, 110, 10**30])
odd_sizes = st.sampled_from([0, -2, 1, 2, 60, 10_000, 10_000_002])
times = st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])
keys = st.sampled_from(["", "", "", "a", "b", "c"])
amounts = st.sampled_from([1, 77, 1_000, 5_000, 0])
mostly_the_operator = st.sampled_from([OPERATOR, OPERATOR, OPERATOR, 2])
rare = precondition(lambda self: self.engine.seq % 4 == 0)
statuses = st.sampled_from([MarketStatus.OPEN] * 5 + [MarketStatus.PAUSED] * 2 + list(MarketStatus))
# Few markets are for everybody, so that lists matter; account 1 is the house.
lists = st.sampled_from([None, (), (), (2,), (3,), (4, 3), (3, 5), (2, 3, 4, 5), (6, 4), (4, 7, 4), (1, 2), (99,)])
maybe = st.sampled_from([None, True, False])
categories = st.sampled_from([None, "", "metals", " "])


# Answers and events that a run must see, or the machine does not reach a rule.
OFTEN = {
    # events
    "Traded",
    "OrderCreated",
    "OrderCancelled",
    "Transferred",
    "CreditsChanged",
    "PaidOut",
    "MarketSettled",
    "ShareCreated",
    "ShareEnded",
    "CreditRedistributed",
    "AuctionCreated",
    "AuctionEdited",
    "AuctionWithdrawn",
    "AuctionSettled",
    "MarketEdited",
    # refusals, and a repeated key
    "SHARED_ACCOUNT_NOT_FLAT",
    "CREDIT_REMAINS",
    "INSUFFICIENT_FUNDS",
    "MARKET_PAUSED",
    "MARKET_SETTLED",
    "POST_ONLY_WOULD_TRADE",
    "AUCTION_NOT_FOUND",
    "AUCTION_SETTLED",
    "PRICE_CHANGED",
    "NO_PRICE",
    "SAME_PERSON",
    "SAME_ACCOUNT",
    "FOK_NOT_FILLABLE",
    "ORDER_NOT_FOUND",
    "NOT_ALLOWED",
    "MARKET_NOT_FOUND",
    "SUDO_REQUIRED",
    "repeated",
}


class SmallExchange(Machine):
    """Prices: GOLD settles from 0 to 1 with a tick of 0.10, SILVER from -0.10 to 1.10 with a tick of 0.01."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine()
        self.oracle = NaiveExchange("House")
        self.ledger = EventLedger()
        self.events: list[Event] = []  # since the last check
        self.at_us = 0

    def ask(self, command: Command) -> None:
        type(self).steps += 1
        self.at_us += 1
        before = self.engine.digest()
        answer = ask_both(self.engine, self.oracle, command, self.at_us)
        if isinstance(answer, Rejected | Repeated):
            assert self.engine.digest() == before, "a refusal changed something"
            self.answers[answer.reason.name if isinstance(answer, Rejected) else "repeated"] += 1
        else:
            self.answers.update(map(event_name, answer))
            self.ledger.add(answer)
            self.events += answer

    def acting(self, user: int, pick: int, key: str = "") -> tuple[int, int, bool, str]:
        """The person as one of their accounts; the operator in sudo as any account."""
        accounts = sorted(self.engine.accounts)[1:] if user == OPERATOR else sorted(self.engine.reach(user))
        return user, accounts[pick % len(accounts)], user == OPERATOR, key

    def oneself(self, user: int) -> tuple[int, int, bool, str]:
        return user, self.engine.people[user], False, ""

    def market(self, pick: int) -> int:
        return pick % self.engine.next_market  # sometimes 0, which does not exist

    def open_market(self, first: bool) -> int:
        """The first or the second open market by id; the newest if none is open."""
        opened = [m.id for m in self.engine.markets.values() if m.status == MarketStatus.OPEN]
        return opened[0 if first else min(1, len(opened) - 1)] if opened else self.engine.next_market - 1

    @initialize()
    def open(self) -> None:
        self.ask(c.CreateHouse(0, 0, True, ""))
        for user in range(1, PEOPLE + 1):
            self.ask(c.CreateUserAccount(user, 0, False, "", "trader", 5_000))
        self.ask(c.CreateMarket(OPERATOR, 2, True, "", "GOLD", "", 0, 100, 10, 1))
        self.ask(c.CreateMarket(2, 3, False, "", "SILVER", "", -10, 110, 1, 2))
        self.ask(c.CreateAccount(2, 3, False, "", "team", 0))
        self.ask(c.ShareAccount(2, 3, False, "", 5, 4))
        self.ask(c.MakeTransfer(2, 3, False, "", 3, 5, 500, ""))
        self.ask(c.CreateAuction(2, 5, False, "", "lamp", "", "", 100))
        self.ask(c.CreateAuction(3, 4, False, "", "chair", "", "", None))

    @rule(user=persons, gold=st.booleans(), side=sides, price=prices, size=sizes, self_trade=st.sampled_from(SelfTrade))
    def order(self, user: int, gold: bool, side: Side, price: int, size: int, self_trade: SelfTrade) -> None:
        """An order of a user account."""
        terms = (self.open_market(gold), side, price, size, TimeInForce.GTC)
        self.ask(c.CreateOrder(*self.oneself(user), *terms, post_only=False, self_trade=self_trade))

    @rule(user=persons, gold=st.booleans(), side=sides, price=prices, size=sizes)
    def cross(self, user: int, gold: bool, side: Side, price: int, size: int) -> None:
        """An order at the best opposite price, if there is one."""
        market = self.open_market(gold)
        book = self.engine.markets[market]
        best = (book.offers if side == Side.BID else book.bids).best()
        terms = (market, side, price if best is None else best, size, TimeInForce.GTC)
        self.ask(c.CreateOrder(*self.oneself(user), *terms, post_only=False, self_trade=SelfTrade.CANCEL_INCOMING))

    @rule(user=persons, pick=picks, key=keys, side=sides, price=prices, size=sizes, time=times, post=st.booleans())
    def order_with_terms(
        self, user: int, pick: int, key: str, side: Side, price: int, size: int, time: TimeInForce, post: bool
    ) -> None:
        terms = (self.open_market(True), side, price, size, time)
        post_only = post and time == TimeInForce.GTC
        self.ask(c.CreateOrder(*self.acting(user, pick, key), *terms, post_only, SelfTrade.CANCEL_RESTING))

    @rule(user=persons, pick=picks, market=picks, side=sides, price=odd_prices, size=odd_sizes, time=times)
    def odd_order(
        self, user: int, pick: int, market: int, side: Side, price: int, size: int, time: TimeInForce
    ) -> None:
        terms = (self.market(market), side, price, size, time)
        self.ask(c.CreateOrder(*self.acting(user, pick), *terms, post_only=pick == 0, self_trade=SelfTrade.DECREMENT))

    @rule(user=persons, pick=picks, order=st.integers(0, 30), key=keys)
    def cancel(self, user: int, pick: int, order: int, key: str) -> None:
        opened = sorted(self.engine.orders)
        named = opened[order % len(opened)] if opened and order < 25 else order
        self.ask(c.CancelOrder(*self.acting(user, pick), named, key))

    @rule(user=persons, pick=picks, market=picks, side=st.sampled_from([0, 1, 2]), key=keys)
    def out(self, user: int, pick: int, market: int, side: int, key: str) -> None:
        self.ask(c.Out(*self.acting(user, pick, key), self.market(market), side))

    @rule(user=persons, pick=picks, to=picks, amount=amounts, key=keys)
    def pay(self, user: int, pick: int, to: int, amount: int, key: str) -> None:
        head = self.acting(user, pick, key)
        payee = to % (len(self.engine.accounts) + 1)
        self.ask(c.MakeTransfer(*head, head[1], payee, amount, ""))

    @rare
    @rule(user=mostly_the_operator, to=picks, amount=amounts)
    def gift(self, user: int, to: int, amount: int) -> None:
        self.ask(c.Gift(*self.acting(user, 1), 1 + to % len(self.engine.accounts), amount, ""))

    @rare
    @rule(user=persons, pick=picks, name=st.sampled_from(["desk", "DESK", "annex", "cellar", " "]))
    def alt(self, user: int, pick: int, name: str) -> None:
        """Opens an alt and deposits something."""
        head = self.acting(user, pick)
        self.ask(c.CreateAccount(*head, name, 0))
        self.ask(c.MakeTransfer(*head, head[1], self.engine.next_account - 1, 500, ""))

    def an_alt(self, pick: int) -> int:
        """The n-th alt, mostly of those with several owners; the house if there is none."""
        alts = [a for a in self.engine.accounts.values() if a.kind == AccountKind.ALT]
        shared = [a for a in alts if len(a.owners) > 1]
        some = shared if shared and pick % 4 else alts
        return some[pick % len(some)].id if some else 1

    def owner(self, account: int, pick: int) -> int:
        """One of its owners, sometimes another account."""
        owners = sorted(self.engine.accounts[account].owners)
        return owners[pick % len(owners)] if owners and pick else 1 + pick % len(self.engine.accounts)

    @rule(pick=picks, alt=picks, owner=picks, receiver=st.sampled_from([1, 2, 3, 4, 5, 2, 3, 4]))
    def share(self, pick: int, alt: int, owner: int, receiver: int) -> None:
        shared = self.an_alt(alt)
        giver = self.owner(shared, owner)
        self.ask(c.ShareAccount(OPERATOR, giver, True, "", shared, receiver))

    @rare
    @rule(user=persons, alt=picks)
    def leave(self, user: int, alt: int) -> None:
        self.ask(c.LeaveAccount(*self.oneself(user), self.an_alt(alt)))

    @rule(user=mostly_the_operator, alt=picks, owner=picks, revoke=st.booleans())
    def revoke_or_redistribute(self, user: int, alt: int, owner: int, revoke: bool) -> None:
        shared = self.an_alt(alt)
        kind = c.RevokeShare if revoke else c.Redistribute
        self.ask(kind(*self.acting(user, 1), shared, self.owner(shared, owner)))

    @rare
    @rule(user=mostly_the_operator, pick=picks, amount=amounts)
    def collect(self, user: int, pick: int, amount: int) -> None:
        self.ask(c.Collect(*self.acting(user, 1), 1 + pick % len(self.engine.accounts), amount, ""))

    @rare
    @rule(user=mostly_the_operator, market=picks, status=statuses)
    def status(self, user: int, market: int, status: MarketStatus) -> None:
        newest = self.engine.next_market - 1 if market > 2 else self.market(market)
        self.ask(c.SetMarketStatus(*self.acting(user, 1), newest, status))

    @rare
    @rule(user=mostly_the_operator, market=picks, listed=lists, hidden=maybe, pinned=maybe, category=categories)
    def show(
        self,
        user: int,
        market: int,
        listed: tuple[int, ...] | None,
        hidden: bool | None,
        pinned: bool | None,
        category: str | None,
    ) -> None:
        """Accounts 2 to 4 are user accounts, 5 is an alt that two of them own, 6 and 7 are alts or do not exist."""
        edited = self.open_market(True) if market > 3 else self.market(market)
        self.ask(c.EditMarket(*self.acting(user, 0), edited, None, None, category, pinned, listed, hidden))

    @rare
    @rule(pick=picks, listed=lists, hidden=st.booleans(), category=st.sampled_from(["", "metals"]))
    def create_restricted(self, pick: int, listed: tuple[int, ...] | None, hidden: bool, category: str) -> None:
        """A restricted market by the operator, with or without sudo."""
        user, account, _, _ = self.oneself(OPERATOR)
        shown = (category, pick > 4, pick == 1, listed or (), hidden)
        shape = (f"R {self.engine.seq}", "", 0, 100, 10, 1, 20)
        self.ask(c.CreateMarket(user, account, pick > 1, "", *shape, *shown))

    @rule(user=persons, pick=picks, market=picks)
    def describe(self, user: int, pick: int, market: int) -> None:
        user, account, _, key = self.acting(user, pick)
        self.ask(c.EditMarket(user, account, False, key, self.market(market), None, "By weight."))

    @rare
    @rule(user=st.integers(1, 2), market=picks, price=st.one_of(prices, odd_prices))
    def settle(self, user: int, market: int, price: int) -> None:
        """By the operator, who owns GOLD, or by the next person, who owns SILVER."""
        self.ask(c.SettleMarket(*self.acting(user, 0), self.market(market), price))

    @rare
    @rule(user=persons, pick=picks, low=odd_prices, high=odd_prices)
    def create_markets(self, user: int, pick: int, low: int, high: int) -> None:
        self.ask(c.CreateMarket(*self.acting(user, pick), f"M {self.engine.seq}", "", low, high, 10, 1))
        self.ask(c.CreateMarket(*self.acting(user, pick), f"N {self.engine.seq}", "", 0, 100, 10, 1))

    def auction(self, pick: int) -> int:
        """Mostly an open auction; sometimes 0, which does not exist."""
        opened = [a.id for a in self.engine.auctions.values() if a.status == AuctionStatus.OPEN]
        return opened[pick % len(opened)] if opened and pick < 7 else pick % self.engine.next_auction

    @rare
    @rule(user=persons, pick=picks, price=st.sampled_from([None, 0, 100, 700]), key=keys)
    def list_auction(self, user: int, pick: int, price: int | None, key: str) -> None:
        self.ask(c.CreateAuction(*self.acting(user, pick, key), "lamp", "", "", price))

    @rare
    @rule(user=persons, pick=picks, auction=picks, price=st.sampled_from([None, 100, 700]), gone=st.booleans())
    def edit_auction(self, user: int, pick: int, auction: int, price: int | None, gone: bool) -> None:
        """Without a new price the old one stays or is removed."""
        by, account, sudo, key = self.acting(user, pick)
        id, gone = self.auction(auction), price is None and gone
        self.ask(c.EditAuction(by, account, sudo, key, id, None, "worn", None, price, gone))

    @rare
    @rule(user=persons, pick=picks, auction=picks)
    def withdraw_auction(self, user: int, pick: int, auction: int) -> None:
        self.ask(c.WithdrawAuction(*self.acting(user, pick), self.auction(auction)))

    @rule(user=persons, pick=picks, auction=picks, amount=st.sampled_from([0, 100, 700]), key=keys)
    def buy_auction(self, user: int, pick: int, auction: int, amount: int, key: str) -> None:
        self.ask(c.BuyAuction(*self.acting(user, pick, key), self.auction(auction), amount))

    @rare
    @rule(user=mostly_the_operator, auction=picks, buyer=picks, amount=st.sampled_from([0, 100, 10**6]))
    def settle_auction(self, user: int, auction: int, buyer: int, amount: int) -> None:
        named = buyer % (len(self.engine.accounts) + 1)
        self.ask(c.SettleAuction(*self.acting(user, 1), self.auction(auction), named, amount))

    @invariant()
    def everything_agrees(self) -> None:
        if self.engine.seq:
            assert differences(self.engine, self.oracle) == []
            self.ledger.check_all(self.engine)
            invariants.check_all(self.engine)
            changed = self.engine.take_changed()
            invariants.check_batch(self.engine, changed)
            invariants.check_reported(self.events, changed)
            self.events = []


def test_ten_thousand_steps() -> None:
    run(SmallExchange, EXAMPLES, STEPS)
    print(SmallExchange.steps, SmallExchange.answers)
    assert SmallExchange.steps >= 10_000
    assert set(SmallExchange.answers) >= OFTEN


@pytest.mark.soak
def test_a_hundred_thousand_steps() -> None:
    run(SmallExchange, 12 * EXAMPLES, STEPS, derandomize=False)
    assert SmallExchange.steps >= 100_000


class LenientExchange(SmallExchange):
    """Its oracle lets everybody spend a tenth of a chip too much."""

    def __init__(self) -> None:
        super().__init__()
        available = self.oracle.available
        self.oracle.available = lambda account: available(account) + 1_000  # type: ignore[method-assign]


def test_it_notices_a_tenth_of_a_chip() -> None:
    with pytest.raises(AssertionError):
        run(LenientExchange, EXAMPLES, STEPS, phases=(Phase.generate,))
