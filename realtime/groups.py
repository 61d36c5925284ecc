"""The names of channels, groups and streams. No other module spells one.

Most streams have a group of the same name. Accounts' streams and summaries have none: they are many, and each has few
messages or few readers. Their messages travel together, in one message to every hub.
"""

from typing import NamedTuple

MATCHING = "matching"  # the channel that the matcher reads
HUBS = "hubs"  # the group of every hub: beats, control messages, accounts' streams and summaries

PUBLIC = "public"
ACCOUNT = "account"
MARKET = "market"
UNMASKED = "unmasked"
SUMMARY = "summary"


class Name(NamedTuple):
    """The parts of a stream's name: public, account.<id>, market.<id>, market.<id>.unmasked or market.<id>.summary."""

    kind: str
    id: int = 0
    form: str = ""


def named(stream: str) -> Name:
    """Parses the name of a stream. Raises ValueError if it is none."""
    kind, *rest = stream.split(".")
    if kind == PUBLIC and not rest:
        return Name(PUBLIC)
    if kind == ACCOUNT and len(rest) == 1:
        return Name(ACCOUNT, int(rest[0]))
    if kind == MARKET and 1 <= len(rest) <= 2 and rest[1:] in ([], [UNMASKED], [SUMMARY]):
        return Name(MARKET, int(rest[0]), *rest[1:])
    raise ValueError(f"There is no stream {stream}.")


def stream_of_market(market_id: int, form: str = "") -> str:
    """The stream of a market's book, trades and status. UNMASKED: the same with the account ids that the market hides.
    SUMMARY: a short summary now and then."""
    return f"{MARKET}.{market_id}.{form}" if form else f"{MARKET}.{market_id}"


def stream_of_account(account_id: int) -> str:
    """The stream of an account's orders, fills, portfolio and transfers."""
    return f"{ACCOUNT}.{account_id}"


def group_of(stream: str) -> str:
    """The group that the stream's messages are sent to."""
    return HUBS if stream.startswith(ACCOUNT) or stream.endswith(SUMMARY) else stream
