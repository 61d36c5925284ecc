"""Names of channels, groups and streams; nowhere else is one spelled.

A stream's group is named like the stream, but for accounts: they are many and have few listeners each, so what a batch
says on their streams travels in one message to every hub.
"""

MATCHING = "matching"  # the channel that the matcher reads
HUBS = "hubs"  # every hub: beats and control messages

PUBLIC = "public"
ACCOUNTS = "account."  # what the names of accounts' streams begin with


def stream_of_market(market_id: int) -> str:
    """Book, trades and status of a market."""
    return f"market.{market_id}"


def stream_of_account(account_id: int) -> str:
    """Orders, fills, portfolio and transfers of an account."""
    return f"{ACCOUNTS}{account_id}"


def group_of(stream: str) -> str:
    """The group that its messages are sent to."""
    return HUBS if stream.startswith(ACCOUNTS) else stream
