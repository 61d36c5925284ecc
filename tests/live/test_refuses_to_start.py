"""Errors that a restart cannot repair end with status 78 and a helpful sentence. The supervisor does not retry."""

import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.live.exchange import LiveExchange, manage
from tests.patience import STEP_SECONDS_MAX


def ended(live: LiveExchange, *arguments: str, **more: str) -> str:
    """Starts an exchange that must end with EX_CONFIG; returns its output."""
    env = {**live.env, **more}
    process = manage("runexchange", *arguments, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate(timeout=STEP_SECONDS_MAX)
    assert process.returncode == os.EX_CONFIG, output
    return output


def test_a_second_matcher_refuses_to_start(live: LiveExchange) -> None:
    assert "there is one matcher per database" in ended(live, "--port", "0")
    live.verify()


@pytest.mark.redis
def test_an_exchange_on_a_taken_port_refuses_to_start(live: LiveExchange, redis_url: str) -> None:
    arguments = ("--role", "web", "--port", str(live.port))
    assert "Cannot listen" in ended(live, *arguments, REDIS_URL=redis_url)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org"])
def test_a_demo_that_others_could_reach_refuses_to_start(live: LiveExchange, host: str) -> None:
    assert "must be a loopback address" in ended(live, "--host", host, DEMO="1")


@pytest.mark.parametrize("role", ["web", "matcher"])
def test_several_processes_without_redis_refuse_to_start(live: LiveExchange, role: str) -> None:
    assert "REDIS_URL" in ended(live, "--role", role, REDIS_URL="")


@pytest.mark.parametrize("role", ["all", "web", "matcher"])
def test_a_standby_on_sqlite_refuses_to_start(live: LiveExchange, role: str) -> None:
    output = ended(live, "--role", role, "--standby", REDIS_URL="redis://127.0.0.1:1/0")
    assert "--standby needs --role matcher and PostgreSQL" in output


def test_the_stock_server_refuses_to_start(live: LiveExchange) -> None:
    process = manage("runserver", env=live.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate(timeout=STEP_SECONDS_MAX)
    assert process.returncode != 0
    assert "runexchange" in output


def test_an_exchange_with_a_flipped_bit_in_its_journal_refuses_to_start(
    start_exchange: Callable[..., LiveExchange],
) -> None:
    live = start_exchange()
    assert live.stop() == 0
    with closing(sqlite3.connect(live.folder / "exchange.sqlite3")) as database:
        (seq, command) = database.execute("SELECT max(seq), command FROM markets_journalentry").fetchone()
        (trigger,) = database.execute("SELECT sql FROM sqlite_schema WHERE name = 'journal_no_update'").fetchone()
        flipped = bytes([command[0] ^ 1]) + command[1:]
        database.execute("DROP TRIGGER journal_no_update")
        database.execute("UPDATE markets_journalentry SET command = ? WHERE seq = ?", (flipped, seq))
        database.execute(trigger)
        database.commit()
    output = ended(live, "--port", "0")
    assert f"The journal is damaged: entry {seq} does not continue the chain of hashes." in output
    assert "Run manage.py verify, and restore a backup" in output
    assert "Traceback" not in output
