"""What a market is: its definition, and who sees it (rules, section 4)."""

from typing import Any

from markets.engine.book import Market
from markets.engine.commands import CreateMarket, EditMarket
from markets.engine.errors import Reason, Rejected
from markets.engine.events import CancelCause, Event, MarketCreated, MarketEdited
from markets.engine.ledger import Account
from markets.engine.orders import cancel_all
from markets.engine.state import HOUSE, PRICE_MAX, SIZE_MAX, State
from markets.engine.text import (
    CATEGORY_MAX,
    DESCRIPTION_MAX,
    MARKET_NAME_MAX,
    check_text,
    hundredths,
    name_key,
    tidy_name,
)
from markets.engine.visibility import market_known, may_trade

LISTED_MAX = 1_000  # accounts that a restricted market is visible to


def create_market(state: State, account: Account, command: CreateMarket, at_us: int) -> list[Event]:
    _check_public(command)
    name = _free_name(state, command.name)
    description = check_text(command.description, DESCRIPTION_MAX, "description")
    category = _category(state, command.category)
    visible_to = _listed(state, command.visible_to)
    _check_bounds(command)
    made = state.markets_made.get(command.by, 0)
    if made >= command.markets_max and not command.sudo:
        raise Rejected(
            Reason.TOO_MANY_MARKETS, f"You made {made} markets that are not settled, the most is {command.markets_max}."
        )
    market = Market(
        *(state.next_market, name, description, account.id, command.by),
        *(command.min_settlement, command.max_settlement, command.tick_size, command.smallest_size),
        *(at_us, state.seq + 1),
    )
    market.category, market.pinned = category, command.pinned
    market.visible_to, market.hide_account_ids = visible_to, command.hide_account_ids
    state.next_market += 1
    state.add_market(market)
    if visible_to or command.hide_account_ids:
        state.changed.visibility[market.id] = market
    return [
        MarketCreated(
            *(market.id, name, description, account.id, market.min_settlement, market.max_settlement),
            *(market.tick_size, market.smallest_size, at_us),
            **_shown(market),
        )
    ]


def edit_market(state: State, account: Account, command: EditMarket, at_us: int) -> list[Event]:
    """Whoever is no longer listed loses the open orders, in every status."""
    market = market_known(state, command.by, command.market, command.sudo)
    _check_editor(market, account, command)
    name = market.name if command.name is None else _free_name(state, command.name, market)
    description, category = market.description, market.category
    if command.description is not None:
        description = check_text(command.description, DESCRIPTION_MAX, "description")
    if command.category is not None:
        category = _category(state, command.category)
    visible_to = market.visible_to if command.visible_to is None else _listed(state, command.visible_to)
    del state.market_names[name_key(market.name)]
    state.market_names[name_key(name)] = market.id
    market.name, market.description, market.category = name, description, category
    if command.pinned is not None:
        market.pinned = command.pinned
    state.changed.markets[market.id] = market
    before = tuple(market.visible_to) if visible_to != market.visible_to else None
    events = _show_to(state, market, visible_to)
    if command.hide_account_ids is not None and command.hide_account_ids != market.hide_account_ids:
        market.hide_account_ids = command.hide_account_ids
        state.changed.visibility[market.id] = market
        state.changed.masks[market.id] = None
    return [*events, MarketEdited(market.id, name, description, **_shown(market), visible_before=before)]


def _show_to(state: State, market: Market, visible_to: dict[int, None]) -> list[Event]:
    if visible_to == market.visible_to:
        return []
    for gone in market.visible_to:
        if gone not in visible_to:
            state.changed.unlisted[market.id, gone] = None
    market.visible_to = visible_to
    state.changed.visibility[market.id] = market
    lost = [order for side in (market.bids, market.offers) for order in side if not may_trade(market, order.account)]
    return cancel_all(state, market, lost, CancelCause.NO_LONGER_LISTED)


def _shown(market: Market) -> dict[str, Any]:
    """The fields of both events."""
    return {
        "category": market.category,
        "pinned": market.pinned,
        "visible_to": tuple(market.visible_to),
        "hide_account_ids": market.hide_account_ids,
    }


# --- Checks


def _check_public(command: CreateMarket) -> None:
    """Anybody makes markets that everybody sees; all else takes an operator."""
    special = command.pinned or command.visible_to or command.hide_account_ids or not command.category_public
    if special and not command.sudo:
        raise Rejected(
            Reason.SUDO_REQUIRED,
            "Only operators in sudo pin a market, choose who sees it, hide ids, or use another category than these.",
        )


def _check_editor(market: Market, account: Account, command: EditMarket) -> None:
    if command.sudo:
        return
    if account.id != market.owner:
        raise Rejected(Reason.SUDO_REQUIRED, "Only the market's owner or an operator in sudo edits it.")
    others = (command.name, command.category, command.pinned, command.visible_to, command.hide_account_ids)
    if any(field is not None for field in others):
        raise Rejected(Reason.SUDO_REQUIRED, "A market's owner changes its description, operators in sudo the rest.")


def _category(state: State, wish: str) -> str:
    return tidy_name(wish, CATEGORY_MAX, state.rules) if wish else ""


def _listed(state: State, accounts: tuple[int, ...]) -> dict[int, None]:
    """Lowest id first, each once."""
    if len(accounts) > LISTED_MAX:
        raise Rejected(
            Reason.INVALID_MARKET, f"A market is visible to everybody or to at most {LISTED_MAX:,} accounts."
        )
    listed = dict.fromkeys(sorted(accounts))
    for id in listed:
        if id == HOUSE or id not in state.accounts:
            raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"There is no account {id} that could trade.")
    return listed


def _free_name(state: State, wish: str, market: Market | None = None) -> str:
    name = tidy_name(wish, MARKET_NAME_MAX, state.rules)
    known = state.market_names.get(name_key(name))
    if known is not None and (market is None or known != market.id):
        raise Rejected(Reason.NAME_TAKEN, f"There is a market called {name} already.")
    return name


def _check_bounds(command: CreateMarket) -> None:
    low, high, tick = command.min_settlement, command.max_settlement, command.tick_size
    if not -PRICE_MAX <= low < high <= PRICE_MAX:
        most = hundredths(PRICE_MAX)
        raise Rejected(Reason.INVALID_MARKET, f"The bounds are two prices from -{most} to {most}, the lower one first.")
    if tick < 1 or low % tick or high % tick:
        raise Rejected(Reason.INVALID_MARKET, "The tick is at least 0.01 and both bounds are multiples of it.")
    if not 1 <= command.smallest_size <= SIZE_MAX:
        raise Rejected(Reason.INVALID_MARKET, f"The smallest size is from 0.01 to {hundredths(SIZE_MAX)}.")
