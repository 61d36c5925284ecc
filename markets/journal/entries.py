"""How commands and events are kept in the journal, and the chain of hashes over its entries.

A command is a JSON array of its fields and its kind the name of its class; events are a JSON array of
[class name, field, field ...]. Fields are only ever added at the end and with a default, so the arrays of an older
journal are shorter and load all the same. null is None, and not the same as a field that is missing.
"""

from collections.abc import Callable, Iterable
from hashlib import sha256
from struct import Struct
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

GENESIS = bytes(32)  # the hash before the first entry

# Every other event names its market.
OF_NO_MARKET = (
    *(AccountCreated, ShareCreated, ShareEnded, CreditRedistributed, CreditsChanged, Transferred),
    *(AuctionCreated, AuctionEdited, AuctionWithdrawn, AuctionSettled),
)


class Outcome(NamedTuple):
    """An accepted command and what it brought about; times are UTC microseconds."""

    seq: int
    at_us: int
    command: Command
    events: list[Event]
    reason: str = ""  # why, in the words of who asked


class Entry(NamedTuple):
    """A row of the journal, in the order of its columns."""

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
        """What was accepted, decoded. ValueError if the entry cannot be read."""
        command, events = decode_command(self.kind, self.command), decode_events(self.events)
        return Outcome(self.seq, self.at_us, command, events, self.reason)

    def follows(self, previous: bytes) -> bool:
        """Whether it carries on the chain after the entry whose hash is `previous`."""
        return chain(previous, *self[:-2], self.reason) == self.hash


def entry_of(outcome: Outcome, previous: bytes) -> Entry:
    """The row of an accepted command that follows the entry whose hash is `previous`."""
    seq, at_us, command, events, reason = outcome
    by, account, _, key = command[:4]
    kind = type(command).__name__
    body, effects = encode_command(command), encode_events(events)
    hash = chain(previous, seq, at_us, by, account, kind, RULES_VERSION, key, body, effects, reason)
    return Entry(seq, at_us, by, account, kind, RULES_VERSION, key, body, effects, hash, reason)


def read_outcomes(connection: BaseDatabaseWrapper, where: str, *values: int) -> list[Outcome]:
    """The entries that the end of this SQL statement asks for, decoded."""
    return [entry.outcome() for entry in read_entries(connection, where, *values)]


def market_outcomes(connection: BaseDatabaseWrapper, market: int, after: int, limit: int) -> list[Outcome]:
    """The market's next entries after a seq, oldest first; one command may have touched other markets too."""
    where = (
        "seq IN (SELECT seq FROM markets_journalmarket WHERE market_id = %s AND seq > %s ORDER BY seq LIMIT %s)"
        " ORDER BY seq"
    )
    return read_outcomes(connection, where, market, after, limit)


def read_entries(connection: BaseDatabaseWrapper, where: str, *values: int) -> list[Entry]:
    """The rows that the end of this SQL statement asks for."""
    query = f"SELECT {', '.join(Entry._fields)} FROM markets_journalentry WHERE {where}"  # noqa: S608 - our own text
    return list(map(Entry._make, fetch(connection, query, *values)))


# --- The chain

# Four numbers and the rules version, then the lengths in bytes of kind, key, command and events, which follow.
_header = Struct(">qqqqhHHII").pack


def chain(
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
    """SHA-256 of the previous hash and every column, each of known length: no two different rows are the same bytes.

    A reason comes last, if there is one: entries from before there were any are the same bytes as then.
    """
    name, token = kind.encode(), key.encode()
    header = _header(seq, at_us, principal, account, rules, len(name), len(token), len(command), len(events))
    return sha256(b"".join((previous, header, name, token, command, events, reason.encode()))).digest()


# --- Commands and events as JSON


def encode_command(command: Command) -> bytes:
    return orjson.dumps((*command,))


def encode_events(events: Iterable[Event]) -> bytes:
    return orjson.dumps([(type(event).__name__, *event) for event in events])


def decode_command(kind: str, data: bytes) -> Command:
    """ValueError if there is no such command, or if the fields are not its."""
    command: Command = _build(COMMANDS, kind, orjson.loads(data))
    return command


def decode_events(data: bytes) -> list[Event]:
    """ValueError if one of them is unknown, or if its fields are not its."""
    return [_build(EVENTS, kind, fields) for kind, *fields in orjson.loads(data)]


def _build(makers: dict[str, Callable[..., Any]], kind: str, fields: list[Any]) -> Any:
    try:
        return makers[kind](*fields)
    except (KeyError, TypeError) as error:
        raise ValueError(f"The journal holds a {kind} that this program does not know: {fields}") from error


def _maker(cls: type) -> Callable[..., Any]:
    """The class itself, unless it has fields that are tuples, which JSON returns as lists."""
    if not any(_holds_tuple(hint) for hint in get_type_hints(cls).values()):
        return cls
    return lambda *fields: cls(*map(_frozen, fields))


def _holds_tuple(hint: Any) -> bool:
    return get_origin(hint) is tuple or any(get_origin(part) is tuple for part in get_args(hint))


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


COMMANDS = {cls.__name__: _maker(cls) for cls in get_args(Command)}
EVENTS = {cls.__name__: _maker(cls) for cls in get_args(Event)}
