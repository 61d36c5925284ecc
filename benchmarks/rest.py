"""Part `rest`: requests over one keep-alive connection, beside a peer, the socket and an empty Django view.

`python -m benchmarks.rest` serves the empty view and prints its port.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection
from statistics import median
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from benchmarks import logs, peer, wsload
from benchmarks.report import Goal, Row
from benchmarks.setting import Setting
from benchmarks.traders import Trader, far_orders, latencies_ms, new_markets
from proto import exchange_pb2 as pb
from realtime.server import serve
from tests.live.exchange import LiveExchange


async def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [path("", empty)]


class Doors:
    """Connections to the exchange, to the peer and to the empty view, and the calls that are timed."""

    def __init__(self, live: LiveExchange, other: HTTPConnection, plain: int, count: int) -> None:
        self.live = live
        self.rest, self.plain = (HTTPConnection("127.0.0.1", port) for port in (live.port, plain))
        self.other = other
        self.market = new_markets(live, 1)[0]
        self.alice, self.bob = _bearer(live, "alice"), _bearer(live, "bob")
        self._count = count
        self._numbers = itertools.count()

    def p50(self, do: Callable[[], object]) -> float:
        """Returns the median milliseconds of many calls, after a few to warm up."""
        for connection in (self.rest, self.other, self.plain):
            connection.close()  # servers close idle ones; it connects again by itself
        for _ in range(self._count // 10):
            do()
        return median(_timed(do) for _ in range(self._count))

    def trade(self) -> None:
        self.order("OFFER", "50", self.alice)
        assert self.order("BID", "50", self.bob)["order"]["filled"] == "1.00"

    def their_trade(self) -> None:
        number = next(self._numbers)
        _ask(self.other, "POST", "/place", peer.placed(number))
        found = _ask(self.other, "POST", "/match", peer.matched(number))
        assert found["trades"], found  # more than one if an order of its own traders was better

    def order(self, side: str, price: str, headers: Mapping[str, str]) -> Any:
        body = {"market_id": self.market, "side": side, "price": price, "size": "1"}
        return _ask(self.rest, "POST", "/api/v1/orders", body, headers)

    def read(self, path: str) -> Any:
        return _ask(self.rest, "GET", f"/api/v1/{path}", headers=self.alice)

    def status(self) -> Any:
        return _ask(self.rest, "GET", "/api/v1/status")

    def nothing(self) -> Any:
        return _ask(self.plain, "GET", "/")

    def socket(self, run: str) -> float:
        """Returns the median milliseconds of orders over a socket, and takes all of Alice's orders out."""
        trader = Trader(self.live, "alice")
        trader.ask(out=pb.Out(market_id=self.market))
        found = latencies_ms(trader, far_orders(run, self.market, self._count))
        trader.ask(out=pb.Out(market_id=self.market))
        trader.close()
        return median(found)


def requests(setting: Setting) -> list[Row]:
    count = setting.size(300, 20)
    found: dict[str, list[float]] = {}
    with setting.exchange("rest") as live, peer.served() as other, wsload.server("benchmarks.rest") as (port, _):
        doors = Doors(live, other, port, count)
        reads = {
            "the time": "time",
            "a book": f"markets/{doors.market}/book",
            "a portfolio": "portfolio",
            "open orders": "orders?open=true",
        }
        for run in range(setting.runs):
            once = {
                "trade": doors.p50(doors.trade),
                "their trade": doors.p50(doors.their_trade),
                "order": doors.p50(lambda: doors.order("BID", "1", doors.alice)),
                "socket": doors.socket(f"run{run}"),
                "status": doors.p50(doors.status),
                "nothing": doors.p50(doors.nothing),
                **{name: doors.p50(lambda path=path: doors.read(path)) for name, path in reads.items()},  # type: ignore[misc]
            }
            for name, value in once.items():
                found.setdefault(name, []).append(value)
    return _rows(found, f"p50 of {count} over one connection", list(reads))


def _rows(found: Mapping[str, list[float]], beside: str, reads: Sequence[str]) -> list[Row]:
    ours, theirs = ([1e3 / ms for ms in found[name]] for name in ("trade", "their trade"))
    return [
        Row("trades over REST, two orders each, durable", "trades/s", ours, None, beside),
        Row("the same from order-matching[web], in memory", "trades/s", theirs, None, beside),
        Row("trades ÷ order-matching[web]", "×", _ratios(ours, theirs), Goal(1.5)),
        Row("an order over REST", "ms", found["order"], None, beside),
        Row("an order over a socket", "ms", found["socket"], None, beside),
        Row("order over REST ÷ over a socket", "×", _ratios(found["order"], found["socket"]), Goal(3, at_least=False)),
        Row("/api/v1/status", "ms", found["status"], None, beside),
        Row("an empty async Django view", "ms", found["nothing"], None, "Django's handler, no middlewares, our server"),
        Row("/api/v1/status ÷ an empty view", "×", _ratios(found["status"], found["nothing"]), Goal(1.3, False)),
        *(Row(f"a read: {name}", "ms", found[name], None, beside) for name in reads),
    ]


def _ratios(ours: list[float], theirs: list[float]) -> list[float]:
    return [a / b for a, b in zip(ours, theirs)]


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1e3


def _bearer(live: LiveExchange, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {live.token(name)}"}


def _ask(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """Sends a request and returns the JSON of the answer, which must be a success."""
    more = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, path, json.dumps(body) if body is not None else None, {**(headers or {}), **more})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status in (200, 201), content
    return json.loads(content) if content else None


def main() -> int:
    logs.configure()
    settings.configure(ROOT_URLCONF="benchmarks.rest", MIDDLEWARE=[], ALLOWED_HOSTS=["*"], **wsload.SERVER_SETTINGS)
    return serve(get_asgi_application(), "127.0.0.1", 0, on_ready=lambda port: print(port, flush=True))


if __name__ == "__main__":
    sys.exit(main())
