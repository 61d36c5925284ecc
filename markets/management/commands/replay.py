"""`manage.py replay`: prints a market's book and all balances as they were at an entry of the journal."""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from markets.audit.balances import Difference
from markets.audit.replay import Replay
from markets.engine.book import Market, Order
from markets.engine.commands import MarketStatus
from markets.engine.engine import Engine
from markets.engine.text import chips, hundredths
from markets.journal.tables import open_snapshot


class Command(BaseCommand):
    help = "Print a market's book and the balances as they were: the journal is replayed up to the entry --until."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until", type=int, required=True, metavar="SEQ", help="the last entry to replay")
        parser.add_argument("--market", type=int, required=True, metavar="ID")

    def handle(self, *args: Any, until: int, market: int, **options: Any) -> None:
        engine = _replay(until)
        if engine.seq != until:
            raise CommandError(f"The journal ends at entry {engine.seq}.")
        if market not in engine.markets:
            raise CommandError(f"There was no market {market} when the journal stood at {until}.")
        for line in (*_book(engine, engine.markets[market]), "", *_balances(engine, market)):
            self.stdout.write(line)


def _replay(until: int) -> Engine:
    with open_snapshot() as connection:
        replay = Replay(connection)
        try:
            for _ in replay.pages(until):
                pass
        except Difference as difference:
            raise CommandError(f"The journal cannot be replayed: {difference}.") from difference
    return replay.engine


def _book(engine: Engine, market: Market) -> Iterator[str]:
    moment = datetime.fromtimestamp(engine.at_us / 1e6, UTC)
    status = MarketStatus(market.status).name.lower().replace("_", " ")
    last = "no trade yet" if market.last_price is None else f"last {hundredths(market.last_price)}"
    yield f"{market.name}, {status}, {last}; entry {engine.seq:,} of {moment:%Y-%m-%d %H:%M:%S} UTC"
    yield f"{'bid':>40} | offer"
    for bid, offer in zip_longest(market.bids, market.offers):
        yield f"{_resting(engine, bid):>40} | {_resting(engine, offer)}".rstrip()


def _resting(engine: Engine, order: Order | None) -> str:
    if order is None:
        return ""
    return f"{hundredths(order.open)} @ {hundredths(order.price)} {engine.accounts[order.account].name}"


def _balances(engine: Engine, market: int) -> Iterator[str]:
    yield f"{'account':40} {'position':>14} {'cash':>20} {'available':>20}"
    for account in engine.accounts.values():
        exposure = account.exposures.get(market)
        position = hundredths(exposure.position) if exposure else "-"
        yield f"{account.name:40} {position:>14} {chips(account.cash):>20} {chips(account.available):>20}"
