"""What a sign-in may do: a token may be for less than its person may do."""

from enum import IntFlag
from typing import NamedTuple


class Scope(IntFlag):
    """The scopes of a token. Whoever signs in as a person has all of them."""

    READ = 1
    TRADE = 2  # orders and cancels
    TRANSFER = 4  # transfers, and purchases at auctions
    MANAGE = 8  # accounts, shares, markets, auctions
    SUDO = 16  # an operator may turn on sudo


EVERYTHING = int(Scope.READ | Scope.TRADE | Scope.TRANSFER | Scope.MANAGE | Scope.SUDO)
WITHOUT_SUDO = EVERYTHING & ~int(Scope.SUDO)  # what a token is for if nobody says

SUDO_REFUSED = "Only operators turn on sudo."


def scope_names(scopes: int) -> list[str]:
    """As people read them: "read", "trade" ..."""
    return [str(scope.name).lower() for scope in Scope if scopes & scope]


def missing_scope(scope: Scope) -> str:
    """The refusal, for people, of what a token is not good for."""
    return f"This token has not the scope {scope_names(scope)[0]!r}."


class Rights(NamedTuple):
    """Of who asks. They travel with every command, and the matcher holds it to them."""

    operator: bool = False  # may turn on sudo, so is told where it would help
    scopes: int = EVERYTHING
    bound: int = 0  # the id of the only account that it may act as; 0: all that are the person's
