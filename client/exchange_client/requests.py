"""What one may ask of the exchange: one function for each command, in the contract's order.

Each chooses its idempotency key here, before anything is sent, so that the same Request may be sent again and happens
once. Prices, sizes and amounts are Decimal or str, in chips; Request.of takes the wire's own messages and units.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import uuid4

from google.protobuf.message import Message

from exchange_client import exchange_pb2 as pb
from exchange_client.units import Chips, amount_units, price_units, size_units

A = TypeVar("A", bound=Message, covariant=True)

# Without a key, but the same again is the same.
HISTORIES = (pb.GetFullTradeHistory, pb.GetFullOrderHistory, pb.GetMarketPositions)
REPEATABLE = (pb.ActAs, pb.SetSudo, pb.Subscribe, pb.Unsubscribe, pb.CreateUserAccount, *HISTORIES)
FIELD_OF: dict[object, str] = {
    member.message_type: member.name for member in pb.ClientMessage.DESCRIPTOR.oneofs_by_name["message"].fields
}


@dataclass(frozen=True, slots=True)
class Request(Generic[A]):
    """A command and the type of its answer."""

    body: Message
    answer: type[A]

    @classmethod
    def of(cls, body: Message, answer: type[A]) -> "Request[A]":
        """Any message of the contract as it is, in whole units: Request.of(pb.Out(market_id=1), pb.OrdersCancelled).

        A key that the message could have and has not is chosen.
        """
        name = key_field(body)
        if name is not None and not getattr(body, name):
            setattr(body, name, new_key())
        return cls(body, answer)

    @property
    def key(self) -> str:
        name = key_field(self.body)
        return str(getattr(self.body, name)) if name else ""

    @property
    def repeatable(self) -> bool:
        """Sending it twice does it once."""
        return bool(self.key) or isinstance(self.body, REPEATABLE)

    def message(self, request_id: str) -> pb.ClientMessage:
        fields: dict[str, Any] = {FIELD_OF[self.body.DESCRIPTOR]: self.body}
        return pb.ClientMessage(request_id=request_id, **fields)


@dataclass(frozen=True, slots=True)
class Reply(Generic[A]):
    """An answer. Times are UTC microseconds: read by the exchange, taken in order, durable.

    `replayed`: the key was used before, and this is the first answer again.
    """

    body: A
    seq: int
    received_us: int
    sequenced_us: int
    committed_us: int
    replayed: bool


def new_key() -> str:
    return uuid4().hex


def key_field(body: Message) -> str | None:
    """An order's key is its client_order_id; a cancel's client_order_id names the order instead."""
    if isinstance(body, pb.CreateOrder):
        return "client_order_id"
    return "key" if "key" in body.DESCRIPTOR.fields_by_name else None


# --- The connection


def act_as(account_id: int) -> Request[pb.ActingAs]:
    return Request(pb.ActAs(account_id=account_id), pb.ActingAs)


def set_sudo(on: bool) -> Request[pb.SudoSet]:
    return Request(pb.SetSudo(on=on), pb.SudoSet)


def subscribe(
    markets: Iterable[int] = (), *, all_markets: bool = False, summaries: bool = False
) -> Request[pb.Subscribed]:
    return Request(pb.Subscribe(subscriptions=subscriptions(markets, all_markets, summaries)), pb.Subscribed)


def unsubscribe(
    markets: Iterable[int] = (), *, all_markets: bool = False, summaries: bool = False
) -> Request[pb.Unsubscribed]:
    return Request(pb.Unsubscribe(subscriptions=subscriptions(markets, all_markets, summaries)), pb.Unsubscribed)


def subscriptions(markets: Iterable[int], all_markets: bool, summaries: bool) -> list[pb.Subscription]:
    return [
        *(pb.Subscription(market_id=market_id) for market_id in markets),
        *([pb.Subscription(all_markets=True)] if all_markets else []),
        *([pb.Subscription(market_summary=True)] if summaries else []),
    ]


# --- Accounts and money


def create_user_account(name: str) -> Request[pb.AccountCreated]:
    return Request.of(pb.CreateUserAccount(name=name), pb.AccountCreated)


def create_account(name: str, *, owner_id: int = 0, key: str = "") -> Request[pb.AccountCreated]:
    return Request.of(pb.CreateAccount(name=name, owner_id=owner_id, key=key), pb.AccountCreated)


def make_transfer(
    from_account_id: int, to_account_id: int, amount: Chips, *, note: str = "", key: str = ""
) -> Request[pb.TransferCreated]:
    return Request.of(
        pb.MakeTransfer(
            from_account_id=from_account_id,
            to_account_id=to_account_id,
            amount=amount_units(amount),
            note=note,
            key=key,
        ),
        pb.TransferCreated,
    )


def gift(to_account_id: int, amount: Chips, *, note: str = "", key: str = "") -> Request[pb.TransferCreated]:
    return Request.of(
        pb.Gift(to_account_id=to_account_id, amount=amount_units(amount), note=note, key=key), pb.TransferCreated
    )


def collect(from_account_id: int, amount: Chips, *, note: str = "", key: str = "") -> Request[pb.TransferCreated]:
    return Request.of(
        pb.Collect(from_account_id=from_account_id, amount=amount_units(amount), note=note, key=key), pb.TransferCreated
    )


def share_account(account_id: int, receiver_id: int, *, key: str = "") -> Request[pb.OwnersChanged]:
    return Request.of(pb.ShareAccount(account_id=account_id, receiver_id=receiver_id, key=key), pb.OwnersChanged)


def leave_account(account_id: int, *, key: str = "") -> Request[pb.OwnersChanged]:
    return Request.of(pb.LeaveAccount(account_id=account_id, key=key), pb.OwnersChanged)


def revoke_share(account_id: int, owner_id: int, *, key: str = "") -> Request[pb.OwnersChanged]:
    return Request.of(pb.RevokeShare(account_id=account_id, owner_id=owner_id, key=key), pb.OwnersChanged)


def redistribute(account_id: int, owner_id: int, *, key: str = "") -> Request[pb.OwnersChanged]:
    return Request.of(pb.Redistribute(account_id=account_id, owner_id=owner_id, key=key), pb.OwnersChanged)


# --- Markets


def create_market(
    name: str,
    min_settlement: Chips,
    max_settlement: Chips,
    *,
    tick_size: Chips = "0.01",
    smallest_size: Chips = "0.01",
    description: str = "",
    category: str = "",
    pinned: bool = False,
    visible_to: Iterable[int] = (),
    hide_account_ids: bool = False,
    key: str = "",
) -> Request[pb.MarketCreated]:
    """`visible_to`: ids of the accounts that may trade there; none: everybody."""
    return Request.of(
        pb.CreateMarket(
            name=name,
            description=description,
            min_settlement=price_units(min_settlement),
            max_settlement=price_units(max_settlement),
            tick_size=price_units(tick_size),
            smallest_size=size_units(smallest_size),
            category=category,
            pinned=pinned,
            visible_to=_account_ids(tuple(visible_to) or None),
            hide_account_ids=hide_account_ids,
            key=key,
        ),
        pb.MarketCreated,
    )


def edit_market(
    market_id: int,
    *,
    name: str | None = None,
    description: str | None = None,
    category: str | None = None,
    pinned: bool | None = None,
    visible_to: Iterable[int] | None = None,
    hide_account_ids: bool | None = None,
    key: str = "",
) -> Request[pb.MarketUpdated]:
    """None leaves a field as it is. `visible_to=()`: everybody sees the market from now on."""
    return Request.of(
        pb.EditMarket(
            market_id=market_id,
            name=name,
            description=description,
            category=category,
            pinned=pinned,
            visible_to=_account_ids(visible_to),
            hide_account_ids=hide_account_ids,
            key=key,
        ),
        pb.MarketUpdated,
    )


def _account_ids(ids: Iterable[int] | None) -> pb.AccountIds | None:
    return None if ids is None else pb.AccountIds(ids=ids)


def set_market_status(market_id: int, status: pb.MarketStatus.ValueType, *, key: str = "") -> Request[pb.MarketUpdated]:
    return Request.of(pb.SetMarketStatus(market_id=market_id, status=status, key=key), pb.MarketUpdated)


def settle_market(market_id: int, price: Chips, *, key: str = "") -> Request[pb.MarketSettled]:
    return Request.of(pb.SettleMarket(market_id=market_id, price=price_units(price), key=key), pb.MarketSettled)


# --- Orders


def create_order(
    market_id: int,
    side: pb.Side.ValueType,
    price: Chips,
    size: Chips,
    *,
    time_in_force: pb.TimeInForce.ValueType = pb.GTC,
    post_only: bool = False,
    self_trade: pb.SelfTrade.ValueType = pb.CANCEL_RESTING,
    client_order_id: str = "",
) -> Request[pb.OrderCreated]:
    return Request.of(
        pb.CreateOrder(
            market_id=market_id,
            side=side,
            price=price_units(price),
            size=size_units(size),
            time_in_force=time_in_force,
            post_only=post_only,
            self_trade=self_trade,
            client_order_id=client_order_id,
        ),
        pb.OrderCreated,
    )


def cancel_order(order_id: int = 0, *, client_order_id: str = "", key: str = "") -> Request[pb.OrdersCancelled]:
    """By id, or by client_order_id."""
    return Request.of(pb.CancelOrder(order_id=order_id, client_order_id=client_order_id, key=key), pb.OrdersCancelled)


def out(
    market_id: int = 0, side: pb.Side.ValueType = pb.SIDE_UNSPECIFIED, *, key: str = ""
) -> Request[pb.OrdersCancelled]:
    """0: every market; SIDE_UNSPECIFIED: both sides."""
    return Request.of(pb.Out(market_id=market_id, side=side, key=key), pb.OrdersCancelled)


# --- Auctions


def create_auction(
    name: str, *, description: str = "", picture: str = "", buy_now_price: Chips | None = None, key: str = ""
) -> Request[pb.AuctionCreated]:
    """`picture` is the name of one that was uploaded in the pages; without a price it cannot be bought at once."""
    price = None if buy_now_price is None else amount_units(buy_now_price)
    return Request.of(
        pb.CreateAuction(name=name, description=description, picture=picture, buy_now_price=price, key=key),
        pb.AuctionCreated,
    )


def edit_auction(
    auction_id: int,
    *,
    name: str | None = None,
    description: str | None = None,
    picture: str | None = None,
    buy_now_price: Chips | None = None,
    no_buy_now_price: bool = False,
    key: str = "",
) -> Request[pb.AuctionUpdated]:
    """None leaves a field as it is; `no_buy_now_price` takes the price away."""
    edit = pb.EditAuction(auction_id=auction_id, name=name, description=description, picture=picture, key=key)
    if no_buy_now_price:
        edit.no_buy_now_price = True
    elif buy_now_price is not None:
        edit.buy_now_price = amount_units(buy_now_price)
    return Request.of(edit, pb.AuctionUpdated)


def withdraw_auction(auction_id: int, *, key: str = "") -> Request[pb.AuctionWithdrawn]:
    return Request.of(pb.WithdrawAuction(auction_id=auction_id, key=key), pb.AuctionWithdrawn)


def buy_auction(auction_id: int, price: Chips, *, key: str = "") -> Request[pb.AuctionSettled]:
    """`price` is the one that you saw: if it has changed, PRICE_CHANGED."""
    return Request.of(pb.BuyAuction(auction_id=auction_id, price=amount_units(price), key=key), pb.AuctionSettled)


def settle_auction(auction_id: int, buyer_id: int, price: Chips, *, key: str = "") -> Request[pb.AuctionSettled]:
    return Request.of(
        pb.SettleAuction(auction_id=auction_id, buyer_id=buyer_id, price=amount_units(price), key=key),
        pb.AuctionSettled,
    )


# --- Histories: a page each; `after` is the `next` of the page before, a `limit` of 0 the exchange's own


def get_full_trade_history(market_id: int, after: int = 0, limit: int = 0) -> Request[pb.TradeHistory]:
    return Request(pb.GetFullTradeHistory(market_id=market_id, after=after, limit=limit), pb.TradeHistory)


def get_full_order_history(market_id: int, after: int = 0, limit: int = 0) -> Request[pb.OrderHistory]:
    return Request(pb.GetFullOrderHistory(market_id=market_id, after=after, limit=limit), pb.OrderHistory)


def get_market_positions(market_id: int, after: int = 0, limit: int = 0) -> Request[pb.MarketPositions]:
    return Request(pb.GetMarketPositions(market_id=market_id, after=after, limit=limit), pb.MarketPositions)
