"""Every request has its row in markets/wire/requests.py, and all modules that sort requests sort them alike."""

import ast
from collections.abc import Collection, Mapping
from typing import Any, get_args

from django.conf import settings

from markets.matching import history_requests
from markets.wire.requests import REQUESTS, RequestKind
from markets.wire.scopes import ACTS_FOR
from proto import exchange_pb2 as pb
from realtime.consumers import HISTORY_MEMBERS, SESSION_MEMBERS
from realtime.limits import RateClass
from realtime.rights import Scope
from tests.tidy.sources import ROOT, parse

REQUEST_TYPES: dict[str, Any] = {
    field.name: field.message_type for field in pb.ClientMessage.DESCRIPTOR.oneofs_by_name["message"].fields
}


def complaints(rows: Collection[str], members: Collection[str]) -> list[str]:
    """What the table lacks, and what it has too much."""
    forgotten = [f"{member} has no row" for member in members if member not in rows]
    return forgotten + [f"{row} is no request" for row in rows if row not in members]


def without_a_decoder(rows: Mapping[str, RequestKind]) -> set[str]:
    return {kind for kind, request in rows.items() if request.decoder is None}


def compared_with(source: ast.AST, name: str) -> set[str]:
    """The strings in the cases of every `match name:`."""
    matches = [node for node in ast.walk(source) if isinstance(node, ast.Match)]
    cases = [case for match in matches if ast.unparse(match.subject) == name for case in match.cases]
    patterns = [node for case in cases for node in ast.walk(case.pattern) if isinstance(node, ast.MatchValue)]
    return {ast.literal_eval(pattern.value) for pattern in patterns}


def test_every_request_has_its_row() -> None:
    assert complaints(REQUESTS, REQUEST_TYPES) == []


def test_what_asks_for_no_command_is_about_the_session_or_a_history() -> None:
    assert without_a_decoder(REQUESTS) == SESSION_MEMBERS | HISTORY_MEMBERS
    assert not SESSION_MEMBERS & HISTORY_MEMBERS


def test_the_matcher_answers_what_sockets_send_it() -> None:
    sessions = parse(ROOT / "markets" / "matching" / "sessions.py")
    assert compared_with(sessions, "kind") == SESSION_MEMBERS
    assert history_requests.KINDS.keys() == HISTORY_MEMBERS


def test_a_field_that_names_an_account_is_there() -> None:
    assert [kind for kind, field in ACTS_FOR.items() if field not in REQUEST_TYPES[kind].fields_by_name] == []


def test_every_rate_class_has_its_buckets() -> None:
    assert settings.RATES.keys() == set(get_args(RateClass)) == {request.rate_class for request in REQUESTS.values()}


class TestThatItWouldFail:
    """A test that cannot fail is not a test."""

    def test_on_a_request_without_a_row(self) -> None:
        rows = {kind: request for kind, request in REQUESTS.items() if kind != "gift"}
        assert complaints(rows, REQUEST_TYPES) == ["gift has no row"]

    def test_on_a_row_of_a_request_that_is_gone(self) -> None:
        members = [member for member in REQUEST_TYPES if member != "gift"]
        assert complaints(REQUESTS, members) == ["gift is no request"]

    def test_on_a_command_without_a_decoder(self) -> None:
        rows = {**REQUESTS, "gift": RequestKind("mutate", Scope.MANAGE, None)}
        assert without_a_decoder(rows) - SESSION_MEMBERS - HISTORY_MEMBERS == {"gift"}

    def test_on_a_session_request_that_nobody_answers(self) -> None:
        source = ast.parse('match kind:\n    case "act_as": pass\n    case "subscribe" | "unsubscribe": pass\n')
        assert compared_with(source, "kind") == {"act_as", "subscribe", "unsubscribe"}
