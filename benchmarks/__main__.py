"""`make bench`: measures every figure of docs/benchmarks.md, or only those of the named parts.

Exits with status 1 if an error was logged meanwhile, by this process or by a server.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import course, engine, growth, hub, logs, orders, page_cost, past, rest
from benchmarks.report import Row, machine, page
from benchmarks.setting import Setting
from benchmarks.wsload import ROOT

PARTS: dict[str, tuple[str, Callable[[Setting], list[Row]]]] = {
    "engine": ("The engine alone", engine.alone),
    "orders": ("One order a frame, and an echo", orders.one_a_frame),
    "many": ("Many orders a frame", orders.many_a_frame),
    "single": ("One order at a time", orders.one_at_a_time),
    "rest": ("REST", rest.requests),
    "course": ("A course at work", course.at_work),
    "pages": ("Pages", page_cost.cost),
    "hub": ("The hub", hub.fan_out),
    "growth": ("Growth", growth.grown),
    "past": ("A long journal", past.started),
}
PAGE = ROOT / "docs" / "benchmarks.md"
ENTRIES = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"one of {', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, only to check that it works")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--entries", type=int, default=ENTRIES, help="entries of the long journal")
    parser.add_argument("--folder", type=Path, help="where to create databases; default: the temporary folder")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no part {', '.join(unknown)}")
    if options.write and (options.quick or options.parts):
        parser.error("--write needs a full run")
    logs.configure()
    with (
        logs.ErrorCounter() as errors,
        tempfile.TemporaryDirectory(prefix="exchange-bench-", dir=options.folder) as folder,
    ):
        began = time.monotonic()
        setting = Setting(Path(folder), options.quick, options.entries)
        conditions = machine(setting.folder)
        print(*conditions, sep="\n")
        found = [run(name, setting) for name in options.parts or PARTS]
    minutes = (time.monotonic() - began) / 60
    if options.write and not errors.count:
        PAGE.write_text(page(conditions, found, minutes), encoding="utf-8")
    print(f"\n{minutes:.1f} minutes")
    if errors.count:
        print(f"Errors logged: {errors.count}. Ignore the figures.", file=sys.stderr)
    return 1 if errors.count else 0


def run(name: str, setting: Setting) -> tuple[str, list[Row]]:
    """Measures one part and prints it. Returns its title and its rows."""
    title, measure = PARTS[name]
    began = time.monotonic()
    print(f"\n{title} ({name})", flush=True)
    rows = measure(setting)
    for row in rows:
        print(f"  {row}")
    print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
    return title, rows


if __name__ == "__main__":
    sys.exit(main())
