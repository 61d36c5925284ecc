"""Traders: people signed in on raw sockets, and the frames of their orders, which are built before the clock runs."""

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from benchmarks import wsload
from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange

MID = 5_000  # 1/100 chip, in the middle of every market
OUT_EVERY = 500  # orders of a person; about half of them rest, and only 1,000 may rest in a market
ANSWER_SECONDS_MAX = 20.0


class Trader:
    """One socket of a person. It counts accepted orders, and refusals by code."""

    def __init__(self, live: LiveExchange, name: str, markets: Iterable[int] = (), frames_per_second: int = 0) -> None:
        self.replies = 0
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self.last = pb.ServerMessage()  # the last reply
        self.on_reply: Callable[[pb.ServerMessage], None] | None = None
        self.client = wsload.Client(live.port, on_frame=self._on_frame)
        self._alone = wsload.Clients([self.client])
        subscriptions = [pb.Subscription(market_id=market) for market in markets]
        authenticate = pb.Authenticate(token=live.token(name), subscriptions=subscriptions)
        authenticate.frames_per_second = frames_per_second
        self._sign_in(authenticate)

    def _sign_in(self, authenticate: pb.Authenticate) -> None:
        """Signs in. Tries again while the exchange is BUSY, as it is just after its start."""
        last = time.monotonic() + ANSWER_SECONDS_MAX
        while self.ask(authenticate=authenticate).refused.code == pb.BUSY and time.monotonic() < last:
            time.sleep(0.1)
        self.until(lambda: self.last.HasField("acting_as"))
        self.refused.clear()

    def ask(self, **request: object) -> pb.ServerMessage:
        """Sends a request and returns its first reply. Example: ask(create_market=pb.CreateMarket(...))"""
        before = self.replies
        self.client.send(frame_of([pb.ClientMessage(request_id="ask", **request)]))  # type: ignore[arg-type]
        self.until(lambda: self.replies > before)
        return self.last

    def close(self) -> None:
        self.client.socket.close()

    def wait(self) -> None:
        """Reads what arrives next."""
        self._alone.receive(ANSWER_SECONDS_MAX)

    def until(self, done: Callable[[], bool]) -> None:
        """Reads what arrives until `done`."""
        assert self._alone.receive_until(done, ANSWER_SECONDS_MAX), f"no answer; the last was {self.last}"

    def _on_frame(self, payload: bytes) -> None:
        for message in pb.ServerFrame.FromString(payload).messages:
            if message.request_id:
                self.last = message
                self.replies += 1
                if message.HasField("order_created"):
                    self.accepted += 1
                elif message.HasField("refused"):
                    self.refused[pb.Reason.Name(message.refused.code)] += 1
                if self.on_reply is not None:
                    self.on_reply(message)


def frame_of(messages: Sequence[pb.ClientMessage]) -> bytes:
    return pb.ClientFrame(messages=messages).SerializeToString()


def new_markets(live: LiveExchange, count: int) -> list[int]:
    """Creates markets that settle between 0 and 100 chips. Returns their ids."""
    trader = Trader(live, "operator")
    markets = []
    for _ in range(count):
        request = pb.CreateMarket(name=f"After {trader.last.seq}", max_settlement=2 * MID)
        created = trader.ask(create_market=request)
        assert created.HasField("market_created"), created
        markets.append(created.market_created.market.id)
    trader.close()
    return markets


def order(number: int, market: int, side: int, price: int, size: int, name: str) -> pb.ClientMessage:
    """Returns a request for an order. `name` is its client_order_id: bots set one, so that they can ask again."""
    request = pb.CreateOrder(market_id=market, price=price, size=size, client_order_id=name)
    request.side = pb.BID if side == 1 else pb.OFFER
    return pb.ClientMessage(request_id=f"{number:x}", create_order=request)


def busy_orders(seed: str, market: int) -> Iterator[pb.ClientMessage]:
    """Yields orders as a bot sends them: near the mid; half of them trade; an Out now and then."""
    rng = Random(seed)
    number = 0
    while True:
        number += 1
        side, away = rng.randint(1, 2), int(rng.gauss(8, 12))
        price = MID - away if side == 1 else MID + away
        yield order(number, market, side, price, 100 * rng.randint(1, 20), f"{seed}-{number}")
        if number % OUT_EVERY == 0:
            yield pb.ClientMessage(request_id="out", out=pb.Out(market_id=market))


def far_orders(seed: str, market: int, count: int) -> list[pb.ClientMessage]:
    """Returns orders too far from the mid to trade with anybody."""
    rng = Random(seed)
    orders = []
    for number in range(count):
        side, away = rng.randint(1, 2), rng.randint(200, MID - 1)
        orders.append(order(number, market, side, MID - away if side == 1 else MID + away, 100, f"{seed}-{number}"))
    return orders


def ready(messages: Iterator[pb.ClientMessage], per_frame: int, count: int) -> deque[bytes]:
    """Returns `count` frames, masked and ready for the wire."""
    return deque(wsload.frame(frame_of([next(messages) for _ in range(per_frame)])) for _ in range(count))


class Throughput(NamedTuple):
    """The result of a load."""

    orders_per_second: float
    load_share: float  # CPU of one core
    server_share: float
    refused: Counter[str]

    @property
    def beside(self) -> str:
        refused = ", ".join(f"{count} {code}" for code, count in self.refused.items()) or "none"
        return f"CPU: load {self.load_share:.0%}, server {self.server_share:.0%}; refused: {refused}"


class Load:
    """Keeps `in_flight` frames of every trader unanswered, as long as there are frames."""

    def __init__(
        self, traders: Sequence[Trader], frames: Sequence[deque[bytes]], per_frame: int, in_flight: int
    ) -> None:
        self.traders = traders
        self._frames = frames
        self._per_frame = per_frame
        self._ahead = (in_flight - 1) * per_frame  # with at most so many requests unanswered, the next frame is due
        self._everybody = wsload.Clients([trader.client for trader in traders])
        self._begin = [trader.replies for trader in traders]
        self._sent = [0] * len(traders)

    def run(self, seconds: float) -> None:
        """Sends and reads for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and any(self._frames):
            for i, trader in enumerate(self.traders):
                while self._waiting(i) <= self._ahead and self._frames[i]:
                    trader.client.send_raw(self._frames[i].popleft())
                    self._sent[i] += self._per_frame
            self._everybody.receive(0.1)

    def settle(self) -> None:
        """Waits for the replies that are still to come."""
        answered = self._everybody.receive_until(
            lambda: not any(map(self._waiting, range(len(self.traders)))), ANSWER_SECONDS_MAX
        )
        assert answered, "some requests got no answer"

    def _waiting(self, i: int) -> int:
        """Returns how many requests of a trader have no reply."""
        return self._sent[i] - (self.traders[i].replies - self._begin[i])


def measured(live: LiveExchange, load: Load, seconds: float) -> Throughput:
    """Runs the load, first a tenth of the time to warm up, and then for `seconds`, which are measured."""
    load.run(seconds / 10)
    meter = Meter(live, load.traders)
    load.run(seconds)
    found = meter.read()
    load.settle()
    return found


class Meter:
    """Measures orders and CPU time from its creation to read()."""

    def __init__(self, live: LiveExchange, traders: Sequence[Trader]) -> None:
        self._pid = pid_of(live)
        self._traders = traders
        self._accepted = self._count()
        self._server, self._own, self._begin = wsload.cpu_seconds(self._pid), own_cpu(), time.monotonic()

    def read(self) -> Throughput:
        seconds = time.monotonic() - self._begin
        refused: Counter[str] = Counter()
        for trader in self._traders:
            refused += trader.refused
        return Throughput(
            (self._count() - self._accepted) / seconds,
            (own_cpu() - self._own) / seconds,
            (wsload.cpu_seconds(self._pid) - self._server) / seconds,
            refused,
        )

    def _count(self) -> int:
        return sum(trader.accepted for trader in self._traders)


def own_cpu() -> float:
    """Returns the CPU seconds of this process."""
    return sum(os.times()[:2])


def pid_of(live: LiveExchange) -> int:
    assert live.process is not None
    return live.process.pid


def latencies_ms(trader: Trader, requests: Iterable[pb.ClientMessage]) -> list[float]:
    """Sends one request at a time. Returns the milliseconds from sending to the reply."""
    found = []
    for data in [wsload.frame(frame_of([request])) for request in requests]:
        before = trader.replies
        began = time.perf_counter()
        trader.client.send_raw(data)
        while trader.replies == before:
            trader.wait()
        found.append((time.perf_counter() - began) * 1e3)
    return found
