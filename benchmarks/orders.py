"""Parts `orders`, `many` and `single`: durable orders through the socket, one a frame beside an echo, many a frame,
and one at a time."""

from statistics import median

from benchmarks import echo, wsload
from benchmarks.report import Goal, Row
from benchmarks.setting import Setting
from benchmarks.traders import (
    Load,
    Throughput,
    Trader,
    busy_orders,
    far_orders,
    frame_of,
    latencies_ms,
    measured,
    new_markets,
    order,
    ready,
)
from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange

SOCKETS = echo.SOCKETS
MARKETS = 2  # half of the sockets trade in each
ORDERS_PER_SECOND_MAX, FRAMES_PER_SECOND_MAX = 50_000, 20_000  # so many are prepared
ORDERS_A_FRAME = 100
FRAMES_IN_FLIGHT = 2  # of ORDERS_A_FRAME orders; the exchange takes at most 256 commands of a socket at a time


def loaded(
    live: LiveExchange, name: str, markets: list[int], per_frame: int, in_flight: int, seconds: float, follow: bool
) -> Throughput:
    """Does one run, with its own sockets. `follow`: everybody follows the market they trade in."""
    own = [markets[i % len(markets)] for i in range(SOCKETS)]
    traders = [Trader(live, f"student{i}", [market] if follow else []) for i, market in enumerate(own)]
    count = int((ORDERS_PER_SECOND_MAX if per_frame > 1 else FRAMES_PER_SECOND_MAX) * seconds / SOCKETS / per_frame)
    orders = [ready(busy_orders(f"{name}-{i}", market), per_frame, count) for i, market in enumerate(own)]
    try:
        return measured(live, Load(traders, orders, per_frame, in_flight), seconds)
    finally:
        for trader, market in zip(traders, own):
            trader.ask(out=pb.Out(market_id=market))
            trader.close()


def one_a_frame(setting: Setting) -> list[Row]:
    """Measures the exchange and the echoes with the same number of sockets, frames in flight, and sizes of frames."""
    seconds = setting.size(echo.SECONDS, 0.5)
    ours, followed, echoes = [], [], {kind: list[float]() for kind in echo.KINDS}
    with setting.exchange("orders") as live:
        request, reply = _sizes(live)
        markets = new_markets(live, MARKETS)
        for run in range(setting.runs):
            ours.append(loaded(live, f"one{run}", markets, 1, echo.IN_FLIGHT, seconds, follow=False))
            for kind in echo.KINDS:
                echoes[kind].append(echo.round_trips_per_second(kind, request, reply, seconds))
            followed.append(loaded(live, f"all{run}", markets, 1, echo.IN_FLIGHT, seconds, follow=True))
    rates = [found.orders_per_second for found in ours]
    sizes = f"request {request} bytes, reply {reply}"
    load = f"{SOCKETS} sockets × {echo.IN_FLIGHT} in flight; {_typical(ours).beside}"
    return [
        Row("one order a frame", "orders/s", rates, None, load),
        Row("daphne's stock echo", "frames/s", echoes["stock"], None, sizes),
        Row("an echo with our dispatch and server", "frames/s", echoes["ours"], None, sizes),
        Row("orders ÷ stock echo", "×", [a / b for a, b in zip(rates, echoes["stock"])], Goal(1.3)),
        Row("orders ÷ our echo", "×", [a / b for a, b in zip(rates, echoes["ours"])], Goal(0.8, stretch=1.0)),
        Row(
            "one order a frame, while every socket also follows its market",
            "orders/s",
            [found.orders_per_second for found in followed],
            None,
            _typical(followed).beside,
        ),
    ]


def _sizes(live: LiveExchange) -> tuple[int, int]:
    """Returns the bytes of an order's frame and of its reply's."""
    market = new_markets(live, 1)[0]
    trader = Trader(live, "bob")
    request = order(255, market, 1, 4_990, 1_000, "one0-5-1234")
    trader.client.send(frame_of([request]))
    trader.until(lambda: trader.last.HasField("order_created"))
    trader.close()
    return len(frame_of([request])), pb.ServerFrame(messages=[trader.last]).ByteSize()


def _typical(found: list[Throughput]) -> Throughput:
    return sorted(found)[len(found) // 2]


def many_a_frame(setting: Setting) -> list[Row]:
    """Measures the rate, and the memory of the process before and after."""
    seconds = setting.size(4.0, 0.5)
    found = []
    with setting.exchange("many") as live:
        idle = live.rss_bytes()
        markets = new_markets(live, MARKETS)
        for run in range(setting.runs):
            name = f"many{run}"
            found.append(loaded(live, name, markets, ORDERS_A_FRAME, FRAMES_IN_FLIGHT, seconds, follow=False))
        busy = live.rss_bytes()
    rates = [one.orders_per_second for one in found]
    sent = sum(rates) * seconds
    load = f"{SOCKETS} sockets × {FRAMES_IN_FLIGHT} frames in flight; {_typical(found).beside}"
    return [
        Row(f"{ORDERS_A_FRAME} orders a frame", "orders/s", rates, Goal(15_000, stretch=25_000), load),
        Row("resident memory, just started", "MiB", [idle / 2**20]),
        Row("resident memory, after that load", "MiB", [busy / 2**20], None, f"{sent:,.0f} orders"),
    ]


def one_at_a_time(setting: Setting) -> list[Row]:
    """Measures the latency of a client that sends an order when it has the reply to the last one."""
    count = setting.size(800, 50)
    middle, tail = [], []
    with setting.exchange("single") as live:
        market = new_markets(live, 1)[0]
        trader = Trader(live, "alice")
        latencies_ms(trader, far_orders("warm", market, count))
        trader.close()
        for run in range(setting.runs):
            trader = Trader(live, "alice", [market])
            trader.ask(out=pb.Out(market_id=market))
            found = latencies_ms(trader, far_orders(f"run{run}", market, count))
            assert not trader.refused, trader.refused
            middle.append(median(found))
            tail.append(wsload.percentile(found, 99))
            trader.close()
    beside = f"{count} orders a run; the client follows the market"
    return [
        Row("one client, one order at a time: p50", "ms", middle, Goal(1.2, at_least=False), beside),
        Row("one client, one order at a time: p99", "ms", tail),
    ]
