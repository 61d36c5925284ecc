"""A market's past state at every seq, with and without checkpoints in between."""

import pytest
from django.db import connection

from markets.engine.commands import MarketStatus, Side
from markets.engine.engine import Engine
from markets.journal import journal
from markets.journal.checkpoints import (
    MarketState,
    decode_checkpoint,
    encode_checkpoint,
    entries_since_checkpoint,
    market_state,
)
from markets.models import MarketCheckpoint
from tests.markets.keeping import commit_history, open_journal, random_history, run_verify
from tests.scenario import Scenario, price


def as_it_was(engine: Engine, market: int) -> MarketState:
    return decode_checkpoint(market, engine.seq, encode_checkpoint(engine, engine.markets[market]))


@pytest.mark.parametrize("every", [5, 40, 10_000])
def test_every_moment_of_a_random_day(every: int, sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "CHECKPOINT_EVERY", every)
    history = random_history(seed=55, length=300)
    commit_history(history, batch=3)
    assert (MarketCheckpoint.objects.count() > 0) == (every < 300)
    engine = Engine()
    for command, at_us in history:
        engine.apply(command, at_us)
        for market in engine.markets:
            assert market_state(connection, market, engine.seq) == as_it_was(engine, market)
    run_verify()


def test_on_both_databases(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "CHECKPOINT_EVERY", 30)
    engine = commit_history(random_history(seed=52, length=200), batch=20)
    for market in engine.markets:
        assert market_state(connection, market, engine.seq) == as_it_was(engine, market)
    run_verify()


def test_a_market_that_is_not_there_yet(sqlite: str) -> None:
    day = Scenario(compare=False)
    day.people("alice")
    day.market("GOLD", 0, 100)
    commit_history(day.history)
    made = day.engine.seq
    assert market_state(connection, 1, made).name == "GOLD"
    with pytest.raises(LookupError, match=f"stood at {made - 1}"):
        market_state(connection, 1, made - 1)
    with pytest.raises(LookupError):
        market_state(connection, 2, made)


def test_what_it_shows(sqlite: str) -> None:
    day = Scenario(compare=False)
    day.people("alice", "bob", "carol", cash=1_000)
    day.market("GOLD", 0, 100)
    day.sell("bob", "GOLD", 50, size=3)
    day.sell("carol", "GOLD", 49, size=2)
    day.sell("alice", "GOLD", 49, size=4)
    day.buy("bob", "GOLD", 40, size=1)
    before = day.engine.seq
    day.buy("bob", "GOLD", 49, size=3)
    day.status("GOLD", MarketStatus.PAUSED)
    traded = day.engine.seq
    day.settle("GOLD", 60)
    commit_history(day.history)
    alice, bob, carol = (day.ids[name] for name in ("alice", "bob", "carol"))

    first = market_state(connection, 1, before)
    assert [(o.account, o.price, o.open) for o in first.side(Side.OFFER)] == [
        (carol, price(49), price(2)),
        (alice, price(49), price(4)),
        (bob, price(50), price(3)),
    ]
    assert [(o.account, o.price) for o in first.side(Side.BID)] == [(bob, price(40))]
    assert (first.positions, first.last_price) == ({}, None)

    then = market_state(connection, 1, traded)
    assert [(o.account, o.open) for o in then.side(Side.OFFER)] == [(alice, price(3)), (bob, price(3))]
    assert then.positions == {bob: price(3), carol: price(-2), alice: price(-1)}
    assert (then.status, then.last_price, then.settle_price) == (MarketStatus.PAUSED, price(49), None)

    last = market_state(connection, 1, day.engine.seq)
    assert (last.orders, last.positions) == ({}, {})
    assert (last.status, last.settle_price) == (MarketStatus.SETTLED, price(60))


def test_entries_since_the_last_checkpoint_are_counted_across_restarts(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise an exchange that restarts often would never write a checkpoint."""
    monkeypatch.setattr(journal, "CHECKPOINT_EVERY", 25)
    day = Scenario(compare=False)
    day.people("alice", cash=1_000)
    day.market("GOLD", 0, 100)
    for _ in range(60):
        day.buy("alice", "GOLD", 1, size="0.01")
    for start in range(0, len(day.history), 10):
        commit_history(day.history[start : start + 10], batch=10)
    market_made = 3
    assert list(MarketCheckpoint.objects.order_by("seq").values_list("market_id", "seq")) == [
        (1, seq) for seq in (market_made + 27, market_made + 57)
    ]
    assert entries_since_checkpoint(connection) == {1: len(day.history) - (market_made + 57)}


async def test_the_journal_reads_it_beside_its_commits(sqlite: str) -> None:
    day = Scenario(compare=False)
    day.people("alice", cash=1_000)
    day.market("GOLD", 0, 100)
    commit_history(day.history)
    with open_journal() as (opened_journal, engine):
        assert await opened_journal.market_state(1, engine.seq) == as_it_was(engine, 1)
