"""How the journal stores commands and events, and the chain of hashes over its entries.

A command is stored as a JSON array of its fields, beside the name of its class (`kind`). Events are stored as a JSON
array of [class name, field, field ...]. Fields are only added at the end and with a default, so the shorter arrays of
an older journal load too. null is None; a field that is missing takes its default.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import orjson
from django.db.backends.base.base import BaseDatabaseWrapper

from markets.engine.commands import Command
from markets.engine.events import (
    AccountCreated,
    AuctionCreated,
    AuctionEdited,
    AuctionSettled,
    AuctionWithdrawn,
    CreditRedistributed,
    CreditsChanged,
    Event,
    ShareCreated,
    ShareEnded,
    Transferred,
)
from markets.engine.state import RULES_VERSION
from markets.journal.tables import fetch

PICTURED = "CreateAuction"  # the kind of command that keeps another picture
PICTURE_BYTES = 1_000_000  # about the most that a picture takes (auctions/decoder.py)
ENTRIES_COUNTED_MAX = 500_000  # at a start, to know what each person has added today

GENESIS = bytes(32)  # the hash before the first entry

# Every other event has a field `market`.
EVENTS_WITHOUT_MARKET = (
    AccountCreated,
    ShareCreated,
    ShareEnded,
    CreditRedistributed,
    CreditsChanged,
    Transferred,
    AuctionCreated,
    AuctionEdited,
    AuctionWithdrawn,
    AuctionSettled,
)


class Outcome(NamedTuple):
    """An accepted command and its events. `at_us` is in UTC microseconds."""

    seq: int
    at_us: int
    command: Command
    events: list[Event]
    reason: str = ""  # why the command was given, in the person's words


class Entry(NamedTuple):
    """A row of the journal. The fields are its columns in their order."""

    seq: int
    at_us: int
    principal: int
    account: int
    kind: str
    rules: int
    key: str
    command: bytes
    events: bytes
    hash: bytes
    reason: str = ""

    def outcome(self) -> Outcome:
        """The entry, decoded. ValueError if it cannot be read."""
        command, events = decode_command(self.kind, self.command), decode_events(self.events)
        return Outcome(self.seq, self.at_us, command, events, self.reason)

    def follows(self, previous: bytes) -> bool:
        """Whether the entry continues the chain after the entry whose hash is `previous`."""
        try:
            return hash_entry(previous, *self[:-2], self.reason) == self.hash
        except struct.error:  # a number that no entry can hold
            return False


def make_entry(outcome: Outcome, previous: bytes) -> Entry:
    """The row of an accepted command. `previous` is the hash of the entry before it."""
    seq, at_us, command, events, reason = outcome
    by, account, _, key = command[:4]
    kind = type(command).__name__
    command_bytes, events_bytes = encode_command(command), encode_events(events)
    hash = hash_entry(previous, seq, at_us, by, account, kind, RULES_VERSION, key, command_bytes, events_bytes, reason)
    return Entry(seq, at_us, by, account, kind, RULES_VERSION, key, command_bytes, events_bytes, hash, reason)


def bytes_by_person(entries: Iterable[Entry]) -> Counter[int]:
    """The bytes that entries add to what grows without end, by user id. An auction may have a picture."""
    written: Counter[int] = Counter()
    for entry in entries:
        size = len(entry.command) + len(entry.events)
        written[entry.principal] += size + PICTURE_BYTES if entry.kind == PICTURED else size
    return written


def bytes_since(connection: BaseDatabaseWrapper, at_us: int) -> Counter[int]:
    """bytes_by_person() of the entries since that moment, but at most the newest ENTRIES_COUNTED_MAX."""
    (head,) = fetch(connection, "SELECT coalesce(max(seq), 0) FROM markets_journalentry")[0]
    first, end = max(1, head - ENTRIES_COUNTED_MAX + 1), head + 1
    while first < end:  # bisection: times follow the order of the entries and have no index of their own
        middle = (first + end) // 2
        (found,) = fetch(connection, "SELECT at_us FROM markets_journalentry WHERE seq = %s", middle)[0]
        first, end = (first, middle) if found >= at_us else (middle + 1, end)
    rows = fetch(
        connection,
        "SELECT principal, sum(length(command) + length(events) + CASE WHEN kind = %s THEN %s ELSE 0 END)"
        " FROM markets_journalentry WHERE seq >= %s GROUP BY principal",
        PICTURED,
        PICTURE_BYTES,
        first,
    )
    return Counter({user: int(size) for user, size in rows})


def read_outcomes(connection: BaseDatabaseWrapper, where: str, *values: int) -> list[Outcome]:
    """The entries that match, decoded. `where` is SQL: what follows WHERE."""
    return [entry.outcome() for entry in read_entries(connection, where, *values)]


def market_outcomes(connection: BaseDatabaseWrapper, market: int, after: int, limit: int) -> list[Outcome]:
    """At most `limit` entries of the market after the seq `after`, oldest first.

    Their events may also be of other markets, which the same command touched.
    """
    where = (
        "seq IN (SELECT seq FROM markets_journalmarket WHERE market_id = %s AND seq > %s ORDER BY seq LIMIT %s)"
        " ORDER BY seq"
    )
    return read_outcomes(connection, where, market, after, limit)


def read_entries(connection: BaseDatabaseWrapper, where: str, *values: int) -> list[Entry]:
    """The rows that match. `where` is SQL: what follows WHERE."""
    query = f"SELECT {', '.join(Entry._fields)} FROM markets_journalentry WHERE {where}"  # noqa: S608 - our own text
    return list(map(Entry._make, fetch(connection, query, *values)))


def read_head_hash(connection: BaseDatabaseWrapper) -> bytes:
    """The hash of the newest entry."""
    head = fetch(connection, "SELECT hash FROM markets_journalentry ORDER BY seq DESC LIMIT 1")
    return bytes(head[0][0]) if head else GENESIS


# --- The chain

# Four numbers and the rules version, then the lengths in bytes of kind, key, command and events.
_header = struct.Struct(">qqqqhHHII").pack


def hash_entry(
    previous: bytes,
    seq: int,
    at_us: int,
    principal: int,
    account: int,
    kind: str,
    rules: int,
    key: str,
    command: bytes,
    events: bytes,
    reason: str = "",
) -> bytes:
    """SHA-256 of the previous hash and of every column.

    The header holds the lengths, so two different rows never give the same bytes. The reason comes last: without one,
    an entry has the same hash as before there were reasons.
    """
    kind_bytes, key_bytes = kind.encode(), key.encode()
    header = _header(seq, at_us, principal, account, rules, len(kind_bytes), len(key_bytes), len(command), len(events))
    return sha256(b"".join((previous, header, kind_bytes, key_bytes, command, events, reason.encode()))).digest()


# --- Commands and events as JSON


def encode_command(command: Command) -> bytes:
    return orjson.dumps((*command,))


def encode_events(events: Iterable[Event]) -> bytes:
    return orjson.dumps([(type(event).__name__, *event) for event in events])


def decode_command(kind: str, data: bytes) -> Command:
    """ValueError if there is no such command, or if the fields do not fit it."""
    command: Command = _build(COMMANDS, kind, orjson.loads(data))
    return command


def decode_events(data: bytes) -> list[Event]:
    """ValueError if one of them is unknown, or if its fields do not fit it."""
    events = orjson.loads(data)
    if not isinstance(events, list) or not all(isinstance(event, list) and event for event in events):
        raise ValueError("The journal holds events that are no list of lists.")
    return [_build(EVENTS, kind, fields) for kind, *fields in events]


def _build(makers: dict[str, Callable[..., Any]], kind: str, fields: list[Any]) -> Any:
    try:
        return makers[kind](*fields)
    except (KeyError, TypeError) as error:
        raise ValueError(f"The journal holds a {kind} that this program does not know: {fields}") from error


def _maker(cls: type) -> Callable[..., Any]:
    """A function that makes an instance from the fields as JSON has them, where tuples have become lists."""
    if not any(_holds_tuple(hint) for hint in get_type_hints(cls).values()):
        return cls
    return lambda *fields: cls(*map(_freeze, fields))


def _holds_tuple(hint: Any) -> bool:
    return get_origin(hint) is tuple or any(get_origin(part) is tuple for part in get_args(hint))


def _freeze(value: Any) -> Any:
    """Lists become tuples, at every depth."""
    return tuple(map(_freeze, value)) if isinstance(value, list) else value


COMMANDS = {cls.__name__: _maker(cls) for cls in get_args(Command)}
EVENTS = {cls.__name__: _maker(cls) for cls in get_args(Event)}
