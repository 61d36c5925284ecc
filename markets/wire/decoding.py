"""From the wire to the engine: a ClientMessage becomes the command that it asks for. codec.py is the way back."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from django.conf import settings

from markets.engine import commands
from markets.engine.book import Market
from markets.engine.commands import Command
from markets.engine.engine import KEY_MAX, Engine
from markets.engine.errors import Reason, Rejected
from markets.engine.text import check_text
from markets.engine.visibility import Degree, degree_of
from markets.wire.scopes import check_rights
from proto import exchange_pb2 as pb
from realtime.limits import REASON_CHARACTERS_MAX
from realtime.rights import Rights


class Asker(NamedTuple):
    """Who asks: the signed-in person's user id, the account acted as, whether an operator's rights are on, and what
    the sign-in is good for."""

    user: int
    account: int
    sudo: bool
    rights: Rights = Rights()

    def reach(self, engine: Engine) -> Collection[int]:
        """The accounts that they may act as with this sign-in."""
        return (self.rights.bound,) if self.rights.bound else engine.reach(self.user)

    def degree(self, engine: Engine, market: Market) -> Degree:
        """How much of the market they see with this sign-in."""
        return degree_of(engine, market, self.reach(engine), self.sudo)


def decode(kind: str, message: pb.ClientMessage, asker: Asker) -> Command:
    """The command that the message asks for; `kind` is its member that is set. Rejected if it does not translate."""
    decoder = DECODERS.get(kind)
    if decoder is None:
        raise Rejected(Reason.INVALID_FRAME, "A message holds exactly one request.")
    if message.reason:
        check_text(message.reason, REASON_CHARACTERS_MAX, "reason")
    body = getattr(message, kind)
    check_rights(kind, body, asker.account, asker.rights)
    return decoder(body, asker.user, asker.account, asker.sudo)


def _key(key: str) -> str:
    return check_text(key, KEY_MAX, "key") if key else ""


def _enum(value: int, kind: type[commands.Side] | type[commands.TimeInForce] | type[commands.SelfTrade]) -> int:
    try:
        return int(kind(value))
    except ValueError:
        raise Rejected(Reason.INVALID_FRAME, f"{value} is no {kind.__name__}.") from None


def _create_user_account(m: pb.CreateUserAccount, user: int, account: int, sudo: bool) -> Command:
    return commands.CreateUserAccount(user, 0, False, "", m.name, settings.STARTING_CASH)


def _create_account(m: pb.CreateAccount, user: int, account: int, sudo: bool) -> Command:
    most = settings.ALT_ACCOUNTS_MAX
    return commands.CreateAccount(user, account, sudo, _key(m.key), m.name, m.owner_id, most)


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
        *(user, account, sudo, _key(m.key), m.name, m.description, m.min_settlement, m.max_settlement),
        *(m.tick_size or 1, m.smallest_size or 1, settings.UNSETTLED_MARKETS_MAX),
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
        *(user, account, sudo, _key(m.key), m.market_id, name, description),
        category=m.category if m.HasField("category") else None,
        pinned=m.pinned if m.HasField("pinned") else None,
        visible_to=tuple(m.visible_to.ids) if m.HasField("visible_to") else None,
        hide_account_ids=m.hide_account_ids if m.HasField("hide_account_ids") else None,
    )


def _set_market_status(m: pb.SetMarketStatus, user: int, account: int, sudo: bool) -> Command:
    if not m.status:
        raise Rejected(Reason.INVALID_FRAME, "Say a status: OPEN, CANCEL_ONLY, PAUSED or CLOSED.")
    return commands.SetMarketStatus(user, account, sudo, _key(m.key), m.market_id, m.status)


def _settle_market(m: pb.SettleMarket, user: int, account: int, sudo: bool) -> Command:
    return commands.SettleMarket(user, account, sudo, _key(m.key), m.market_id, m.price)


def _create_order(m: pb.CreateOrder, user: int, account: int, sudo: bool) -> Command:
    side = m.side
    if side != 1 and side != 2:
        raise Rejected(Reason.INVALID_FRAME, "An order has a side: BID or OFFER.")
    time_in_force = m.time_in_force and _enum(m.time_in_force, commands.TimeInForce)
    self_trade = m.self_trade and _enum(m.self_trade, commands.SelfTrade)
    key = _key(m.client_order_id)
    # fmt: off
    return commands.CreateOrder(
        user, account, sudo, key, m.market_id, side, m.price, m.size, time_in_force, m.post_only, self_trade
    )
    # fmt: on


def _cancel_order(m: pb.CancelOrder, user: int, account: int, sudo: bool) -> Command:
    if bool(m.order_id) == bool(m.client_order_id):
        raise Rejected(Reason.INVALID_FRAME, "Name the order by order_id or by client_order_id.")
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
        raise Rejected(Reason.INVALID_FRAME, "no_buy_now_price is true, or it is not sent.")
    return commands.EditAuction(
        *(user, account, sudo, _key(m.key), m.auction_id, name, description, picture, price, m.no_buy_now_price)
    )


def _withdraw_auction(m: pb.WithdrawAuction, user: int, account: int, sudo: bool) -> Command:
    return commands.WithdrawAuction(user, account, sudo, _key(m.key), m.auction_id)


def _buy_auction(m: pb.BuyAuction, user: int, account: int, sudo: bool) -> Command:
    return commands.BuyAuction(user, account, sudo, _key(m.key), m.auction_id, m.price)


def _settle_auction(m: pb.SettleAuction, user: int, account: int, sudo: bool) -> Command:
    return commands.SettleAuction(user, account, sudo, _key(m.key), m.auction_id, m.buyer_id, m.price)


DECODERS: dict[str, Callable[..., Command]] = {
    "create_user_account": _create_user_account,
    "create_account": _create_account,
    "make_transfer": _make_transfer,
    "gift": _gift,
    "collect": _collect,
    "share_account": _share_account,
    "leave_account": _leave_account,
    "revoke_share": _revoke_share,
    "redistribute": _redistribute,
    "create_market": _create_market,
    "edit_market": _edit_market,
    "set_market_status": _set_market_status,
    "settle_market": _settle_market,
    "create_order": _create_order,
    "cancel_order": _cancel_order,
    "out": _out,
    "create_auction": _create_auction,
    "edit_auction": _edit_auction,
    "withdraw_auction": _withdraw_auction,
    "buy_auction": _buy_auction,
    "settle_auction": _settle_auction,
}
