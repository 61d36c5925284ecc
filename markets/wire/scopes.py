"""Checks what a token allows: its scopes, and the account that it may be bound to."""

from typing import Any

from markets.engine.errors import Reason, Rejected
from markets.engine.state import not_theirs
from markets.wire.requests import REQUESTS
from realtime.rights import Rights, missing_scope

# Plain numbers: every order is checked, and the operators of a Flag are slow.
_NEEDED = {kind: int(request.scope) for kind, request in REQUESTS.items()}

# The field in which a request names another account that it acts for.
ACTS_FOR = {"make_transfer": "from_account_id", "create_account": "owner_id"}


def check_rights(kind: str, body: Any, account: int, rights: Rights) -> None:
    """Rejected NOT_ALLOWED if the token lacks the scope, ACCOUNT_NOT_FOUND if it is bound to another account.

    `kind` is one of REQUESTS.
    """
    if not rights.scopes & _NEEDED[kind]:
        raise Rejected(Reason.NOT_ALLOWED, missing_scope(REQUESTS[kind].scope))
    named = getattr(body, ACTS_FOR[kind]) if rights.bound and kind in ACTS_FOR else 0
    for id in (account, named or account) if rights.bound else ():
        if id != rights.bound:
            raise not_theirs(id)
