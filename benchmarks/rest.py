"""Part `rest`: requests over one keep-alive connection, beside a peer, the socket and an empty Django view.

`python -m benchmarks.rest` serves the empty view and prints its port.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
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


def requests(setting: Setting) -> list[Row]:
    count = setting.size(300, 20)
    ours, theirs, orders, sockets, statuses, views = (list[float]() for _ in range(6))
    reads: dict[str, list[float]] = {}
    with (
        setting.exchange("rest") as live,
        peer.served() as other,
        wsload.server("benchmarks.rest") as (port, _),
    ):
        market = new_markets(live, 1)[0]
        rest, plain = HTTPConnection("127.0.0.1", live.port), HTTPConnection("127.0.0.1", port)
        alice, bob = _bearer(live, "alice"), _bearer(live, "bob")
        numbers = iter(range(sys.maxsize))

        def trade(number: int) -> None:
            _ask(rest, "POST", "/api/v1/orders", _order(market, "OFFER", "50"), alice)
            filled = _ask(rest, "POST", "/api/v1/orders", _order(market, "BID", "50"), bob)
            assert filled["order"]["filled"] == "1.00", filled

        def their_trade(number: int) -> None:
            _ask(other, "POST", "/place", peer.placed(number))
            found = _ask(other, "POST", "/match", peer.matched(number))
            assert found["trades"], found  # more than one if an order of its own traders was better

        def measured(do: Callable[[int], Any]) -> list[float]:
            """The milliseconds of each of `count` calls, after a few to warm up."""
            for _ in range(count // 10):
                do(next(numbers))
            return [_timed(do, next(numbers)) for _ in range(count)]

        for run in range(setting.runs):
            ours.append(1e3 / median(measured(trade)))
            theirs.append(1e3 / median(measured(their_trade)))
            order = _order(market, "BID", "1")
            orders.append(median(measured(lambda _, of=order: _ask(rest, "POST", "/api/v1/orders", of, alice))))  # type: ignore[misc]
            trader = Trader(live, "alice")
            trader.ask(out=pb.Out(market_id=market))
            sockets.append(median(latencies_ms(trader, far_orders(f"run{run}", market, count))))
            trader.ask(out=pb.Out(market_id=market))
            trader.close()
            statuses.append(median(measured(lambda _: _ask(rest, "GET", "/api/v1/status"))))
            views.append(median(measured(lambda _: _ask(plain, "GET", "/"))))
            for address in ("time", f"markets/{market}/book", "portfolio", "orders?open=true"):
                found = measured(lambda _, at=address: _ask(rest, "GET", f"/api/v1/{at}", headers=alice))  # type: ignore[misc]
                reads.setdefault(address.split("/")[-1], []).append(median(found))
    beside = f"one connection, p50 of {count}"
    return [
        Row("trades over REST, two orders each, durable", "trades/s", ours, None, beside),
        Row("the same from order-matching[web], in memory", "trades/s", theirs, None, beside),
        Row("trades ÷ order-matching[web]", "×", _ratios(ours, theirs), Goal(1.5)),
        Row("an order over REST", "ms", orders, None, beside),
        Row("an order over a socket", "ms", sockets, None, beside),
        Row("order over REST ÷ over a socket", "×", _ratios(orders, sockets), Goal(3, at_least=False)),
        Row("/api/v1/status", "ms", statuses, None, beside),
        Row("an empty async Django view", "ms", views, None, "Django's own handler without middlewares, our server"),
        Row("/api/v1/status ÷ an empty view", "×", _ratios(statuses, views), Goal(1.3, at_least=False)),
        *(Row(f"a read: {name}", "ms", found, None, beside) for name, found in reads.items()),
    ]


def _ratios(ours: list[float], theirs: list[float]) -> list[float]:
    return [a / b for a, b in zip(ours, theirs)]


def _timed(do: Callable[[int], Any], number: int) -> float:
    began = time.perf_counter()
    do(number)
    return (time.perf_counter() - began) * 1e3


def _bearer(live: LiveExchange, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {live.token(name)}"}


def _order(market: int, side: str, price: str) -> dict[str, object]:
    return {"market_id": market, "side": side, "price": price, "size": "1"}


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
    settings.configure(ROOT_URLCONF="benchmarks.rest", MIDDLEWARE=[], ALLOWED_HOSTS=["*"])
    return serve(get_asgi_application(), "127.0.0.1", 0, on_ready=lambda port: print(port, flush=True))


if __name__ == "__main__":
    sys.exit(main())
