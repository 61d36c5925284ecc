"""Our own source files, for tests that read them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# From left to right: a package imports itself and those to its left (docs/architecture.md).
PACKAGES = ("proto", "realtime", "accounts", "auctions", "markets", "exchange")
BESIDE = ("client", "benchmarks", "tests")


def files_of(*folders: str) -> Iterator[Path]:
    """Python files that people wrote: not generated, not migrations."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not path.name.endswith("_pb2.py") and not {"migrations", "build", ".venv"} & set(path.parts):
                yield path


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name_of(path: Path) -> str:
    """The path from the root, as the lists of exceptions write it."""
    return path.relative_to(ROOT).as_posix()
