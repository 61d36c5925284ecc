"""The house bots of the demo: market maker, noise trader and momentum trader in one process.

    python -m exchange_client.bots.house --url ws://127.0.0.1:8000/ws --tokens-file var/house_bots.json --owner 4

The file is a JSON object of API tokens, {"maker": "...", "noise": "...", "momentum": "..."}; a role that is not in it
does not trade. The bots trade in the markets of these owners (--owner) and in those named (--market), in new ones as
they open. Name only owners that you trust: who settles a market decides what the bots win or lose there.
On SIGTERM the bots cancel their orders, and the exit status is 0.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random

from exchange_client.bots.command_line import add_common, markets_of, set_up_logging, trade, until_stopped
from exchange_client.bots.market_maker import MarketMaker
from exchange_client.bots.momentum_trader import MomentumTrader
from exchange_client.bots.noise_trader import NoiseTrader
from exchange_client.bots.trader import Bot
from exchange_client.bots.worth import Worth

ROLES = ("maker", "noise", "momentum")
EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common(parser)
    parser.add_argument("--tokens-file", type=Path, required=True)
    parser.add_argument("--owner", type=int, action="append", default=[], help="an account: trade in its markets")
    parser.add_argument("--market", type=int, action="append", default=[], help="trade there too; repeat for several")
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one is gone")
    options = parser.parse_args(arguments)
    set_up_logging(options.verbose)
    try:
        tokens = read_tokens(options.tokens_file)
    except (OSError, ValueError) as error:
        print(f"{options.tokens_file}: {error}", file=sys.stderr)
        return EXIT_USAGE
    kinds, wanted = kinds_of(Worth(Random(options.seed))), markets_of(options.market, owners=options.owner)
    bots = [
        trade(kinds[role], options.url, token, options.seed + number, options.interval, wanted=wanted)
        for number, (role, token) in enumerate(sorted(tokens.items()))
    ]
    return asyncio.run(until_stopped(bots, with_parent=options.with_parent))


def kinds_of(worth: Worth) -> dict[str, Callable[[Random], Bot]]:
    """What makes the bot of each role. The market maker and the noise trader get glimpses of the same worth."""
    return {
        "maker": partial(MarketMaker, worth=worth),
        "noise": partial(NoiseTrader, worth=worth),
        "momentum": MomentumTrader,
    }


def read_tokens(path: Path) -> dict[str, str]:
    """Tokens by role. Raises OSError, or ValueError for anything but an object of known roles and tokens."""
    tokens = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(tokens, dict) or not tokens or not all(isinstance(token, str) for token in tokens.values()):
        raise ValueError(f"not a JSON object of tokens by role: {', '.join(ROLES)}")
    if unknown := set(tokens) - set(ROLES):
        raise ValueError(f"no such role: {', '.join(sorted(unknown))}; there are {', '.join(ROLES)}")
    return tokens


if __name__ == "__main__":
    sys.exit(main())
