"""From the engine to the wire (protobuf): how each thing looks there, and the answers to commands.

markets/decoding.py is the way in; markets/audience.py says who hears what.
"""

from markets.engine import commands, events
from markets.engine.board import Auction
from markets.engine.book import Market, Order
from markets.engine.engine import Engine
from markets.engine.errors import Reason, Rejected
from markets.engine.events import Event
from markets.engine.ledger import Account, Exposure
from proto import exchange_pb2 as pb

BID = int(commands.Side.BID)  # an enum member is slow to look up


# --- Things


def market_message(market: Market) -> pb.Market:
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
    )
    if market.settle_price is not None:
        message.settle_price = market.settle_price
    if market.last_price is not None:
        message.last_price = market.last_price
    return message


def order_message(order: Order, own: bool) -> pb.Order:
    """An order as it stands; `own` adds what only its account hears."""
    return pb.Order(
        id=order.id,
        market_id=order.market,
        account_id=order.account,
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


# The hot ones are written in place: a message that is made apart and then copied in costs twice as much.


def write_created(order: pb.Order, e: events.OrderCreated, own: bool) -> None:
    """The order as its command left it; `own` adds what only its account hears."""
    order.id = e.order
    order.market_id = e.market
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


def write_trade(trade: pb.Trade, e: events.Traded) -> None:
    trade.id = e.trade
    trade.market_id = e.market
    trade.price = e.price
    trade.size = e.size
    trade.buyer_id = e.buyer
    trade.seller_id = e.seller
    trade.taker_side = e.taker_side  # type: ignore[assignment]
    trade.maker_order_id = e.maker_order
    trade.maker_open = e.maker_open
    trade.taker_order_id = e.taker_order
    trade.at_us = e.at_us


def write_fill(fill: pb.Fill, e: events.Traded, side: int) -> None:
    """The trade as the account on that side sees it."""
    maker = side != e.taker_side
    fill.trade_id = e.trade
    fill.market_id = e.market
    fill.order_id = e.maker_order if maker else e.taker_order
    fill.side = side  # type: ignore[assignment]
    fill.price = e.price
    fill.size = e.size
    fill.open = e.maker_open if maker else e.taker_open
    fill.maker = maker
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
    exposure.worst = e.worst
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


def write_auction(message: pb.ServerMessage, engine: Engine, e: events.OfAuction) -> None:
    """The auction as the event left it: a reply or a stream message, whatever happened to it since."""
    told = auction_message(engine.auctions[e.auction])
    if isinstance(e, events.AuctionCreated | events.AuctionEdited):
        told.name, told.description, told.picture = e.name, e.description, e.picture
        told.status = pb.Auction.OPEN
        told.buyer_id = 0
        told.ClearField("settle_price")
        told.ClearField("buy_now_price")
        if e.buy_now_price is not None:
            told.buy_now_price = e.buy_now_price
    match e:
        case events.AuctionCreated():
            message.auction_created.auction.CopyFrom(told)
        case events.AuctionEdited():
            message.auction_updated.auction.CopyFrom(told)
        case events.AuctionWithdrawn():
            message.auction_withdrawn.auction.CopyFrom(told)
        case events.AuctionSettled():
            message.auction_settled.auction.CopyFrom(told)


def account_message(account: Account) -> pb.Account:
    return pb.Account(id=account.id, name=account.name, kind=account.kind)  # type: ignore[arg-type]


def owner_messages(account: Account) -> list[pb.Owner]:
    return [pb.Owner(owner_id=owner, credit=credit) for owner, credit in sorted(account.owners.items())]


def write_owners(changed: pb.OwnersChanged, account: Account, told: bool) -> None:
    """`told`: to somebody who may know the owners and what is theirs."""
    changed.account.CopyFrom(account_message(account))
    if told:
        changed.owners.extend(owner_messages(account))


# --- Replies


def write_reply(reply: pb.ServerMessage, engine: Engine, happened: list[Event]) -> None:
    """The answer to who asked, from the events of the command alone, so that it can be given again later.

    Of a market's definition it tells what it is now. Leaves request_id, seq and times to the caller.
    """
    last = happened[-1] if happened else None
    match last:
        case events.OrderCreated():
            write_created(reply.order_created.order, last, own=True)
            for e in happened:
                if type(e) is events.Traded:
                    write_trade(reply.order_created.trades.add(), e)
        case events.OrderCancelled() | None:
            reply.orders_cancelled.SetInParent()
            for e in happened:
                if type(e) is events.OrderCancelled:
                    write_cancelled(reply.orders_cancelled.orders.add(), e)
        case events.MarketCreated():
            reply.market_created.market.CopyFrom(market_message(engine.markets[last.market]))
        case events.MarketEdited():
            reply.market_updated.market.CopyFrom(market_message(engine.markets[last.market]))
        case events.MarketStatusChanged():
            reply.market_updated.market.CopyFrom(market_message(engine.markets[last.market]))
            reply.market_updated.market.status = last.status  # type: ignore[assignment]
        case events.MarketSettled():
            reply.market_settled.market.CopyFrom(market_message(engine.markets[last.market]))
        case events.AuctionCreated() | events.AuctionEdited() | events.AuctionWithdrawn() | events.AuctionSettled():
            write_auction(reply, engine, last)
        case _:
            _write_account_reply(reply, engine, happened)


def _write_account_reply(reply: pb.ServerMessage, engine: Engine, happened: list[Event]) -> None:
    for event in happened:
        if type(event) is events.AccountCreated:
            account = engine.accounts[event.account]
            reply.account_created.account.CopyFrom(account_message(account))
            reply.account_created.owners.extend(owner_messages(account))
            return
        if type(event) is events.Transferred:
            reply.transfer_created.transfer.CopyFrom(transfer_message(event))
            return
        if isinstance(event, events.ShareCreated | events.ShareEnded | events.CreditRedistributed):
            write_owners(reply.owners_changed, engine.accounts[event.account], type(event) is not events.ShareEnded)
            return
    raise ValueError(f"no reply for {happened!r}")


def refusal(request_id: str, rejected: Rejected) -> pb.ServerMessage:
    """Nobody can turn on sudo on a socket yet, so nobody is told that it would help."""
    hidden = rejected.reason == Reason.SUDO_REQUIRED
    refused = pb.Refused(
        code=int(Reason.NOT_ALLOWED if hidden else rejected.reason),  # type: ignore[arg-type]
        message=rejected.message,
        retry_after_ms=rejected.retry_after_ms,
    )
    return pb.ServerMessage(request_id=request_id, refused=refused)
