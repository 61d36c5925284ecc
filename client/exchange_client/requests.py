"""The requests that the exchange takes: one function for each, in the contract's order.

Each Request gets its idempotency key here, before it is sent, so that the same one may be sent again and happens once.
Pass `key` (for an order: `client_order_id`), at most 36 characters, to choose it yourself.

Prices, sizes and amounts are Decimal or str: prices in chips a piece and sizes in pieces, with 2 decimals; amounts in
chips, with 4. An int or a float raises TypeError, more decimals ValueError. Request.of takes whole units instead.

"Refused" names the reasons to expect, beside missing rights, rates and malformed values (docs/rules.md, section 10).
"""

from collections.abc import Iterable

from exchange_client import exchange_pb2 as pb
from exchange_client.messages import Request
from exchange_client.units import Chips, amount_units, price_units, size_units

# --- The connection


def act_as(account_id: int) -> Request[pb.ActingAs]:
    """Acts as another account from now on: your own, or one below it. Await the reply before the next command.

    Refused: ACCOUNT_NOT_FOUND, if it is not yours to act as.
    """
    return Request(pb.ActAs(account_id=account_id), pb.ActingAs)


def set_sudo(on: bool) -> Request[pb.SudoSet]:
    """Operators: turns their rights on or off.

    On: you see restricted markets and hidden account ids, and may act as any account but the house. After a lost
    connection the client turns them on again. The exchange may end them: `x.state.sudo`.
    """
    return Request(pb.SetSudo(on=on), pb.SudoSet)


def subscribe(
    markets: Iterable[int] = (), *, all_markets: bool = False, summaries: bool = False
) -> Request[pb.Subscribed]:
    """Follows the books of these markets; `all_markets`: of all that you may see, now and later; `summaries`: a summary
    of every market that you may see, at most 4 times a second. Refused: MARKET_NOT_FOUND."""
    return Request(pb.Subscribe(subscriptions=subscriptions(markets, all_markets, summaries)), pb.Subscribed)


def unsubscribe(
    markets: Iterable[int] = (), *, all_markets: bool = False, summaries: bool = False
) -> Request[pb.Unsubscribed]:
    """Ends subscriptions. Parameters as subscribe."""
    return Request(pb.Unsubscribe(subscriptions=subscriptions(markets, all_markets, summaries)), pb.Unsubscribed)


def subscriptions(markets: Iterable[int], all_markets: bool, summaries: bool) -> list[pb.Subscription]:
    return [
        *(pb.Subscription(market_id=market_id) for market_id in markets),
        *([pb.Subscription(all_markets=True)] if all_markets else []),
        *([pb.Subscription(market_summary=True)] if summaries else []),
    ]


# --- Accounts and money


def create_user_account(name: str) -> Request[pb.AccountCreated]:
    """Opens your own account with the starting cash. If you have one, the reply shows it as it is.

    `name`: 1 to 40 characters; if it is taken, a number is added.
    """
    return Request.of(pb.CreateUserAccount(name=name), pb.AccountCreated)


def create_account(name: str, *, owner_id: int = 0, key: str = "") -> Request[pb.AccountCreated]:
    """Opens an account below the one that you act as, or below `owner_id`. `name`: 1 to 40 characters, unique.

    Refused: INVALID_NAME, NAME_TAKEN, TOO_MANY_ACCOUNTS.
    """
    return Request.of(pb.CreateAccount(name=name, owner_id=owner_id, key=key), pb.AccountCreated)


def make_transfer(
    from_account_id: int, to_account_id: int, amount: Chips, *, note: str = "", key: str = ""
) -> Request[pb.TransferCreated]:
    """Pays `amount` chips (4 decimals) from one account to another. `note`: at most 200 characters.

    From person to person, or between an account and its owner.
    Refused: INVALID_AMOUNT, INSUFFICIENT_FUNDS, INSUFFICIENT_CREDIT, SHARED_ACCOUNT_NOT_FLAT.
    """
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
    """Operators in sudo: pays `amount` chips (4 decimals) from the house to an account. Refused: ISSUE_LIMIT."""
    return Request.of(
        pb.Gift(to_account_id=to_account_id, amount=amount_units(amount), note=note, key=key), pb.TransferCreated
    )


def collect(from_account_id: int, amount: Chips, *, note: str = "", key: str = "") -> Request[pb.TransferCreated]:
    """Operators in sudo: pays `amount` chips (4 decimals) from an account back to the house.

    Refused: INSUFFICIENT_FUNDS, if that is more than the account has available.
    """
    return Request.of(
        pb.Collect(from_account_id=from_account_id, amount=amount_units(amount), note=note, key=key), pb.TransferCreated
    )


def share_account(account_id: int, receiver_id: int, *, key: str = "") -> Request[pb.OwnersChanged]:
    """Makes another person's user account an owner of this account too, without any credit yet.

    Act as your own user account. Refused: SHARED_ACCOUNT_NOT_FLAT if it has positions or open orders, NOT_A_USER,
    ALREADY_OWNER.
    """
    return Request.of(pb.ShareAccount(account_id=account_id, receiver_id=receiver_id, key=key), pb.OwnersChanged)


def leave_account(account_id: int, *, key: str = "") -> Request[pb.OwnersChanged]:
    """The account that you act as gives up its ownership of this one.

    Refused: CREDIT_REMAINS, SHARED_ACCOUNT_NOT_FLAT; NOT_ALLOWED if there is no other owner.
    """
    return Request.of(pb.LeaveAccount(account_id=account_id, key=key), pb.OwnersChanged)


def revoke_share(account_id: int, owner_id: int, *, key: str = "") -> Request[pb.OwnersChanged]:
    """Operators in sudo: ends the ownership of the user account `owner_id`. Refused: as leave_account."""
    return Request.of(pb.RevokeShare(account_id=account_id, owner_id=owner_id, key=key), pb.OwnersChanged)


def redistribute(account_id: int, owner_id: int, *, key: str = "") -> Request[pb.OwnersChanged]:
    """Operators in sudo: gives an owner's credit in an account to its other owners, in proportion to theirs.

    Evenly, if they have none. Refused: SHARED_ACCOUNT_NOT_FLAT.
    """
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
    """Opens a market that settles between these two prices. The account that you act as owns it.

    `min_settlement`, `max_settlement` and `tick_size` in chips a piece, `smallest_size` in pieces. `name`: 1 to 80
    characters, unique; `description`: at most 4,000. Only operators in sudo: `pinned`, `hide_account_ids`, any
    `category`, and `visible_to`: ids of the accounts that may trade there; none: everybody.
    Refused: INVALID_MARKET, NAME_TAKEN, TOO_MANY_MARKETS.
    """
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
    """Changes a market. None leaves a field as it is. Its owner changes the description, operators in sudo any field.

    `visible_to=()`: everybody sees the market from now on. Accounts that are no longer listed lose their open orders.
    Refused: MARKET_NOT_FOUND, NAME_TAKEN.
    """
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
    """Operators in sudo: sets pb.OPEN, pb.CANCEL_ONLY, pb.PAUSED, or pb.CLOSED, which is final and cancels all orders.

    Refused: MARKET_CLOSED, MARKET_SETTLED.
    """
    return Request.of(pb.SetMarketStatus(market_id=market_id, status=status, key=key), pb.MarketUpdated)


def settle_market(market_id: int, price: Chips, *, key: str = "") -> Request[pb.MarketSettled]:
    """Ends a market: positions are paid at `price`, chips a piece within the bounds. Its owner, or operators in sudo.

    Refused: INVALID_PRICE, MARKET_SETTLED, SETTLER_HAS_POSITION.
    """
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
    """Bids for (BID) or offers (OFFER) `size` pieces at `price` chips a piece. The reply has the order and its trades.

    `price`: on the market's tick, within its bounds. `size`: a multiple of its smallest size.
    `time_in_force`: GTC: what does not trade at once rests; IOC: it is cancelled; FOK: all trades at once, or nothing.
    `post_only`: refused if it would trade at once. `client_order_id`: the order's key, at most 36 characters.
    `self_trade`: what happens where it meets an order of the same account. pb.CANCEL_RESTING: that order is cancelled;
    pb.CANCEL_INCOMING: the rest of this one is cancelled; pb.DECREMENT: both shrink.
    Refused: INSUFFICIENT_FUNDS, INVALID_PRICE, INVALID_SIZE, MARKET_NOT_FOUND, MARKET_PAUSED, MARKET_CLOSED,
    MARKET_SETTLED, TOO_MANY_ORDERS, POSITION_LIMIT, POST_ONLY_WOULD_TRADE, FOK_NOT_FILLABLE.
    """
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
    """Cancels an open order, by id or by client_order_id.

    Refused: ORDER_FILLED or ORDER_CANCELLED if nothing of it is open, with how much was filled; ORDER_NOT_FOUND if it
    is unknown or another account's; MARKET_PAUSED.
    """
    return Request.of(pb.CancelOrder(order_id=order_id, client_order_id=client_order_id, key=key), pb.OrdersCancelled)


def out(
    market_id: int = 0, side: pb.Side.ValueType = pb.SIDE_UNSPECIFIED, *, key: str = ""
) -> Request[pb.OrdersCancelled]:
    """Cancels the open orders of the account that you act as: all, or those of one market, or of one side.

    `market_id` 0: every market but the paused ones. Refused: MARKET_PAUSED, MARKET_NOT_FOUND.
    """
    return Request.of(pb.Out(market_id=market_id, side=side, key=key), pb.OrdersCancelled)


# --- Auctions


def create_auction(
    name: str, *, description: str = "", picture: str = "", buy_now_price: Chips | None = None, key: str = ""
) -> Request[pb.AuctionCreated]:
    """Puts something on the auction board. `name`: 1 to 80 characters; `description`: at most 4,000.

    `picture`: the name of one that was uploaded in the pages. `buy_now_price`: chips (4 decimals) for which anybody can
    buy it; None: nobody can. Refused: INVALID_AMOUNT.
    """
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
    """Changes an open auction of yours. None leaves a field as it is. `buy_now_price`: chips (4 decimals);
    `no_buy_now_price` takes the price away. Refused: AUCTION_NOT_FOUND, AUCTION_SETTLED, INVALID_AMOUNT."""
    edit = pb.EditAuction(auction_id=auction_id, name=name, description=description, picture=picture, key=key)
    if no_buy_now_price:
        edit.no_buy_now_price = True
    elif buy_now_price is not None:
        edit.buy_now_price = amount_units(buy_now_price)
    return Request.of(edit, pb.AuctionUpdated)


def withdraw_auction(auction_id: int, *, key: str = "") -> Request[pb.AuctionWithdrawn]:
    """Takes an open auction of yours off the board. Refused: AUCTION_NOT_FOUND, AUCTION_SETTLED."""
    return Request.of(pb.WithdrawAuction(auction_id=auction_id, key=key), pb.AuctionWithdrawn)


def buy_auction(auction_id: int, price: Chips, *, key: str = "") -> Request[pb.AuctionSettled]:
    """Buys at the price that you saw: `price`, chips (4 decimals).

    In an account with several owners, or below one, you spend your own credit.

    Refused: PRICE_CHANGED if it is another one now, NO_PRICE, INSUFFICIENT_FUNDS, INSUFFICIENT_CREDIT,
    SHARED_ACCOUNT_NOT_FLAT, SAME_PERSON if you may act as the seller, AUCTION_NOT_FOUND, AUCTION_SETTLED.
    """
    return Request.of(pb.BuyAuction(auction_id=auction_id, price=amount_units(price), key=key), pb.AuctionSettled)


def settle_auction(auction_id: int, buyer_id: int, price: Chips, *, key: str = "") -> Request[pb.AuctionSettled]:
    """Operators in sudo: sells an open auction to this buyer for `price`, chips (4 decimals).

    Refused: INSUFFICIENT_FUNDS, AUCTION_NOT_FOUND, AUCTION_SETTLED.
    """
    return Request.of(
        pb.SettleAuction(auction_id=auction_id, buyer_id=buyer_id, price=amount_units(price), key=key),
        pb.AuctionSettled,
    )


# --- Histories, in pages. `after`: the `next` of the page before. `limit`: rows of a page, at most 10,000; 0: 1,000


def get_full_trade_history(market_id: int, after: int = 0, limit: int = 0) -> Request[pb.TradeHistory]:
    """A page of a market's trades, oldest first. Refused: MARKET_NOT_FOUND."""
    return Request(pb.GetFullTradeHistory(market_id=market_id, after=after, limit=limit), pb.TradeHistory)


def get_full_order_history(market_id: int, after: int = 0, limit: int = 0) -> Request[pb.OrderHistory]:
    """A page of the changes of a market's orders, oldest first. Refused: MARKET_NOT_FOUND."""
    return Request(pb.GetFullOrderHistory(market_id=market_id, after=after, limit=limit), pb.OrderHistory)


def get_market_positions(market_id: int, after: int = 0, limit: int = 0) -> Request[pb.MarketPositions]:
    """A page of a market's positions, by account id. Refused: MARKET_NOT_FOUND."""
    return Request(pb.GetMarketPositions(market_id=market_id, after=after, limit=limit), pb.MarketPositions)
