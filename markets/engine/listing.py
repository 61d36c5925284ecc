"""A market's definition, and who sees and trades it (rules, section 4)."""

from markets.engine.book import Market
from markets.engine.commands import CreateMarket, EditMarket
from markets.engine.errors import Reason, Rejected
from markets.engine.events import CancelCause, Event, MarketCreated, MarketEdited
from markets.engine.ledger import Account
from markets.engine.orders import cancel_all
from markets.engine.state import HOUSE, PRICE_MAX, SIZE_MAX, State
from markets.engine.text import (
    CATEGORY_CHARACTERS_MAX,
    DESCRIPTION_CHARACTERS_MAX,
    MARKET_NAME_CHARACTERS_MAX,
    check_text,
    hundredths,
    tidy_name,
)
from markets.engine.visibility import market_known, may_trade

LISTED_MAX = 1_000  # accounts that a restricted market may list


def create_market(state: State, account: Account, command: CreateMarket, at_us: int) -> list[Event]:
    """Opens a market that the acting account owns (rules, section 4).

    Rejected SUDO_REQUIRED for what only operators choose, INVALID_NAME, NAME_TAKEN, INVALID_TEXT, INVALID_MARKET,
    ACCOUNT_NOT_FOUND for a listed account, TOO_MANY_MARKETS.
    """
    _check_public(command)
    name = _check_name(state, command.name)
    description = check_text(command.description, DESCRIPTION_CHARACTERS_MAX, "description")
    category = _check_category(state, command.category)
    visible_to = _check_listed(state, command.visible_to)
    _check_bounds(command)
    _check_markets_made(state, command)
    market = Market(
        id=state.next_market,
        name=name,
        description=description,
        owner=account.id,
        creator=command.by,
        min_settlement=command.min_settlement,
        max_settlement=command.max_settlement,
        tick_size=command.tick_size,
        smallest_size=command.smallest_size,
        created_us=at_us,
        seq=state.seq + 1,
    )
    market.category, market.pinned = category, command.pinned
    market.visible_to, market.hide_account_ids = visible_to, command.hide_account_ids
    state.next_market += 1
    state.add_market(market)
    if visible_to or command.hide_account_ids:
        state.changed.visibility[market.id] = market
    return [_created(market)]


def _created(market: Market) -> MarketCreated:
    return MarketCreated(
        market=market.id,
        name=market.name,
        description=market.description,
        owner=market.owner,
        min_settlement=market.min_settlement,
        max_settlement=market.max_settlement,
        tick_size=market.tick_size,
        smallest_size=market.smallest_size,
        at_us=market.created_us,
        category=market.category,
        pinned=market.pinned,
        visible_to=tuple(market.visible_to),
        hide_account_ids=market.hide_account_ids,
    )


def edit_market(state: State, account: Account, command: EditMarket, at_us: int) -> list[Event]:
    """Changes what the command sends. Accounts that are no longer listed lose their open orders, in every status.

    Rejected MARKET_NOT_FOUND, SUDO_REQUIRED, INVALID_NAME, NAME_TAKEN, INVALID_TEXT, INVALID_MARKET, ACCOUNT_NOT_FOUND
    for a listed account.
    """
    market = market_known(state, command.by, command.market, command.sudo)
    _check_editor(market, account, command)
    name = market.name if command.name is None else _check_name(state, command.name, market)
    description, category = market.description, market.category
    if command.description is not None:
        description = check_text(command.description, DESCRIPTION_CHARACTERS_MAX, "description")
    if command.category is not None:
        category = _check_category(state, command.category)
    visible_to = market.visible_to if command.visible_to is None else _check_listed(state, command.visible_to)
    state.remove_market_name(market)
    market.name, market.description, market.category = name, description, category
    state.add_market_name(market)
    if command.pinned is not None:
        market.pinned = command.pinned
    state.changed.markets[market.id] = market
    before = tuple(market.visible_to) if visible_to != market.visible_to else None
    events = _change_list(state, market, visible_to)
    if command.hide_account_ids is not None and command.hide_account_ids != market.hide_account_ids:
        market.hide_account_ids = command.hide_account_ids
        state.changed.visibility[market.id] = market
        state.changed.masks[market.id] = None
    return [*events, _edited(market, before)]


def _edited(market: Market, visible_before: tuple[int, ...] | None) -> MarketEdited:
    return MarketEdited(
        market=market.id,
        name=market.name,
        description=market.description,
        category=market.category,
        pinned=market.pinned,
        visible_to=tuple(market.visible_to),
        hide_account_ids=market.hide_account_ids,
        visible_before=visible_before,
    )


def _change_list(state: State, market: Market, visible_to: dict[int, None]) -> list[Event]:
    """Replaces the list of accounts, and cancels the orders of accounts that are not on a new list."""
    if visible_to == market.visible_to:
        return []
    for gone in market.visible_to:
        if gone not in visible_to:
            state.changed.unlisted[market.id, gone] = None
    market.visible_to = visible_to
    state.changed.visibility[market.id] = market
    lost = [order for side in (market.bids, market.offers) for order in side if not may_trade(market, order.account)]
    return cancel_all(state, market, lost, CancelCause.NO_LONGER_LISTED)


# --- Checks


def _check_public(command: CreateMarket) -> None:
    """Rejected SUDO_REQUIRED if only operators may open such a market: pinned, with a list, with hidden ids, or in a
    category that is not public.
    """
    special = command.pinned or command.visible_to or command.hide_account_ids or not command.category_public
    if special and not command.sudo:
        raise Rejected(
            Reason.SUDO_REQUIRED,
            "Only operators in sudo can pin a market, choose who sees it, hide account ids or use a category that is "
            "not public.",
        )


def _check_editor(market: Market, account: Account, command: EditMarket) -> None:
    """Rejected SUDO_REQUIRED unless it is an operator in sudo, or the owner who changes nothing but the description."""
    if command.sudo:
        return
    if account.id != market.owner:
        raise Rejected(Reason.SUDO_REQUIRED, "Only the market's owner or an operator in sudo can edit it.")
    others = (command.name, command.category, command.pinned, command.visible_to, command.hide_account_ids)
    if any(field is not None for field in others):
        raise Rejected(Reason.SUDO_REQUIRED, "The owner can change only the description, an operator in sudo the rest.")


def _check_category(state: State, category: str) -> str:
    """The category, tidied; "" for none. Rejected INVALID_NAME."""
    return tidy_name(category, CATEGORY_CHARACTERS_MAX, state.rules) if category else ""


def _check_listed(state: State, accounts: tuple[int, ...]) -> dict[int, None]:
    """The accounts, lowest id first, each once. Rejected INVALID_MARKET if too many, ACCOUNT_NOT_FOUND."""
    if len(accounts) > LISTED_MAX:
        raise Rejected(
            Reason.INVALID_MARKET, f"A market can list at most {LISTED_MAX:,} accounts, not {len(accounts):,}."
        )
    listed = dict.fromkeys(sorted(accounts))
    for id in listed:
        if id == HOUSE or id not in state.accounts:
            raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"There is no account {id} that can trade.")
    return listed


def _check_name(state: State, name: str, market: Market | None = None) -> str:
    """The name, tidied. Rejected INVALID_NAME, or NAME_TAKEN if another market than this one has it."""
    tidied = tidy_name(name, MARKET_NAME_CHARACTERS_MAX, state.rules)
    if state.is_market_name_taken(tidied, market.id if market else 0):
        raise Rejected(Reason.NAME_TAKEN, f"There is a market called {tidied} already, or one that looks like it.")
    return tidied


def _check_bounds(command: CreateMarket) -> None:
    """Rejected INVALID_MARKET for bounds, a tick or a smallest size that do not fit (rules, section 4)."""
    low, high, tick = command.min_settlement, command.max_settlement, command.tick_size
    if not -PRICE_MAX <= low < high <= PRICE_MAX:
        most = hundredths(PRICE_MAX)
        raise Rejected(
            Reason.INVALID_MARKET,
            f"The bounds must be two prices from -{most} to {most}, the lower one first, "
            f"not {hundredths(low)} and {hundredths(high)}.",
        )
    if tick < 1 or low % tick or high % tick:
        raise Rejected(Reason.INVALID_MARKET, "The tick must be at least 0.01, and both bounds multiples of it.")
    if not 1 <= command.smallest_size <= SIZE_MAX:
        raise Rejected(Reason.INVALID_MARKET, f"The smallest size must be from 0.01 to {hundredths(SIZE_MAX)}.")


def _check_markets_made(state: State, command: CreateMarket) -> None:
    """Rejected TOO_MANY_MARKETS if the person has as many unsettled markets as they may have."""
    made = state.markets_made.get(command.by, 0)
    if made >= command.markets_max and not command.sudo:
        raise Rejected(
            Reason.TOO_MANY_MARKETS, f"You have {made} unsettled markets, the limit is {command.markets_max}."
        )
