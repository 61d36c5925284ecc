"""A reader of the streams knows what the exchange knows, whatever is lost on the way to it.

10,000 random commands; meanwhile the channel layer loses a tenth of what is published, and readers lose their
connections. In the end their books, tapes and portfolios are those of a fresh snapshot and of the tables.
"""

import asyncio
import os
import random
import re
from collections.abc import Callable, Sequence

from exchange_client import Backoff, Exchange, Portfolio

from proto import exchange_pb2 as pb
from tests.client.line import Line, line_to
from tests.live.exchange import LiveExchange
from tests.live.load import Person, sockets_of, two_markets
from tests.live.raw_socket import RawSocket, signed_in
from tests.live.tables import Tables

COMMANDS = 10_000
NAMES = ("alice", "bob", "carol", "student0")
CUTS_SECONDS = (0.1, 0.8)  # between two cuts of a reader's line
FRAME_COMMANDS_MAX = 10
IN_FLIGHT_MAX = 20  # commands of one person: small batches, and many messages to lose
TAPE = 50  # trades that a snapshot shows
CATCH_UP_SECONDS = 40.0


def reader_of(live: LiveExchange, name: str, url: str = "") -> Exchange:
    backoff = Backoff(first=0.02, most=0.2, restart=0.2, attempts=200)
    return Exchange.connect(url or live.ws_url, live.token(name), all_markets=True, backoff=backoff)


async def cut_now_and_then(line: Line, rng: random.Random) -> None:
    while True:
        await asyncio.sleep(rng.uniform(*CUTS_SECONDS))
        line.cut()


async def ask_many(person: Person, socket: RawSocket, markets: Sequence[int], others: Sequence[int]) -> None:
    rng = random.Random(person.name)
    while len(person.asked) < COMMANDS // len(NAMES):
        await socket.send(*(person.wish(markets, others) for _ in range(rng.randint(1, FRAME_COMMANDS_MAX))))
        while person.in_flight > IN_FLIGHT_MAX:
            for message in await socket.receive():
                person.hear(message)
            socket.heard.clear()
    while person.in_flight:
        for message in await socket.receive():
            person.hear(message)


async def a_day(live: LiveExchange, owner: RawSocket, rng: random.Random) -> list[Person]:
    """Returns who traded."""
    people = [Person(name, rng) for name in NAMES]
    markets = await two_markets(owner)
    async with sockets_of(live, people) as sockets:
        accounts = [person.account for person in people]
        await asyncio.gather(
            *(
                ask_many(person, socket, markets, [one for one in accounts if one != person.account])
                for person, socket in zip(people, sockets)
            )
        )
    settled = await owner.ask(settle_market=pb.SettleMarket(market_id=markets[0], price=5_000))
    assert settled.HasField("market_settled")
    return people


def resting(reader: Exchange, market: int) -> dict[int, list[tuple[int, ...]]]:
    book = reader.book(market)
    return {
        side: [(o.id, o.account_id, o.price, o.size, o.open, o.filled) for o in ladder]
        for side, ladder in ((pb.BID, book.bids), (pb.OFFER, book.offers))
    }


def tape(reader: Exchange, market: int) -> list[tuple[int, ...]]:
    last = list(reader.market(market).tape)[-TAPE:]
    return [(t.id, t.price, t.size, t.maker_order_id, t.taker_order_id) for t in last]


def exposures(portfolio: Portfolio) -> dict[int, tuple[int, ...]]:
    return {
        market: (e.position, e.bid_size, e.bid_value, e.offer_size, e.offer_value, e.worst, e.cost, e.realised)
        for market, e in portfolio.exposures.items()
    }


async def until_everything_is_said(reader: Exchange, head: int) -> None:
    """Until the exchange has told the reader that it has everything up to `head` on all its streams."""
    async with asyncio.timeout(CATCH_UP_SECONDS):
        while True:
            state = reader.state
            streams = ["public", *map("market.{}".format, state.markets), *map("account.{}".format, state.portfolios)]
            if reader.connected and all((state.heard(stream) or 0) >= head for stream in streams):
                return
            await asyncio.sleep(0.05)


def knows_the_tables(reader: Exchange, tables: Tables, person: Person) -> None:
    markets = [row[0] for row in tables.rows("SELECT id FROM markets_market ORDER BY id")]
    assert sorted(reader.state.markets) == markets
    for market in markets:
        assert resting(reader, market) == tables.book(market)
        assert tape(reader, market) == tables.tape(market, TAPE)
    accounts = tables.accounts()
    assert {id: account.name for id, account in reader.state.public.accounts.items()} == {
        id: name for id, (name, _, _) in accounts.items()
    }
    own = tables.rows("SELECT account_id FROM accounts_ownership WHERE owner_id = ?", person.account)
    assert sorted(reader.state.portfolios) == sorted([person.account, *(row[0] for row in own)])
    for id, portfolio in reader.state.portfolios.items():
        assert (portfolio.cash, portfolio.available) == accounts[id][1:]
        assert exposures(portfolio) == tables.exposures(id)
        open_orders = tables.rows("SELECT id FROM markets_order WHERE account_id = ? AND open > 0", id)
        assert sorted(portfolio.orders) == sorted(row[0] for row in open_orders)


async def test_after_10_000_commands_lost_messages_and_cut_lines(start_exchange: Callable[..., LiveExchange]) -> None:
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"SEED={seed}")
    live = start_exchange(DJANGO_SETTINGS_MODULE="tests.live.settings.lossy", LOSSY_SEED=str(seed))
    rng, tables = random.Random(seed), Tables(live.env)
    async with (
        signed_in(live.ws_url, live.token("student1")) as owner,
        line_to(live.port) as line,
        reader_of(live, "alice", line.url) as cut_off,
        reader_of(live, "alice") as connected,
    ):
        cutting = asyncio.create_task(cut_now_and_then(line, rng))
        alice, *_ = people = await a_day(live, owner, rng)
        cutting.cancel()
        head = tables.head
        for reader in (cut_off, connected):
            await until_everything_is_said(reader, head)
            knows_the_tables(reader, tables, alice)
        async with reader_of(live, "alice") as fresh:
            knows_the_tables(fresh, tables, alice)
    assert sum(len(person.asked) for person in people) >= COMMANDS
    assert live.stop() == 0
    lost = {kind: int(count) for kind, count in re.findall(r"^lost (\w+) (\d+)$", live.log.read_text(), re.MULTILINE)}
    (resynced,) = re.findall(r"^resynced (\d+) streams (\d+)$", live.log.read_text(), re.MULTILINE)
    print(f"head {head}, lost {lost}, resynced {resynced[0]} streams {resynced[1]} times")
    assert lost["stream"] + lost["private"] > 20
    assert int(resynced[1]) > 10
    live.verify()
