"""The leak test forgets nothing: every kind of message has a rule, and readers ask for every address."""

import re
from typing import Any, cast
from urllib.parse import urlsplit

from django.urls import get_resolver, resolve

from exchange.api import description
from proto import exchange_pb2 as pb
from tests.live.leak.judge import Complaints, Judge
from tests.live.leak.readers import LISTS, MARKET_PAGES, OF_MARKET, OF_ONE, PAGES
from tests.live.leak.recordings import Recording
from tests.live.permissions.test_coverage import OPEN, OPEN_OPERATIONS, SIGN_IN, views

# Views without anything to read, or with what everybody may read.
NOTHING_TO_READ = {
    **dict.fromkeys(("accounts:act_as", "accounts:sudo", "accounts:create_alt", "accounts:share"), "only answers POST"),
    **dict.fromkeys(("accounts:leave", "accounts:make_transfer", "accounts:revoke_key"), "only answers POST"),
    **dict.fromkeys(("markets:place_order", "markets:cancel", "markets:cancel_here"), "only answers POST"),
    **dict.fromkeys(("auctions:buy", "auctions:withdraw"), "only answers POST"),
    **dict.fromkeys(("auctions:create", "markets:create"), "an empty form"),
    **dict.fromkeys(("auctions:auction", "auctions:edit", "auctions:picture"), "the board is public"),
}
PUBLIC_READS = {"get_auction"}  # as the board


def test_every_kind_of_message_has_a_rule() -> None:
    members = {field.name for field in pb.ServerMessage.DESCRIPTOR.oneofs_by_name["message"].fields}
    judge = Judge(cast(Any, None), Recording("alice", 1), Complaints())
    assert judge.rules().keys() | {"refused"} == members


def test_readers_ask_for_every_rest_read() -> None:
    asked = [f"/markets/1{path}" for path in OF_MARKET] + [*LISTS, *OF_ONE]
    paths = [urlsplit(path.format(account=1, order=1, seq=1)).path for path in asked]
    missing = []
    for template, methods in description()["paths"].items():
        address = re.compile(re.sub(r"\{\w+\}", "[^/]+", template.removeprefix("/api/v1")) + "$")
        operation = methods.get("get", {}).get("operationId", "")
        if operation and operation not in OPEN_OPERATIONS | PUBLIC_READS and not any(map(address.match, paths)):
            missing.append(template)
    assert missing == []


def test_readers_ask_for_every_page() -> None:
    asked = [*PAGES, *(f"/markets/1/{page}" for page in MARKET_PAGES)]
    read = {resolve(urlsplit(path).path).view_name for path in asked}
    named = {name for name in views(get_resolver().url_patterns) if not SIGN_IN.match(name)}
    assert read & NOTHING_TO_READ.keys() == set()
    assert named - read - NOTHING_TO_READ.keys() - OPEN.keys() - {"None"} == set()
