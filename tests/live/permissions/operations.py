"""The request for each operation of the table at each door that has it."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from proto import exchange_pb2 as pb
from tests.live.permissions.stage import PICTURE, Scene
from tests.live.requests import bid, hundred, one_market

Request = Callable[[Scene], Any]


@dataclass(frozen=True)
class Operation:
    """How to request one operation at each door; None where it has no door.

    `socket`: members of a ClientMessage. `rest`: method, path, body and, optionally, further headers. `pages`: path and
    form fields, None to read the page. `console`: as pages, or a list of requests that all get the same answer.
    `uses`: what the operation uses up, the "thing" or the whole "account".
    """

    socket: Request | None = None
    rest: Request | None = None
    pages: Request | None = None
    console: Request | None = None
    uses: str = ""
    flat: bool = False  # the account has no order
    anew: bool = False  # on a socket of its own, signed in without sudo

    @property
    def doors(self) -> tuple[str, ...]:
        return tuple(name for name in ("socket", "rest", "pages", "console") if getattr(self, name) is not None)


def form(path: str, **fields: Any) -> tuple[str, Mapping[str, Any]]:
    return path, {"key": uuid.uuid4().hex, "reason": "The table asks.", **fields}


def read(path: str) -> Request:
    return lambda it: ("GET", path.format(id=it.id), None)


def look(path: str) -> Request:
    return lambda it: (path.format(id=it.id), None)


def history(member: str, message: Any, path: str) -> Operation:
    return Operation(socket=lambda it: {member: message(market_id=it.id)}, rest=read(path))


def status(name: str, slug: str, uses: str = "") -> Operation:
    wanted = pb.MarketStatus.Value(name)
    return Operation(
        socket=lambda it: {"set_market_status": pb.SetMarketStatus(market_id=it.id, status=wanted)},
        rest=lambda it: ("POST", f"/markets/{it.id}/status", {"status": name}),
        console=lambda it: form(f"/admin/markets/market/{it.id}/{slug}/"),
        uses=uses,
    )


def edit(field: str, value: Callable[[Scene], Any], uses: str = "") -> Operation:
    """Edits one field that only operators may set. The console's form repeats the other fields unchanged."""
    others = {"name": "As it was", "initial-name": "As it was", "description": "", "initial-description": ""}

    def on_the_wire(it: Scene) -> pb.EditMarket:
        chosen = value(it)
        sent: dict[str, Any] = {field: pb.AccountIds(ids=chosen) if isinstance(chosen, list) else chosen}
        return pb.EditMarket(market_id=it.id, **sent)

    return Operation(
        socket=lambda it: {"edit_market": on_the_wire(it)},
        rest=lambda it: ("PATCH", f"/markets/{it.id}", {field: value(it)}),
        console=lambda it: form(f"/admin/markets/market/{it.id}/edit/", **others, **{field: value(it)}),
        uses=uses,
    )


def special_market(it: Scene) -> dict[str, Any]:
    market = hundred(it.name)
    market.visible_to.ids.append(it.account)
    return {"create_market": market}


ORDER = {"side": "BID", "price": "0", "size": "1"}
TICKET = {"side": "bid", "price": "0", "size": "1", "time_in_force": "GTC"}
BOUNDS = {"min_settlement": "0", "max_settlement": "100"}
FORM_BOUNDS = {**BOUNDS, "tick_size": "0.01", "smallest_size": "0.01", "description": ""}

CONNECTION = {
    "authenticate": Operation(socket=lambda it: {"authenticate": pb.Authenticate(act_as=it.id)}, anew=True),
    "act_as": Operation(
        socket=lambda it: {"act_as": pb.ActAs(account_id=it.id)},
        rest=lambda it: ("GET", "/me", None, {"X-Act-As": str(it.id)}),
        pages=lambda it: ("/act-as/", {"account": it.id}),
    ),
    "set_sudo": Operation(
        socket=lambda it: {"set_sudo": pb.SetSudo(on=True)},
        rest=lambda it: ("GET", "/me", None, {"X-Sudo": "true"}),
        anew=True,
    ),
    "turn on sudo in the browser": Operation(pages=lambda it: form("/sudo/")),
    "subscribe": Operation(socket=lambda it: {"subscribe": pb.Subscribe(subscriptions=one_market(it.id))}),
    "unsubscribe": Operation(socket=lambda it: {"unsubscribe": pb.Unsubscribe(subscriptions=one_market(it.id))}),
}

ACCOUNTS = {
    "create_user_account": Operation(
        socket=lambda it: {"create_user_account": pb.CreateUserAccount(name=it.name)},
        rest=lambda it: ("POST", "/me/account", {"name": it.name}),
    ),
    "create_account": Operation(
        socket=lambda it: {"create_account": pb.CreateAccount(name=it.name, owner_id=it.id)},
        rest=lambda it: ("POST", "/accounts", {"name": it.name, "owner_id": it.id}),
        pages=lambda it: form("/accounts/new/", name=it.name, account=it.id),
    ),
    "make_transfer from it": Operation(
        socket=lambda it: {
            "make_transfer": pb.MakeTransfer(from_account_id=it.id, to_account_id=it.stage.alice.account, amount=1)
        },
        rest=lambda it: (
            "POST",
            "/transfers",
            {"from_account_id": it.id, "to_account_id": it.stage.alice.account, "amount": "0.0001"},
        ),
        pages=lambda it: form("/transfers/new/", to="alice", amount="0.0001", account=it.id),
        flat=True,
    ),
    "make_transfer to it": Operation(
        socket=lambda it: {"make_transfer": pb.MakeTransfer(from_account_id=it.account, to_account_id=it.id, amount=1)},
        rest=lambda it: (
            "POST",
            "/transfers",
            {"from_account_id": it.account, "to_account_id": it.id, "amount": "0.0001"},
        ),
    ),
    "gift": Operation(
        socket=lambda it: {"gift": pb.Gift(to_account_id=it.id, amount=1)},
        rest=lambda it: ("POST", "/gifts", {"to_account_id": it.id, "amount": "0.0001"}),
        console=lambda it: form(f"/admin/accounts/account/{it.id}/gift/", amount="0.0001"),
    ),
    "collect": Operation(
        socket=lambda it: {"collect": pb.Collect(from_account_id=it.id, amount=1)},
        rest=lambda it: ("POST", "/collections", {"from_account_id": it.id, "amount": "0.0001"}),
        console=lambda it: form(f"/admin/accounts/account/{it.id}/collect/", amount="0.0001"),
    ),
    "share_account": Operation(
        socket=lambda it: {"share_account": pb.ShareAccount(account_id=it.id, receiver_id=it.stage.dave.account)},
        rest=lambda it: ("POST", f"/accounts/{it.id}/share", {"receiver_id": it.stage.dave.account}),
        pages=lambda it: form(f"/accounts/{it.id}/share/", receiver="student0"),
        uses="account",
    ),
    "leave_account": Operation(
        socket=lambda it: {"leave_account": pb.LeaveAccount(account_id=it.id)},
        rest=lambda it: ("POST", f"/accounts/{it.id}/leave", {}),
        pages=lambda it: form(f"/accounts/{it.id}/leave/"),
        uses="account",
    ),
    "revoke_share": Operation(
        socket=lambda it: {"revoke_share": pb.RevokeShare(account_id=it.id, owner_id=it.stage.bob.account)},
        rest=lambda it: ("POST", f"/accounts/{it.id}/revoke", {"owner_id": it.stage.bob.account}),
        console=lambda it: form(f"/admin/accounts/ownership/{it.stage.share(it.id)}/revoke/"),
        uses="account",
    ),
    "redistribute": Operation(
        socket=lambda it: {"redistribute": pb.Redistribute(account_id=it.id, owner_id=it.stage.bob.account)},
        rest=lambda it: ("POST", f"/accounts/{it.id}/redistribute", {"owner_id": it.stage.bob.account}),
        console=lambda it: form(f"/admin/accounts/ownership/{it.stage.share(it.id)}/redistribute/"),
        uses="account",
    ),
    "see an account": Operation(rest=read("/accounts/{id}")),
    "see its owners": Operation(rest=read("/accounts/{id}/owners")),
    "list accounts": Operation(rest=read("/accounts"), pages=look("/accounts/")),
    "list transfers": Operation(rest=read("/transfers"), pages=look("/transfers/")),
    "who am I": Operation(rest=read("/me")),
}

MARKETS = {
    "create_market": Operation(
        socket=lambda it: {"create_market": hundred(it.name)},
        rest=lambda it: ("POST", "/markets", {"name": it.name, **BOUNDS}),
        pages=lambda it: form("/markets/new/", name=it.name, **FORM_BOUNDS),
    ),
    "create_market for some": Operation(
        socket=special_market,
        rest=lambda it: ("POST", "/markets", {"name": it.name, **BOUNDS, "visible_to": [it.account]}),
        console=lambda it: form("/admin/markets/market/create/", name=it.name, **FORM_BOUNDS),
    ),
    "edit_market description": Operation(
        socket=lambda it: {"edit_market": pb.EditMarket(market_id=it.id, description=it.name)},
        rest=lambda it: ("PATCH", f"/markets/{it.id}", {"description": it.name}),
        pages=lambda it: form(f"/markets/{it.id}/describe/", description=it.name),
    ),
    "edit_market name": Operation(
        socket=lambda it: {"edit_market": pb.EditMarket(market_id=it.id, name=it.name)},
        rest=lambda it: ("PATCH", f"/markets/{it.id}", {"name": it.name}),
        console=lambda it: form(f"/admin/markets/market/{it.id}/edit/", name=it.name, description=""),
    ),
    "edit_market visible_to": edit("visible_to", lambda it: [it.account], uses="thing"),
    "edit_market hide_account_ids": edit("hide_account_ids", lambda it: True),
    "edit_market pinned": edit("pinned", lambda it: True),
    "edit_market category": edit("category", lambda it: "Sport"),
    "set_market_status OPEN": status("OPEN", "resume"),
    "set_market_status PAUSED": status("PAUSED", "pause"),
    "set_market_status CANCEL_ONLY": status("CANCEL_ONLY", "cancel-only"),
    "set_market_status CLOSED": status("CLOSED", "close", uses="thing"),
    "settle_market": Operation(
        socket=lambda it: {"settle_market": pb.SettleMarket(market_id=it.id, price=0)},
        rest=lambda it: ("POST", f"/markets/{it.id}/settlement", {"price": "0"}),
        pages=lambda it: form(f"/markets/{it.id}/settle/", price="0"),
        console=lambda it: form(f"/admin/markets/market/{it.id}/settle/", price="0"),
        uses="thing",
    ),
    "see the form of a description": Operation(pages=look("/markets/{id}/describe/")),
    "see what a settlement would pay": Operation(pages=look("/markets/{id}/settle/?price=0")),
    "get_full_trade_history": history("get_full_trade_history", pb.GetFullTradeHistory, "/markets/{id}/history/trades"),
    "get_full_order_history": history("get_full_order_history", pb.GetFullOrderHistory, "/markets/{id}/history/orders"),
    "get_market_positions": history("get_market_positions", pb.GetMarketPositions, "/markets/{id}/positions"),
    "see a market": Operation(rest=read("/markets/{id}"), pages=look("/markets/{id}/")),
    "see its book": Operation(rest=read("/markets/{id}/book")),
    "see its book then": Operation(rest=read("/markets/{id}/book?at=999999999")),
    "see its orders": Operation(rest=read("/markets/{id}/orders")),
    "see its trades": Operation(rest=read("/markets/{id}/trades")),
    "see its events": Operation(rest=read("/markets/{id}/events")),
    "list markets": Operation(rest=read("/markets"), pages=look("/")),
}

ORDERS = {
    "create_order": Operation(
        socket=lambda it: {"create_order": bid(it.id, 0, 100)},
        rest=lambda it: ("POST", "/orders", {"market_id": it.id, **ORDER}),
        pages=lambda it: form(f"/markets/{it.id}/orders/", **TICKET),
    ),
    "cancel_order": Operation(
        socket=lambda it: {"cancel_order": pb.CancelOrder(order_id=it.id)},
        rest=lambda it: ("DELETE", f"/orders/{it.id}", None),
        pages=lambda it: form("/orders/cancel/", order=it.id),
        uses="thing",
    ),
    "cancel_order by client_order_id": Operation(
        socket=lambda it: {"cancel_order": pb.CancelOrder(client_order_id=it.stage.client_order_ids[it.id])},
        rest=lambda it: ("POST", "/orders/cancel", {"client_order_id": it.stage.client_order_ids[it.id]}),
        uses="thing",
    ),
    "out everywhere": Operation(
        socket=lambda it: {"out": pb.Out()},
        rest=lambda it: ("POST", "/orders/out", {}),
        pages=lambda it: form("/orders/cancel/"),
    ),
    "out": Operation(
        socket=lambda it: {"out": pb.Out(market_id=it.id)},
        rest=lambda it: ("POST", "/orders/out", {"market_id": it.id}),
        pages=lambda it: form(f"/markets/{it.id}/cancel/"),
    ),
    "see an order": Operation(rest=read("/orders/{id}")),
    "list orders": Operation(rest=read("/orders")),
    "see the portfolio": Operation(rest=read("/portfolio"), pages=look("/portfolio/")),
    "see the statement": Operation(rest=read("/statement"), pages=look("/statement/")),
    "see the statement as a file": Operation(pages=look("/statement.csv")),
}

AUCTIONS = {
    "create_auction": Operation(
        socket=lambda it: {"create_auction": pb.CreateAuction(name=it.name)},
        rest=lambda it: ("POST", "/auctions", {"name": it.name}),
        pages=lambda it: form("/auctions/new/", name=it.name),
    ),
    "upload a picture": Operation(rest=lambda it: ("POST", "/pictures", PICTURE, {"Content-Type": "image/png"})),
    "edit_auction": Operation(
        socket=lambda it: {"edit_auction": pb.EditAuction(auction_id=it.id, name=it.name)},
        rest=lambda it: ("PATCH", f"/auctions/{it.id}", {"name": it.name}),
        pages=lambda it: form(f"/auctions/{it.id}/edit/", name=it.name),
        console=lambda it: form(f"/admin/auctions/auction/{it.id}/edit/", name=it.name),
    ),
    "withdraw_auction": Operation(
        socket=lambda it: {"withdraw_auction": pb.WithdrawAuction(auction_id=it.id)},
        rest=lambda it: ("DELETE", f"/auctions/{it.id}", None),
        pages=lambda it: form(f"/auctions/{it.id}/withdraw/"),
        console=lambda it: form(f"/admin/auctions/auction/{it.id}/withdraw/"),
        uses="thing",
    ),
    "buy_auction": Operation(
        socket=lambda it: {"buy_auction": pb.BuyAuction(auction_id=it.id)},
        rest=lambda it: ("POST", f"/auctions/{it.id}/purchase", {"price": "0"}),
        pages=lambda it: form(f"/auctions/{it.id}/buy/", price=0),
        uses="thing",
    ),
    "settle_auction": Operation(
        socket=lambda it: {"settle_auction": pb.SettleAuction(auction_id=it.id, buyer_id=it.stage.dave.account)},
        rest=lambda it: (
            "POST",
            f"/auctions/{it.id}/settlement",
            {"buyer_id": it.stage.dave.account, "price": "0"},
        ),
        console=lambda it: form(f"/admin/auctions/auction/{it.id}/settle/", buyer="student0", price="0"),
        uses="thing",
    ),
    "see an auction": Operation(rest=read("/auctions/{id}"), pages=look("/auctions/{id}/")),
    "see the form of an auction": Operation(pages=look("/auctions/{id}/edit/")),
    "see a picture": Operation(pages=lambda it: (f"/pictures/{it.stage.pictures[it.id]}.webp", None)),
    "see the board": Operation(rest=read("/auctions"), pages=look("/auctions/")),
}

TOKENS = {
    "list tokens": Operation(pages=look("/keys/")),
    "make a token": Operation(pages=lambda it: form("/keys/", name=it.name, days=1, scopes=(2, 4))),
    "make a token with sudo": Operation(pages=lambda it: form("/keys/", name=it.name, days=1, scopes=(2, 16))),
    "make a token for Carol": Operation(
        console=lambda it: form("/admin/accounts/apitoken/make/", person="carol", name=it.name, days=1, scopes=(2, 4)),
    ),
    "revoke a token": Operation(
        pages=lambda it: form(f"/keys/{it.id}/revoke/"),
        uses="thing",
    ),
    "revoke anybody's token": Operation(
        console=lambda it: form(f"/admin/accounts/apitoken/{it.id}/revoke/"),
        uses="thing",
    ),
}

COMMANDS = {**CONNECTION, **ACCOUNTS, **MARKETS, **ORDERS, **AUCTIONS, **TOKENS}
