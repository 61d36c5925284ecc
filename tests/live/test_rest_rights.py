"""What REST refuses, and what it does not show."""

import json
import subprocess
from typing import Any

import pytest

from tests.live.exchange import LiveExchange, manage
from tests.live.rest import Door, own
from tests.live.rest import alice as alice
from tests.live.rest import bob as bob
from tests.live.rest import operator as operator
from tests.patience import STEP_SECONDS_MAX

JSON = {"Content-Type": "application/json"}


# --- Statuses


ORDER = {"side": "BID", "price": "10", "size": "1"}

# The wrong fields of an order -> the field and the code of the refusal.
BAD_ORDERS: list[tuple[dict[str, Any], str, str]] = [
    ({"colour": 1}, "INVALID_FRAME", "colour"),
    ({"price": "ten"}, "INVALID_PRICE", "price"),
    ({"price": 10}, "INVALID_PRICE", "price"),
    ({"price": "1e1"}, "INVALID_PRICE", "price"),
    ({"price": "NaN"}, "INVALID_PRICE", "price"),
    ({"price": "１０"}, "INVALID_PRICE", "price"),
    ({"price": "10\n"}, "INVALID_PRICE", "price"),
    ({"size": "1.001"}, "INVALID_SIZE", "size"),
    ({"size": "-1"}, "INVALID_SIZE", "size"),
    ({"side": "BUY"}, "INVALID_FRAME", "side"),
    ({"side": 1}, "INVALID_FRAME", "side"),
    ({"side": None}, "INVALID_FRAME", "side"),
    ({"post_only": "true"}, "INVALID_FRAME", "post_only"),
    ({"market_id": "1"}, "INVALID_FRAME", "market_id"),
    ({"market_id": True}, "INVALID_FRAME", "market_id"),
    ({"client_order_id": "x" * 37}, "INVALID_TEXT", "client_order_id"),
]


@pytest.mark.parametrize(("wrong", "code", "field"), BAD_ORDERS)
def test_an_unreadable_order_is_400(alice: Door, wrong: dict[str, Any], code: str, field: str) -> None:
    assert alice.refused("POST", "/orders", json={"market_id": 1, **ORDER, **wrong}) == (400, code, field)


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/orders", {"side": "BID"}, (400, "INVALID_FRAME", "market_id")),
        ("POST", "/transfers", {"to_account_id": 1, "amount": "1.00001"}, (400, "INVALID_AMOUNT", "amount")),
        ("POST", "/accounts", {"name": ""}, (400, "INVALID_NAME", "name")),
        ("GET", "/markets?colour=1", None, (400, "INVALID_FRAME", "colour")),
        ("GET", "/markets?format=xml", None, (400, "INVALID_FRAME", "format")),
        ("GET", "/markets?limit=1&limit=2", None, (400, "INVALID_FRAME", "limit")),
        ("GET", "/markets?limit=1001", None, (400, "INVALID_FRAME", "limit")),
        ("GET", "/markets?cursor=abc", None, (400, "INVALID_FRAME", "cursor")),
        ("GET", "/orders/99", None, (404, "ORDER_NOT_FOUND", None)),
        ("DELETE", "/orders/999", None, (404, "ORDER_NOT_FOUND", None)),
        ("GET", "/accounts/999", None, (404, "ACCOUNT_NOT_FOUND", None)),
        ("GET", "/markets/999", None, (404, "MARKET_NOT_FOUND", None)),
        ("GET", "/markets/99999999999999999999", None, (404, "INVALID_FRAME", None)),
        ("GET", "/nothing", None, (404, "INVALID_FRAME", None)),
        ("PUT", "/orders", {}, (405, "INVALID_FRAME", None)),
        ("POST", "/gifts", {"to_account_id": 2, "amount": "1"}, (403, "NOT_ALLOWED", None)),
    ],
)
def test_a_bad_request_gets_its_status_code_and_field(
    alice: Door, method: str, path: str, body: dict[str, Any] | None, expected: tuple[int, str, str | None]
) -> None:
    assert alice.refused(method, path, json=body) == expected


def test_a_refusal_by_the_exchange_is_409(alice: Door) -> None:
    order = {"market_id": alice.market("As things stand"), **ORDER}
    for wrong, code in (
        ({"price": "100.01"}, "INVALID_PRICE"),
        ({"size": "0"}, "INVALID_SIZE"),
        ({"size": "100000"}, "INSUFFICIENT_FUNDS"),
        ({"post_only": True, "time_in_force": "IOC"}, "INVALID_ORDER"),
        ({"time_in_force": "FOK"}, "FOK_NOT_FILLABLE"),
    ):
        assert alice.refused("POST", "/orders", json={**order, **wrong}) == (409, code, None)
    settled = f"/markets/{order['market_id']}/settlement"
    assert alice.refused("POST", settled, json={"price": "101"}) == (409, "INVALID_PRICE", None)


def test_missing_rights_are_401_or_403(live: LiveExchange, alice: Door, operator: Door) -> None:
    for nobody in (Door(live), Door(live, Authorization="Basic YTpi"), Door(live, Authorization="Bearer no")):
        assert nobody.refused("GET", "/orders") == (401, "NOT_AUTHENTICATED", None)
        assert nobody.ask("GET", "/orders").headers["WWW-Authenticate"] == "Bearer"
    unsure = Door(live, "operator")  # an operator who has not turned sudo on
    assert unsure.refused("POST", "/gifts", json={"to_account_id": 2, "amount": "1"})[:2] == (403, "SUDO_REQUIRED")
    assert operator.get("/me")["sudo"] is True
    assert alice.ask("GET", "/me", {"X-Sudo": "true"}).json()["code"] == "NOT_ALLOWED"
    assert alice.ask("PUT", "/orders", json={}).headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"market_id": 1, "market_id": 2}', 400),
        (b"[" * 60_000, 400),
        (b'{"note": "' + b"x" * 70_000 + b'"}', 400),
        (b'{"note": "\\ud800"}', 400),
        (b'{"amount": NaN}', 400),
        (b'{"to_account_id": 1e400, "amount": "1"}', 400),
        (b"\xff\xfe", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"", 400),  # an empty object: fields are missing
    ],
)
def test_an_unreadable_body_is_400(alice: Door, body: bytes, status: int) -> None:
    assert alice.refused("POST", "/transfers", headers=JSON, data=body)[:2] == (status, "INVALID_FRAME")


def test_other_media_types_and_unreadable_headers_are_refused(alice: Door) -> None:
    assert alice.refused("POST", "/transfers", data="to=1", headers={"Content-Type": "text/plain"})[0] == 415
    assert alice.refused("GET", "/me", headers={"Accept": "text/html"})[0] == 406
    for header, value in (("X-Act-As", "me"), ("X-Sudo", "yes"), ("Idempotency-Key", "k" * 37)):
        assert alice.refused("GET", "/me", headers={header: value}) == (400, "INVALID_FRAME", header)
    mine = alice.ask("GET", "/me", {"X-Request-Id": "my-own.7"})
    assert mine.headers["X-Request-Id"] == "my-own.7"


# --- Acting as


def test_people_act_as_accounts_in_their_tree_and_no_others(alice: Door, bob: Door, operator: Door) -> None:
    alt = alice.post("/accounts", name="Alice's desk")["account"]["id"]
    alice.post("/transfers", to_account_id=alt, amount="100")
    desk = {"X-Act-As": str(alt)}
    assert alice.good(alice.ask("GET", "/portfolio", desk))["cash"] == "100.0000"
    market = alice.market("Desk")
    placed = alice.ask(
        "POST", "/orders", desk, json={"market_id": market, "side": "BID", "price": "10", "size": "1"}
    ).json()["order"]
    assert placed["account_id"] == alt
    for path in ("/portfolio", "/orders", "/statement", "/transfers", "/me"):
        assert bob.refused("GET", path, headers=desk)[:2] == (404, "ACCOUNT_NOT_FOUND"), path
    assert bob.refused("GET", f"/accounts/{alt}/owners")[:2] == (404, "ACCOUNT_NOT_FOUND")
    assert bob.refused("DELETE", f"/orders/{placed['id']}")[:2] == (404, "ORDER_NOT_FOUND")
    assert bob.refused("DELETE", f"/orders/{placed['id']}", headers=desk)[:2] == (404, "ACCOUNT_NOT_FOUND")
    assert alice.refused("GET", f"/orders/{placed['id']}")[:2] == (404, "ORDER_NOT_FOUND"), "the desk's, not her own"
    alice.good(alice.ask("DELETE", f"/orders/{placed['id']}", desk))
    again = alice.refused("DELETE", f"/orders/{placed['id']}", headers=desk)
    assert again[:2] == (409, "ORDER_CANCELLED")
    assert bob.refused("DELETE", f"/orders/{placed['id']}")[:2] == (404, "ORDER_NOT_FOUND")
    assert operator.good(operator.ask("GET", "/portfolio", desk))["cash"] == "100.0000"
    assert operator.refused("GET", "/portfolio", headers={"X-Act-As": "1"})[:2] == (404, "ACCOUNT_NOT_FOUND")
    assert alice.get(f"/accounts/{alt}/owners")["results"] == [{"owner_id": own(alice), "credit": "100.0000"}]
    assert {one["id"] for one in alice.get("/accounts", mine="true")["results"]} == {own(alice), alt}


# --- Visibility


def test_a_restricted_market_is_not_found_for_others(alice: Door, bob: Door, operator: Door) -> None:
    market = operator.market("Secret", visible_to=[own(alice)])
    for path in ("", "/book", "/trades", "/orders", "/events"):
        alice.get(f"/markets/{market}{path}")
        unseen = bob.ask("GET", f"/markets/{market}{path}").json()
        absent = bob.ask("GET", f"/markets/987654{path}").json()
        assert unseen["code"] == absent["code"] == "MARKET_NOT_FOUND"
        assert unseen["message"].replace(str(market), "987654") == absent["message"]
    assert bob.ask("GET", f"/markets/{market}/book", params={"at": 1}).json()["code"] == "MARKET_NOT_FOUND"
    assert market not in [one["id"] for one in bob.get("/markets")["results"]]
    order = {"market_id": market, "side": "BID", "price": "1", "size": "1"}
    assert bob.refused("POST", "/orders", json=order)[:2] == (404, "MARKET_NOT_FOUND")
    assert alice.get(f"/markets/{market}")["visible_to"] is None
    assert operator.get(f"/markets/{market}")["visible_to"] == [own(alice)]
    assert alice.get(f"/markets/{market}/events")["events"][0]["visible_to"] is None


def test_past_traders_off_the_list_keep_the_definition_and_their_own_rows(
    alice: Door, bob: Door, operator: Door
) -> None:
    market = operator.market("Once listed", visible_to=[own(alice), own(bob)])
    alice.order(market, "BID", "50", "1")
    bob.order(market, "OFFER", "50", "1")
    operator.good(operator.ask("PATCH", f"/markets/{market}", json={"visible_to": [own(alice)]}))
    kept = bob.get(f"/markets/{market}")
    assert (kept["name"], kept["last_price"], kept["volume"]) == ("Once listed", None, "0.00")
    for path in ("/book", "/trades", "/orders", "/events"):
        assert bob.refused("GET", f"/markets/{market}{path}")[:2] == (404, "MARKET_NOT_FOUND")
    assert [one["market_id"] for one in bob.get("/orders", market_id=market)["results"]] == [market]
    stake = next(one for one in bob.get("/portfolio")["exposures"] if one["market_id"] == market)
    assert (stake["position"], stake["mark"]) == ("-1.00", None)
    its_owner = operator.ask("GET", f"/markets/{market}/book", {"X-Sudo": "false"})
    assert its_owner.json()["code"] == "MARKET_NOT_FOUND"


def test_hidden_ids_read_0_everywhere_but_in_sudo(alice: Door, bob: Door, operator: Door) -> None:
    market = operator.market("Masks", hide_account_ids=True)
    alice.order(market, "BID", "50", "3", client_order_id="masked")
    sold = bob.order(market, "OFFER", "50", "1")
    assert [(t["buyer_id"], t["seller_id"]) for t in sold["trades"]] == [(0, own(bob))], "one's own side is known"
    for door, ids in ((alice, (0, 0, 0)), (bob, (0, 0, 0)), (operator, (own(alice), own(bob), own(alice)))):
        trade = door.get(f"/markets/{market}/trades")["results"][0]
        resting = door.get(f"/markets/{market}/orders")["results"][0]
        assert (trade["buyer_id"], trade["seller_id"], resting["account_id"]) == ids
        assert resting["client_order_id"] == ("masked" if door is alice else "")
        events = door.get(f"/markets/{market}/events")["events"]
        expected = {
            name: event[name] for event in events for name in ("account_id", "buyer_id", "seller_id") if name in event
        }
        assert tuple(expected[name] for name in ("buyer_id", "seller_id", "account_id")) == ids
        assert "masked" not in str(events)
    assert alice.get("/orders", market_id=market)["results"][0]["account_id"] == own(alice)


# --- Limited tokens


def test_a_token_is_limited_to_its_scopes_and_its_account(live: LiveExchange, alice: Door) -> None:
    alt = alice.post("/accounts", name="Bound")["account"]["id"]
    market = alice.market("For tokens")
    keys = make_keys(live, alt)
    reader, trader, bound = (Door(live, Authorization=f"Bearer {keys[name]}") for name in ("read", "trade", "bound"))
    assert reader.get("/me")["scopes"] == ["read"]
    order = {"market_id": market, **ORDER}
    assert reader.refused("POST", "/orders", json=order)[:2] == (403, "NOT_ALLOWED")
    assert trader.ask("POST", "/orders", json=order).status_code == 201
    assert trader.refused("POST", "/accounts", json={"name": "No"})[:2] == (403, "NOT_ALLOWED")
    assert bound.get("/me")["acting_as"] == alt
    assert bound.refused("GET", "/portfolio", headers={"X-Act-As": str(own(alice))})[:2] == (404, "ACCOUNT_NOT_FOUND")
    assert [one["id"] for one in bound.get("/accounts", mine="true")["results"]] == [alt]


def make_keys(live: LiveExchange, alt: int) -> dict[str, str]:
    """Makes tokens of Alice's, in a process of its own on the exchange's database."""
    script = f"""
import json
from accounts.models import Account, User
from accounts.tokens import create_token
from realtime.rights import Scope
alice, alt = User.objects.get(username="alice"), Account.objects.get(id={alt})
print(json.dumps({{
    "read": create_token(alice, "r", scopes=int(Scope.READ))[1],
    "trade": create_token(alice, "t", scopes=int(Scope.TRADE))[1],
    "bound": create_token(alice, "b", scopes=int(Scope.READ), account=alt)[1],
}}))
"""
    shell = manage("shell", "--no-imports", "-c", script, env=live.env, stdout=subprocess.PIPE)
    output, _ = shell.communicate(timeout=STEP_SECONDS_MAX)
    keys: dict[str, str] = json.loads(output)
    return keys


def test_a_chunked_body_is_read(alice: Door) -> None:
    """It has no Content-Length. DRF would take it for empty, and orders in all markets would be cancelled."""
    here, there = (alice.market(f"Chunks {name}") for name in ("here", "there"))
    for market in (here, there):
        alice.order(market, "BID", "10", "1")
    body = iter([b'{"market_', b'id": %d}' % here])
    cancelled = alice.good(alice.ask("POST", "/orders/out", {"Content-Type": "application/json"}, data=body))
    assert len(cancelled["orders"]) == 1
    assert [one["market_id"] for one in alice.get("/orders", open="true", market_id=there)["results"]] == [there]


@pytest.mark.parametrize("body", [b'{"market_id": 1e99999999999999999999}', b'{"market_id": -1E-99999999999999999999}'])
def test_a_number_with_a_huge_exponent_is_refused(alice: Door, body: bytes) -> None:
    at = alice.ask("POST", "/orders/out", {"Content-Type": "application/json"}, data=body)
    assert (at.status_code, at.json()["code"]) == (400, "INVALID_FRAME")


def test_conditions_on_writes_do_not_affect_reads(alice: Door) -> None:
    read = alice.ask("GET", "/me", {"If-Match": '"x"', "If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"})
    assert read.status_code == 200


@pytest.mark.parametrize("field", ["tick_size", "smallest_size"])
def test_a_tick_or_smallest_size_of_0_is_refused(alice: Door, field: str) -> None:
    """On the wire 0 stands for the default."""
    body = {"name": f"No {field}", "min_settlement": "0", "max_settlement": "100", field: "0.00"}
    assert alice.refused("POST", "/markets", json=body) == (409, "INVALID_MARKET", None)


def test_a_closed_market_is_marked_at_its_last_trade(alice: Door, bob: Door, operator: Door) -> None:
    market = alice.market("Soon settled")
    alice.order(market, "BID", "50", "1")
    bob.order(market, "OFFER", "50", "1")
    alice.order(market, "BID", "10", "1")
    operator.good(operator.ask("POST", f"/markets/{market}/status", json={"status": "CLOSED"}))
    stake = next(one for one in bob.get("/portfolio")["exposures"] if one["market_id"] == market)
    assert (stake["mark"], stake["unrealised"]) == ("50.00", "0.0000")
