"""Part `past`: how long the exchange takes to start with a journal of a million entries, and to look up a market as it
once was."""

import json
import os
import subprocess
import sys
import time

from benchmarks import logs
from benchmarks.report import Goal, Row
from benchmarks.setting import Setting
from benchmarks.wsload import ROOT
from tests.live.exchange import LiveExchange

RESTING = 100_000


def started(setting: Setting) -> list[Row]:
    entries, resting = setting.size(setting.entries, 2_000), setting.size(RESTING, 1_000)
    looks, runs = setting.size(20, 3), min(setting.runs, 3)
    seconds, memory = [], []
    with setting.exchange("past") as live:
        live.stop()
        began = time.monotonic()
        built = json.loads(_run(live, "--entries", str(entries), "--resting", str(resting)))
        size = (live.folder / "exchange.sqlite3").stat().st_size / 2**20
        beside = f"{built['trades']:,} trades, {size:,.0f} MiB of database, written in {time.monotonic() - began:.0f} s"
        for _ in range(runs):
            began = time.monotonic()
            live.start()
            seconds.append(time.monotonic() - began)
            memory.append(live.rss_bytes() / 2**20)
            live.stop()
        past = [json.loads(_run(live, "--looks", str(looks), "--seed", str(run))) for run in range(runs)]
    what = f"{built['open']:,} open orders and {built['entries']:,} journal entries"
    once = "a market as it was at one of these entries"
    slowest = Goal(200, at_least=False)
    return [
        Row(f"start with {what}", "s", seconds, Goal(10, at_least=False), beside),
        Row("resident memory after that start", "MiB", memory),
        Row(f"{once}, the slowest of {looks} at random", "ms", [max(one) for one in past], slowest),
        Row(f"{once}, p50", "ms", [sorted(one)[looks // 2] for one in past]),
    ]


def _run(live: LiveExchange, *arguments: str) -> str:
    """Runs benchmarks/long_journal.py on the database of a stopped exchange. Returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.long_journal", *arguments],
        cwd=ROOT,
        env={**os.environ, **live.env},
        capture_output=True,
        text=True,
    )
    logs.report("The long journal", done.stderr)
    done.check_returncode()
    return done.stdout
