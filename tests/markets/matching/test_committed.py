"""What was committed is never denied, and what was not is set aside: a failing layer, a bug, a crash file."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from channels.exceptions import ChannelFull
from django.conf import settings
from redis.exceptions import ConnectionError as RedisConnectionError

from markets.engine.commands import CreateAccount
from markets.engine.engine import HANDLERS
from markets.matching.matcher import Matcher, utc_us
from markets.matching.quarantine import Quarantine
from markets.wire import codec
from proto import exchange_pb2 as pb
from realtime.groups import HUBS
from realtime.layers import LocalLayer
from realtime.messages import CommandMessage, command_message
from tests.markets.keeping import commit_history, load_engine, open_journal
from tests.markets.requests import request
from tests.patience import STEP_SECONDS_MAX
from tests.scenario import Scenario

pytestmark = pytest.mark.usefixtures("sqlite")

WAIT_SECONDS = STEP_SECONDS_MAX
FAILURES = [RedisConnectionError("gone"), ConnectionResetError("reset"), TimeoutError("late"), ChannelFull("full")]


TORN = (
    "",
    '[{"user": 1, "acc',
    "[1]",
    '[{"user": 1, "data": "%%"}]',
    '[{"user": 1, "data": "/w=="}]',
    "\xff",
)


class FailingLayer(LocalLayer):
    """Raises `failure` at every send while it is set."""

    def __init__(self) -> None:
        super().__init__(capacity=1_000)
        self.failure: Exception | None = None
        self.failed = asyncio.Event()

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        self._fail()
        await super().send(channel, message)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self._fail()
        await super().group_send(group, message)

    def _fail(self) -> None:
        if self.failure is not None:
            self.failed.set()
            raise self.failure


class Asker:
    """Alice, who asks the matcher for accounts through a layer."""

    def __init__(self, matcher: Matcher, layer: FailingLayer, user: int) -> None:
        self.matcher = matcher
        self.layer = layer
        self._user = user
        self._number = 0

    def message(self, *keys: str) -> CommandMessage:
        self._number += 1
        asked = [pb.ClientMessage(create_account=pb.CreateAccount(name=f"Desk {key}", key=key)) for key in keys]
        return command_message(
            request(*asked, origin="a", number=self._number, reply="asker", user=self._user, received_us=utc_us())
        )

    async def answer(self) -> list[pb.ServerMessage]:
        async with asyncio.timeout(WAIT_SECONDS):
            replies = await self.layer.receive("asker")
        ((_, _, frames, _),) = replies["items"]
        return list(pb.ServerFrame.FromString(b"".join(frames)).messages)

    async def ask(self, *keys: str) -> list[pb.ServerMessage]:
        await self.matcher.step([self.message(*keys)])
        return await self.answer()


@pytest.fixture
def people() -> Scenario:
    scenario = Scenario(compare=False)
    scenario.people("alice", cash=1_000)
    commit_history(scenario.history, batch=500)
    return scenario


@pytest.fixture
def crash(tmp_path: Path) -> Path:
    return tmp_path / "crash"


def files_in(crash: Path) -> list[Path]:
    return sorted(crash.glob("*"))


@asynccontextmanager
async def at_work(people: Scenario, crash: Path) -> AsyncIterator[Asker]:
    """A matcher as a process has it after its start. Its loop does not run: tests call step()."""
    layer = FailingLayer()
    with open_journal() as (journal, engine):
        matcher = Matcher(engine, journal, layer, settings.RATES, Quarantine(crash))
        yield Asker(matcher, layer, people.users["alice"])


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_an_answer_that_the_layer_loses_is_there_for_who_asks_again(
    people: Scenario, crash: Path, failure: Exception
) -> None:
    async with at_work(people, crash) as alice:
        alice.layer.failure = failure
        await alice.matcher.step([alice.message("once")])
        head = load_engine().seq
        assert head == alice.matcher.engine.seq
        alice.layer.failure = None
        (again,) = await alice.ask("once")
        assert (again.replayed, again.seq, again.account_created.account.name) == (True, head, "Desk once")
        (other,) = await alice.ask("other")
        assert (other.replayed, other.seq) == (False, head + 1)
    assert files_in(crash) == []


async def test_an_outage_is_logged_once(people: Scenario, crash: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with at_work(people, crash) as alice:
        alice.layer.failure = RedisConnectionError("gone")
        for key in "abc":
            await alice.matcher.step([alice.message(key)])
        alice.layer.failure = None
        await alice.ask("d")
    logged = [(record.levelno, record.message) for record in caplog.records if record.name == "realtime.layers"]
    assert [level for level, _ in logged] == [logging.ERROR, logging.WARNING], logged


async def test_beats_outlive_a_failing_layer(people: Scenario, crash: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("markets.matching.publisher.BEAT_SECONDS", 0.01)
    async with at_work(people, crash) as alice:
        await alice.layer.group_add(HUBS, "hub")
        alice.layer.failure = RedisConnectionError("gone")
        running = asyncio.create_task(alice.matcher.run())
        async with asyncio.timeout(WAIT_SECONDS):
            await alice.matcher.offer(alice.message("meanwhile"))
            await alice.layer.failed.wait()
            while alice.matcher.streams.recent() == {}:  # noqa: ASYNC110 - the batch, of which no beat has told
                await asyncio.sleep(0.01)
            alice.layer.failure = None
            while (beat := await alice.layer.receive("hub"))["type"] != "beat":
                pass
        assert beat["head"] == alice.matcher.engine.seq
        assert "public" in beat["streams"]  # so a hub sees what it has missed
        running.cancel()
        await asyncio.wait([running])


async def test_a_beat_that_fails_by_a_bug_ends_the_matcher(people: Scenario, crash: Path) -> None:
    async with at_work(people, crash) as alice:
        alice.layer.failure = RuntimeError("a bug")
        with pytest.raises(ExceptionGroup) as ended:
            async with asyncio.timeout(WAIT_SECONDS):
                await alice.matcher.run()
        assert ended.group_contains(RuntimeError, match="a bug")
    assert files_in(crash) == []


async def test_an_answer_that_cannot_be_written_is_lost_and_nothing_else(
    people: Scenario, crash: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a command that is sent again with its key would end the process again and again."""
    written = codec.write_reply

    def broken(message: Any, engine: Any, events: Any, asker: Any) -> None:
        if events[0].name == "Desk bad":
            raise ZeroDivisionError
        written(message, engine, events, asker)

    monkeypatch.setattr(codec, "write_reply", broken)
    async with at_work(people, crash) as alice:
        await alice.matcher.step([alice.message("bad"), alice.message("good")])
        (good,) = await alice.answer()
        assert good.account_created.account.name == "Desk good"
        await alice.matcher.step([alice.message("bad")])
        monkeypatch.setattr(codec, "write_reply", written)
        assert [message.replayed for message in await alice.ask("bad")] == [True]
    assert files_in(crash) == []


async def test_streams_that_cannot_be_encoded_set_no_committed_command_aside(
    people: Scenario, crash: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are encoded while the commit runs, and it has to end before the process does."""
    async with at_work(people, crash) as alice:
        monkeypatch.setattr(alice.matcher.streams, "encode", lambda publication: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            await alice.matcher.step([alice.message("once")])
    assert files_in(crash) == []
    async with at_work(people, crash) as alice:
        assert [message.replayed for message in await alice.ask("once")] == [True]


@pytest.fixture
def bug() -> Iterator[None]:
    """The rule of creating an account breaks for the name "Desk boom", after the state has changed."""
    create = HANDLERS[CreateAccount]

    def broken(state: Any, account: Any, command: Any, at_us: int) -> Any:
        events = create(state, account, command, at_us)
        return events if command.name != "Desk boom" else 1 // 0

    HANDLERS[CreateAccount] = broken
    yield
    HANDLERS[CreateAccount] = create


async def break_it(people: Scenario, crash: Path) -> None:
    async with at_work(people, crash) as alice:
        with pytest.raises(ZeroDivisionError):
            await alice.matcher.step([alice.message("first"), alice.message("boom")])


@pytest.mark.usefixtures("bug")
async def test_what_broke_the_matcher_is_set_aside_with_its_batch(people: Scenario, crash: Path) -> None:
    await break_it(people, crash)
    (file,) = files_in(crash)
    assert len(json.loads(file.read_text())) == 2
    async with at_work(people, crash) as alice:
        assert [message.refused.code for message in await alice.ask("boom")] == [pb.QUARANTINED]
        assert [message.refused.code for message in await alice.ask("first")] == [pb.QUARANTINED]
        assert [message.HasField("account_created") for message in await alice.ask("other")] == [True]


@pytest.mark.usefixtures("bug")
async def test_a_key_that_the_engine_knows_is_a_repeat_even_in_quarantine(people: Scenario, crash: Path) -> None:
    """Such files were written by versions that set committed commands aside."""
    await break_it(people, crash)
    (file,) = files_in(crash)
    hidden = file.rename(crash / "hidden")
    async with at_work(people, crash) as alice:
        (first,) = await alice.ask("first")
        assert first.HasField("account_created")
    hidden.rename(file)
    async with at_work(people, crash) as alice:
        (again,) = await alice.ask("first")
        assert (again.replayed, again.seq) == (True, first.seq)
        assert [message.refused.code for message in await alice.ask("boom")] == [pb.QUARANTINED]


@pytest.mark.usefixtures("bug")
@pytest.mark.parametrize("text", TORN)
async def test_a_crash_file_that_cannot_be_read_is_logged_and_keeps_nothing_from_starting(
    people: Scenario, crash: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    await break_it(people, crash)
    (crash / "0.json").write_bytes(text.encode("latin1"))
    (crash / "1.json").mkdir()
    async with at_work(people, crash) as alice:
        assert [message.refused.code for message in await alice.ask("boom")] == [pb.QUARANTINED]
        assert [message.HasField("account_created") for message in await alice.ask("other")] == [True]
    assert "1.json cannot be read" in caplog.text
    assert "0.json cannot be read" in caplog.text


@pytest.mark.usefixtures("bug")
async def test_a_crash_file_is_whole_or_not_there(
    people: Scenario, crash: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets its name after its content is on the disk. If the disk is full, the bug is raised all the same."""
    done: list[str] = []

    def full(descriptor: int) -> None:
        done.extend(path.suffix for path in crash.iterdir())
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    await break_it(people, crash)
    assert done == [".part"]
    assert [path.suffix for path in files_in(crash)] == [".part"]
    async with at_work(people, crash) as alice:
        assert [message.HasField("account_created") for message in await alice.ask("other")] == [True]
