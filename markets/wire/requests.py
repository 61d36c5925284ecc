"""Lists every kind of request: its rate class, the scope that a token needs for it, and its decoder.

A kind is a member of ClientMessage's oneof, and REQUESTS has a row for each: there are no defaults, and
tests/tidy/test_requests.py fails for a member without a row. To add a command, write its decoder here and its row:

- The rate class (docs/rules.md, section 9). Most are "mutate". A request that makes a market or an auction, or reads
  much, is "expensive". "cancel" is only for requests that cancel orders: no other request may hold them up. "read" is
  for the connection.
- The scope: the least that lets a bot make the request. If the request names the account that it acts for, add the
  field to ACTS_FOR in scopes.py. Otherwise a token that is bound to one account could act for others.
- The decoder. It refuses only what it cannot translate; the engine checks all else.

A request that is no command has no decoder. List its member in realtime/consumers.py too, which sorts requests before
the matcher: matching/sessions.py answers SESSION_MEMBERS, matching/history_requests.py answers HISTORY_MEMBERS.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.conf import settings

from markets.engine import commands
from markets.engine.commands import Command
from markets.engine.errors import Reason, Rejected
from markets.engine.text import check_text
from proto import exchange_pb2 as pb
from realtime.limits import KEY_CHARACTERS_MAX, RateClass
from realtime.rights import Scope

# decoder(request, user id, account acted as, sudo) returns the command. Rejected if the request is malformed.
Decoder = Callable[[Any, int, int, bool], Command]


class RequestKind(NamedTuple):
    """The row of one kind of request. `decoder` is None if the request is no command."""

    rate_class: RateClass
    scope: Scope
    decoder: Decoder | None


def _key(key: str) -> str:
    return check_text(key, KEY_CHARACTERS_MAX, "key") if key else ""


def _enum(value: int, kind: type[commands.Side] | type[commands.TimeInForce] | type[commands.SelfTrade]) -> int:
    try:
        return int(kind(value))
    except ValueError:
        raise Rejected(Reason.INVALID_FRAME, f"There is no {kind.__name__} {value}.") from None


def _create_user_account(m: pb.CreateUserAccount, user: int, account: int, sudo: bool) -> Command:
    return commands.CreateUserAccount(user, 0, False, "", m.name, settings.STARTING_CASH)


def _create_account(m: pb.CreateAccount, user: int, account: int, sudo: bool) -> Command:
    accounts_max = settings.ALT_ACCOUNTS_MAX
    return commands.CreateAccount(user, account, sudo, _key(m.key), m.name, m.owner_id, accounts_max)


def _make_transfer(m: pb.MakeTransfer, user: int, account: int, sudo: bool) -> Command:
    return commands.MakeTransfer(user, account, sudo, _key(m.key), m.from_account_id, m.to_account_id, m.amount, m.note)


def _gift(m: pb.Gift, user: int, account: int, sudo: bool) -> Command:
    return commands.Gift(user, account, sudo, _key(m.key), m.to_account_id, m.amount, m.note)


def _collect(m: pb.Collect, user: int, account: int, sudo: bool) -> Command:
    return commands.Collect(user, account, sudo, _key(m.key), m.from_account_id, m.amount, m.note)


def _share_account(m: pb.ShareAccount, user: int, account: int, sudo: bool) -> Command:
    return commands.ShareAccount(user, account, sudo, _key(m.key), m.account_id, m.receiver_id)


def _leave_account(m: pb.LeaveAccount, user: int, account: int, sudo: bool) -> Command:
    return commands.LeaveAccount(user, account, sudo, _key(m.key), m.account_id)


def _revoke_share(m: pb.RevokeShare, user: int, account: int, sudo: bool) -> Command:
    return commands.RevokeShare(user, account, sudo, _key(m.key), m.account_id, m.owner_id)


def _redistribute(m: pb.Redistribute, user: int, account: int, sudo: bool) -> Command:
    return commands.Redistribute(user, account, sudo, _key(m.key), m.account_id, m.owner_id)


def _create_market(m: pb.CreateMarket, user: int, account: int, sudo: bool) -> Command:
    return commands.CreateMarket(
        user,
        account,
        sudo,
        _key(m.key),
        m.name,
        m.description,
        m.min_settlement,
        m.max_settlement,
        m.tick_size or 1,
        m.smallest_size or 1,
        settings.UNSETTLED_MARKETS_MAX,
        category=m.category,
        category_public=" ".join(m.category.split()) in ("", *settings.PUBLIC_CATEGORIES),
        pinned=m.pinned,
        visible_to=tuple(m.visible_to.ids),
        hide_account_ids=m.hide_account_ids,
    )


def _edit_market(m: pb.EditMarket, user: int, account: int, sudo: bool) -> Command:
    name = m.name if m.HasField("name") else None
    description = m.description if m.HasField("description") else None
    return commands.EditMarket(
        user,
        account,
        sudo,
        _key(m.key),
        m.market_id,
        name,
        description,
        category=m.category if m.HasField("category") else None,
        pinned=m.pinned if m.HasField("pinned") else None,
        visible_to=tuple(m.visible_to.ids) if m.HasField("visible_to") else None,
        hide_account_ids=m.hide_account_ids if m.HasField("hide_account_ids") else None,
    )


def _set_market_status(m: pb.SetMarketStatus, user: int, account: int, sudo: bool) -> Command:
    if not m.status:
        raise Rejected(Reason.INVALID_FRAME, "Give a status: OPEN, CANCEL_ONLY, PAUSED or CLOSED.")
    return commands.SetMarketStatus(user, account, sudo, _key(m.key), m.market_id, m.status)


def _settle_market(m: pb.SettleMarket, user: int, account: int, sudo: bool) -> Command:
    return commands.SettleMarket(user, account, sudo, _key(m.key), m.market_id, m.price)


def _create_order(m: pb.CreateOrder, user: int, account: int, sudo: bool) -> Command:
    side = m.side
    if side != 1 and side != 2:
        raise Rejected(Reason.INVALID_FRAME, "Give the order a side: BID or OFFER.")
    time_in_force = m.time_in_force and _enum(m.time_in_force, commands.TimeInForce)
    self_trade = m.self_trade and _enum(m.self_trade, commands.SelfTrade)
    key = _key(m.client_order_id)
    return commands.CreateOrder(
        user,
        account,
        sudo,
        key,
        m.market_id,
        side,
        m.price,
        m.size,
        time_in_force,
        m.post_only,
        self_trade,
    )


def _cancel_order(m: pb.CancelOrder, user: int, account: int, sudo: bool) -> Command:
    if bool(m.order_id) == bool(m.client_order_id):
        raise Rejected(Reason.INVALID_FRAME, "Give either order_id or client_order_id.")
    return commands.CancelOrder(user, account, sudo, _key(m.key), m.order_id, m.client_order_id)


def _out(m: pb.Out, user: int, account: int, sudo: bool) -> Command:
    side = m.side and _enum(m.side, commands.Side)
    return commands.Out(user, account, sudo, _key(m.key), m.market_id, side)


def _create_auction(m: pb.CreateAuction, user: int, account: int, sudo: bool) -> Command:
    price = m.buy_now_price if m.HasField("buy_now_price") else None
    return commands.CreateAuction(user, account, sudo, _key(m.key), m.name, m.description, m.picture, price)


def _edit_auction(m: pb.EditAuction, user: int, account: int, sudo: bool) -> Command:
    name = m.name if m.HasField("name") else None
    description = m.description if m.HasField("description") else None
    picture = m.picture if m.HasField("picture") else None
    price = m.buy_now_price if m.HasField("buy_now_price") else None
    if m.HasField("no_buy_now_price") and not m.no_buy_now_price:
        raise Rejected(Reason.INVALID_FRAME, "no_buy_now_price must be true or absent.")
    return commands.EditAuction(
        user,
        account,
        sudo,
        _key(m.key),
        m.auction_id,
        name,
        description,
        picture,
        price,
        m.no_buy_now_price,
    )


def _withdraw_auction(m: pb.WithdrawAuction, user: int, account: int, sudo: bool) -> Command:
    return commands.WithdrawAuction(user, account, sudo, _key(m.key), m.auction_id)


def _buy_auction(m: pb.BuyAuction, user: int, account: int, sudo: bool) -> Command:
    return commands.BuyAuction(user, account, sudo, _key(m.key), m.auction_id, m.price)


def _settle_auction(m: pb.SettleAuction, user: int, account: int, sudo: bool) -> Command:
    return commands.SettleAuction(user, account, sudo, _key(m.key), m.auction_id, m.buyer_id, m.price)


REQUESTS: dict[str, RequestKind] = {
    # The connection
    "authenticate": RequestKind("read", Scope.READ, None),
    "act_as": RequestKind("read", Scope.READ, None),
    "subscribe": RequestKind("read", Scope.READ, None),
    "unsubscribe": RequestKind("read", Scope.READ, None),
    "set_sudo": RequestKind("read", Scope.SUDO, None),
    # Accounts and money
    "create_user_account": RequestKind("mutate", Scope.READ, _create_user_account),
    "create_account": RequestKind("mutate", Scope.MANAGE, _create_account),
    "make_transfer": RequestKind("mutate", Scope.TRANSFER, _make_transfer),
    "gift": RequestKind("mutate", Scope.MANAGE, _gift),
    "collect": RequestKind("mutate", Scope.MANAGE, _collect),
    "share_account": RequestKind("mutate", Scope.MANAGE, _share_account),
    "leave_account": RequestKind("mutate", Scope.MANAGE, _leave_account),
    "revoke_share": RequestKind("mutate", Scope.MANAGE, _revoke_share),
    "redistribute": RequestKind("mutate", Scope.MANAGE, _redistribute),
    # Markets
    "create_market": RequestKind("expensive", Scope.MANAGE, _create_market),
    "edit_market": RequestKind("mutate", Scope.MANAGE, _edit_market),
    "set_market_status": RequestKind("mutate", Scope.MANAGE, _set_market_status),
    "settle_market": RequestKind("mutate", Scope.MANAGE, _settle_market),
    # Orders
    "create_order": RequestKind("mutate", Scope.TRADE, _create_order),
    "cancel_order": RequestKind("cancel", Scope.TRADE, _cancel_order),
    "out": RequestKind("cancel", Scope.TRADE, _out),
    # Auctions
    "create_auction": RequestKind("expensive", Scope.MANAGE, _create_auction),
    "edit_auction": RequestKind("expensive", Scope.MANAGE, _edit_auction),
    "withdraw_auction": RequestKind("expensive", Scope.MANAGE, _withdraw_auction),
    "buy_auction": RequestKind("expensive", Scope.TRANSFER, _buy_auction),
    "settle_auction": RequestKind("expensive", Scope.MANAGE, _settle_auction),
    # A market's past
    "get_full_trade_history": RequestKind("expensive", Scope.READ, None),
    "get_full_order_history": RequestKind("expensive", Scope.READ, None),
    "get_market_positions": RequestKind("expensive", Scope.READ, None),
}


def no_request() -> Rejected:
    """The refusal of a message without a member of REQUESTS, or with one that belongs to another handler."""
    return Rejected(Reason.INVALID_FRAME, "A message holds exactly one request.")


def class_of(kind: str) -> RateClass:
    """The rate class of this kind of request. Rejected INVALID_FRAME if there is no such kind."""
    try:
        return REQUESTS[kind].rate_class
    except KeyError:
        raise no_request() from None
