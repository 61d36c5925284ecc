"""Translates a ClientMessage into the command that it asks for. codec.py is the other direction."""

from collections.abc import Collection
from typing import NamedTuple

from markets.engine.book import Market
from markets.engine.commands import Command
from markets.engine.engine import Engine
from markets.engine.text import check_text
from markets.engine.visibility import Degree, degree_of
from markets.wire.requests import REQUESTS, no_request
from markets.wire.scopes import check_rights
from proto import exchange_pb2 as pb
from realtime.limits import REASON_CHARACTERS_MAX
from realtime.rights import Rights


class Asker(NamedTuple):
    """Who asks: the user id, the account acted as, whether an operator's rights are on, and what the sign-in allows."""

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
    """The command that the message asks for. `kind` is the name of the member that is set.

    Rejected if the message is malformed or the sign-in does not allow it.
    """
    request = REQUESTS.get(kind)
    if request is None or request.decoder is None:
        raise no_request()
    if message.reason:
        check_text(message.reason, REASON_CHARACTERS_MAX, "reason")
    body = getattr(message, kind)
    check_rights(kind, body, asker.account, asker.rights)
    return request.decoder(body, asker.user, asker.account, asker.sudo)
