"""Nobody receives what they may not see. tests/live/leak/__init__.py explains the test.

SEED=<number> repeats the requests, but not their timing. LEAK_COMMANDS=<number> sets how many commands are sent.
"""

import asyncio
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.leak.judge import Complaints, Judge
from tests.live.leak.listener import listener, signed_in
from tests.live.leak.participants import Operator, Participant, Trader, World
from tests.live.leak.readers import PageReader, Reader, RestReader, RestTrader, StaleReader
from tests.live.leak.recordings import Recording, received
from tests.live.leak.text_judge import Text, TextJudge
from tests.live.leak.truth import Truth
from tests.live.leak.watchers import EVERYTHING, Outsider, Watcher
from tests.live.tables import Tables
from tests.live.test_keys import TRADE, token_for

Start = Callable[..., LiveExchange]

COMMANDS = 3_000
SOAK_COMMANDS = 20_000
PLANTED_COMMANDS = 1_500
RARE = {"floor": 8_000}  # rare planted leaks: somebody must resume from just before a market began to hide ids
SETTINGS = {"UNSETTLED_MARKETS_MAX": "10000", "STARTING_CASH": "1000000"}
TRADERS = ("alice", "bob", "carol", "student0", "student1", "student2")
READERS = ("", "alice", "carol", "student9", "operator")
ALICE_BOUND, BOUND = "alice, by a bound token", -1  # judged as a separate person, who may see less than Alice
QUIET_SECONDS = 1.5  # the last messages may take so long


@dataclass
class Day:
    """Everything that the connections and readers received in one run."""

    world: World
    recordings: list[Recording] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    bound: dict[int, int] = field(default_factory=dict)  # user of a bound token -> the account


def watchers_of(live: LiveExchange, world: World, rng: random.Random) -> list[Watcher]:
    def one(name: str, **more: bool | str | None) -> Watcher:
        return Watcher(live, world, name, random.Random(rng.random()), **more)  # type: ignore[arg-type]

    return [
        one("alice", called="owner"),
        one("bob", called="trader who resumes", comes_and_goes=True),
        one("carol", called="sharer who resumes", comes_and_goes=True),
        one("student8", called="stranger who resumes", comes_and_goes=True),
        one("student9", called="stranger"),
        one("operator", called="operator in sudo", sudo=True),
        one("operator", called="operator without", comes_and_goes=True),
        one("operator", called="operator now and then", sudo=None),
        one(ALICE_BOUND, comes_and_goes=True),
    ]


def readers_of(live: LiveExchange, world: World, rng: random.Random) -> list[Reader]:
    def one(kind: type[Reader], name: str, operates: bool = False) -> Reader:
        return kind(live, world, name, random.Random(rng.random()), operates)

    return [
        *(one(kind, name) for kind in (PageReader, RestReader) for name in READERS),
        *(one(kind, "operator", operates=True) for kind in (PageReader, RestReader)),
        one(StaleReader, "operator"),
        *(one(RestTrader, name) for name in ("bob", "student9", ALICE_BOUND)),
    ]


async def live_together(participants: Sequence[Participant]) -> None:
    """Runs until all commands are answered and the last messages have arrived."""
    await asyncio.gather(*(one.live() for one in participants))
    await asyncio.sleep(QUIET_SECONDS)


async def participants_of(live: LiveExchange, day: Day, stack: AsyncExitStack, rng: random.Random) -> list[Participant]:
    """Signs the participants in, turns on the operator's sudo and creates a first market."""
    participants: list[Participant] = []
    for name in (*TRADERS, "operator"):
        recording = Recording(f"{name} who trades", int(live.people[name]["id"]))
        day.recordings.append(recording)
        socket = await stack.enter_async_context(listener(live.ws_url, recording))
        await signed_in(socket, live.token(name), subscriptions=EVERYTHING)
        kind = Operator if name == "operator" else Trader
        participants.append(kind(socket, day.world, random.Random(rng.random())))
        day.world.users[name] = participants[-1].own
    operator = participants[-1]
    await operator.listener.ask(set_sudo=pb.SetSudo(on=True))
    await operator.ask(operator.market())
    while not day.world.markets:
        await operator.listen()
    return participants


async def a_day(live: LiveExchange, commands: int, rng: random.Random) -> Day:
    world = World(commands)
    day = Day(world)
    async with AsyncExitStack() as stack:
        participants = await participants_of(live, day, stack, rng)
        day.bound[BOUND] = world.users["alice"]
        token = await token_for(live, "alice", TRADE, account=world.users["alice"])
        live.people[ALICE_BOUND] = {"id": BOUND, "token": token}
        watchers = watchers_of(live, world, rng)
        outsider = Outsider(live, world, random.Random(rng.random()))
        readers = readers_of(live, world, rng)
        for reader in readers:
            await asyncio.to_thread(reader.sign_in)
        looking = [asyncio.create_task(one.watch()) for one in watchers]
        looking.append(asyncio.create_task(outsider.watch()))
        looking += [asyncio.create_task(one.read()) for one in readers]
        living = asyncio.create_task(live_together(participants))
        await asyncio.wait(
            {living, *looking}, return_when=asyncio.FIRST_COMPLETED
        )  # watchers and readers never end by themselves
        for task in looking:
            task.cancel()
        ended = await asyncio.gather(*looking, return_exceptions=True)
        assert [one for one in ended if not isinstance(one, asyncio.CancelledError)] == []
        await living
        await asyncio.gather(*(asyncio.to_thread(one.last_round) for one in readers if not one.operates))
    assert any(recording.frames for recording in outsider.recordings)  # at least the refusal NOT_AUTHENTICATED
    listening = [*(watcher.recordings for watcher in watchers), outsider.recordings]
    day.recordings += [recording for recordings in listening for recording in recordings]
    day.texts += [text for reader in readers for text in reader.texts]
    day.texts += [refusal for recording in day.recordings for refusal in refusals(recording)]
    return day


def refusals(recording: Recording) -> list[Text]:
    """Refusal messages, to be searched like other text. Not NAME_TAKEN, which repeats the requested name."""
    return [
        Text(recording.name, recording.user, one.sudo, "refusal", one.at, one.until, refusal.code, refusal.message)
        for one in received(recording)
        if one.kind == "refused" and (refusal := one.message.refused).code != pb.NAME_TAKEN
    ]


def judged(truth: Truth, recordings: list[Recording]) -> tuple[Complaints, int]:
    complaints, count = Complaints(), 0
    for recording in recordings:
        judge = Judge(truth, recording, complaints)
        judge.judge()
        count += judge.judged
    return complaints, count


def would_notice(truth: Truth, day: Day) -> int:
    """Counts the kinds of leaks if a stranger had received the sudo operator's messages without sudo."""
    richest = max((one for one in day.recordings if one.name == "operator in sudo"), key=lambda one: len(one.frames))
    messages = [m for m in richest.messages if not m.HasField("sudo_set")]
    stranger = next(one.user for one in day.recordings if one.name == "stranger")
    frames = [pb.ServerFrame(messages=messages).SerializeToString()]
    complaints, _ = judged(truth, [Recording("nobody", stranger, frames)])
    return len(complaints.counts)


def report(day: Day, truth: Truth, messages: int) -> None:
    world = day.world
    print(
        f"{world.accepted} commands accepted, {sum(world.refused.values())} refused {world.refused}; "
        f"{len(truth.markets)} markets, "
        f"{sum(len(m.listed.changes) for m in truth.markets.values())} changes of lists, "
        f"{sum(len(m.hides.changes) for m in truth.markets.values())} of masks, "
        f"{sum(len(course.changes) for course in truth.reaches.values())} of reaches; "
        f"{len(truth.transfers)} transfers, {world.auctions.sold} auctions sold; "
        f"{len(day.recordings)} connections received {messages} messages; "
        f"{len(day.texts)} texts {Counter((t.name or 'nobody') for t in day.texts if t.where != 'refusal')}"
    )
    opened = Counter(re.sub(r"\d+|\?.*", "", t.where) for t in day.texts if t.status == 200 and t.user and not t.sudo)
    print(f"opened without sudo: {dict(opened)}")


async def look_for_leaks(live: LiveExchange, commands: int) -> Complaints:
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"SEED={seed}")
    day = await a_day(live, int(os.environ.get("LEAK_COMMANDS", commands)), random.Random(seed))
    truth = Truth(Tables(live.env), day.world.committed, day.bound)
    complaints, messages = judged(truth, day.recordings)
    texts = TextJudge(truth, complaints)
    for text in day.texts:
        texts.judge(text)
    report(day, truth, messages)
    assert would_notice(truth, day) >= 8
    return complaints


async def test_nobody_receives_what_they_may_not_see(start_exchange: Start) -> None:
    live = start_exchange(**SETTINGS)
    complaints = await look_for_leaks(live, COMMANDS)
    assert not complaints.counts, f"\n{complaints}"
    live.verify()


@pytest.mark.soak
async def test_nobody_receives_what_they_may_not_see_in_a_long_run(start_exchange: Start) -> None:
    live = start_exchange(**SETTINGS)
    complaints = await look_for_leaks(live, SOAK_COMMANDS)
    assert not complaints.counts, f"\n{complaints}"
    live.verify()


@pytest.mark.parametrize(
    ("leak", "kind"),
    [
        ("tables", "a market that is not there for them, in text"),
        pytest.param("transfers", "somebody else's transfer, in text", marks=pytest.mark.soak),
        pytest.param("acting", "somebody else's portfolio, in text", marks=pytest.mark.soak),
        pytest.param("preview", "who gets what, which is not theirs to see, in text", marks=pytest.mark.soak),
        pytest.param("fills", "the other side of a fill, in a market that hides it", marks=pytest.mark.soak),
        pytest.param("public", "a restricted market on public", marks=pytest.mark.soak),
        pytest.param("floor", ", in a market that hides it", marks=pytest.mark.soak),
        pytest.param("shares", "the stream of somebody else's account", marks=pytest.mark.soak),
        pytest.param("lists", "the book of a market that is not theirs to see", marks=pytest.mark.soak),
    ],
)
async def test_that_a_planted_leak_is_found(start_exchange: Start, leak: str, kind: str) -> None:
    live = start_exchange(**SETTINGS, DJANGO_SETTINGS_MODULE="tests.live.settings.leaky", PLANTED_LEAK=leak)
    complaints = await look_for_leaks(live, RARE.get(leak, PLANTED_COMMANDS))
    print(f"{leak}: {dict(complaints.counts)}")
    assert any(kind in one for one in complaints.counts)
