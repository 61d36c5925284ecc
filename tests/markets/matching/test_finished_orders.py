"""Who cancels an own order that is filled or cancelled is told which. To everybody else it never was."""

import itertools
import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from django.conf import settings

from markets.engine import ledger
from markets.matching.matcher import Matcher, utc_us
from markets.matching.quarantine import Quarantine
from proto import exchange_pb2 as pb
from realtime.messages import command_message
from tests.markets.keeping import commit_history, open_journal
from tests.markets.requests import request
from tests.scenario import OPERATOR, Scenario

pytestmark = pytest.mark.usefixtures("database")

NEVER_WAS = (pb.ORDER_NOT_FOUND, "You have no such open order.")


class Desk:
    """Asks a matcher whose loop does not run. Its engine is loaded from the tables, as after a start."""

    def __init__(self, day: Scenario, matcher: Matcher, layer: InMemoryChannelLayer) -> None:
        self.matcher = matcher
        self._users = day.users
        self.accounts = day.ids
        self._layer = layer
        self._numbers = itertools.count()

    async def ask(self, who: str, *messages: pb.ClientMessage, acting: str = "", sudo: bool = False) -> list[Any]:
        """The answers to one frame: (code, sentence) of a refusal, else the message."""
        frame = request(
            *messages,
            origin="a",
            number=next(self._numbers),
            reply="asker",
            user=self._users[who],
            received_us=utc_us(),
            sudo=sudo,
        )
        frame["account"] = self.accounts[acting] if acting else 0
        await self.matcher.step([command_message(frame)])
        ((_, _, frames, _),) = (await self._layer.receive("asker"))["items"]
        answers = pb.ServerFrame.FromString(b"".join(frames)).messages
        return [(a.refused.code, a.refused.message) if a.HasField("refused") else a for a in answers]

    async def cancel(self, who: str, order: int | str, **how: Any) -> Any:
        return (await self.ask(who, cancel(order), **how))[0]


def cancel(order: int | str) -> pb.ClientMessage:
    """`order`: its id or its client_order_id."""
    named = pb.CancelOrder(client_order_id=order) if isinstance(order, str) else pb.CancelOrder(order_id=order)
    return pb.ClientMessage(cancel_order=named)


def bid(price: int, key: str = "", market: int = 1, immediate: bool = False) -> pb.ClientMessage:
    order = pb.CreateOrder(market_id=market, side=pb.BID, price=price, size=100, client_order_id=key)
    order.time_in_force = pb.IOC if immediate else pb.GTC
    return pb.ClientMessage(create_order=order)


FILLED, PARTLY, CANCELLED, OPEN = 1, 3, 5, 6  # orders of Alice


@pytest.fixture
def day() -> Scenario:
    day = Scenario(compare=False)
    day.people("alice", "bob", cash=1_000)
    day.market("GOLD", 0, 100)
    day.buy("alice", "GOLD", "48.5", 3, key="filled")
    day.sell("bob", "GOLD", 48, 3, key="his")
    day.buy("alice", "GOLD", 40, 5, key="partly")
    day.sell("bob", "GOLD", 40, 2)
    day.buy("alice", "GOLD", 30, "0.5", key="cancelled")
    day.cancel("alice", PARTLY)
    day.cancel("alice", CANCELLED, key="a cancel")
    day.buy("alice", "GOLD", 20, key="open")
    day.alt("alice", "Desk")
    return day


@pytest.fixture
def desk(day: Scenario, tmp_path: Path) -> Iterator[Desk]:
    commit_history(day.history, batch=500)
    layer = InMemoryChannelLayer()
    with open_journal() as (journal, engine):
        yield Desk(day, Matcher(engine, journal, layer, settings.RATES, Quarantine(tmp_path)), layer)


ANSWERS = {
    (FILLED, "filled"): (pb.ORDER_FILLED, "Your order 1 is filled: all 3, at 48.5 or better."),
    (PARTLY, "partly"): (
        pb.ORDER_CANCELLED,
        "Your order 3 is cancelled already: of 5, 2 were filled and 3 cancelled.",
    ),
    (CANCELLED, "cancelled"): (
        pb.ORDER_CANCELLED,
        "Your order 5 is cancelled already: of 0.5, 0 were filled and 0.5 cancelled.",
    ),
}


@pytest.mark.parametrize(("names", "answer"), ANSWERS.items())
async def test_the_account_is_told_by_id_and_by_client_order_id(
    desk: Desk, names: tuple[int, str], answer: tuple[int, str]
) -> None:
    for name in names:
        assert await desk.cancel("alice", name) == answer
        assert await desk.cancel(OPERATOR, name, acting="alice", sudo=True) == answer
    assert desk.matcher.refused == 4


async def test_to_everybody_else_it_never_was(desk: Desk) -> None:
    finished: list[int | str] = [name for names in ANSWERS for name in names]
    for name in (*finished, OPEN, "open", 987, 2**63 - 1, -1, "nothing", "a cancel"):
        assert await desk.cancel("bob", name) == NEVER_WAS
        assert await desk.cancel(OPERATOR, name, sudo=True) == NEVER_WAS, "not the account acted as"
        assert await desk.cancel("alice", name, acting="Desk") == NEVER_WAS, "her own account's, not the desk's"
    for name in (987, 2**63 - 1, -1, "nothing", "a cancel", "his", 2):
        assert await desk.cancel("alice", name) == NEVER_WAS
    assert await desk.cancel("bob", 2) == (pb.ORDER_FILLED, "Your order 2 is filled: all 3, at 48 or better.")


async def test_an_open_order_is_cancelled(desk: Desk) -> None:
    assert (await desk.cancel("alice", "open")).orders_cancelled.orders[0].order_id == OPEN
    assert (await desk.cancel("alice", OPEN))[0] == pb.ORDER_CANCELLED


async def test_what_finished_in_the_same_batch_is_known(desk: Desk) -> None:
    """A cancel that comes before its order is refused for an order that is not there, whatever happens to it later."""
    twice = [bid(100, "new"), cancel("new"), cancel("new"), cancel(7)]
    never = [cancel("immediate"), bid(100, "immediate", immediate=True)]
    answers = await desk.ask("alice", cancel("new"), cancel(7), *twice, *never)
    assert [a if isinstance(a, tuple) else a.WhichOneof("message") for a in answers] == [
        NEVER_WAS,
        NEVER_WAS,
        "order_created",
        "orders_cancelled",
        (pb.ORDER_CANCELLED, "Your order 7 is cancelled already: of 1, 0 were filled and 1 cancelled."),
        (pb.ORDER_CANCELLED, "Your order 7 is cancelled already: of 1, 0 were filled and 1 cancelled."),
        NEVER_WAS,
        "order_created",
    ]


async def test_one_reading_serves_a_batch_and_none_what_never_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[tuple[Collection[int], Collection[int]]] = []
    read = desk.matcher.journal.finished_orders

    async def counted(ids: Collection[int], seqs: Collection[int]) -> Any:
        readings.append((ids, seqs))
        return await read(ids, seqs)

    monkeypatch.setattr(desk.matcher.journal, "finished_orders", counted)
    assert await desk.ask("alice", *[cancel(n) for n in range(100, 300)], cancel("nothing")) == [NEVER_WAS] * 201
    assert readings == []
    codes = [code for code, _ in await desk.ask("alice", *[cancel(FILLED), cancel("partly"), cancel(2)] * 80)]
    assert codes == [pb.ORDER_FILLED, pb.ORDER_CANCELLED, pb.ORDER_NOT_FOUND] * 80
    assert [len(ids) + len(seqs) for ids, seqs in readings] == [3]


async def test_an_order_in_a_market_that_is_hidden_now_never_was(desk: Desk) -> None:
    """Bob has traded in GOLD and keeps what he knows of it (rules, section 4). In TIN he has only had an order."""
    (made,) = await desk.ask("bob", bid(100))
    listed = pb.AccountIds(ids=[desk.accounts["alice"]])
    (second,) = await desk.ask(
        OPERATOR,
        pb.ClientMessage(create_market=pb.CreateMarket(name="TIN", min_settlement=0, max_settlement=10_000)),
        sudo=True,
    )
    market = second.market_created.market.id
    (tin,) = await desk.ask("bob", bid(100, "tin", market))
    for hidden in (1, market):
        edit = pb.EditMarket(market_id=hidden, visible_to=listed)
        await desk.ask(OPERATOR, pb.ClientMessage(edit_market=edit), sudo=True)
    assert (await desk.cancel("bob", made.order_created.order.id))[0] == pb.ORDER_CANCELLED
    assert await desk.cancel("bob", tin.order_created.order.id) == NEVER_WAS
    assert await desk.cancel("bob", "tin") == NEVER_WAS
    assert (await desk.cancel(OPERATOR, "tin", acting="bob", sudo=True))[0] == pb.ORDER_CANCELLED


async def test_a_key_that_is_forgotten_names_no_order(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await desk.cancel("alice", "filled"))[0] == pb.ORDER_FILLED
    monkeypatch.setattr(ledger, "KEYS_KEPT", 4)
    for _ in range(2):
        await desk.ask("alice", bid(100, "later"))
    assert await desk.cancel("alice", "filled") == NEVER_WAS
    assert (await desk.cancel("alice", FILLED))[0] == pb.ORDER_FILLED


async def test_without_the_tables_the_refusal_stays_as_it_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> object:
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr("markets.journal.journal.read_finished_orders", fails)
        assert await desk.cancel("alice", FILLED) == NEVER_WAS
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]
    assert (await desk.cancel("alice", FILLED))[0] == pb.ORDER_FILLED


async def test_the_journal_finds_finished_orders_only(desk: Desk) -> None:
    created = {desk.matcher.engine.orders[OPEN].seq, 10**6}
    found = await desk.matcher.journal.finished_orders({FILLED, OPEN, 10**6}, created)
    assert [order.id for order in found] == [FILLED]
