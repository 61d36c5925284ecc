"""Encodes the engine's objects and events as protobuf messages, and writes the replies to commands.

decoding.py is the other direction. audience.py decides which streams carry what.
"""

from markets.engine import commands, events, visibility
from markets.engine.board import Auction
from markets.engine.book import Market, Order
from markets.engine.engine import Engine
from markets.engine.errors import Reason, Rejected
from markets.engine.events import Event
from markets.engine.ledger import Account, Exposure
from markets.journal.histories import Change
from markets.wire.decoding import Asker
from markets.wire.rates import Left
from proto import exchange_pb2 as pb

BID = int(commands.Side.BID)  # a plain number: an enum member is slow to look up


# --- Objects and events


def market_message(market: Market, with_book: bool = True, listed: bool = False) -> pb.Market:
    """The market's definition. `with_book` adds volume and last price; `listed` adds the list visible_to."""
    message = pb.Market(
        id=market.id,
        name=market.name,
        description=market.description,
        owner_id=market.owner,
        min_settlement=market.min_settlement,
        max_settlement=market.max_settlement,
        tick_size=market.tick_size,
        smallest_size=market.smallest_size,
        status=market.status,  # type: ignore[arg-type]  # the same numbers, as a test proves
        created_us=market.created_us,
        category=market.category,
        pinned=market.pinned,
        hide_account_ids=market.hide_account_ids,
        restricted=bool(market.visible_to),
    )
    if market.settle_price is not None:
        message.settle_price = market.settle_price
    if with_book:
        message.volume = market.volume
        if market.last_price is not None:
            message.last_price = market.last_price
    if listed and market.visible_to:
        message.visible_to.ids.extend(market.visible_to)
    return message


def summary_message(market: Market) -> pb.MarketSummary:
    message = pb.MarketSummary(market_id=market.id, status=market.status, volume=market.volume)  # type: ignore[arg-type]
    bid, offer = market.bids.best(), market.offers.best()
    if bid is not None:
        message.bid, message.bid_size = bid, market.bids.size_at_best()
    if offer is not None:
        message.offer, message.offer_size = offer, market.offers.size_at_best()
    if market.last_price is not None:
        message.last_price = market.last_price
    return message


def order_message(order: Order, own: bool, masked: bool = False) -> pb.Order:
    """An order as it stands. `own` adds client_order_id, which only its account gets; `masked` omits the account."""
    return pb.Order(
        id=order.id,
        market_id=order.market,
        account_id=0 if masked else order.account,
        side=order.side,  # type: ignore[arg-type]
        price=order.price,
        size=order.size,
        open=order.open,
        filled=order.filled,
        client_order_id=order.client_order_id if own else "",
        created_us=order.created_us,
        time_in_force=order.time_in_force,  # type: ignore[arg-type]
        post_only=order.post_only,
    )


# Frequent messages are written in place. To make a message apart and copy it in costs twice as much.


def write_created(order: pb.Order, e: events.OrderCreated, own: bool, masked: bool = False) -> None:
    """The order as its command left it. `own` and `masked` are those of order_message."""
    order.id = e.order
    order.market_id = e.market
    if not masked:
        order.account_id = e.account
    order.side = e.side  # type: ignore[assignment]
    order.price = e.price
    order.size = e.size
    order.open = e.open
    order.filled = e.filled
    order.created_us = e.at_us
    order.time_in_force = e.time_in_force  # type: ignore[assignment]
    order.post_only = e.post_only
    if own:
        order.client_order_id = e.client_order_id


def write_trade(trade: pb.Trade, e: events.Traded, masked: bool = False, own: int = 0) -> None:
    """`masked` omits buyer and seller, except the account `own`."""
    trade.id = e.trade
    trade.market_id = e.market
    trade.price = e.price
    trade.size = e.size
    if not masked or e.buyer == own:
        trade.buyer_id = e.buyer
    if not masked or e.seller == own:
        trade.seller_id = e.seller
    trade.taker_side = e.taker_side  # type: ignore[assignment]
    trade.maker_order_id = e.maker_order
    trade.maker_open = e.maker_open
    trade.taker_order_id = e.taker_order
    trade.at_us = e.at_us


def write_change(change: pb.OrderChange, c: Change, masked: bool) -> None:
    """`masked` omits the account. The client_order_id is never written."""
    change.seq, change.at_us, change.order_id, change.open = c.seq, c.at_us, c.order, c.open
    match c.cause:
        case events.OrderCreated():
            write_created(change.created, c.cause._replace(open=c.open, filled=0), own=False, masked=masked)
        case events.Traded():
            change.trade_id = c.cause.trade
        case events.OrderCancelled():
            change.cancelled = c.cause.cause  # type: ignore[assignment]


def write_fill(fill: pb.Fill, e: events.Traded, side: int, masked: bool) -> None:
    """The trade as the account on this side sees it. `masked` omits the counterparty."""
    maker = side != e.taker_side
    fill.trade_id = e.trade
    fill.market_id = e.market
    fill.order_id = e.maker_order if maker else e.taker_order
    fill.side = side  # type: ignore[assignment]
    fill.price = e.price
    fill.size = e.size
    fill.open = e.maker_open if maker else e.taker_open
    fill.maker = maker
    if not masked:
        fill.counterparty_id = e.seller if side == BID else e.buyer
    fill.at_us = e.at_us


def write_cancelled(order: pb.CancelledOrder, e: events.OrderCancelled) -> None:
    order.order_id = e.order
    order.market_id = e.market
    order.open = e.open
    order.cause = e.cause  # type: ignore[assignment]


def write_exposure(exposure: pb.Exposure, market: int, e: Exposure) -> None:
    exposure.market_id = market
    exposure.position = e.position
    exposure.bid_size = e.bid_size
    exposure.bid_value = e.bid_value
    exposure.offer_size = e.offer_size
    exposure.offer_value = e.offer_value
    exposure.worst = e.worst_case
    exposure.cost = e.cost
    exposure.realised = e.realised


def transfer_message(e: events.Transferred) -> pb.Transfer:
    return pb.Transfer(
        id=e.transfer,
        from_account_id=e.from_account,
        to_account_id=e.to_account,
        amount=e.amount,
        kind=e.kind,  # type: ignore[arg-type]
        note=e.note,
        at_us=e.at_us,
        auction_id=e.auction,
    )


def auction_message(auction: Auction) -> pb.Auction:
    message = pb.Auction(
        id=auction.id,
        seller_id=auction.seller,
        name=auction.name,
        description=auction.description,
        picture=auction.picture,
        status=auction.status,  # type: ignore[arg-type]
        buyer_id=auction.buyer or 0,
        created_us=auction.created_us,
    )
    if auction.buy_now_price is not None:
        message.buy_now_price = auction.buy_now_price
    if auction.settle_price is not None:
        message.settle_price = auction.settle_price
    return message


def write_auction(message: pb.ServerMessage, engine: Engine, e: events.AuctionEvent) -> None:
    """Writes the auction as the event left it, whatever changed since. Serves replies and streams."""
    auction = auction_message(engine.auctions[e.auction])
    if isinstance(e, events.AuctionCreated | events.AuctionEdited):
        auction.name, auction.description, auction.picture = e.name, e.description, e.picture
        auction.status = pb.Auction.OPEN
        auction.buyer_id = 0
        auction.ClearField("settle_price")
        auction.ClearField("buy_now_price")
        if e.buy_now_price is not None:
            auction.buy_now_price = e.buy_now_price
    match e:
        case events.AuctionCreated():
            message.auction_created.auction.CopyFrom(auction)
        case events.AuctionEdited():
            message.auction_updated.auction.CopyFrom(auction)
        case events.AuctionWithdrawn():
            message.auction_withdrawn.auction.CopyFrom(auction)
        case events.AuctionSettled():
            message.auction_settled.auction.CopyFrom(auction)


def account_message(account: Account) -> pb.Account:
    return pb.Account(id=account.id, name=account.name, kind=account.kind)  # type: ignore[arg-type]


def owner_messages(account: Account) -> list[pb.Owner]:
    return [pb.Owner(owner_id=owner, credit=credit) for owner, credit in sorted(account.owners.items())]


def write_owners(changed: pb.OwnersChanged, account: Account, with_owners: bool) -> None:
    """`with_owners` adds the owners and their credits. Set it only for somebody who may know them."""
    changed.account.CopyFrom(account_message(account))
    if with_owners:
        changed.owners.extend(owner_messages(account))


# --- Replies


def write_reply(reply: pb.ServerMessage, engine: Engine, command_events: list[Event], asker: Asker) -> None:
    """Writes the answer to the asker. It needs only the events of the command, so it can be repeated later.

    A market's definition is as it is now, limited to what the asker may know now. The caller sets request_id, seq and
    times.
    """
    last = command_events[-1] if command_events else None
    match last:
        case events.OrderCreated():
            write_created(reply.order_created.order, last, own=True)
            hidden = len(command_events) > 1 and visibility.masked(engine.markets[last.market], asker.sudo)
            for e in command_events:
                if type(e) is events.Traded:
                    write_trade(reply.order_created.trades.add(), e, hidden, own=last.account)
        case events.OrderCancelled() | None:
            reply.orders_cancelled.SetInParent()
            for e in command_events:
                if type(e) is events.OrderCancelled:
                    write_cancelled(reply.orders_cancelled.orders.add(), e)
        case events.MarketCreated():
            reply.market_created.market.CopyFrom(_definition(engine, last.market, asker))
        case events.MarketEdited():
            reply.market_updated.market.CopyFrom(_definition(engine, last.market, asker))
        case events.MarketStatusChanged():
            reply.market_updated.market.CopyFrom(_definition(engine, last.market, asker))
            reply.market_updated.market.status = last.status  # type: ignore[assignment]
        case events.MarketSettled():
            reply.market_settled.market.CopyFrom(_definition(engine, last.market, asker))
        case events.AuctionCreated() | events.AuctionEdited() | events.AuctionWithdrawn() | events.AuctionSettled():
            write_auction(reply, engine, last)
        case _:
            _write_account_reply(reply, engine, command_events, asker)


def _definition(engine: Engine, id: int, asker: Asker) -> pb.Market:
    """The definition of a market that the asker changed. They know the market, but may not see its book."""
    market = engine.markets[id]
    return market_message(market, with_book=asker.degree(engine, market) == visibility.WHOLE, listed=asker.sudo)


def _write_account_reply(reply: pb.ServerMessage, engine: Engine, command_events: list[Event], asker: Asker) -> None:
    """Leaves out the owners if the asker may not act as the account.

    The answer may repeat an earlier one, and the asker may have lost the account since.
    """
    reach = asker.reach(engine)
    for event in command_events:
        if type(event) is events.AccountCreated:
            account = engine.accounts[event.account]
            reply.account_created.account.CopyFrom(account_message(account))
            if asker.sudo or account.id in reach:
                reply.account_created.owners.extend(owner_messages(account))
            return
        if type(event) is events.Transferred:
            reply.transfer_created.transfer.CopyFrom(transfer_message(event))
            return
        if isinstance(event, events.ShareCreated | events.ShareEnded | events.CreditRedistributed):
            with_owners = type(event) is not events.ShareEnded and (asker.sudo or event.account in reach)
            write_owners(reply.owners_changed, engine.accounts[event.account], with_owners)
            return
    raise ValueError(f"no reply for {command_events!r}")


def write_limits(answer: pb.ServerMessage, left: Left) -> None:
    answer.limits.limit, answer.limits.remaining, answer.limits.reset_ms = left


def refusal(request_id: str, rejected: Rejected, operator: bool = False) -> pb.ServerMessage:
    """Encodes a refusal. Only an operator learns that sudo would help; others get NOT_ALLOWED."""
    hidden = rejected.reason == Reason.SUDO_REQUIRED and not operator
    refused = pb.Refused(
        code=int(Reason.NOT_ALLOWED if hidden else rejected.reason),  # type: ignore[arg-type]
        message=rejected.message,
        retry_after_ms=rejected.retry_after_ms,
    )
    return pb.ServerMessage(request_id=request_id, refused=refused)
