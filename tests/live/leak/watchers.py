"""People who only listen. They follow all they can, resume from random seqs, and ask for what they may not have."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.leak.listener import Listener, listener, signed_in
from tests.live.leak.participants import World
from tests.live.leak.recordings import Recording

EVERYTHING = [pb.Subscription(all_markets=True), pb.Subscription(market_summary=True)]
ACTS_SECONDS = (0.02, 0.25)  # between two actions of a watcher
STAYS = (4, 30)  # actions before a watcher that comes and goes leaves
AWAY_SECONDS = (0.0, 0.6)
OUTSIDER_SECONDS = (0.3, 3.0)  # between two requests of an outsider
BACK = 300  # a watcher resumes from at most so many seqs back
RESUMED_MARKETS = 4  # named as well when a watcher comes back


@dataclass
class Outsider:
    """A connection that never signs in but sends requests. The exchange closes it after 10 s; it connects again."""

    live: LiveExchange
    world: World
    rng: random.Random

    def __post_init__(self) -> None:
        self.recordings: list[Recording] = []

    async def watch(self) -> None:
        """Listens until cancelled."""
        while True:
            recording = Recording("who never signed in", 0)
            self.recordings.append(recording)
            with suppress(ConnectionClosed):
                async with listener(self.live.ws_url, recording) as socket:
                    await self._stay(socket)

    async def _stay(self, socket: Listener) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.rng.uniform(*OUTSIDER_SECONDS)):
                    while True:
                        await socket.receive()
            market = self.rng.choice(list(self.world.markets))
            subscribe = pb.Subscribe(subscriptions=[*EVERYTHING, pb.Subscription(market_id=market, from_seq=1)])
            history = pb.GetFullTradeHistory(market_id=market)
            asked = self.rng.choice(({"subscribe": subscribe}, {"get_full_trade_history": history}))
            await socket.send(pb.ClientMessage(request_id="1", **asked))


@dataclass
class Watcher:
    """`name`: the person. `comes_and_goes`: disconnects and resumes. `sudo`: None turns it on and off."""

    live: LiveExchange
    world: World
    name: str
    rng: random.Random
    comes_and_goes: bool = False
    sudo: bool | None = False
    called: str = ""

    def __post_init__(self) -> None:
        self.recordings: list[Recording] = []
        self.on = False
        self._ids = 0
        self._epoch = 0

    async def watch(self) -> None:
        """Listens until cancelled."""
        while True:
            recording = Recording(self.called or self.name, int(self.live.people[self.name]["id"]))
            self.recordings.append(recording)
            with suppress(ConnectionClosed):
                async with listener(self.live.ws_url, recording) as socket:
                    await signed_in(socket, self.live.token(self.name), **self._wants(recording))
                    self._epoch = next(m.authenticated.epoch for m in socket.received if m.HasField("authenticated"))
                    socket.forgets, self.on = True, False
                    await self._stay(socket)
            await asyncio.sleep(self.rng.uniform(*AWAY_SECONDS))

    async def _stay(self, socket: Listener) -> None:
        acting = asyncio.create_task(self._act(socket))
        try:
            while not acting.done():
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await socket.receive()
            await acting
        finally:
            acting.cancel()

    def _wants(self, recording: Recording) -> dict[str, Any]:
        """Fields of Authenticate. After the first time it mostly resumes, from a recent seq or from long before."""
        if not self._epoch or self.rng.random() < 0.1:
            return {"subscriptions": EVERYTHING}
        standing = [pb.Subscription(all_markets=True, from_seq=self._past()), pb.Subscription(market_summary=True)]
        known = self.rng.sample(sorted(self.world.markets), k=min(RESUMED_MARKETS, len(self.world.markets)))
        standing += [pb.Subscription(market_id=market, from_seq=self._past()) for market in known]
        recording.named.update(known)
        return {"epoch": self._epoch, "from_seq": self._past(), "subscriptions": standing}

    def _past(self) -> int:
        return max(1, self.world.seq - self.rng.choice((0, 1, 3, 10, 30, self.rng.randint(0, BACK))))

    async def _act(self, socket: Listener) -> None:
        left = self.rng.randint(*STAYS) if self.comes_and_goes else -1
        while left:
            left -= 1
            await socket.send(*(self._message(**one) for one in self._asks()))
            await asyncio.sleep(self.rng.uniform(*ACTS_SECONDS))

    def _message(self, **request: Any) -> pb.ClientMessage:
        self._ids += 1
        return pb.ClientMessage(request_id=f"{self._ids}", **request)

    def _asks(self) -> list[dict[str, Any]]:
        rng, world = self.rng, self.world
        if self.sudo and not self.on:
            self.on = True
            return [{"set_sudo": pb.SetSudo(on=True)}]
        if not world.markets:
            return [{"subscribe": pb.Subscribe(subscriptions=EVERYTHING)}]
        market, dice = rng.choice(list(world.markets)), rng.random()
        one = [pb.Subscription(market_id=market, from_seq=self._past())]
        if dice < 0.45:
            subscribe = pb.Subscribe(subscriptions=one)
            return [{"unsubscribe": pb.Unsubscribe(subscriptions=one)}, {"subscribe": subscribe}]
        if dice < 0.5:
            every = [pb.Subscription(all_markets=True, from_seq=self._past())]
            return [{"subscribe": pb.Subscribe(subscriptions=every)}]
        if dice < 0.6:
            return [{"act_as": pb.ActAs(account_id=world.some_accounts(rng, most=1)[0])}]
        if dice < 0.7 and self.sudo is None:
            return self._toggle(market)
        limit = rng.choice((0, 50))
        return [
            rng.choice(
                (
                    {"get_full_trade_history": pb.GetFullTradeHistory(market_id=market, limit=limit)},
                    {"get_full_order_history": pb.GetFullOrderHistory(market_id=market, limit=limit)},
                    {"get_market_positions": pb.GetMarketPositions(market_id=market, limit=limit)},
                )
            )
        ]

    def _toggle(self, market: int) -> list[dict[str, Any]]:
        """Turns sudo on or off. When off, it asks for a history just before and just after, in the same frame."""
        self.on = not self.on
        sudo = {"set_sudo": pb.SetSudo(on=self.on)}
        history = {"get_full_trade_history": pb.GetFullTradeHistory(market_id=market)}
        return [sudo] if self.on else [history, sudo, history]
