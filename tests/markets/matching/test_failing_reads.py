"""A read that raises is logged and answered. It ends nothing: the next request is answered as ever."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from channels.layers import InMemoryChannelLayer
from django.conf import settings

from markets.matching.matcher import Matcher, utc_us
from markets.matching.quarantine import Quarantine
from markets.matching.streams import Streams
from proto import exchange_pb2 as pb
from realtime.messages import RequestMessage, command_message, history_message, resync_message, session_message
from tests.markets.keeping import commit_history, open_journal
from tests.markets.requests import request
from tests.scenario import Scenario

pytestmark = pytest.mark.usefixtures("sqlite")

NOTHING_FOLLOWED = {"streams": [], "left": [], "all_markets": False, "all_summaries": False}


class Alice:
    """Asks a matcher whose loop does not run."""

    def __init__(self, matcher: Matcher, layer: InMemoryChannelLayer, user: int) -> None:
        self.matcher = matcher
        self.layer = layer
        self._user = user
        self._number = 0

    def _request(self, message: pb.ClientMessage) -> RequestMessage:
        self._number += 1
        sent = request(message, origin="a", number=self._number, reply="asker", user=self._user, received_us=utc_us())
        match message.WhichOneof("message"):
            case "authenticate" | "subscribe":
                return session_message(sent, NOTHING_FOLLOWED)  # type: ignore[arg-type]
            case "get_full_trade_history":
                return history_message(sent)
        return command_message(sent)

    async def ask(self, message: pb.ClientMessage) -> pb.ServerMessage:
        await self.matcher.step([self._request(message)])
        replies = await self.layer.receive("asker")
        ((_, _, frames, _),) = replies["items"]
        return pb.ServerFrame.FromString(b"".join(frames)).messages[0]


@pytest.fixture
def alice(tmp_path: Path) -> Iterator[Alice]:
    scenario = Scenario(compare=False)
    scenario.people("alice", cash=1_000)
    scenario.market("Oil", 0, 100)
    commit_history(scenario.history, batch=500)
    layer = InMemoryChannelLayer()
    with open_journal() as (journal, engine):
        yield Alice(
            Matcher(engine, journal, layer, settings.RATES, Quarantine(tmp_path)), layer, scenario.users["alice"]
        )


def fails(*_: object) -> object:
    raise RuntimeError("a bug")


AUTHENTICATE = pb.ClientMessage(request_id="r", authenticate=pb.Authenticate())
SUBSCRIBE = pb.ClientMessage(request_id="r", subscribe=pb.Subscribe(subscriptions=[pb.Subscription(market_id=1)]))
HISTORY = pb.ClientMessage(request_id="r", get_full_trade_history=pb.GetFullTradeHistory(market_id=1))


@pytest.mark.parametrize(
    ("message", "place"),
    [
        (AUTHENTICATE, "markets.matching.sessions.Sessions._accounts"),
        (AUTHENTICATE, "markets.matching.streams.Streams.snapshot"),
        (SUBSCRIBE, "markets.wire.snapshots.market_pieces"),
        (SUBSCRIBE, "markets.wire.rates.Buckets.drain"),
        (HISTORY, "markets.matching.history_requests.HistoryRequests._visibility"),
    ],
)
async def test_it_is_answered_internal(
    alice: Alice,
    message: pb.ClientMessage,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(place, fails)
        reply = await alice.ask(message)
    assert (reply.request_id, reply.refused.code) == ("r", pb.INTERNAL)
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]
    order = pb.ClientMessage(create_account=pb.CreateAccount(name="Desk"))
    assert (await alice.ask(order)).account_created.account.name == "Desk"


async def test_a_resync_that_fails_is_left_to_be_asked_again(alice: Alice, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Streams, "snapshot", fails)
        await alice.matcher.step([resync_message("hub", {"public": 0})])
    await alice.matcher.step([resync_message("hub", {"public": 0})])
    assert (await alice.layer.receive("hub"))["stream"] == "public"


async def test_a_first_answer_that_cannot_be_read_is_not_denied(alice: Alice, monkeypatch: pytest.MonkeyPatch) -> None:
    create = pb.ClientMessage(create_account=pb.CreateAccount(name="Desk", key="k"))
    first = await alice.ask(create)
    with monkeypatch.context() as broken:
        broken.setattr("markets.journal.journal.read_outcomes", fails)
        assert (await alice.ask(create)).refused.code == pb.OUTCOME_UNKNOWN
    again = await alice.ask(create)
    assert (again.replayed, again.seq) == (True, first.seq)
