"""Commits histories of commands to the test's database; and makes histories of random commands."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from random import Random

from markets.audit.verification import verify
from markets.engine import commands as c
from markets.engine.commands import AuctionStatus, Command
from markets.engine.credits import is_flat
from markets.engine.engine import Engine
from markets.engine.errors import Rejected, Repeated
from markets.journal.journal import Journal, Outcome

History = Sequence[tuple[Command, int]]  # accepted commands and their at_us


@contextmanager
def open_journal() -> Iterator[tuple[Journal, Engine]]:
    """A journal on the test's database, and the engine that it loads."""
    journal = Journal()
    try:
        yield journal, journal.load()
    finally:
        journal.close()


def apply_all(engine: Engine, history: Iterable[tuple[Command, int]]) -> list[Outcome]:
    """Applies the commands, which must be accepted. Returns their outcomes."""
    outcomes = []
    for command, at_us in history:
        events = engine.apply(command, at_us)
        outcomes.append(Outcome(engine.seq, at_us, command, events))
    return outcomes


def commit_history(history: History, batch: int = 7) -> Engine:
    """Commits the commands in batches of `batch`, behind the journal's entries. Returns the engine after them."""
    with open_journal() as (journal, engine):
        commands = iter(history)
        while some := list(islice(commands, batch)):
            outcomes = apply_all(engine, some)
            journal.commit_and_wait(engine, outcomes, engine.take_changed())
    return engine


def load_engine() -> Engine:
    """Loads the engine from the test's database."""
    with open_journal() as (_, engine):
        return engine


def run_verify() -> list[str]:
    """Verifies the test's database. Returns the lines of `manage.py verify`; raises Difference."""
    return list(verify())


def random_history(seed: int, length: int, people: int = 5, markets: int = 3) -> list[tuple[Command, int]]:
    """Accepted commands of every kind: mostly orders, sometimes everything else."""
    day = RandomDay(seed, people, markets)
    return [day.next() for _ in range(length)]


class RandomDay:
    """A day of random commands. Prices and sizes are small, so that orders meet; names are few, so that they clash."""

    def __init__(self, seed: int, people: int, markets: int) -> None:
        self.engine = Engine()
        self.random = Random(seed)
        self.at_us = 0
        self.people = people
        self.markets = markets
        self._opening = iter(self._begin())

    def next(self) -> tuple[Command, int]:
        """The next command that is accepted."""
        while True:
            command = next(self._opening, None) or self._any()
            try:
                self.engine.apply(command, self.at_us + 1)
            except (Rejected, Repeated):
                continue
            self.at_us += 1
            return command, self.at_us

    def _begin(self) -> Iterator[Command]:
        yield c.CreateHouse(0, 0, True, "")
        for user in range(1, self.people + 1):
            yield c.CreateUserAccount(user, 0, False, "", f"Person {user}", 10_000_000)
        for number in range(1, self.markets + 1):
            yield self._market(f"Market {number}")

    def _any(self) -> Command:
        kinds = (self._order, self._cancel, self._out, self._pay, self._share, self._other)
        (kind,) = self.random.choices(kinds, (70, 12, 3, 8, 8, 7))
        return kind()

    def _head(self) -> tuple[int, int, bool, str]:
        user = self.random.randint(1, self.people)
        account = self.random.choice(sorted(self.engine.reach(user)))
        key = f"k{self.random.randint(1, 10**6)}" if self.random.random() < 0.5 else ""
        return user, account, self.random.random() < 0.1, key

    def _one_market(self) -> int:
        return self.random.randint(1, self.engine.next_market - 1)

    def _order(self) -> Command:
        side = self.random.randint(1, 2)
        price = 50 + self.random.randint(-5, 3) * (1 if side == 1 else -1)
        size = self.random.randint(1, 30)
        post_only = self.random.random() < 0.1
        time_in_force = 0 if post_only else self.random.choice((0, 0, 0, 0, 1, 2))
        self_trade = self.random.randint(0, 2)
        return c.CreateOrder(*self._head(), self._one_market(), side, price, size, time_in_force, post_only, self_trade)

    def _cancel(self) -> Command:
        by, account, sudo, key = self._head()
        open_orders = self.engine.accounts[account].exposures.values()
        ids = [id for exposure in open_orders for id in exposure.orders]
        return c.CancelOrder(by, account, sudo, key, self.random.choice(ids or [1]), "")

    def _out(self) -> Command:
        return c.Out(*self._head(), self.random.choice((0, self._one_market())), self.random.randint(0, 2))

    def _pay(self) -> Command:
        head = self._head()
        other = self.random.randint(1, self.engine.next_account - 1)
        amount = self.random.randint(1, 500_000)
        if self.random.random() < 0.2:
            return c.Gift(head[0], head[1], True, head[3], other, amount, "well done")
        source, target = self.random.sample((head[1], other), 2)
        return c.MakeTransfer(*head, source, target, amount, "for lunch")

    def _share(self) -> Command:
        """A command about a flat alt and its owners, by the operator as one of them."""
        accounts = self.engine.accounts.values()
        alts = [account for account in accounts if account.owners and is_flat(self.engine, account)]
        if not alts:
            return self._other()
        shared = self.random.choice(alts)
        head = (1, self.random.choice(sorted(shared.owners)), True, "")
        other = self.random.choice(sorted(self.engine.people.values()))
        kind = self.random.randint(1, 12)
        if kind <= 4:
            return c.ShareAccount(*head, shared.id, other)
        if kind <= 7:
            return c.LeaveAccount(*head, shared.id)
        if kind <= 9:
            least = min(shared.owners, key=lambda owner: (shared.owners[owner], -owner))
            return c.RevokeShare(*head, shared.id, least)
        if kind <= 11:
            return c.Redistribute(*head, shared.id, head[1])
        return c.Collect(*head, head[1], self.random.randint(1, 1_000), "")

    def _other(self) -> Command:
        by, account, _, key = self._head()
        head = (by, account, True, key)
        market = self._one_market()
        kind = self.random.randint(1, 26)
        if kind > 20:
            return self._auction(kind, head)
        if kind <= 4:
            return c.CreateAccount(*head, f"Alt {self.engine.next_account}", account)
        if kind <= 6:
            return c.EditMarket(*head, market, self.random.choice((None, f"Renamed {self.at_us}")), "edited")
        if kind <= 9:
            return self._edit_options(head, market)
        if kind <= 15:
            return c.SetMarketStatus(*head, market, self.random.choice((1, 1, 1, 1, 2, 3)))
        if kind <= 17:
            plain = self._market(f"Market {self.engine.next_market}")
            special = plain._replace(
                category="metals", pinned=True, visible_to=self._listed(), hide_account_ids=kind == 17
            )
            return special if self.random.random() < 0.5 else plain
        if kind == 18:
            return c.SetMarketStatus(*head, market, 4)
        return c.SettleMarket(*head, market, self.random.randint(0, 100))

    def _auction(self, kind: int, head: tuple[int, int, bool, str]) -> Command:
        open_auctions = [one for one in self.engine.auctions.values() if one.status == AuctionStatus.OPEN]
        if kind <= 22 or not open_auctions:
            price = self.random.choice((None, 0, self.random.randint(1, 100_000)))
            picture = self.random.choice(("", "p" * 32 + ".webp"))
            return c.CreateAuction(*head, f"Lot {self.engine.next_auction}", "as seen", picture, price)
        auction = self.random.choice(open_auctions)
        if kind == 23:
            return c.EditAuction(*head, auction.id, None, "as it is", None, 70_000, self.random.random() < 0.3)
        if kind == 24:
            return c.WithdrawAuction(*head, auction.id)
        if kind == 25:
            return c.SettleAuction(*head, auction.id, head[1], self.random.randint(0, 50_000))
        return c.BuyAuction(*head, auction.id, auction.buy_now_price or 0)

    def _edit_options(self, head: tuple[int, int, bool, str], market: int) -> Command:
        """Changes some of what operators choose about a market."""
        listed = self.random.choice((None, (), self._listed(), self._listed()))
        category = self.random.choice((None, "", "metals"))
        pinned, hidden = (self.random.choice((None, True, False)) for _ in range(2))
        return c.EditMarket(*head, market, None, None, category, pinned, listed, hidden)

    def _listed(self) -> tuple[int, ...]:
        """At least half of the accounts, so that listed ones find somebody to trade with."""
        accounts = range(2, self.engine.next_account)
        return tuple(self.random.sample(accounts, self.random.randint(len(accounts) // 2, len(accounts))))

    def _market(self, name: str) -> c.CreateMarket:
        return c.CreateMarket(1, self.engine.people[1], True, "", name, "", self.random.choice((0, -100)), 100, 1, 1)
