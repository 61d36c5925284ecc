"""People who send as fast as they can, in a process of their own so that they slow down only the exchange.

    python -m tests.live.flood URL MARKET SECONDS    reads {"orders": [tokens], "deaf": [..], "rubbish": [..]} on stdin

It lasts so many seconds, and then until over ACCEPTED_MIN orders are accepted and more are refused by the rates. Prints
how often the order flooders got each reply, as JSON. A socket that the exchange closes is opened again.
"""

import asyncio
import json
import random
import sys
from collections import Counter
from contextlib import suppress

from websockets.exceptions import ConnectionClosed

from proto import exchange_pb2 as pb
from tests.live.raw_socket import RawSocket, signed_in
from tests.live.requests import bid, offer
from tests.patience import STEP_SECONDS_MAX

FRAME_COMMANDS = 50
ACCEPTED_MIN = 1_000
LOOK_SECONDS = 0.1
RUBBISH_BYTES = (10, 1_000, 60_000, 900_000)


def any_order(rng: random.Random, market: int) -> pb.ClientMessage:
    if rng.random() < 0.02:
        return pb.ClientMessage(request_id="out", out=pb.Out(market_id=market))
    side = rng.choice((bid, offer))
    return pb.ClientMessage(request_id="order", create_order=side(market, rng.randint(4_900, 5_100), 1))


async def send_orders(one: RawSocket, rng: random.Random, market: int) -> None:
    while True:
        await one.send(*(any_order(rng, market) for _ in range(FRAME_COMMANDS)))
        await asyncio.sleep(0)  # send() alone never yields to the loop while the exchange takes everything


async def send_rubbish(one: RawSocket, rng: random.Random) -> None:
    while True:
        await one.send_bytes(rng.randbytes(rng.choice(RUBBISH_BYTES)))
        await asyncio.sleep(0)


async def count_replies(one: RawSocket, replies: Counter[str]) -> None:
    while True:
        for message in await one.receive():
            if message.request_id in ("order", "out"):
                replies[pb.Reason.Name(message.refused.code) if message.HasField("refused") else "accepted"] += 1
        one.received.clear()


async def flood(url: str, token: str, kind: str, market: int, replies: Counter[str]) -> None:
    rng = random.Random(token)
    while True:
        with suppress(ConnectionClosed):
            async with signed_in(url, token) as one:
                sending = send_rubbish(one, rng) if kind == "rubbish" else send_orders(one, rng, market)
                if kind == "deaf":
                    await sending
                else:
                    await asyncio.gather(sending, count_replies(one, replies))


async def main(url: str, market: int, seconds: float) -> None:
    replies: Counter[str] = Counter()
    flooders = [
        asyncio.create_task(flood(url, token, kind, market, replies))
        for kind, tokens in json.load(sys.stdin).items()
        for token in tokens
    ]
    await asyncio.wait(flooders, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    async with asyncio.timeout(STEP_SECONDS_MAX):
        while not replies["RATE_LIMITED"] > replies["accepted"] > ACCEPTED_MIN:
            await asyncio.wait(flooders, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for ended in (one for one in flooders if one.done()):
                ended.result()
    json.dump(replies, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
