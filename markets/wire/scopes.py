"""What a token is good for: its scopes, and the account that it may be bound to."""

from typing import Any

from markets.engine.errors import Reason, Rejected
from realtime.rights import Rights, Scope

# The scope that each request of the wire needs; everything else is MANAGE.
SCOPES = {
    **dict.fromkeys(("authenticate", "act_as", "subscribe", "unsubscribe", "create_user_account"), Scope.READ),
    **dict.fromkeys(("get_full_trade_history", "get_full_order_history", "get_market_positions"), Scope.READ),
    "set_sudo": Scope.SUDO,
    **dict.fromkeys(("create_order", "cancel_order", "out"), Scope.TRADE),
    **dict.fromkeys(("make_transfer", "buy_auction"), Scope.TRANSFER),
}
_NEEDED = {kind: (int(scope), str(scope.name).lower()) for kind, scope in SCOPES.items()}
_MANAGE = (int(Scope.MANAGE), "manage")

# Fields by which a request names an account that it acts for, besides the one acted as.
ACTS_FOR = {"make_transfer": "from_account_id", "create_account": "owner_id"}


def check_rights(kind: str, body: Any, account: int, rights: Rights) -> None:
    """Rejected NOT_ALLOWED if the token has not the scope, ACCOUNT_NOT_FOUND if it is bound to another account."""
    scope, name = _NEEDED.get(kind, _MANAGE)
    if not rights.scopes & scope:
        raise Rejected(Reason.NOT_ALLOWED, f"This token has not the scope {name!r}.")
    named = getattr(body, ACTS_FOR[kind]) if rights.bound and kind in ACTS_FOR else 0
    for id in (account, named or account) if rights.bound else ():
        if id != rights.bound:
            raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"You have no account {id} to act as.")
