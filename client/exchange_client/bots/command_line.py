"""What the bots' command lines share: options, one bot by itself, and running until a signal comes."""

import argparse
import asyncio
import logging
import os
import random
import signal
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

from exchange_client import exchange_pb2 as pb
from exchange_client.backoff import Backoff
from exchange_client.bots.trader import Bot, Trader, Wanted, everywhere
from exchange_client.errors import ExchangeError
from exchange_client.exchange import Exchange

TOKEN_VARIABLE = "EXCHANGE_TOKEN"  # noqa: S105 - the name of a variable
INTERVAL_SECONDS = 0.5
ORPHAN_SECONDS = 1.0  # between two looks at whether the parent process is there

log = logging.getLogger(__name__)


def main(kind: Callable[[random.Random], Bot], arguments: Sequence[str] | None = None) -> int:
    """`python -m exchange_client.bots.<bot> --url ... --token ... [--market ID ...]`. Returns the exit status."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_common(parser)
    parser.add_argument("--token", default=os.environ.get(TOKEN_VARIABLE, ""), help=f"default: ${TOKEN_VARIABLE}")
    parser.add_argument("--market", type=int, action="append", default=[], help="only there; repeat for several")
    options = parser.parse_args(arguments)
    set_up_logging(options.verbose)
    bot = trade(kind, options.url, options.token, options.seed, options.interval, only=options.market)
    return asyncio.run(until_stopped([bot]))


def markets_of(ids: Collection[int] = (), *, owners: Collection[int] = ()) -> Wanted:
    """Wanted in the markets of these ids, and in those that these accounts own."""

    def wanted(market: pb.Market) -> bool:
        return market.id in ids or market.owner_id in owners

    return wanted


def add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="ws://127.0.0.1:8000/ws")
    parser.add_argument(
        "--seed", type=int, default=1, help="with the same seed, a bot does the same in the same market"
    )
    parser.add_argument("--interval", type=float, default=INTERVAL_SECONDS, help="seconds between two steps")
    parser.add_argument("--verbose", action="store_true", help="log refusals too")


def set_up_logging(verbose: bool) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("exchange_client").setLevel(logging.DEBUG if verbose else logging.WARNING)


async def trade(
    kind: Callable[[random.Random], Bot],
    url: str,
    token: str,
    seed: int,
    interval: float,
    *,
    only: Collection[int] = (),
    wanted: Wanted = everywhere,
) -> None:
    """Runs one bot for ever; it waits for an exchange that is away. Raises Refused if the token is refused.

    It follows the markets `only`, or if there are none, all of them, and trades in those that it is `wanted` in.
    """
    rng = random.Random(seed)
    connection = Exchange.connect(url, token, markets=only, all_markets=not only, backoff=Backoff(attempts=None))
    if only:
        wanted = markets_of(only)
    async with connection as x:
        await Trader(x, kind(rng), rng, interval=interval, wanted=wanted).run()


async def until_stopped(bots: Sequence[Coroutine[Any, Any, None]], *, with_parent: bool = False) -> int:
    """Runs bots until SIGTERM or SIGINT, then lets them cancel their orders. Returns the exit status: 1 if all failed.

    `with_parent`: ends also when the process that started this one is gone, whatever ended it.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = {asyncio.create_task(_reported(bot)) for bot in bots}
    watching = {asyncio.create_task(_stopped(stop))}
    if with_parent:
        watching.add(asyncio.create_task(_orphaned(os.getppid())))
    trading, stopped = set(running), False
    while trading and not stopped:
        await asyncio.wait(trading | watching, return_when=asyncio.FIRST_COMPLETED)
        trading, stopped = {bot for bot in trading if not bot.done()}, any(task.done() for task in watching)
    for task in running | watching:
        task.cancel()
    await asyncio.wait(running | watching)
    return 0 if stopped else 1


async def _stopped(stop: asyncio.Event) -> None:
    await stop.wait()


async def _reported(bot: Coroutine[Any, Any, None]) -> None:
    """Logs a bot's error and ends it; the others go on."""
    try:
        await bot
    except ExchangeError as error:
        log.error("a bot ends: %s", error)
    except Exception:
        log.exception("a bot fails")


async def _orphaned(parent: int) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - a parent that is killed sends no signal
        await asyncio.sleep(ORPHAN_SECONDS)
