"""What must always hold inside the engine (docs/architecture.md), counted anew from orders and positions.

check_batch() checks what a batch touched, check_all() everything. Both raise AssertionError.
"""

from markets.engine import events as e
from markets.engine.book import BookSide, Market, Order
from markets.engine.commands import MarketStatus, Side
from markets.engine.engine import Engine
from markets.engine.events import Event
from markets.engine.ledger import Account, Exposure
from markets.engine.state import Changed

HOUSE = 1
INT64 = 2**63 - 1  # what a column and a field of the wire hold


def check_batch(engine: Engine, changed: Changed) -> None:
    assert sum(account.cash for account in engine.accounts.values()) == 0, "cash sums to zero"
    for order in changed.orders.values():
        check_order(engine, order)
    for market in {order.market for order in changed.orders.values()} | set(changed.markets):
        check_market(engine, engine.markets[market])
    for (_, market), exposure in changed.exposures.items():
        check_exposure(exposure, market)
    for account in changed.accounts.values():
        check_account(account, list(account.exposures.values()))


def check_reported(events: list[Event], changed: Changed) -> None:
    """Everything that the events name is among what the journal will write."""
    for event in events:
        match event:
            case e.Traded():
                assert event.market in changed.markets, "the last price"
                assert {event.maker_order, event.taker_order} <= set(changed.orders), "both orders"
                assert {event.buyer, event.seller} <= set(changed.accounts), "both accounts"
                sides = {(event.buyer, event.market), (event.seller, event.market)}
                assert sides <= set(changed.exposures), "both exposures"
            case e.OrderCreated() | e.OrderCancelled():
                assert event.order in changed.orders, f"order {event.order}"
                assert event.account in changed.accounts, f"account {event.account}: available"
                assert (event.account, event.market) in changed.exposures, f"exposure of {event.account}"
            case e.PaidOut():
                assert event.account in changed.accounts, f"account {event.account}: cash"
                assert (event.account, event.market) in changed.exposures, f"exposure of {event.account}"
            case e.Transferred():
                assert {event.from_account, event.to_account} <= set(changed.accounts), "both sides"
            case e.AccountCreated():
                assert event.account in changed.accounts, f"account {event.account}"
                assert not event.owner or event.account in changed.owners, f"owner of {event.account}"
            case e.ShareCreated() | e.ShareEnded():
                assert event.account in changed.owners, f"owners of {event.account}"
            case e.CreditRedistributed():
                pass
            case e.CreditsChanged():
                assert event.account in changed.owners, f"credits of {event.account}"
            case e.MarketStatusChanged() | e.MarketSettled():
                assert event.market in changed.markets, f"market {event.market}"
            case e.AuctionCreated() | e.AuctionEdited() | e.AuctionWithdrawn() | e.AuctionSettled():
                assert event.auction in changed.auctions, f"auction {event.auction}"
            case e.MarketCreated() | e.MarketEdited():
                assert event.market in changed.markets, f"market {event.market}"
                check_visibility_reported(event, changed)


def check_visibility_reported(event: e.MarketCreated | e.MarketEdited, changed: Changed) -> None:
    before = event.visible_before if isinstance(event, e.MarketEdited) else ()
    if before is not None and (before or event.visible_to):
        assert event.market in changed.visibility, f"who sees market {event.market}"
        gone = {(event.market, account) for account in set(before).difference(event.visible_to)}
        assert gone <= set(changed.unlisted), f"who is listed no longer in market {event.market}"


def check_all(engine: Engine) -> None:
    assert sum(account.cash for account in engine.accounts.values()) == 0, "cash sums to zero"
    resting = {order.id: order for m in engine.markets.values() for order in (*m.bids, *m.offers)}
    assert resting == engine.orders, "the open orders are those in the books"
    for order in engine.orders.values():
        check_order(engine, order)
    for market in engine.markets.values():
        check_market(engine, market)
    for account in engine.accounts.values():
        check_account(account, list(account.exposures.values()))
        for market_id, exposure in account.exposures.items():
            check_exposure(exposure, market_id)
    check_ownership(engine)


def check_order(engine: Engine, order: Order) -> None:
    assert order.filled + order.open + order.cancelled == order.size, f"order {order.id}: filled + open + cancelled"
    assert min(order.filled, order.open, order.cancelled) >= 0, f"order {order.id}: less than nothing"
    assert (order.id in engine.orders) == (order.open > 0), f"order {order.id}: open orders are kept, others not"


def check_market(engine: Engine, market: Market) -> None:
    positions = [a.exposures[market.id].position for a in engine.accounts.values() if market.id in a.exposures]
    assert sum(positions) == 0, f"market {market.id}: positions sum to zero"
    check_side(market.bids, Side.BID)
    check_side(market.offers, Side.OFFER)
    best_bid, best_offer = market.bids.best(), market.offers.best()
    if market.visible_to:
        assert all(order.account in market.visible_to for order in (*market.bids, *market.offers)), (
            f"market {market.id}: an order of somebody who is not listed"
        )
    assert list(market.visible_to) == sorted(market.visible_to), f"market {market.id}: lowest id first"
    if best_bid is not None and best_offer is not None:
        assert best_bid < best_offer, f"market {market.id}: crossed at {best_bid} and {best_offer}"
    if market.status in (MarketStatus.CLOSED, MarketStatus.SETTLED):
        assert best_bid is None, f"market {market.id}: bids in a market that is over"
        assert best_offer is None, f"market {market.id}: offers in a market that is over"
    if market.status == MarketStatus.SETTLED:
        assert not any(positions), f"market {market.id}: positions in a settled market"


def check_side(side: BookSide, kind: Side) -> None:
    """Best price first, at one price the oldest first, and best() is the first price."""
    orders = list(side)
    sign = -1 if kind == Side.BID else 1
    assert orders == sorted(orders, key=lambda o: (sign * o.price, o.id)), "price, then time"
    assert all(o.side == kind and o.open > 0 for o in orders), "open orders of its side only"
    for level in side.levels.values():
        assert level.size == sum(order.open for order in level.values()), "size of a level"
    assert side.best() == (orders[0].price if orders else None), "the best price"
    assert len(side) == len(orders), "as many as there are"


def check_exposure(exposure: Exposure, market_id: int) -> None:
    market = exposure.market
    assert market.id == market_id
    bids = [o for o in exposure.orders.values() if o.side == Side.BID]
    offers = [o for o in exposure.orders.values() if o.side == Side.OFFER]
    assert list(exposure.orders) == sorted(exposure.orders), "open orders, oldest first"
    assert exposure.bid_size == sum(o.open for o in bids), "size of the open bids"
    assert exposure.bid_value == sum(o.open * o.price for o in bids), "value of the open bids"
    assert exposure.offer_size == sum(o.open for o in offers), "size of the open offers"
    assert exposure.offer_value == sum(o.open * o.price for o in offers), "value of the open offers"
    most, least = exposure.position + exposure.bid_size, exposure.position - exposure.offer_size
    low = market.min_settlement * most - exposure.bid_value
    high = market.max_settlement * least + exposure.offer_value
    bound = max(abs(market.min_settlement), abs(market.max_settlement))
    assert exposure.worst_case == min(low, high), "the worst case"
    largest = bound * max(abs(most), abs(least))
    assert exposure.notional == largest + abs(exposure.realised), "what counts towards the limit"
    if not exposure.position:
        assert exposure.cost == 0, "no position, no cost"
    sizes = (exposure.position, exposure.bid_size, exposure.offer_size)
    values = (exposure.bid_value, exposure.offer_value, exposure.worst_case, exposure.cost, exposure.realised)
    assert max(map(abs, (*sizes, *values))) <= INT64, "every figure fits 64 bits"


def check_account(account: Account, exposures: list[Exposure]) -> None:
    """Checks an account against its exposures."""
    assert account.worst_case == sum(x.worst_case for x in exposures), f"account {account.id}: sum of worst_case"
    assert account.notional == sum(x.notional for x in exposures), f"account {account.id}: sum of notional"
    assert account.available == account.cash + account.worst_case
    if account.id != HOUSE:
        assert account.available >= 0, f"account {account.id}: available {account.available}"
    assert max(map(abs, (account.cash, account.available, *account.owners.values()))) <= INT64
    keyed = {o.client_order_id: o for x in exposures for o in x.orders.values() if o.client_order_id}
    assert account.open_by_key == keyed, f"account {account.id}: keys of the open orders"
    assert all(credit >= 0 for credit in account.owners.values()), f"account {account.id}: credit below zero"


def check_ownership(engine: Engine) -> None:
    """Owners and owned agree, and no account owns itself."""
    for account in engine.accounts.values():
        for owner in account.owners:
            assert account.id in engine.accounts[owner].owned
        assert all(account.id in engine.accounts[owned].owners for owned in account.owned)
        assert account.id not in engine.below(account.id), f"account {account.id} owns itself"
        assert not (account.user and account.owners), f"account {account.id} signs in and has an owner"
