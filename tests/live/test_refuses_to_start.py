"""Errors that a restart cannot repair end with status 78 and a helpful sentence. The supervisor does not retry."""

import os
import subprocess

import pytest

from tests.live.exchange import LiveExchange, manage


def ended(live: LiveExchange, *arguments: str, **more: str) -> str:
    """Starts an exchange that must end with EX_CONFIG; returns its output."""
    env = {**live.env, **more}
    process = manage("runexchange", *arguments, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate(timeout=30)
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


def test_the_stock_server_refuses_to_start(live: LiveExchange) -> None:
    process = manage("runserver", env=live.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "runexchange" in output
