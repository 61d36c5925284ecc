"""Who sees a market (rules, section 4, Visibility).

Three degrees. To see it whole takes an account that is listed, within one's reach. Who owns it or has ever traded there
knows it still: its definition, its settlement, their own rows, but not the book. To everybody else it is as if it were
not there. Trading takes more than seeing: the acting account itself is listed.
"""

from collections.abc import Collection

from markets.engine.book import Market
from markets.engine.errors import Reason, Rejected
from markets.engine.ledger import Account
from markets.engine.state import State


def market_not_found(market: int) -> Rejected:
    """The one answer for markets that are not there and for those that are not there for whoever asks."""
    return Rejected(Reason.MARKET_NOT_FOUND, f"There is no market {market}.")


def sees(market: Market, accounts: Collection[int]) -> bool:
    """Whether who may act as these accounts sees the market with its book."""
    visible_to = market.visible_to
    if not visible_to:
        return True
    if len(visible_to) < len(accounts):
        return any(id in accounts for id in visible_to)
    return any(id in visible_to for id in accounts)


def knows(market: Market, account: Account) -> bool:
    """Whether the account keeps a view of the market, listed or not."""
    exposure = account.exposures.get(market.id)
    return account.id == market.owner or (exposure is not None and exposure.traded)


def known_to(state: State, market: Market, accounts: Collection[int]) -> bool:
    """Whether one of the accounts does."""
    return any(knows(market, state.accounts[id]) for id in accounts)


def market_to_trade(state: State, account: Account, market: int) -> Market:
    """For orders, and to cancel them: also in sudo the acting account itself is listed."""
    found = state.markets.get(market)
    if found is None or (found.visible_to and account.id not in found.visible_to):
        raise market_not_found(market)
    return found


def market_seen(state: State, by: int, market: int, sudo: bool) -> Market:
    """For everything else: one that the person sees, or knows."""
    found = state.markets.get(market)
    if found is None or not (sudo or sees(found, state.reach(by)) or known_to(state, found, state.reach(by))):
        raise market_not_found(market)
    return found
