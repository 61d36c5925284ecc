"""A day at the exchange, in names and chips: Alice bids, Bob offers, compare the events.

    day = Scenario()
    day.people("alice", "bob", cash=1_000)
    day.market("GOLD", 0, 100)
    day.sell("bob", "GOLD", 48, size=3)
    assert day.buy("alice", "GOLD", 50, size=4) == ["alice buys 3 @ 48 from bob", "alice bids 4 @ 50: 3 filled, 1 open"]

Every command goes to the engine and to the naive oracle. Answers and states must agree after each one, and a refusal
must leave the engine's digest as it was. Prices, sizes and amounts are in chips: 50, "49.5". A command is given by the
person at the root of the account, unless `by` names another one. The operator's commands carry sudo.

Methods that give a command return its events as sentences (telling.py).
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypedDict, Unpack

import pytest

from markets.engine import commands as c
from markets.engine.commands import Command, MarketStatus, SelfTrade, Side, TimeInForce
from markets.engine.engine import Engine
from markets.engine.errors import Reason, Rejected, Repeated
from markets.engine.ledger import Exposure
from tests.agreement import ask_both, differences
from tests.naive_exchange import NaiveExchange
from tests.telling import Names, chips, describe, hundredths

OPERATOR = "operator"
Chips = int | str


class Terms(TypedDict, total=False):
    """The terms of an order besides market, side, price and size. `key` is the client_order_id."""

    time_in_force: TimeInForce
    post_only: bool
    self_trade: SelfTrade
    by: str
    key: str


class MarketOptions(TypedDict, total=False):
    """What operators choose about a market. `visible_to` holds names of accounts. An edit changes what is given."""

    category: str
    category_public: bool  # of a new market only
    pinned: bool
    visible_to: Collection[str]
    hide_account_ids: bool


def units(value: Chips, per_chip: int) -> int:
    """The value in units of 1/per_chip, exactly: 0.015 chips are no whole number of hundredths."""
    exact = Decimal(value) * per_chip
    assert exact == int(exact), f"{value} is finer than 1/{per_chip}"
    return int(exact)


def price(value: Chips) -> int:
    """A price or size in 1/100."""
    return units(value, 100)


def money(value: Chips) -> int:
    """An amount in 1/10,000 chip."""
    return units(value, 10_000)


def table(text: str) -> str:
    """A book as Scenario.book() has it, from a text with any indentation: `bids | offers`, best first."""
    rows = [row.split("|") for row in text.strip().splitlines()]
    return "\n".join(f"{bid.strip()} | {offer.strip()}" for bid, offer in rows)


class Scenario:
    """An exchange with the house and an operator. `compare=False` leaves the oracle out, for thousands of commands."""

    def __init__(self, compare: bool = True) -> None:
        self.engine = Engine()
        self.oracle = NaiveExchange("House") if compare else None
        self.at_us = 0
        self.ids: dict[str, int] = {}
        self.users: dict[str, int] = {}
        self.market_ids: dict[str, int] = {}
        self.auction_ids: dict[str, int] = {}
        self.history: list[tuple[Command, int]] = []  # accepted commands and their at_us
        self.do(c.CreateHouse(0, 0, True, ""))
        self.people(OPERATOR, cash=0)

    # --- Asking

    def do(self, command: Command) -> list[str]:
        """Gives any command. Raises Rejected or Repeated as the engine does."""
        self.at_us += 1
        self.last_asked = command
        if self.oracle is None:
            events = self.engine.apply(command, self.at_us)
        else:
            before = self.engine.digest()
            answer = ask_both(self.engine, self.oracle, command, self.at_us)
            assert differences(self.engine, self.oracle) == []
            if isinstance(answer, Rejected | Repeated):
                assert self.engine.digest() == before, "a refusal changed something"
                raise answer
            events = answer
        self.history.append((command, self.at_us))
        names = Names(self.engine)
        return [describe(names, event) for event in events]

    @staticmethod
    def replay(history: list[tuple[Command, int]]) -> Engine:
        """A new engine after the same commands."""
        engine = Engine()
        for command, at_us in history:
            engine.apply(command, at_us)
        return engine

    @contextmanager
    def refuses(self, reason: Reason) -> Iterator[None]:
        """The command inside must be refused with this code."""
        with pytest.raises(Rejected) as caught:
            yield
        assert caught.value.reason == reason, caught.value.message

    @contextmanager
    def repeats(self, seq: int) -> Iterator[None]:
        """The command inside must repeat the accepted command `seq`."""
        with pytest.raises(Repeated) as caught:
            yield
        assert caught.value.seq == seq

    def head(self, who: str, by: str, key: str) -> tuple[int, int, bool, str]:
        """The four fields with which every command begins. `by` "" means the person at the root of the account."""
        person = by or self.person(who)
        return self.users[person], self.ids.get(who, 0), person == OPERATOR, key

    def person(self, who: str) -> str:
        """The name of the user account at the root of the account."""
        account = self.engine.accounts[self.ids[who]]
        while account.owners:
            account = self.engine.accounts[min(account.owners)]
        return account.name

    # --- Accounts and money

    def people(self, *names: str, cash: Chips = 0) -> None:
        for name in names:
            self.users[name] = len(self.users) + 1
            self.do(c.CreateUserAccount(self.users[name], 0, False, "", name, money(cash)))
            self.ids[name] = self.engine.people[self.users[name]]

    def alt(self, owner: str, name: str, by: str = "", key: str = "") -> list[str]:
        sentences = self.do(c.CreateAccount(*self.head(owner, by, key), name, 0))
        self.ids[name] = self.engine.next_account - 1
        return sentences

    def pay(self, payer: str, payee: str, amount: Chips, note: str = "", by: str = "", key: str = "") -> list[str]:
        head = self.head(payer, by, key)
        if by:
            head = (self.users[by], self.ids[by], by == OPERATOR, key)
        return self.do(c.MakeTransfer(*head, self.ids[payer], self.ids[payee], money(amount), note))

    def gift(self, payee: str, amount: Chips, note: str = "", by: str = OPERATOR, key: str = "") -> list[str]:
        return self.do(c.Gift(*self.head(by, by, key), self.ids[payee], money(amount), note))

    def collect(self, payer: str, amount: Chips, by: str = OPERATOR) -> list[str]:
        return self.do(c.Collect(*self.head(by, by, ""), self.ids[payer], money(amount), ""))

    def share(self, owner: str, account: str, receiver: str, by: str = "", key: str = "") -> list[str]:
        return self.do(c.ShareAccount(*self.head(owner, by, key), self.ids[account], self.ids[receiver]))

    def leave(self, owner: str, account: str) -> list[str]:
        return self.do(c.LeaveAccount(*self.head(owner, "", ""), self.ids[account]))

    def revoke(self, account: str, owner: str, by: str = OPERATOR) -> list[str]:
        return self.do(c.RevokeShare(*self.head(by, by, ""), self.ids[account], self.ids[owner]))

    def redistribute(self, account: str, owner: str, by: str = OPERATOR) -> list[str]:
        return self.do(c.Redistribute(*self.head(by, by, ""), self.ids[account], self.ids[owner]))

    # --- Markets

    def market(
        self,
        name: str,
        low: Chips,
        high: Chips,
        tick: Chips = "0.01",
        smallest: Chips = "0.01",
        owner: str = OPERATOR,
        description: str = "",
        key: str = "",
        **options: Unpack[MarketOptions],
    ) -> list[str]:
        shape = (price(low), price(high), price(tick), price(smallest))
        head = self.head(owner, "", key)
        sentences = self.do(c.CreateMarket(*head, name, description, *shape, **self._fields(options)))
        self.market_ids[name] = self.engine.next_market - 1
        return sentences

    def edit(
        self,
        market: str,
        name: str | None = None,
        description: str | None = None,
        who: str = OPERATOR,
        **options: Unpack[MarketOptions],
    ) -> list[str]:
        edit = c.EditMarket(*self.head(who, "", ""), self.market_ids[market], name, description)
        return self.do(edit._replace(**self._fields(options)))

    def _fields(self, options: MarketOptions) -> dict[str, Any]:
        """The options as fields of a command."""
        fields: dict[str, Any] = {**options}
        if "visible_to" in options:
            fields["visible_to"] = tuple(self.ids[name] for name in options["visible_to"])
        return fields

    def status(self, market: str, status: MarketStatus, who: str = OPERATOR) -> list[str]:
        return self.do(c.SetMarketStatus(*self.head(who, "", ""), self.market_ids[market], status))

    def settle(self, market: str, at: Chips, who: str = OPERATOR, key: str = "") -> list[str]:
        return self.do(c.SettleMarket(*self.head(who, "", key), self.market_ids[market], price(at)))

    # --- Orders

    def buy(self, who: str, market: str, at: Chips, size: Chips = 1, **terms: Unpack[Terms]) -> list[str]:
        return self.order(Side.BID, who, market, at, size, **terms)

    def sell(self, who: str, market: str, at: Chips, size: Chips = 1, **terms: Unpack[Terms]) -> list[str]:
        return self.order(Side.OFFER, who, market, at, size, **terms)

    def order(self, side: Side, who: str, market: str, at: Chips, size: Chips = 1, **terms: Unpack[Terms]) -> list[str]:
        return self.do(
            c.CreateOrder(
                *self.head(who, terms.get("by", ""), terms.get("key", "")),
                self.market_ids[market],
                side,
                price(at),
                price(size),
                terms.get("time_in_force", TimeInForce.GTC),
                terms.get("post_only", False),
                terms.get("self_trade", SelfTrade.CANCEL_RESTING),
            )
        )

    def cancel(self, who: str, order: int = 0, client_order_id: str = "", by: str = "", key: str = "") -> list[str]:
        return self.do(c.CancelOrder(*self.head(who, by, key), order, client_order_id))

    def out(self, who: str, market: str = "", side: Side | None = None, by: str = "", key: str = "") -> list[str]:
        named = self.market_ids[market] if market else 0
        return self.do(c.Out(*self.head(who, by, key), named, side or 0))

    # --- Auctions

    def auction(
        self,
        seller: str,
        name: str,
        at: Chips | None = None,
        description: str = "",
        picture: str = "",
        by: str = "",
        key: str = "",
    ) -> list[str]:
        buy_now_price = None if at is None else money(at)
        sentences = self.do(c.CreateAuction(*self.head(seller, by, key), name, description, picture, buy_now_price))
        self.auction_ids[name] = self.engine.next_auction - 1
        return sentences

    def edit_auction(
        self,
        who: str,
        auction: str,
        name: str | None = None,
        description: str | None = None,
        picture: str | None = None,
        at: Chips | None = None,
        no_price: bool = False,
    ) -> list[str]:
        head = self.head(who, "", "")
        id, buy_now_price = self.auction_ids[auction], None if at is None else money(at)
        return self.do(c.EditAuction(*head, id, name, description, picture, buy_now_price, no_price))

    def withdraw(self, who: str, auction: str) -> list[str]:
        return self.do(c.WithdrawAuction(*self.head(who, "", ""), self.auction_ids[auction]))

    def buy_auction(self, who: str, auction: str, seen: Chips, by: str = "", key: str = "") -> list[str]:
        return self.do(c.BuyAuction(*self.head(who, by, key), self.auction_ids[auction], money(seen)))

    def settle_auction(self, auction: str, buyer: str, at: Chips, by: str = OPERATOR) -> list[str]:
        return self.do(c.SettleAuction(*self.head(by, by, ""), self.auction_ids[auction], self.ids[buyer], money(at)))

    # --- Looking

    @property
    def last_order(self) -> int:
        return self.engine.next_order - 1

    def cash(self, who: str) -> str:
        return chips(self.engine.accounts[self.ids[who]].cash)

    def available(self, who: str) -> str:
        return chips(self.engine.accounts[self.ids[who]].available)

    def credit(self, account: str) -> str:
        """The credit of the only owner."""
        (credit,) = self.engine.accounts[self.ids[account]].owners.values()
        return chips(credit)

    def credits(self, account: str) -> dict[str, str]:
        """The credits of all owners, by name."""
        owners = self.engine.accounts[self.ids[account]].owners
        return {self.engine.accounts[owner].name: chips(credit) for owner, credit in sorted(owners.items())}

    def exposure(self, who: str, market: str) -> Exposure:
        return self.engine.accounts[self.ids[who]].exposures[self.market_ids[market]]

    def position(self, who: str, market: str) -> str:
        return hundredths(self.exposure(who, market).position)

    def knows(self, who: str, market: str) -> bool:
        """Whether the person knows the market: to rename it is SUDO_REQUIRED then, and not MARKET_NOT_FOUND."""
        id = self.market_ids[market]
        with pytest.raises(Rejected) as caught:
            self.do(c.EditMarket(self.users[who], self.ids[who], False, "", id, "MINE", None))
        assert caught.value.reason in (Reason.SUDO_REQUIRED, Reason.MARKET_NOT_FOUND)
        return caught.value.reason == Reason.SUDO_REQUIRED

    def book(self, market: str) -> str:
        """Rows of `bids | offers` in priority order. Compare with table(...)."""
        names = Names(self.engine)
        here = self.engine.markets[self.market_ids[market]]
        bids, offers = (
            [f"{names.account(o.account)} {hundredths(o.open)} @ {hundredths(o.price)}" for o in side]
            for side in (here.bids, here.offers)
        )
        rows = max(len(bids), len(offers))
        bids += [""] * (rows - len(bids))
        offers += [""] * (rows - len(offers))
        return "\n".join(f"{bid} | {offer}" for bid, offer in zip(bids, offers))
