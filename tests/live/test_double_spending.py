"""Everybody spends the same money at once, over 50 real sockets and REST: it is spent once.

A round is about one account and its whole balance. It is an account that three people share, or one person's own over
as many sockets as a person may have. 500 commands are sent together, and each needs the whole available balance.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple, TypeAlias

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import RawSocket, signed_in
from tests.live.requests import bid, hundred, offer
from tests.live.rest import Door
from tests.live.tables import Tables

ROUNDS = 20
COMMANDS = 500  # commands of a round
SOCKETS = {"alice": 20, "bob": 15, "carol": 15}
WHOLE = 100  # chips: the balance of the account of a round
CHIP = 10_000
SEED = 20261121

Code: TypeAlias = "pb.Reason.ValueType"  # 0 if the command was accepted


class Buyer:
    """A socket on which many requests may wait for replies at once."""

    def __init__(self, name: str, socket: RawSocket, door: Door) -> None:
        self.name = name
        self.door = door
        self.account = socket.account
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[pb.ServerMessage]] = {}

    async def ask(self, **request: Any) -> pb.ServerMessage:
        answer: asyncio.Future[pb.ServerMessage]
        request_id = f"buy {next(self._ids)}"
        answer = self._waiting[request_id] = asyncio.get_running_loop().create_future()
        await self._socket.send(pb.ClientMessage(request_id=request_id, **request))
        return await answer

    async def read(self) -> None:
        try:
            while True:
                for message in await self._socket.receive():
                    if answer := self._waiting.pop(message.request_id, None):
                        answer.set_result(message)
        finally:  # the socket ended; nobody waits for replies
            for answer in self._waiting.values():
                answer.cancel()


@asynccontextmanager
async def buyer(exchange: LiveExchange, name: str) -> AsyncIterator[Buyer]:
    async with signed_in(exchange.ws_url, exchange.token(name)) as socket:
        one = Buyer(name, socket, Door(exchange, name))
        reading = asyncio.create_task(one.read())
        try:
            yield one
        finally:
            reading.cancel()
            await asyncio.wait([reading])


class Scene(NamedTuple):
    """The accounts, markets and auction of a round.

    One market is for bids: WHOLE chips' worth is offered there at 10. Another is for offers, because in one market the
    risks of both would net. Further: the account, an account that it owns, the only owner with credit in it (0: a user
    account), the account that a user account may pay (0: it is none), and an auction that costs WHOLE chips.
    """

    bids: int
    offers: int
    account: int
    owned: int
    owner: int
    payee: int
    auction: int


class Spender(NamedTuple):
    """One way to spend the account's whole balance.

    spend() returns the code of the refusal, 0 if it was accepted. give_back() undoes what was accepted, after the
    round's markets are settled at 10; any socket can do it.
    """

    name: str
    spend: Callable[[Buyer], Awaitable[Code]]
    give_back: Callable[["Crowd"], Awaitable[None]]


async def settled(crowd: "Crowd") -> None:
    """Nothing to do: the settlement cancels resting orders and pays for a position what it cost."""


def order(name: str, placed: pb.CreateOrder) -> Spender:
    async def spend(one: Buyer) -> Code:
        return (await one.ask(create_order=placed)).refused.code

    return Spender(name, spend, settled)


def transfer(name: str, payer: int, payee: int) -> Spender:
    async def spend(one: Buyer) -> Code:
        there = pb.MakeTransfer(from_account_id=payer, to_account_id=payee, amount=WHOLE * CHIP)
        return (await one.ask(make_transfer=there)).refused.code

    async def give_back(crowd: "Crowd") -> None:
        await crowd.paid(crowd.acting_as(payee), payee, payer)

    return Spender(name, spend, give_back)


def purchase(name: str, at: Scene) -> Spender:
    async def spend(one: Buyer) -> Code:
        now = pb.BuyAuction(auction_id=at.auction, price=WHOLE * CHIP)
        return (await one.ask(buy_auction=now)).refused.code

    async def give_back(crowd: "Crowd") -> None:
        """The seller pays a user account, which pays what it owns."""
        await crowd.paid(crowd.umpire, crowd.umpire.account, crowd.alice)
        if at.account != crowd.alice:
            await crowd.paid(crowd.acting_as(crowd.alice), crowd.alice, at.account)

    return Spender(name, spend, give_back)


def by_rest(same: Spender, account: int, path: str, **body: Any) -> Spender:
    """The same over REST."""

    async def spend(one: Buyer) -> Code:
        headers = {"X-Act-As": str(account)}
        answer = await asyncio.to_thread(one.door.ask, "POST", path, headers, json=body)
        content = answer.json()
        return pb.Reason.Value(content["code"]) if "code" in content else 0  # type: ignore[return-value]

    return Spender(f"REST {same.name}", spend, same.give_back)


def rest_order(at: Scene) -> Spender:
    same = order("order", bid(at.bids, 1_000, WHOLE * 10))
    return by_rest(same, at.account, "/orders", market_id=at.bids, side="BID", price="10", size=str(WHOLE // 10))


def rest_transfer(at: Scene) -> Spender:
    same = transfer("transfer", at.account, at.owned)
    return by_rest(same, at.account, "/transfers", to_account_id=at.owned, amount=str(WHOLE))


def rest_purchase(at: Scene) -> Spender:
    same = purchase("auction purchase", at)
    return by_rest(same, at.account, f"/auctions/{at.auction}/purchase", price=str(WHOLE))


# The ways to spend, for a scene; None where the account cannot spend in this way. A new command that takes money is one
# more line here.
KINDS: Sequence[Callable[[Scene], Spender | None]] = (
    lambda at: order("resting bid", bid(at.bids, 500, WHOLE * 20)),
    lambda at: order("resting offer", offer(at.offers, 9_000, WHOLE * 10)),
    lambda at: order("bid that trades", bid(at.bids, 1_000, WHOLE * 10)),
    lambda at: transfer("deposit below", at.account, at.owned),
    lambda at: transfer("withdrawal", at.account, at.owner) if at.owner else None,
    lambda at: transfer("payment", at.account, at.payee) if at.payee else None,
    lambda at: purchase("auction purchase", at),
    rest_order,
    rest_transfer,
    rest_purchase,
)


class Crowd:
    """The people on their sockets, Team that three of them share, and two others: one owns the markets, one offers."""

    def __init__(self, buyers: list[Buyer], umpire: Buyer, maker: Buyer) -> None:
        self.buyers, self.umpire, self.maker = buyers, umpire, maker
        self.rng = random.Random(SEED)
        self.won: Counter[str] = Counter()

    def of(self, name: str) -> list[Buyer]:
        return [one for one in self.buyers if one.name == name]

    def acting_as(self, account: int) -> Buyer:
        """A person who may act as the account; Alice for accounts that are nobody's user account."""
        return next((one for one in self.buyers if one.account == account), self.buyers[0])

    async def found(self) -> None:
        """Gives Team WHOLE chips, all of them Alice's, and Alice herself WHOLE chips."""
        (alice, *_), (bob, *_), (carol, *_) = map(self.of, SOCKETS)
        self.alice, self.bob = alice.account, bob.account
        self.team = await self.opened(alice, "Team of spenders", self.alice)
        self.cellar = await self.opened(alice, "Cellar of spenders", self.team)
        self.desk = await self.opened(alice, "Alice's desk", self.alice)
        for one in (bob, carol):
            share = pb.ShareAccount(account_id=self.team, receiver_id=one.account)
            assert (await alice.ask(share_account=share)).HasField("owners_changed")
        for payee, chips in ((self.team, WHOLE), (self.umpire.account, 10_000 - 2 * WHOLE)):
            paid = pb.MakeTransfer(from_account_id=self.alice, to_account_id=payee, amount=chips * CHIP)
            assert (await alice.ask(make_transfer=paid)).HasField("transfer_created")

    async def opened(self, one: Buyer, name: str, owner: int) -> int:
        made = await one.ask(create_account=pb.CreateAccount(name=name, owner_id=owner))
        return made.account_created.account.id

    async def market(self, name: str) -> int:
        return (await self.umpire.ask(create_market=hundred(name))).market_created.market.id

    async def paid(self, one: Buyer, payer: int, payee: int) -> None:
        """Pays WHOLE chips."""
        there = pb.MakeTransfer(from_account_id=payer, to_account_id=payee, amount=WHOLE * CHIP)
        assert (await one.ask(make_transfer=there)).HasField("transfer_created")

    async def round(self, number: int) -> None:
        """Everybody tries to spend; one succeeds. Afterwards restores the state before."""
        bids, offers = await self.market(f"Bids {number}"), await self.market(f"Offers {number}")
        rests = await self.maker.ask(create_order=offer(bids, 1_000, WHOLE * 10))
        assert rests.HasField("order_created")
        lamp = pb.CreateAuction(name=f"Lamp {number}", buy_now_price=WHOLE * CHIP)
        auction = (await self.umpire.ask(create_auction=lamp)).auction_created.auction.id
        if number % 2:
            scene = Scene(bids, offers, self.alice, self.desk, owner=0, payee=self.bob, auction=auction)
            buyers = self.of("alice")
        else:
            scene = Scene(bids, offers, self.team, self.cellar, owner=self.alice, payee=0, auction=auction)
            buyers = self.buyers
        await asyncio.gather(*(one.ask(act_as=pb.ActAs(account_id=scene.account)) for one in buyers))
        ways = [way for kind in KINDS if (way := kind(scene))]
        tried = [ways[index % len(ways)] for index in range(COMMANDS)]
        self.rng.shuffle(tried)
        codes = await asyncio.gather(*(way.spend(buyers[n % len(buyers)]) for n, way in enumerate(tried)))
        passed = [way for way, code in zip(tried, codes, strict=True) if not code]
        assert len(passed) == 1, f"round {number}, seed {SEED}: {[way.name for way in passed]} passed"
        refused = Counter(pb.Reason.Name(code) for code in codes if code)
        gone = {"AUCTION_SETTLED"} if passed[0].name.endswith("auction purchase") else set()
        assert refused.keys() - gone == {"INSUFFICIENT_FUNDS"}, f"round {number}, seed {SEED}: {refused}"
        assert refused.total() == COMMANDS - 1
        for market in (bids, offers):
            assert (await self.umpire.ask(settle_market=pb.SettleMarket(market_id=market, price=1_000))).seq
        await passed[0].give_back(self)
        self.won[passed[0].name] += 1


async def test_500_simultaneous_commands_spend_the_balance_once(live: LiveExchange) -> None:
    async with AsyncExitStack() as stack:
        buyers = [
            await stack.enter_async_context(buyer(live, name)) for name, count in SOCKETS.items() for _ in range(count)
        ]
        umpire, maker = [await stack.enter_async_context(buyer(live, name)) for name in ("student0", "student1")]
        crowd = Crowd(buyers, umpire, maker)
        await crowd.found()
        for number in range(ROUNDS):
            await crowd.round(number)
    print(crowd.won)
    assert len(crowd.won) >= 3, "different kinds of spender came first"
    cash: dict[int, int] = dict(Tables(live.env).rows("SELECT id, cash FROM accounts_account"))
    kept = [cash[account] for account in (crowd.team, crowd.alice, crowd.cellar, crowd.desk)]
    assert kept == [WHOLE * CHIP, WHOLE * CHIP, 0, 0]
    live.verify()
