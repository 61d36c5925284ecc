"""Random commands, most of them sensible: what a busy class might send, with mistakes and attacks mixed in.

The generator reads the engine (which orders are open, who owns what), so that cancels hit and prices cross. The same
seed and the same engine lead to the same commands.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from markets.engine import commands as c
from markets.engine.board import Auction
from markets.engine.book import Market
from markets.engine.commands import AuctionStatus, Command, MarketStatus, SelfTrade, Side, TimeInForce
from markets.engine.credits import is_flat
from markets.engine.engine import Engine
from markets.engine.events import AccountKind
from tests.engine.chances import (
    ALTS,
    GARBAGE,
    HOUSE,
    LIVE_MARKETS,
    LONG_DAY,
    NAMES,
    OPERATOR,
    PEOPLE,
    SHAPES,
    STATUSES,
    TIMES_IN_FORCE,
    WEIGHTS,
)


class Generator:
    def __init__(self, rng: Random, engine: Engine) -> None:
        self.rng = rng
        self.engine = engine
        self.keys = 0
        self.sent: list[Command] = []  # the latest commands with a key, to send again
        self.kinds = [kind for kind, weight in WEIGHTS.items() for _ in range(weight)]

    def opening(self) -> list[Command]:
        """The first commands: the house, an operator and people with money."""
        people = [
            c.CreateUserAccount(user, 0, False, "", f"person {user}", 20_000_000) for user in range(1, PEOPLE + 1)
        ]
        return [c.CreateHouse(0, 0, True, ""), *people]

    def next(self) -> Command:
        command: Command = getattr(self, self.rng.choice(self.kinds))()
        if command.key:
            self.sent = [*self.sent[-50:], command]
        return command

    # --- Who

    def head(self, keyed: float = 0.2) -> tuple[int, int, bool, str]:
        """Mostly a person as one of their accounts; sometimes as any account, with or without sudo."""
        rng, engine = self.rng, self.engine
        user = rng.choice(sorted(engine.people))
        if rng.random() < 0.02:
            return user, rng.randint(1, len(engine.accounts)), rng.random() < 0.3, self.key(keyed)
        return user, rng.choice(sorted(engine.reach(user))), False, self.key(keyed)

    def trader(self, market: Market) -> tuple[int, int, bool, str]:
        """Mostly an account that a restricted market lists."""
        if not market.visible_to or self.rng.random() < 0.2:
            return self.head(0.25)
        account = self.rng.choice(list(market.visible_to))
        return self.root(account), account, False, self.key(0.25)

    def operator(self) -> tuple[int, int, bool, str]:
        return OPERATOR, self.engine.people[OPERATOR], self.rng.random() < 0.9, self.key(0.2)

    def key(self, chance: float) -> str:
        if self.rng.random() >= chance:
            return ""
        self.keys += 1
        return f"key {self.keys}" if self.rng.random() < 0.97 else f"key {self.rng.randint(1, self.keys)}"

    def account(self) -> int:
        return self.rng.randint(1, len(self.engine.accounts))

    # --- Where

    def live(self) -> list[Market]:
        """Unsettled markets. They settle in about the order of their ids, so the latest ones are enough."""
        last = self.engine.next_market - 1
        recent = (self.engine.markets[id] for id in range(max(1, last - 30), last + 1))
        return [m for m in recent if m.status != MarketStatus.SETTLED]

    def some_market(self) -> Market | None:
        """Mostly one that is open."""
        markets = self.live()
        if self.rng.random() < 0.9:
            markets = [m for m in markets if m.status == MarketStatus.OPEN] or markets
        elif self.rng.random() < 0.2:
            markets = list(self.engine.markets.values())
        return self.rng.choice(markets) if markets else None

    # --- What

    def order(self) -> Command:
        rng = self.rng
        market = self.some_market()
        if market is None:
            return self.market()
        time_in_force = rng.choice(TIMES_IN_FORCE)
        return c.CreateOrder(
            *self.trader(market),
            market=market.id,
            side=rng.choice((Side.BID, Side.OFFER)),
            price=self.price(market),
            size=self.size(market),
            time_in_force=time_in_force,
            post_only=time_in_force == TimeInForce.GTC and rng.random() < 0.08,
            self_trade=rng.choice(list(SelfTrade)),
        )

    def price(self, market: Market) -> int:
        """Mostly near the last trade, so that orders meet; sometimes anywhere."""
        low, high, tick = market.min_settlement, market.max_settlement, market.tick_size
        middle = market.last_price if market.last_price is not None else (low + high) // 2
        reach = max((high - low) // 20, tick)
        near = middle + self.rng.randint(-reach, reach) if self.rng.random() < 0.9 else self.rng.randint(low, high)
        return min(max(near - near % tick, low), high)

    def size(self, market: Market) -> int:
        """Mostly a size that somebody could pay for, rarely a far larger one."""
        worth = max(market.max_settlement - market.min_settlement, 1)
        most = max(4_000_000 // worth // market.smallest_size, 1)
        lots = self.rng.randint(1, most) if self.rng.random() < 0.97 else self.rng.randint(1, most * 50)
        return lots * market.smallest_size

    def cancel(self) -> Command:
        rng = self.rng
        by, account, sudo, key = self.head()
        exposures = self.engine.accounts[account].exposures
        mine = [o for m in self.live() if m.id in exposures for o in exposures[m.id].orders.values()]
        if not mine or rng.random() < 0.1:
            return c.CancelOrder(by, account, sudo, key, rng.randint(1, self.engine.next_order), "")
        order = rng.choice(mine)
        if order.client_order_id and rng.random() < 0.5:
            return c.CancelOrder(by, account, sudo, key, 0, order.client_order_id)
        return c.CancelOrder(by, account, sudo, key, order.id, "")

    def out(self) -> Command:
        market = self.some_market()
        named = market.id if market is not None and self.rng.random() < 0.7 else 0
        return c.Out(*self.head(), named, self.rng.choice((0, Side.BID, Side.OFFER)))

    def transfer(self) -> Command:
        rng, accounts = self.rng, self.engine.accounts
        by, account, sudo, key = self.head()
        relatives = [*accounts[account].owned, *accounts[account].owners]
        people = [a.id for a in accounts.values() if a.kind == AccountKind.USER]
        payee = rng.choice(relatives or people) if rng.random() < 0.8 else self.account()
        most = max(accounts[account].available, 1)
        amount = rng.randint(1, most) if rng.random() < 0.95 else rng.randint(most, 2 * most)
        sudo = sudo or rng.random() < 0.05
        return c.MakeTransfer(by, account, sudo, key, account, payee, amount, rng.choice(("", "lunch", "x" * 201)))

    def gift(self) -> Command:
        poorest = min((a.available, a.id) for a in self.engine.accounts.values() if a.id != HOUSE)[1]
        return c.Gift(*self.operator(), poorest, self.rng.randint(1, 20_000_000), "")

    def collect(self) -> Command:
        richest = max((a.available, a.id) for a in self.engine.accounts.values() if a.id != HOUSE)
        return c.Collect(*self.operator(), richest[1], self.rng.randint(1, max(richest[0], 1) * 2), "")

    def an_alt(self) -> int:
        """Mostly an alt with several owners; without alts any account id."""
        alts = [a for a in self.engine.accounts.values() if a.kind == AccountKind.ALT]
        shared = [a for a in alts if len(a.owners) > 1]
        return self.rng.choice((self.rng.random() < 0.7 and shared) or alts).id if alts else self.account()

    def owner_of(self, account: int) -> int:
        owners = sorted(self.engine.accounts[account].owners)
        return self.rng.choice(owners) if owners and self.rng.random() < 0.9 else self.account()

    def share(self) -> Command:
        """Mostly of a flat account, by one of its owners."""
        alts = [a for a in self.engine.accounts.values() if a.kind == AccountKind.ALT]
        flat = [a.id for a in alts if is_flat(self.engine, a)]
        shared = self.rng.choice(flat) if flat and self.rng.random() < 0.8 else self.an_alt()
        owner = self.engine.accounts[self.owner_of(shared)]
        people = sorted(self.engine.people.values())
        receiver = self.rng.choice(people) if self.rng.random() < 0.9 else self.account()
        return c.ShareAccount(owner.user, owner.id, False, self.key(0.2), shared, receiver)

    def leave(self) -> Command:
        left = self.an_alt()
        owner = self.engine.accounts[self.owner_of(left)]
        return c.LeaveAccount(self.root(owner.id), owner.id, False, self.key(0.2), left)

    def revoke(self) -> Command:
        shared = self.an_alt()
        return c.RevokeShare(*self.operator(), shared, self.owner_of(shared))

    def redistribute(self) -> Command:
        shared = self.an_alt()
        return c.Redistribute(*self.operator(), shared, self.owner_of(shared))

    def sign_in(self) -> Command:
        return c.CreateUserAccount(
            self.rng.randint(1, PEOPLE + 2), 0, False, "", self.name(), self.rng.choice((0, 10**7))
        )

    def alt(self) -> Command:
        head = self.head()
        full = len(self.engine.accounts) > PEOPLE + ALTS
        return c.CreateAccount(*head, self.name(), self.rng.choice((0, 0, head[1], self.account())), 0 if full else 50)

    def name(self) -> str:
        """Often a name that is taken, sometimes an empty one."""
        stem = self.rng.choice(NAMES)
        return self.rng.choice((stem, stem.upper(), f" {stem}  {self.engine.seq} ", stem + " \u2460"))

    def market(self) -> Command:
        rng = self.rng
        if len(self.live()) >= LIVE_MARKETS:
            return self.settle()
        low, high, tick, smallest = rng.choice(SHAPES)
        shape = (low, high, rng.choice((tick, tick, tick, 7, 0)), smallest)
        name = f"{self.name()} {self.engine.seq}"
        if rng.random() < 0.5:
            return c.CreateMarket(*self.head(), name, rng.choice(("", "text")), *shape)
        head = self.operator() if rng.random() < 0.8 else self.head()
        return c.CreateMarket(
            *head,
            name,
            "",
            *shape,
            category=self.category(),
            category_public=rng.random() < 0.5,
            pinned=rng.random() < 0.2,
            visible_to=self.listed(),
            hide_account_ids=rng.random() < 0.4,
        )

    def edit(self) -> Command:
        """Anybody's new name or description, or some of what operators change."""
        rng = self.rng
        market = self.some_market()
        id = market.id if market else 0
        if rng.random() < 0.4:
            head = self.operator() if rng.random() < 0.5 else self.head()
            name = rng.choice((None, self.name()))
            return c.EditMarket(*head, id, name, rng.choice((None, "", "text", "\x00")))
        head = self.operator() if rng.random() < 0.9 else self.head()
        listed = self.listed(market) if rng.random() < 0.6 else None
        shown = (rng.choice((None, None, self.category())), rng.choice((None, True, False)), listed)
        return c.EditMarket(*head, id, None, None, *shown, rng.choice((None, None, True, False)))

    def probe(self) -> Command:
        """A command by somebody who once had an order in a market that no longer lists them."""
        once = [(m, a) for m in self.live() if m.visible_to for a in m.holders if a not in m.visible_to]
        if not once:
            return self.edit()
        market, account = self.rng.choice(once)
        head = (self.root(account), account, False, self.key(0.2))
        if self.rng.random() < 0.5:
            return c.SettleMarket(*head, market.id, market.max_settlement + self.rng.randint(0, 1))
        return c.EditMarket(*head, market.id, None, "still here")

    def category(self) -> str:
        return self.rng.choice(("", "", "metals", " metals  and ores ", "weather", " ", "x" * 41))

    def listed(self, market: Market | None = None) -> tuple[int, ...]:
        """A list of accounts: one more or one less than before, or any; sometimes with one that cannot be listed."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.3:
            return ()
        if kind < 0.35:
            return rng.choice(((HOUSE,), (self.account(), 10**6), (0,), (-1,), tuple(range(2, 1_003))))
        before = list(market.visible_to) if market else []
        if before and kind < 0.6:
            return tuple(id for id in before if id != rng.choice(before))
        if before and kind < 0.75:
            return (*before, max(2, self.account()))
        some = [max(2, self.account()) for _ in range(rng.randint(1, 10))]
        owner = (market.owner,) if market and rng.random() < 0.5 else ()
        return (*some, *owner)

    def status(self) -> Command:
        market = self.some_market()
        status = self.rng.choice(STATUSES)
        return c.SetMarketStatus(*self.operator(), market.id if market else 0, status)

    def settle(self) -> Command:
        """Mostly of an old or closed market; sometimes of another, by anybody."""
        rng = self.rng
        old = [m for m in self.live() if m.seq < self.engine.seq - LONG_DAY or m.status == MarketStatus.CLOSED]
        market = rng.choice(old) if old and rng.random() < 0.9 else self.some_market()
        if market is None:
            return c.SettleMarket(*self.head(), 0, 0)
        price = rng.randint(market.min_settlement, market.max_settlement)
        if rng.random() < 0.5:
            owner = market.owner
            return c.SettleMarket(self.root(owner), owner, False, self.key(0.2), market.id, price)
        head = self.operator() if rng.random() < 0.8 else self.head()
        return c.SettleMarket(*head, market.id, price)

    def some_auction(self) -> Auction | None:
        """Mostly one of the newest, mostly an open one."""
        auctions = list(self.engine.auctions.values())[-12:]
        if self.rng.random() < 0.85:
            auctions = [a for a in auctions if a.status == AuctionStatus.OPEN] or auctions
        return self.rng.choice(auctions) if auctions else None

    def auction_price(self) -> int | None:
        return self.rng.choice((None, 0, 1, self.rng.randint(1, 5_000_000), 10**13, 10**13 + 1))

    def picture(self) -> str:
        return self.rng.choice(("", "", "a1" * 16 + ".webp", "../" + "a" * 29 + ".webp"))

    def list_auction(self) -> Command:
        text = self.rng.choice(("", "as new"))
        return c.CreateAuction(*self.head(), self.name(), text, self.picture(), self.auction_price())

    def of_seller(self, auction: Auction | None) -> tuple[int, int, bool, str]:
        """Mostly the seller of the auction, else anybody or the operator."""
        if auction is None or self.rng.random() < 0.2:
            return self.operator() if self.rng.random() < 0.5 else self.head()
        return self.root(auction.seller), auction.seller, False, self.key(0.2)

    def edit_auction(self) -> Command:
        rng, auction = self.rng, self.some_auction()
        shown = (rng.choice((None, self.name())), rng.choice((None, "", "worn")), rng.choice((None, self.picture())))
        price = (self.auction_price(), rng.random() < 0.1)
        return c.EditAuction(*self.of_seller(auction), auction.id if auction else 0, *shown, *price)

    def withdraw_auction(self) -> Command:
        auction = self.some_auction()
        return c.WithdrawAuction(*self.of_seller(auction), auction.id if auction else 0)

    def buy_auction(self) -> Command:
        auction, head = self.some_auction(), co_owner(self) if self.rng.random() < 0.3 else self.head()
        seen = auction.buy_now_price if auction and self.rng.random() < 0.9 else self.auction_price()
        return c.BuyAuction(*head, auction.id if auction else 0, seen or 0)

    def settle_auction(self) -> Command:
        auction, buyer = self.some_auction(), self.account()
        most = max(self.engine.accounts[buyer].available, 1)
        amount = self.rng.choice((0, self.rng.randint(1, most), most + 1))
        return c.SettleAuction(*self.operator(), auction.id if auction else 0, buyer, amount)

    def root(self, account: int) -> int:
        """The user id of the person at the root of the account."""
        while self.engine.accounts[account].owners:
            account = min(self.engine.accounts[account].owners)
        return self.engine.accounts[account].user

    def again(self) -> Command:
        """A command that was sent before, whose key may be used."""
        return self.rng.choice(self.sent) if self.sent else self.order()

    def mangled(self) -> Command:
        """A sensible command with one number replaced. Fields that the codec checks are left alone."""
        kinds: tuple[Callable[[], Command], ...]
        kinds = (self.order, self.cancel, self.out, self.transfer, self.gift, self.alt, self.market, self.settle)
        kinds += (self.list_auction, self.edit_auction, self.buy_auction, self.settle_auction)
        command: Any = self.rng.choice(kinds)()
        spared = {"sudo", "side", "time_in_force", "self_trade", "post_only", "accounts_max", "markets_max", "pinned"}
        numbers = [f for f in command._fields if type(getattr(command, f)) is int and f not in spared]
        changes = {self.rng.choice(numbers): self.rng.choice(GARBAGE)}
        mangled: Command = command._replace(**changes)
        return mangled


def co_owner(generator: Generator) -> tuple[int, int, bool, str]:
    """An owner of an alt, acting as it or as an account below it. The alt has mostly several owners."""
    alt = generator.an_alt()
    acting = generator.rng.choice(sorted({alt, *generator.engine.below(alt)}))
    return generator.root(generator.owner_of(alt)), acting, False, generator.key(0.2)
