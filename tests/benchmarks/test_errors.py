"""A benchmark fails if an error was logged meanwhile, by any process."""

import logging
from collections.abc import Callable

import pytest

from benchmarks import logs, setting, wsload
from benchmarks.__main__ import PARTS, main
from benchmarks.report import Row
from benchmarks.setting import Setting
from benchmarks.traders import Trader, frame_of
from proto import exchange_pb2 as pb
from tests.live.exchange import STOP_SECONDS_MAX

ROW = Row("planted", "ms", [1.0])
LINE = "2026-01-31 12:00:00,123 {} realtime.hub: A message from the layer could not be handled.\n"


def nothing(setting: Setting) -> list[Row]:
    logging.getLogger("planted").warning("This is no error.")
    return [ROW]


def in_this_process(setting: Setting) -> list[Row]:
    logging.getLogger("planted").error("planted")
    return [ROW]


def in_a_server(setting: Setting) -> list[Row]:
    with wsload.server("tests.benchmarks.failing_server"):
        return [ROW]


def in_an_exchange(setting: Setting) -> list[Row]:
    """The planted bug ends the exchange when a market called Boom is created."""
    with setting.exchange("planted") as live:
        boom = pb.CreateMarket(name="Boom", max_settlement=100)
        Trader(live, "operator").client.send(frame_of([pb.ClientMessage(create_market=boom)]))
        assert live.process is not None
        live.process.wait(STOP_SECONDS_MAX)
        return [ROW]


def run(monkeypatch: pytest.MonkeyPatch, part: Callable[[Setting], list[Row]]) -> int:
    monkeypatch.setitem(PARTS, "planted", ("Planted", part))
    return main(["planted", "--quick"])


def test_without_an_error_it_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, nothing) == 0


@pytest.mark.parametrize("part", [in_this_process, in_a_server, in_an_exchange])
def test_with_an_error_it_fails(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], part: Callable[[Setting], list[Row]]
) -> None:
    monkeypatch.setitem(setting.LIMITS, "DJANGO_SETTINGS_MODULE", "tests.live.settings.planted_bug")
    assert run(monkeypatch, part) == 1
    assert "Errors logged: 1." in capfd.readouterr().err


@pytest.mark.parametrize(
    ("log", "errors"),
    [
        ("", 0),
        (LINE.format("WARNING"), 0),
        ("2026-01-31 12:00:00,123 INFO market: ERROR is a name, and Traceback is one.\n", 0),
        (LINE.format("INFO") + LINE.format("ERROR"), 1),
        (LINE.format("CRITICAL"), 1),
        (LINE.format("ERROR") + 'Traceback (most recent call last):\n  File "hub.py"\nKeyError: 1\n', 1),
        ("Unhandled Error\nTraceback (most recent call last):\n", 1),
    ],
)
def test_an_error_in_a_log(log: str, errors: int) -> None:
    with logs.ErrorCounter() as found:
        logs.report("A server", log)
    assert found.count == errors
