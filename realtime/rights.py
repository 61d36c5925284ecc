"""What a sign-in may do. A token may do less than its person."""

from enum import IntFlag
from typing import NamedTuple


class Scope(IntFlag):
    """The scopes of a token. A person who signs in without a token has all of them."""

    READ = 1
    TRADE = 2  # orders and cancels
    TRANSFER = 4  # transfers, and purchases at auctions
    MANAGE = 8  # accounts, shares, markets, auctions
    SUDO = 16  # an operator may turn on sudo


EVERYTHING = int(Scope.READ | Scope.TRADE | Scope.TRANSFER | Scope.MANAGE | Scope.SUDO)
WITHOUT_SUDO = EVERYTHING & ~int(Scope.SUDO)  # the default of a new token

SUDO_REFUSED = "Only operators may turn on sudo."


def scope_names(scopes: int) -> list[str]:
    """Returns the names that people read: "read", "trade" ..."""
    return [str(scope.name).lower() for scope in Scope if scopes & scope]


def missing_scope(scope: Scope) -> str:
    """Returns the refusal, for people, of a request that needs this scope."""
    return f"This token lacks the scope {scope_names(scope)[0]!r}."


class Rights(NamedTuple):
    """The rights of a sign-in. They travel with every command, and the matcher enforces them."""

    operator: bool = False  # may turn on sudo, so a refusal says where sudo would help
    scopes: int = EVERYTHING
    bound: int = 0  # id of the only account that it may act as; 0: every account that the person may act as
