"""People who trade, share, hide and settle at random over sockets.

Every secret is recognizable in text. Market number n has the token Zx<n>q in its name and Dx<n>q in its description,
and it trades in a price band of its own. client_order_ids are co<n>t, notes of transfers No<n>t.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from proto import exchange_pb2 as pb
from tests.live.leak.listener import Listener
from tests.live.leak.open_auctions import OpenAuctions, Request

FRAME_COMMANDS = (1, 1, 2, 3, 20)  # commands of a frame; large frames make large batches, which are published together
PAUSE_SECONDS = (0.0, 0.4)
MARKETS_MAX = 90  # in all: a person who reconnects gets a snapshot of each
MARKETS_RUNNING_MAX = 20
ALTS_MAX = 3  # of one person
LISTED_MAX = 12  # accounts in the list of a restricted market
LATELY = 14  # people trade in the newest so many markets

BAND_BEGINS = 50_000_000  # 1/100 chip; each market is 100 chips wide and 100 chips from the next
BAND = 10_000
MIDDLE = 5_000
AROUND = 40  # orders are placed at most so far from the middle
SIZES = (1, 30)


def band(number: int) -> int:
    """The lowest price of the market with this number."""
    return BAND_BEGINS + number * 2 * BAND


class World:
    """What all participants know, learnt from replies, so that random commands are often accepted."""

    def __init__(self, commands: int) -> None:
        self.left = commands  # commands still to be sent
        self.seq = 0
        self.markets: dict[int, int] = {}  # id -> its number
        self.over: set[int] = set()  # settled or closed
        self.owners: dict[int, int] = {}  # market -> its owner's account
        self.users: dict[str, int] = {}  # account by name
        self.alts: dict[int, int] = {}  # alt -> account of the person who created it
        self.vaults: list[int] = []  # alts that never have money, so that their owners may leave at any time
        self.shares: list[tuple[int, int]] = []  # account, owner
        self.orders: dict[int, int] = {}  # id -> account
        self.auctions = OpenAuctions()
        self.committed: dict[int, int] = {}  # seq -> committed_us
        self.accepted = 0
        self.refused: dict[int, int] = {}
        self.numbers = itertools.count(1)
        self.market_numbers = itertools.count(1)

    def record(self, reply: pb.ServerMessage) -> None:
        if reply.HasField("refused"):
            self.refused[reply.refused.code] = self.refused.get(reply.refused.code, 0) + 1
        elif reply.committed_us:
            self.accepted += 1
            self.seq = max(self.seq, reply.seq)
            self.committed[reply.seq] = reply.committed_us

    def lately(self, rng: random.Random) -> int:
        running = [market for market in self.markets if market not in self.over]
        return rng.choice(running[-LATELY:] or list(self.markets))

    @property
    def running(self) -> int:
        return len(self.markets) - len(self.over)

    @property
    def rich(self) -> list[int]:
        """Accounts that may have money."""
        return [one for one in (*self.users.values(), *self.alts) if one not in self.vaults]

    def note(self) -> str:
        return f"No{next(self.numbers)}t"

    def some_accounts(self, rng: random.Random, most: int = LISTED_MAX) -> list[int]:
        everybody = [*self.users.values(), *self.alts]
        return rng.sample(everybody, k=min(rng.randint(1, most), len(everybody)))


class Participant:
    """One person on one socket. Subclasses choose the requests."""

    frames: tuple[int, ...] = FRAME_COMMANDS

    def __init__(self, listener: Listener, world: World, rng: random.Random) -> None:
        self.listener = listener
        self.world = world
        self.rng = rng
        self.own = self.acting = listener.account
        self.mine = {self.own}
        self.orders: list[str] = []  # client_order_ids
        self.made: list[int] = []  # markets
        self.asked: dict[str, Request] = {}  # request_id -> request without an answer yet
        self._ids = itertools.count(1)
        for message in listener.received:
            self._receive(message)
        listener.forgets = True

    async def live(self) -> None:
        """Returns when all commands are sent and answered."""
        while self.world.left > 0:
            requests = [request for _ in range(self.rng.choice(self.frames)) for request in self.requests()]
            self.world.left -= len(requests)
            await self.ask(requests)
            until = time.monotonic() + self.rng.uniform(*PAUSE_SECONDS)
            while self.asked or time.monotonic() < until:
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if self.asked else until - time.monotonic()):
                        await self.listen()

    async def ask(self, requests: list[Request]) -> None:
        messages = []
        for kind, body in requests:
            id = f"{next(self._ids)}"
            self.asked[id] = kind, body
            messages.append(pb.ClientMessage(request_id=id, **{kind: body}))
        await self.listener.send(*messages)

    async def listen(self) -> None:
        for message in await self.listener.receive():
            self._receive(message)

    def requests(self) -> list[Request]:
        """The next random requests."""
        raise NotImplementedError

    # --- Receiving

    def _receive(self, message: pb.ServerMessage) -> None:
        match message.WhichOneof("message"):
            case "account_state":
                self.mine.add(message.account_state.account.id)
            case "acting_as":
                self.acting = message.acting_as.account_id
            case "unsubscribed":
                gone = {stream for stream in message.unsubscribed.streams if stream.startswith("account.")}
                self.mine = {account for account in self.mine if f"account.{account}" not in gone}
        request = self.asked.pop(message.request_id, None) if message.request_id else None
        if request is not None:
            self.world.record(message)
            if not message.HasField("refused"):
                self._answered(request, message)

    def _answered(self, request: Request, reply: pb.ServerMessage) -> None:
        kind, asked = request
        world = self.world
        world.auctions.record(reply)
        match kind:
            case "create_market":
                market = reply.market_created.market
                world.markets[market.id] = int(market.name[2 : market.name.index("q")])
                world.owners[market.id] = market.owner_id
                self.made.append(market.id)
            case "create_account":
                account = reply.account_created.account
                if account.name.startswith("Va"):
                    world.vaults.append(account.id)
                world.alts[account.id] = self.own
            case "share_account":
                world.shares.append((asked.account_id, asked.receiver_id))
            case "create_order":
                world.orders[reply.order_created.order.id] = self.acting
            case "settle_market":
                world.over.add(asked.market_id)
            case "set_market_status" if asked.status == pb.CLOSED:
                world.over.add(asked.market_id)

    # --- Requests that everybody may make

    def choose(self, chances: dict[Callable[[], list[Request]], float]) -> list[Request]:
        return self.rng.choices(list(chances), list(chances.values()))[0]()

    def order(self) -> list[Request]:
        rng, market = self.rng, self.world.lately(self.rng)
        price = band(self.world.markets[market]) + MIDDLE + rng.randint(-AROUND, AROUND)
        order = pb.CreateOrder(market_id=market, side=rng.choice((pb.BID, pb.OFFER)), price=price)
        order.size = rng.randint(*SIZES)
        order.client_order_id = f"co{next(self.world.numbers)}t"
        order.time_in_force = rng.choices((pb.GTC, pb.IOC, pb.FOK), (8, 1, 1))[0]
        order.post_only = order.time_in_force == pb.GTC and rng.random() < 0.1
        order.self_trade = rng.choice((pb.CANCEL_RESTING, pb.CANCEL_INCOMING, pb.DECREMENT))
        self.orders = [*self.orders[-60:], order.client_order_id]
        return [("create_order", order)]

    def cancel(self) -> list[Request]:
        if not self.orders:
            return self.order()
        return [("cancel_order", pb.CancelOrder(client_order_id=self.rng.choice(self.orders)))]

    def out(self) -> list[Request]:
        side = self.rng.choice((pb.SIDE_UNSPECIFIED, pb.BID, pb.OFFER))
        return [("out", pb.Out(market_id=self.rng.choice((0, self.world.lately(self.rng))), side=side))]

    def history(self) -> list[Request]:
        market, limit = self.rng.choice(list(self.world.markets)), self.rng.choice((0, 20))
        kinds: dict[str, Any] = {
            "get_full_trade_history": pb.GetFullTradeHistory,
            "get_full_order_history": pb.GetFullOrderHistory,
            "get_market_positions": pb.GetMarketPositions,
        }
        kind = self.rng.choice(list(kinds))
        return [(kind, kinds[kind](market_id=market, limit=limit))]

    def market(self, **more: Any) -> list[Request]:
        world = self.world
        if world.running >= MARKETS_RUNNING_MAX or len(world.markets) >= MARKETS_MAX:
            return self.order()
        number = next(world.market_numbers)
        begins = band(number)
        market = pb.CreateMarket(name=f"Zx{number}q", description=f"Dx{number}q", **more)
        market.min_settlement, market.max_settlement = begins, begins + BAND
        return [("create_market", market)]

    def settle(self) -> list[Request]:
        market = self.rng.choice(self.made) if self.made else self.world.lately(self.rng)
        return self.settling(market) if self.world.running > MARKETS_RUNNING_MAX // 2 else self.order()

    def settling(self, market: int) -> list[Request]:
        price = band(self.world.markets[market]) + self.rng.randint(1, BAND - 1)
        return [("settle_market", pb.SettleMarket(market_id=market, price=price))]

    def describe(self) -> list[Request]:
        market = self.rng.choice(self.made) if self.made else self.world.lately(self.rng)
        number = self.world.markets[market]
        words = f"Dx{number}q in other words, {next(self.world.numbers)}"
        return [("edit_market", pb.EditMarket(market_id=market, description=words))]


class Trader(Participant):
    def requests(self) -> list[Request]:
        return self.choose(
            {
                self.order: 58,
                self.cancel: 10,
                self.out: 2,
                self.transfer: 6,
                self.alt: 3,
                self.share: 4,
                self.leave: 3,
                self.act: 5,
                self.market: 2,
                self.describe: 2,
                self.settle: 1,
                self.auction: 4,
                self.history: 4,
            }
        )

    def transfer(self) -> list[Request]:
        rng, others = self.rng, [*self.world.users.values(), *self.mine]
        paying, to = rng.choice(sorted(self.mine)), rng.choice(others)
        if to in self.world.vaults:
            return self.order()
        pay = pb.MakeTransfer(from_account_id=paying, to_account_id=to, note=self.world.note())
        pay.amount = rng.randint(1, 10**9)
        return [("make_transfer", pay)]

    def auction(self) -> list[Request]:
        """Acts as the own account first: a vault must not sell, because it would get money."""
        return [("act_as", pb.ActAs(account_id=self.own)), self.world.auctions.request(self.rng, self.own)]

    def alt(self) -> list[Request]:
        made = sum(maker == self.own for maker in self.world.alts.values())
        if made >= 2 * ALTS_MAX:
            return self.order()
        vault = made % 2
        name = f"{'Va' if vault else 'Al'}{next(self.world.numbers)}t"
        return [("act_as", pb.ActAs(account_id=self.own)), ("create_account", pb.CreateAccount(name=name))]

    def share(self) -> list[Request]:
        mine = [account for account in self.world.vaults if account in self.mine]
        if not mine:
            return self.alt()
        receiver = self.rng.choice(list(self.world.users.values()))
        share = pb.ShareAccount(account_id=self.rng.choice(mine), receiver_id=receiver)
        return [("act_as", pb.ActAs(account_id=self.own)), ("share_account", share)]

    def leave(self) -> list[Request]:
        vaults = [account for account in self.world.vaults if account in self.mine]
        if not vaults:
            return self.order()
        left = pb.LeaveAccount(account_id=self.rng.choice(vaults))
        return [("act_as", pb.ActAs(account_id=self.own)), ("leave_account", left)]

    def act(self) -> list[Request]:
        return [("act_as", pb.ActAs(account_id=self.rng.choice(sorted(self.mine))))]


class Operator(Participant):
    """An operator in sudo all the time."""

    frames = (1, 2, 3, 8)

    def requests(self) -> list[Request]:
        return self.choose(
            {
                self.list_anew: 24,
                self.hide: 9,
                self.status: 8,
                self.special_market: 14,
                self.over: 5,
                self.revoke: 12,
                self.redistribute: 1,
                self.gift: 5,
                self.collect: 4,
                self.auction: 4,
                self.rename: 4,
                self.act_as_listed: 8,
                self.order: 8,
                self.history: 2,
            }
        )

    def special_market(self) -> list[Request]:
        accounts = self.world.some_accounts(self.rng) if self.rng.random() < 0.6 else []
        hides = self.rng.random() < 0.5
        return self.market(visible_to=pb.AccountIds(ids=accounts), hide_account_ids=hides, category="Exam")

    def list_anew(self) -> list[Request]:
        accounts = self.world.some_accounts(self.rng) if self.rng.random() < 0.7 else []
        edit = pb.EditMarket(market_id=self.world.lately(self.rng), visible_to=pb.AccountIds(ids=accounts))
        return [("edit_market", edit)]

    def hide(self) -> list[Request]:
        edit = pb.EditMarket(market_id=self.world.lately(self.rng), hide_account_ids=self.rng.random() < 0.6)
        return [("edit_market", edit)]

    def status(self) -> list[Request]:
        status = self.rng.choices((pb.OPEN, pb.CANCEL_ONLY, pb.PAUSED, pb.CLOSED), (20, 2, 2, 1))[0]
        return [("set_market_status", pb.SetMarketStatus(market_id=self.world.lately(self.rng), status=status))]

    def over(self) -> list[Request]:
        many = self.world.running > MARKETS_RUNNING_MAX // 2
        return self.settling(self.world.lately(self.rng)) if many else self.order()

    def revoke(self) -> list[Request]:
        if not self.world.shares:
            return self.order()
        account, owner = self.world.shares.pop(self.rng.randrange(len(self.world.shares)))
        return [("revoke_share", pb.RevokeShare(account_id=account, owner_id=owner))]

    def redistribute(self) -> list[Request]:
        if not self.world.shares:
            return self.order()
        account, owner = self.rng.choice(self.world.shares)
        return [("redistribute", pb.Redistribute(account_id=account, owner_id=owner))]

    def gift(self) -> list[Request]:
        gift = pb.Gift(to_account_id=self.rng.choice(self.world.rich), note=self.world.note())
        gift.amount = self.rng.randint(1, 10**8)
        return [("gift", gift)]

    def collect(self) -> list[Request]:
        collect = pb.Collect(from_account_id=self.rng.choice(self.world.rich), note=self.world.note())
        collect.amount = self.rng.randint(1, 10**8)
        return [("collect", collect)]

    def auction(self) -> list[Request]:
        return self.world.auctions.settle(self.rng, self.world.rich) or self.order()

    def rename(self) -> list[Request]:
        market = self.world.lately(self.rng)
        name = f"Zx{self.world.markets[market]}q {next(self.world.numbers)}"
        return [("edit_market", pb.EditMarket(market_id=market, name=name, pinned=self.rng.random() < 0.5))]

    def act_as_listed(self) -> list[Request]:
        account = self.rng.choice([*self.world.users.values(), *self.world.alts])
        return [("act_as", pb.ActAs(account_id=account)), *self.order()]
