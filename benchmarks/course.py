"""Part `course`: a large course at work, with bots that send by the clock, browsers that watch, and page loads."""

import time
from contextlib import ExitStack
from typing import NamedTuple

from benchmarks import pages, wsload
from benchmarks.report import Goal, Row
from benchmarks.setting import Setting
from benchmarks.traders import ANSWER_SECONDS_MAX, Meter, Throughput, Trader, busy_orders, new_markets, ready
from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange

BOTS = 20
BROWSERS = 180
MARKETS = 5  # four bots trade in each and follow it; 36 browsers watch it
WATCHERS = ("alice", "bob", "carol", "operator")  # people who do not trade
FRAMES_PER_SECOND = 60  # the pace that a browser asks for
ORDERS_PER_SECOND = 1_000
PAGES_PER_SECOND = 20


class Found(NamedTuple):
    """The figures of one run."""

    p99: float  # ms
    load: Throughput
    pages: list[float]  # ms


def at_work(setting: Setting) -> list[Row]:
    browsers, seconds = setting.size(BROWSERS, 18), setting.size(8.0, 1.0)
    alone: list[Found] = []
    beside: list[Found] = []
    with setting.exchange("course") as live:
        markets = new_markets(live, MARKETS)
        browser = live.browser("carol")
        for run in range(min(setting.runs, 3)):
            alone.append(lesson(live, f"alone{run}", markets, browsers, seconds, ""))
            beside.append(lesson(live, f"pages{run}", markets, browsers, seconds, browser.cookie_header()))
    name = f"{ORDERS_PER_SECOND:,} orders/s from {BOTS} bots, {browsers} browsers watch"
    pages_too = f"the same with {PAGES_PER_SECOND} page loads/s"
    goal = Goal(15, at_least=False)
    apart = [with_pages.p99 / without.p99 for without, with_pages in zip(alone, beside)]
    loads = sorted(load for found in beside for load in found.pages)
    return [
        Row(f"{name}: p99 of an order", "ms", [found.p99 for found in alone], goal, _note(alone)),
        Row(f"{pages_too}: p99 of an order", "ms", [found.p99 for found in beside], goal, _note(beside)),
        Row(f"{pages_too}, beside the same without them", "×", apart, Goal(2, at_least=False)),
        Row("a market page during that load: p50", "ms", [wsload.percentile(found.pages, 50) for found in beside]),
        Row("a market page during that load: p99", "ms", [wsload.percentile(loads, 99)]),
    ]


def _note(found: list[Found]) -> str:
    """The note beside the figures, from the median run."""
    typical = sorted(found)[len(found) // 2].load
    return f"{MARKETS} markets; {typical.orders_per_second:,.0f} orders/s accepted; {typical.beside}"


def lesson(live: LiveExchange, name: str, markets: list[int], browsers: int, seconds: float, cookie: str) -> Found:
    """Does one run. `cookie` signs in the browser that loads pages meanwhile; "": no browser does."""
    with ExitStack() as sockets:
        bots = []
        for i in range(BOTS):
            market = markets[i % MARKETS]
            bots.append(Trader(live, f"student{i}", [market]))
            bots[i].ask(out=pb.Out(market_id=market))
        watchers = [
            Trader(live, WATCHERS[i % len(WATCHERS)], [markets[i % MARKETS]], FRAMES_PER_SECOND)
            for i in range(browsers)
        ]
        for watcher in watchers:
            watcher.client.on_frame = None  # only counts frames, because real browsers parse on their own processors
        for trader in (*bots, *watchers):
            sockets.callback(trader.close)
        loading = (
            pages.start(live.port, f"/markets/{markets[0]}/", cookie, PAGES_PER_SECOND, seconds) if cookie else None
        )
        meter = Meter(live, bots)
        latencies = by_the_clock(bots, watchers, name, markets, seconds)
        load = meter.read()
        return Found(wsload.percentile(latencies, 99), load, pages.found(loading) if loading else [])


def by_the_clock(
    bots: list[Trader], watchers: list[Trader], name: str, markets: list[int], seconds: float
) -> list[float]:
    """Sends every order when it is due, whether or not earlier ones have replies. Returns the milliseconds from each
    order's due time to its reply."""
    count = int(ORDERS_PER_SECOND * seconds)
    orders = [ready(busy_orders(f"{name}-{i}", markets[i % MARKETS]), 1, count // BOTS) for i in range(BOTS)]
    everybody = wsload.Clients([trader.client for trader in (*bots, *watchers)])
    latencies: list[float] = []
    due_of: list[list[float]] = [[] for _ in bots]  # of the orders sent; replies come in the same order
    begin = time.perf_counter() + 0.1

    def on_reply(bot: int, reply: pb.ServerMessage) -> None:
        latencies.append((time.perf_counter() - due_of[bot][replied[bot]]) * 1e3)
        replied[bot] += 1

    replied = [0] * BOTS
    for bot, trader in enumerate(bots):
        trader.on_reply = lambda reply, bot=bot: on_reply(bot, reply)
    sent = 0
    while sent < BOTS * (count // BOTS):
        due = begin + sent / ORDERS_PER_SECOND
        if due <= time.perf_counter():
            bot = sent % BOTS
            due_of[bot].append(due)
            bots[bot].client.send_raw(orders[bot].popleft())
            sent += 1
        else:
            everybody.receive_by(due)
    assert everybody.receive_until(lambda: len(latencies) == sent, ANSWER_SECONDS_MAX), "some orders got no answer"
    return latencies
