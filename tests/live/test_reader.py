"""A reader of the streams ends with the exchange's state, whatever is lost on the way.

People send 10,000 random commands. An operator shares accounts, shows and hides markets and sells lamps. The channel
layer loses a tenth of the published messages, and readers lose their connections. In the end each reader knows what a
fresh snapshot and the tables say, as far as its person may see it.
"""

import asyncio
import os
import random
import re
from collections.abc import Callable, Sequence

from exchange_client import Backoff, Exchange

from proto import exchange_pb2 as pb
from tests.client.line import Line, line_to
from tests.kinds import find_rare
from tests.live.changes import Changes
from tests.live.exchange import LiveExchange
from tests.live.knowing import knows_the_tables
from tests.live.load import Person, sockets_of, two_markets
from tests.live.raw_socket import RawSocket, signed_in
from tests.live.tables import Tables
from tests.patience import STEP_SECONDS_MAX

COMMANDS = 10_000
NAMES = ("alice", "bob", "carol", "student0")
CUTS_SECONDS = (0.1, 0.8)  # between two cuts of a reader's connection
FRAME_COMMANDS_MAX = 10
IN_FLIGHT_MAX = 20  # commands in a frame: small batches, so that there are many messages to lose
CHANGE_SECONDS = 0.02  # between two changes by the operator
CHANGES_MAX = 2_000
CATCH_UP_SECONDS = STEP_SECONDS_MAX


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
        await socket.send(*(person.request(markets, others) for _ in range(rng.randint(1, FRAME_COMMANDS_MAX))))
        while person.in_flight > IN_FLIGHT_MAX:
            for message in await socket.receive():
                person.record(message)
            socket.received.clear()
    while person.in_flight:
        for message in await socket.receive():
            person.record(message)


async def change_much(changes: Changes, trading: asyncio.Event, tables: Tables) -> None:
    """Changes things while others trade, and until every kind of command has been accepted."""
    for _ in range(CHANGES_MAX):
        await changes.make_one()
        if not trading.is_set() and not find_rare(tables.kinds(), least=1):
            return
        await asyncio.sleep(CHANGE_SECONDS if trading.is_set() else 0)


async def a_day(live: LiveExchange, owner: RawSocket, operator: RawSocket, rng: random.Random) -> list[Person]:
    """Returns who traded."""
    people = [Person(name, rng) for name in NAMES]
    markets, trading, tables = await two_markets(owner), asyncio.Event(), Tables(live.env)
    trading.set()
    changes = Changes(operator, tables, rng, markets)
    changing = asyncio.create_task(change_much(changes, trading, tables))
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
    trading.clear()
    await changing
    assert find_rare(tables.kinds(), least=1) == []
    print(f"changes {dict(changes.done)}")
    return people


def both_forms(market: int) -> tuple[str, str]:
    """The market's stream, and the unmasked stream that sudo gets if the market hides account ids."""
    return f"market.{market}", f"market.{market}.unmasked"


async def until_everything_is_said(reader: Exchange, head: int) -> None:
    """Waits until the exchange has confirmed that the reader has everything up to `head` on all its streams."""
    async with asyncio.timeout(CATCH_UP_SECONDS):
        while True:
            state = reader.state
            books = [max(filter(None, map(state.heard, both_forms(id))), default=0) for id in state.markets]
            others = [state.heard(stream) or 0 for stream in ("public", *map("account.{}".format, state.portfolios))]
            if reader.connected and min(*books, *others) >= head:
                return
            await asyncio.sleep(0.05)


async def test_readers_know_the_exchanges_state_after_lost_messages_and_cut_connections(
    start_exchange: Callable[..., LiveExchange],
) -> None:
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"SEED={seed}")
    live = start_exchange(DJANGO_SETTINGS_MODULE="tests.live.settings.lossy", LOSSY_SEED=str(seed))
    rng, tables = random.Random(seed), Tables(live.env)
    async with (
        signed_in(live.ws_url, live.token("student1")) as owner,
        line_to(live.port) as line,
        reader_of(live, "alice", line.url) as cut_off,
        reader_of(live, "alice") as connected,
        signed_in(live.ws_url, live.token("operator")) as operator,
        reader_of(live, "operator") as in_sudo,
    ):
        assert (await operator.ask(set_sudo=pb.SetSudo(on=True))).sudo_set.on
        await in_sudo.set_sudo(True)
        cutting = asyncio.create_task(cut_now_and_then(line, rng))
        alice, *_ = people = await a_day(live, owner, operator, rng)
        cutting.cancel()
        head = tables.head
        for reader, account in ((cut_off, alice.account), (connected, alice.account), (in_sudo, operator.account)):
            await until_everything_is_said(reader, head)
            knows_the_tables(reader, tables, account)
        async with reader_of(live, "alice") as fresh:
            knows_the_tables(fresh, tables, alice.account)
    assert sum(len(person.asked) for person in people) >= COMMANDS
    assert live.stop() == 0
    lost = {kind: int(count) for kind, count in re.findall(r"^lost (\w+) (\d+)$", live.log.read_text(), re.MULTILINE)}
    (resynced,) = re.findall(r"^resynced (\d+) streams (\d+)$", live.log.read_text(), re.MULTILINE)
    print(f"head {head}, lost {lost}, resynced {resynced[0]} streams {resynced[1]} times")
    assert lost["stream"] + lost["private"] > 20
    assert int(resynced[1]) > 10
    live.verify()
