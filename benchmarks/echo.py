"""Measures a WebSocket round trip without an exchange behind it, to compare the exchange with.

`python -m benchmarks.echo [--request BYTES] [--reply BYTES]` prints the round trips/s of 10 sockets with 20 frames in
flight each (median of 3 interleaved runs), for daphne's stock consumer and server, and for our dispatch and server.
"""

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import daphne.server
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from benchmarks import logs, wsload
from realtime.outbox import OUTLET_EXTENSION
from realtime.server import serve

SOCKETS = 10
IN_FLIGHT = 20
SECONDS = 3.0
REQUEST_BYTES = 60  # a CreateOrder in its frame
REPLY_BYTES = 110  # its OrderCreated
KINDS = ("stock", "ours")


def round_trips_per_second(kind: str, request_bytes: int, reply_bytes: int, seconds: float = SECONDS) -> float:
    """Returns the replies per second. The client answers each reply with the next request."""
    with wsload.server("benchmarks.echo", "--serve", kind, "--reply", str(reply_bytes)) as (port, _):
        request = wsload.frame(bytes(request_bytes))
        clients = [wsload.Client(port) for _ in range(SOCKETS)]
        everybody = wsload.Clients(clients)
        for client in clients:
            client.send_raw(request * IN_FLIGHT)
        answered = [0] * len(clients)
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            everybody.receive(0.1)
            for index, client in enumerate(clients):
                if new := client.frames - answered[index]:
                    answered[index] = client.frames
                    client.send_raw(request * new)
        rate = everybody.frames / (time.monotonic() - begin)
        everybody.close()
    return rate


def compare(request_bytes: int, reply_bytes: int, runs: int = 3) -> dict[str, float]:
    """Returns the median of each kind. The runs of both kinds are interleaved."""
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(runs):
        for kind in KINDS:
            rates[kind].append(round_trips_per_second(kind, request_bytes, reply_bytes))
    return {kind: median(found) for kind, found in rates.items()}


def _serve_stock(reply: bytes) -> int:
    settings.configure()  # channels reads CHANNEL_LAYERS

    class Echo(AsyncWebsocketConsumer):
        async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
            await self.send(bytes_data=reply)

    server = daphne.server.Server(Echo.as_asgi(), endpoints=["tcp:port=0:interface=127.0.0.1"])
    server.ready_callable = lambda: print(server.listening_addresses[0][1], flush=True)
    server.run()
    return 0


def _serve_ours(reply: bytes) -> int:
    async def application(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        outlet = scope["extensions"][OUTLET_EXTENSION]
        while (await receive())["type"] == "websocket.receive":
            outlet.write(reply)

    settings.configure(**wsload.SERVER_SETTINGS)
    return serve(application, "127.0.0.1", 0, on_ready=lambda port: print(port, flush=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--request", type=int, default=REQUEST_BYTES)
    parser.add_argument("--reply", type=int, default=REPLY_BYTES)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--serve", choices=KINDS, help="run the server process (the benchmark starts it)")
    options = parser.parse_args()
    if options.serve:
        logs.configure()
        return {"stock": _serve_stock, "ours": _serve_ours}[options.serve](bytes(options.reply))
    rates = compare(options.request, options.reply, options.runs)
    for kind, rate in rates.items():
        print(f"{kind}: {rate:,.0f} round trips/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
