"""Names of channels, groups and streams; nowhere else is one spelled.

A stream's group is named like the stream, but for those that are many with few words or few listeners each: what is
said on accounts' streams and on summaries travels in one message to every hub.
"""

from typing import NamedTuple

MATCHING = "matching"  # the channel that the matcher reads
HUBS = "hubs"  # every hub: beats and control messages

PUBLIC = "public"
ACCOUNT = "account"
MARKET = "market"
UNMASKED = "unmasked"
SUMMARY = "summary"


class Name(NamedTuple):
    """A stream's name, taken apart: account.<id>, market.<id>, market.<id>.unmasked, market.<id>.summary, public."""

    kind: str
    id: int = 0
    form: str = ""


def named(stream: str) -> Name:
    """ValueError if it is no stream's name."""
    kind, *rest = stream.split(".")
    if kind == PUBLIC and not rest:
        return Name(PUBLIC)
    if kind == ACCOUNT and len(rest) == 1:
        return Name(ACCOUNT, int(rest[0]))
    if kind == MARKET and 1 <= len(rest) <= 2 and rest[1:] in ([], [UNMASKED], [SUMMARY]):
        return Name(MARKET, int(rest[0]), *rest[1:])
    raise ValueError(f"There is no stream {stream}.")


def stream_of_market(market_id: int, form: str = "") -> str:
    """Book, trades and status of a market; UNMASKED: with the account ids that it hides; SUMMARY: a line at times."""
    return f"{MARKET}.{market_id}.{form}" if form else f"{MARKET}.{market_id}"


def stream_of_account(account_id: int) -> str:
    """Orders, fills, portfolio and transfers of an account."""
    return f"{ACCOUNT}.{account_id}"


def group_of(stream: str) -> str:
    """The group that its messages are sent to."""
    return HUBS if stream.startswith(ACCOUNT) or stream.endswith(SUMMARY) else stream
