"""The oracle for docs/rules.md section 4: what a market is and who sees it. Every answer is counted anew."""

from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.errors import Reason
from markets.engine.events import CancelCause, Event
from tests.naive_book import NaiveMarket, cancel
from tests.naive_money import HOUSE
from tests.naive_shape import (
    LARGEST_PRICE,
    LARGEST_SIZE,
    RESTRICTED,
    Refused,
    bad_text,
    refuse,
    same_name,
    tidy,
    valid_name,
)
from tests.naive_shares import NaiveShares

NO_SUCH_MARKET = Refused({Reason.MARKET_NOT_FOUND})  # and no other code: it would give the market away
LARGEST_LIST = 1_000


class NaiveVisibility(NaiveShares):
    """Markets, each with the list of those it is for."""

    def market_known(self, command: c.EditMarket | c.SetMarketStatus | c.SettleMarket) -> NaiveMarket:
        """The market that is named, as far as whoever asks may know of it."""
        market = self.markets.get(command.market)
        if market is None or not (command.sudo or self.knows_of(market, command.by)):
            raise NO_SUCH_MARKET
        return market

    def knows_of(self, market: NaiveMarket, user: int) -> bool:
        """Through a listed account; or, without the book, through the owner's or one that has traded there."""
        mine = self.may_act_as(user, sudo=False)
        return not market.listed or bool(mine & {market.owner, *market.listed, *market.fills})

    def market_to_trade(self, account: int, market: int) -> NaiveMarket:
        """The acting account itself is listed; who asks, and whether in sudo, does not matter."""
        found = self.markets.get(market)
        if found is None or (found.listed and account not in found.listed):
            raise NO_SUCH_MARKET
        return found

    def create_market(self, command: c.CreateMarket, at_us: int) -> list[Event]:
        low, high, tick = command.min_settlement, command.max_settlement, command.tick_size
        broken = self.bad_market_name(command.name) | bad_text(command.description)
        broken |= bad_category(command.category) | self.bad_list(command.visible_to)
        plain = command.category_public and not (command.pinned or command.visible_to or command.hide_account_ids)
        if not plain and not command.sudo:
            broken |= RESTRICTED
        in_range = -LARGEST_PRICE <= low < high <= LARGEST_PRICE
        if not in_range or tick <= 0 or low % tick or high % tick or not 0 < command.smallest_size <= LARGEST_SIZE:
            broken.add(Reason.INVALID_MARKET)
        if sum(m.creator == command.by for m in self.unsettled()) >= command.markets_max and not command.sudo:
            broken.add(Reason.TOO_MANY_MARKETS)
        refuse(broken)
        new = NaiveMarket(
            id=len(self.markets) + 1,
            name=tidy(command.name),
            description=command.description,
            owner=command.account,
            creator=command.by,
            low=low,
            high=high,
            tick_size=tick,
            smallest_size=command.smallest_size,
            seq=self.seq + 1,
            at_us=at_us,
            category=tidy(command.category),
            pinned=command.pinned,
            listed=sorted(set(command.visible_to)),
            hides_ids=command.hide_account_ids,
        )
        self.markets[new.id] = new
        self.running.append(new.id)
        shape = (low, high, tick, new.smallest_size)
        return [e.MarketCreated(new.id, new.name, new.description, new.owner, *shape, at_us, *shown(new))]

    def edit_market(self, command: c.EditMarket, at_us: int) -> list[Event]:
        market = self.market_known(command)
        broken: set[Reason] = set()
        for_operators = (command.name, command.category, command.pinned, command.visible_to, command.hide_account_ids)
        if not command.sudo and (command.account != market.owner or for_operators != (None,) * 5):
            broken |= RESTRICTED
        if command.name is not None:
            broken |= self.bad_market_name(command.name, but=market.id)
        broken |= bad_text(command.description or "") | bad_category(command.category or "")
        broken |= self.bad_list(command.visible_to or ())
        refuse(broken)
        before = tuple(market.listed)
        change(market, command)
        lost = [order for order in market.orders if market.listed and order.account not in market.listed]
        events: list[Event] = [cancel(order, order.open, CancelCause.NO_LONGER_LISTED) for order in lost]
        market.orders = [order for order in market.orders if order.open]
        listed_before = before if before != tuple(market.listed) else None
        return [*events, e.MarketEdited(market.id, market.name, market.description, *shown(market), listed_before)]

    def bad_market_name(self, name: str, but: int = 0) -> set[Reason]:
        if not valid_name(name, 80):
            return {Reason.INVALID_NAME}
        same = any(same_name(m.name, tidy(name)) for m in self.markets.values() if m.id != but)
        return {Reason.NAME_TAKEN} if same else set()

    def bad_list(self, accounts: tuple[int, ...]) -> set[Reason]:
        broken = {Reason.INVALID_MARKET} if len(accounts) > LARGEST_LIST else set()
        if not set(accounts) <= set(self.accounts) - {HOUSE}:
            broken.add(Reason.ACCOUNT_NOT_FOUND)
        return broken


def bad_category(category: str) -> set[Reason]:
    """None at all is all right."""
    return set() if not category or valid_name(category, 40) else {Reason.INVALID_NAME}


def change(market: NaiveMarket, command: c.EditMarket) -> None:
    """What is sent, nothing else."""
    if command.name is not None:
        market.name = tidy(command.name)
    if command.description is not None:
        market.description = command.description
    if command.category is not None:
        market.category = tidy(command.category)
    if command.pinned is not None:
        market.pinned = command.pinned
    if command.visible_to is not None:
        market.listed = sorted(set(command.visible_to))
    if command.hide_account_ids is not None:
        market.hides_ids = command.hide_account_ids


def shown(market: NaiveMarket) -> tuple[str, bool, tuple[int, ...], bool]:
    return market.category, market.pinned, tuple(market.listed), market.hides_ids
