"""The same commands lead to the same events and state: in this process, in another one, and read from JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from markets.engine import commands
from markets.engine.commands import Command
from markets.engine.engine import Engine
from tests.engine.driver import Driver
from tests.kinds import find_rare, list_kinds
from tests.patience import STEP_SECONDS_MAX

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = 4_000


def apply_all(history: list[tuple[Command, int]], engine: Engine) -> list[list[object]]:
    """Applies the commands. Returns every event as the journal writes it."""
    return [[type(event).__name__, *event] for command, at_us in history for event in engine.apply(command, at_us)]


def to_json(history: list[tuple[Command, int]]) -> str:
    return json.dumps([[type(command).__name__, at_us, list(command)] for command, at_us in history])


def from_json(text: str) -> list[tuple[Command, int]]:
    return [(getattr(commands, kind)(*fields), at_us) for kind, at_us, fields in json.loads(text)]


@pytest.fixture(scope="module")
def history() -> list[tuple[Command, int]]:
    """The accepted commands of a seeded driver."""
    driver = Driver(seed=229, keep=True)
    driver.run(COMMANDS)
    assert len(driver.accepted) > COMMANDS // 3
    assert find_rare(list_kinds(driver.accepted)) == []
    return driver.accepted


def test_twice_in_one_process(history: list[tuple[Command, int]]) -> None:
    one, other = Engine(), Engine()
    assert apply_all(history, one) == apply_all(history, other)
    assert one.digest() == other.digest()


def test_commands_that_were_read_from_json(history: list[tuple[Command, int]]) -> None:
    """A command may hold the enum BID or the number 1, which the journal stores. It must make no difference."""
    one, other = Engine(), Engine()
    assert json.dumps(apply_all(history, one)) == json.dumps(apply_all(from_json(to_json(history)), other))
    assert one.digest() == other.digest()


REPLAY = """
import hashlib, json, sys
from markets.engine.engine import Engine
from tests.engine.test_determinism import apply_all, from_json
engine = Engine()
events = json.dumps(apply_all(from_json(sys.stdin.read()), engine))
print(hashlib.sha256(events.encode()).hexdigest(), engine.digest())
"""


def test_in_fresh_processes_with_other_hash_seeds(history: list[tuple[Command, int]]) -> None:
    answers = {
        subprocess.run(
            [sys.executable, "-c", REPLAY],
            input=to_json(history),
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
            timeout=STEP_SECONDS_MAX,
        ).stdout
        for seed in ("1", "2", "31337")
    }
    assert len(answers) == 1
    engine = Engine()
    apply_all(from_json(to_json(history)), engine)
    assert answers.pop().split()[1] == engine.digest()


def test_the_digest_notices_the_smallest_difference(history: list[tuple[Command, int]]) -> None:
    digests = set()
    for left_out in range(4):
        engine = Engine()
        apply_all(history[: len(history) - left_out], engine)
        digests.add(engine.digest())
    assert len(digests) == 4


def test_the_digest_notices_every_figure(history: list[tuple[Command, int]]) -> None:
    """Each figure is raised by one, by hand."""
    engine = Engine()
    apply_all(history, engine)
    account = max(engine.accounts.values(), key=lambda one: len(one.exposures))
    order = next(iter(engine.orders.values()))
    exposure = next(iter(account.exposures.values()))
    auction = next(iter(engine.auctions.values()))
    digests = {engine.digest()}
    changes = [
        (account, ("cash", "worst_case", "notional")),
        (order, ("open", "filled", "cancelled", "price", "seq")),
        (exposure, ("position", "bid_size", "bid_value", "offer_size", "offer_value", "cost", "realised")),
        (engine, ("seq", "at_us", "next_account", "next_market", "next_order", "next_trade", "next_transfer")),
        (engine, ("next_auction",)),
        (auction, ("seller", "status", "creator", "created_us", "seq")),
    ]
    for thing, names in changes:
        for name in names:
            setattr(thing, name, getattr(thing, name) + 1)
            digests.add(engine.digest())
    assert len(digests) == 1 + sum(len(names) for _, names in changes)


def test_the_digest_notices_what_decides_the_order_of_events(history: list[tuple[Command, int]]) -> None:
    """Payouts follow the order of a market's holders, and Out that of an account's exposures."""
    engine = Engine()
    apply_all(history, engine)
    market = max(engine.markets.values(), key=lambda one: len(one.holders))
    account = max(engine.accounts.values(), key=lambda one: len(one.exposures))
    digests = {engine.digest()}
    market.holders = dict(reversed(market.holders.items()))
    digests.add(engine.digest())
    account.exposures = dict(reversed(account.exposures.items()))
    digests.add(engine.digest())
    assert len(digests) == 3
