"""Measures how fast the hub passes one stream on to many sockets, under a real daphne in its own process.

`python -m benchmarks.fanout` prints the frames/s delivered to 200 sockets (median of 3 runs), and the delay of 20
updates a second to 1,000 sockets. A stand-in for the matcher publishes, so that only the transport is measured.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Hashable, Mapping
from typing import cast

from channels.layers import get_channel_layer
from django.conf import settings

from benchmarks import logs, wsload
from proto import exchange_pb2 as wire
from realtime.groups import HUBS, MATCHING, PUBLIC
from realtime.hub import Hub
from realtime.messages import (
    AccessChanges,
    RequestMessage,
    SocketControl,
    ToMatcher,
    beat_message,
    message_layer,
    replies_message,
    resynced_message,
    stream_message,
)
from realtime.routing import websocket
from realtime.server import serve
from realtime.sockets import Principal

PAYLOAD_BYTES = 150  # a small order event with its StreamPosition
FRAMES_PER_RUN = 1_000  # published; each goes to every socket
SOCKETS_MANY = 1_000
UPDATES_PER_SECOND = 20

SETTINGS = {
    "ALLOWED_HOSTS": ["127.0.0.1"],
    "CHANNEL_LAYERS": {"default": {"BACKEND": "realtime.layers.LocalLayer", "CONFIG": {"capacity": 10_000}}},
    "CSRF_TRUSTED_ORIGINS": [],
    "HTTPS": False,
    "SESSION_COOKIE_NAME": "sessionid",
    "SIGN_IN_FAILURES_PER_ADDRESS_MAX": 300,
    "SIGN_IN_FAILURES_SECONDS": 300,
    "SOCKETS_MAX": 20,
    "SUBSCRIPTIONS_MAX": 200,
    "TRUSTED_PROXY_COUNT": 0,
    "WAITING_CONNECTIONS_MAX": 1_000,
}


class Publisher:
    """A stand-in for the matcher. It admits everybody. For a command it publishes as many frames as the market id, and
    as many a second as the price (0: one in each turn of the loop)."""

    def __init__(self) -> None:
        layer = get_channel_layer()
        assert layer is not None
        self.layer = message_layer(layer)
        self.seq = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            while True:
                message = cast(ToMatcher, await self.layer.receive(MATCHING))
                if message["type"] == "session":
                    control: SocketControl = {"account": message["user"], "join": {PUBLIC: self.seq}}
                    await self._reply(message, _frame(wire.ServerMessage(acting_as=wire.ActingAs())), control)
                elif message["type"] == "resync":
                    for stream, seq in message["streams"].items():
                        await self.layer.send(message["reply"], resynced_message(stream, seq, False, []))
                elif message["type"] == "command":
                    await self._reply(message, _frame(wire.ServerMessage(request_id="go")), None)
                    order = wire.ClientFrame.FromString(message["data"]).messages[0].create_order
                    tasks.create_task(self._publish(order.market_id, order.price))

    async def _reply(self, message: RequestMessage, frame: bytes, control: SocketControl | None) -> None:
        reply = (message["origin"], message["number"], [frame], control)
        await self.layer.send(message["reply"], replies_message([reply]))

    async def _publish(self, count: int, per_second: int) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for index in range(count):
            if per_second:
                await asyncio.sleep(begin + index / per_second - loop.time())
            position = wire.StreamPosition(stream=PUBLIC, prev_seq=self.seq, seq=self.seq + 1)
            message = wire.ServerMessage(committed_us=time.time_ns() // 1000, stream_position=position)
            message.request_id = "x" * (PAYLOAD_BYTES - message.ByteSize())
            self.seq += 1
            await self.layer.group_send(PUBLIC, stream_message(PUBLIC, self.seq - 1, self.seq, _frame(message)))
            if not per_second:
                await asyncio.sleep(0)  # otherwise the outboxes would join the frames

    async def _beat(self) -> None:
        nothing: AccessChanges = {"reaches": [], "visibilities": [], "entitlements": []}
        while True:
            await self.layer.group_send(HUBS, beat_message(1, self.seq, {}, 1, nothing))
            await asyncio.sleep(1)


def _frame(message: wire.ServerMessage) -> bytes:
    return wire.ServerFrame(messages=[message]).SerializeToString()


async def _anybody(cookies: Mapping[str, str], token: str) -> Principal:
    return Principal(int(token), f"reader {token}", token)


async def _nobody(credentials: set[Hashable]) -> set[Hashable]:
    return set()


def _serve() -> int:
    logs.configure()
    settings.configure(**SETTINGS)
    hub = Hub(_nobody, _nobody)
    return serve(
        websocket(hub, _anybody),
        "127.0.0.1",
        0,
        background=[hub.run, Publisher().run],
        ready=hub.ready,
        on_ready=lambda port: print(port, flush=True),
    )


def _connect(port: int, sockets: int) -> wsload.Clients:
    clients = [wsload.Client(port) for _ in range(sockets)]
    everybody = wsload.Clients(clients)
    for number, client in enumerate(clients, 1):
        request = wire.ClientMessage(authenticate=wire.Authenticate(token=str(number)))
        client.send(wire.ClientFrame(messages=[request]).SerializeToString())
    assert everybody.receive_until(lambda: all(client.frames for client in clients), 20)
    everybody.receive(0.5)  # the resync of the new stream
    return everybody


def _go(client: wsload.Client, count: int, per_second: int) -> None:
    order = wire.CreateOrder(market_id=count, price=per_second)
    client.send(wire.ClientFrame(messages=[wire.ClientMessage(create_order=order)]).SerializeToString())


def frames_per_second(sockets: int, published: int) -> tuple[float, float, float]:
    """Returns the frames delivered per second, and the shares of one CPU that the server and the clients used."""
    with wsload.server("benchmarks.fanout", "--serve") as (port, pid):
        everybody = _connect(port, sockets)
        before, begin = everybody.frames, time.monotonic()
        server_cpu, own_cpu = wsload.cpu_seconds(pid), time.process_time()
        _go(everybody.clients[0], published, 0)
        arrived = everybody.receive_until(lambda: everybody.frames - before >= published * sockets, 30)
        seconds = time.monotonic() - begin
        delivered = everybody.frames - before
        shares = (wsload.cpu_seconds(pid) - server_cpu) / seconds, (time.process_time() - own_cpu) / seconds
        everybody.close()
    assert arrived, f"{delivered} of {published * sockets} frames arrived; the others were joined or lost"
    return delivered / seconds, *shares


def delays_ms(sockets: int, per_second: int, seconds: int) -> list[float]:
    """Returns the milliseconds from publishing to arrival, for every delivery."""
    delays: list[float] = []

    def note(payload: bytes) -> None:
        now = time.time_ns() // 1000
        delays.extend(
            (now - message.committed_us) / 1000
            for message in wire.ServerFrame.FromString(payload).messages
            if message.HasField("stream_position")
        )

    with wsload.server("benchmarks.fanout", "--serve") as (port, _):
        everybody = _connect(port, sockets)
        for client in everybody.clients:
            client.on_frame = note
        count = per_second * seconds
        _go(everybody.clients[0], count, per_second)
        assert everybody.receive_until(lambda: len(delays) >= count * sockets, seconds * 3 + 10)
        everybody.close()
    return delays


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="run the server process (the benchmark starts it)")
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    if options.serve:
        return _serve()
    runs = sorted(frames_per_second(options.sockets, FRAMES_PER_RUN) for _ in range(options.runs))
    rate, server_share, own_share = runs[len(runs) // 2]
    print(f"{rate:,.0f} frames/s to {options.sockets} sockets (CPU: server {server_share:.0%}, load {own_share:.0%})")
    delays = delays_ms(SOCKETS_MANY, UPDATES_PER_SECOND, 5)
    print(
        f"{SOCKETS_MANY:,} sockets x {UPDATES_PER_SECOND}/s: "
        f"p50 {wsload.percentile(delays, 50):.1f} ms, p99 {wsload.percentile(delays, 99):.1f} ms"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
