"""The tables of docs/permissions.md."""

import re
from typing import NamedTuple

from tests.tidy.sources import ROOT

PAGE = ROOT / "docs" / "permissions.md"
ALLOWED = "yes"
NO_DOOR = "-"
DOORS = {"S": "socket", "R": "rest", "P": "pages", "C": "console"}
KINDS = (
    "nobody",
    "stranger",
    "owner",
    "co-owner",
    "alt's owner",
    "operator",
    "in sudo",
    "read",
    "trade",
    "transfer",
    "manage",
    "sudo",
    "bound",
)
ROLES = ("Viewer", "Market operator", "Administrator", "superuser")  # the columns of "The console by role"
AS_IT = ("in sudo, as it",)  # of "An operator as the account"


class Row(NamedTuple):
    """One row of a table. `cells`: kind of person -> the answer to `operation` on `thing`."""

    operation: str
    thing: str
    doors: tuple[str, ...]
    cells: dict[str, str]


def rows(text: str | None = None, kinds: tuple[str, ...] = KINDS) -> list[Row]:
    """The rows of the tables with these columns. AssertionError if a cell is empty or a row appears twice."""
    found, columns = [], kinds
    for line in (PAGE.read_text() if text is None else text).splitlines():
        if line.startswith("| operation"):
            columns = tuple(_cells(line)[3:])
            assert columns in (KINDS, ROLES, AS_IT), line
        elif line.startswith("| `") and columns == kinds:
            found.append(_row(line, kinds))
    named = [(row.operation, row.thing) for row in found]
    assert len(set(named)) == len(named), "a row appears twice"
    return found


def _row(line: str, kinds: tuple[str, ...]) -> Row:
    operation, thing, doors, *cells = _cells(line)
    assert len(cells) == len(kinds), line
    assert all(re.fullmatch(f"{ALLOWED}|{NO_DOOR}|[A-Z_]+", cell) for cell in cells), line
    named = tuple(DOORS[letter] for letter in doors.split())
    return Row(operation.replace("`", ""), thing, named, dict(zip(kinds, cells, strict=True)))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
