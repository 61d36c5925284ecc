"""Formats the figures of a benchmark as lines for the terminal and as docs/benchmarks.md."""

import os
import platform
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

SYNC_BYTES = 4096
SYNC_TIMES = 100

HOW = """\
# Benchmarks

How fast the exchange is, how fast it should be, and where it is not yet. `make bench ARGS=--write` writes this page,
on a machine that does nothing else. `python -m benchmarks engine orders ...` runs single parts (`--help` lists them,
`--quick` tries them out). No test asserts a time.

- Every figure is the median of several runs. The lowest and the highest run stand beside it.
- What is compared ran in turns, in the same minutes.
- Every order is durable, that is on the disk, before its answer leaves.
- A process of its own on the same machine makes the load, with orders that were made beforehand. Its CPU time is given
  in percent of one core, and so is the server's.
- The rates that people are allowed are raised. Refused orders are counted separately, never as orders.
- p50 is the median of single orders or pages, and 99 of 100 are at most p99.
"""


class Goal(NamedTuple):
    """A bound that the median has to meet, and perhaps a harder one (`stretch`) that is only shown."""

    bound: float
    at_least: bool = True  # False: at most
    stretch: float | None = None

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        stretch = "" if self.stretch is None else f", stretch {number(self.stretch)}"
        return f"{'≥' if self.at_least else '≤'} {number(self.bound)}{stretch}"


class Row(NamedTuple):
    """One figure. `values` are the results of the runs; `beside` is a note for the reader."""

    name: str
    unit: str
    values: Sequence[float]
    goal: Goal | None = None
    beside: str = ""

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def spread(self) -> str:
        return f"{number(min(self.values))} – {number(max(self.values))}"

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "met" if self.goal.met(self.median) else "not met"

    def __str__(self) -> str:
        goal = "" if self.goal is None else f"  goal {self.goal}: {self.verdict}"
        beside = f"  [{self.beside}]" if self.beside else ""
        return f"{self.name}: {number(self.median)} {self.unit} ({self.spread}){goal}{beside}"

    def cells(self) -> tuple[str, ...]:
        """Returns the cells of its row in docs/benchmarks.md."""
        goal = "" if self.goal is None else f"{self.goal}"
        return self.name, f"{number(self.median)} {self.unit}", self.spread, goal, self.verdict, self.beside


def number(value: float) -> str:
    """Formats a number with about three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def machine(folder: Path) -> list[str]:
    """Describes the machine that the figures depend on. Durable figures depend most on the disk under `folder`."""
    return [
        f"{len(os.sched_getaffinity(0))} cores ({platform.machine()}, {platform.system()}), "
        f"load average before the run {os.getloadavg()[0]:.1f}",
        f"{platform.python_implementation()} {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        f"appending {SYNC_BYTES} bytes durably (fsync): {sync_ms(folder):.2f} ms",
    ]


def sync_ms(folder: Path) -> float:
    """Returns the median milliseconds of SYNC_TIMES durable writes: few enough for a slow disk."""
    costs = []
    path = folder / "sync"
    with path.open("wb") as file:
        for _ in range(SYNC_TIMES):
            began = time.perf_counter()
            file.write(bytes(SYNC_BYTES))
            file.flush()
            os.fsync(file.fileno())
            costs.append((time.perf_counter() - began) * 1e3)
    path.unlink()
    return median(costs)


def page(machine_lines: Sequence[str], parts: Sequence[tuple[str, Sequence[Row]]], minutes: float) -> str:
    """Returns the text of docs/benchmarks.md."""
    lines = [HOW, f"Taken on {datetime.now(UTC):%d %B %Y} in {minutes:.0f} minutes on:\n"]
    lines += [f"- {line}" for line in machine_lines]
    for title, rows in parts:
        lines += [
            f"\n## {title}\n",
            "| | Median | Lowest – highest | Goal | Met? | Notes |",
            "|---|---|---|---|---|---|",
        ]
        lines += [f"| {' | '.join(row.cells())} |" for row in rows]
    return "\n".join(lines) + "\n"
