"""Those who only listen: all they can, from wherever they may resume, and asking for what they may not have."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.leak.crowd import Town
from tests.live.leak.ear import Ear, ear, signed_in
from tests.live.leak.hearing import Recording

EVERYTHING = [pb.Subscription(all_markets=True), pb.Subscription(market_summary=True)]
ACTS_SECONDS = (0.02, 0.25)  # between two things that a watcher does
STAYS = (4, 30)  # things that one who comes and goes does before it goes
AWAY_SECONDS = (0.0, 0.6)
OUTSIDER_SECONDS = (0.3, 3.0)  # between two things that who never signs in asks for
BACK = 300  # so many seqs back somebody resumes from
RESUMED_MARKETS = 4  # that are named, too, when somebody comes back


@dataclass
class Outsider:
    """Never signs in, and asks all the same. It is closed after 10 s, and comes back."""

    live: LiveExchange
    town: Town
    rng: random.Random

    def __post_init__(self) -> None:
        self.recordings: list[Recording] = []

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            recording = Recording("who never signed in", 0)
            self.recordings.append(recording)
            with suppress(ConnectionClosed):
                async with ear(self.live.ws_url, recording) as socket:
                    await self._stay(socket)

    async def _stay(self, socket: Ear) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.rng.uniform(*OUTSIDER_SECONDS)):
                    while True:
                        await socket.receive()
            market = self.rng.choice(list(self.town.markets))
            subscribe = pb.Subscribe(subscriptions=[*EVERYTHING, pb.Subscription(market_id=market, from_seq=1)])
            history = pb.GetFullTradeHistory(market_id=market)
            asked = self.rng.choice(({"subscribe": subscribe}, {"get_full_trade_history": history}))
            await socket.send(pb.ClientMessage(request_id="1", **asked))


@dataclass
class Watcher:
    """`name` of a person. `comes_and_goes`: loses the connection and resumes. `sudo`: None for now and then."""

    live: LiveExchange
    town: Town
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
        """Until cancelled."""
        while True:
            recording = Recording(self.called or self.name, int(self.live.people[self.name]["id"]))
            self.recordings.append(recording)
            with suppress(ConnectionClosed):
                async with ear(self.live.ws_url, recording) as socket:
                    await signed_in(socket, self.live.token(self.name), **self._wants(recording))
                    self._epoch = next(m.authenticated.epoch for m in socket.heard if m.HasField("authenticated"))
                    socket.forgets, self.on = True, False
                    await self._stay(socket)
            await asyncio.sleep(self.rng.uniform(*AWAY_SECONDS))

    async def _stay(self, socket: Ear) -> None:
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
        """What Authenticate says: who comes back resumes from where it may have been, or from long before."""
        if not self._epoch or self.rng.random() < 0.1:
            return {"subscriptions": EVERYTHING}
        standing = [pb.Subscription(all_markets=True, from_seq=self._past()), pb.Subscription(market_summary=True)]
        known = self.rng.sample(sorted(self.town.markets), k=min(RESUMED_MARKETS, len(self.town.markets)))
        standing += [pb.Subscription(market_id=market, from_seq=self._past()) for market in known]
        recording.named.update(known)
        return {"epoch": self._epoch, "from_seq": self._past(), "subscriptions": standing}

    def _past(self) -> int:
        return max(1, self.town.seq - self.rng.choice((0, 1, 3, 10, 30, self.rng.randint(0, BACK))))

    async def _act(self, socket: Ear) -> None:
        left = self.rng.randint(*STAYS) if self.comes_and_goes else -1
        while left:
            left -= 1
            await socket.send(*(self._message(**one) for one in self._asks()))
            await asyncio.sleep(self.rng.uniform(*ACTS_SECONDS))

    def _message(self, **request: Any) -> pb.ClientMessage:
        self._ids += 1
        return pb.ClientMessage(request_id=f"{self._ids}", **request)

    def _asks(self) -> list[dict[str, Any]]:
        rng, town = self.rng, self.town
        if self.sudo and not self.on:
            self.on = True
            return [{"set_sudo": pb.SetSudo(on=True)}]
        if not town.markets:
            return [{"subscribe": pb.Subscribe(subscriptions=EVERYTHING)}]
        market, dice = rng.choice(list(town.markets)), rng.random()
        one = [pb.Subscription(market_id=market, from_seq=self._past())]
        if dice < 0.45:
            subscribe = pb.Subscribe(subscriptions=one)
            return [{"unsubscribe": pb.Unsubscribe(subscriptions=one)}, {"subscribe": subscribe}]
        if dice < 0.5:
            every = [pb.Subscription(all_markets=True, from_seq=self._past())]
            return [{"subscribe": pb.Subscribe(subscriptions=every)}]
        if dice < 0.6:
            return [{"act_as": pb.ActAs(account_id=town.some_accounts(rng, most=1)[0])}]
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
        """Turning sudo off it asks for more in the same breath: what is asked with it is answered with it at most."""
        self.on = not self.on
        sudo = {"set_sudo": pb.SetSudo(on=self.on)}
        history = {"get_full_trade_history": pb.GetFullTradeHistory(market_id=market)}
        return [sudo] if self.on else [history, sudo, history]
