"""Who may see a market, and how much of it (rules, section 4, Visibility).

    degree    who                                                      what they see
    WHOLE     everybody, if the market has no list of accounts;        everything
              else who may act as a listed account, and operators
              in sudo
    KNOWN     of the others, who may act as its owner or as an         its definition and status, its settlement, their
              account that has ever traded there                       own rows; not the book
    NOTHING   everybody else                                           nothing, as if there were no such market

Trading takes more than WHOLE: the acting account itself is listed, also in sudo (may_trade). In a market that hides
account ids they read 0, but not to operators in sudo (masked).
"""

from collections.abc import Collection
from enum import IntEnum
from typing import Protocol

from markets.engine.book import Market
from markets.engine.errors import Reason, Rejected
from markets.engine.ledger import Account
from markets.engine.state import State


class Degree(IntEnum):
    NOTHING = 0
    KNOWN = 1
    WHOLE = 2


# Enum members are slow to look up by attribute.
NOTHING, KNOWN, WHOLE = Degree.NOTHING, Degree.KNOWN, Degree.WHOLE


class HidesIds(Protocol):
    """The engine's market, and the tables'."""

    @property
    def hide_account_ids(self) -> bool: ...


def degree_of(state: State, market: Market, accounts: Collection[int], sudo: bool = False) -> Degree:
    """How much of the market those see who may act as these accounts."""
    visible_to = market.visible_to
    if sudo or not visible_to or not visible_to.keys().isdisjoint(accounts):
        return WHOLE
    for id in accounts:
        if knows(market, state.accounts[id]):
            return KNOWN
    return NOTHING


def knows(market: Market, account: Account) -> bool:
    """Whether the account knows the market without being listed: it owns it, or has traded there."""
    exposure = account.exposures.get(market.id)
    return account.id == market.owner or (exposure is not None and exposure.traded)


def knowing(state: State, market: Market) -> set[int]:
    """The accounts of which `knows` is true."""
    return {id for id in (market.owner, *market.holders) if knows(market, state.accounts[id])}


def degrees(state: State, market: Market) -> dict[int, Degree]:
    """How much of a market with a list each account alone sees, by account id; accounts left out see nothing."""
    listed = market.visible_to
    return {id: WHOLE if id in listed else KNOWN for id in sorted(knowing(state, market).union(listed))}


def masked(market: HidesIds, sudo: bool) -> bool:
    """Whether account ids in the market's orders, trades and positions read 0."""
    return market.hide_account_ids and not sudo


def may_trade(market: Market, account: int) -> bool:
    return not market.visible_to or account in market.visible_to


def market_not_found(market: int) -> Rejected:
    """The one answer for a market that does not exist and for one of which the asker sees NOTHING."""
    return Rejected(Reason.MARKET_NOT_FOUND, f"There is no market {market}.")


def market_to_trade(state: State, account: Account, market: int) -> Market:
    """For orders, and to cancel them. Rejected MARKET_NOT_FOUND unless the account itself may trade there."""
    found = state.markets.get(market)
    if found is None or not may_trade(found, account.id):
        raise market_not_found(market)
    return found


def market_known(state: State, by: int, market: int, sudo: bool) -> Market:
    """For everything else. Rejected MARKET_NOT_FOUND if the person sees NOTHING of it."""
    found = state.markets.get(market)
    if found is None or degree_of(state, found, state.reach(by), sudo) == NOTHING:
        raise market_not_found(market)
    return found
