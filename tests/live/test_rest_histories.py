"""A market's histories over REST: the pages together are complete, masked as elsewhere, and only for those who may."""

from typing import Any

from tests.live.rest import Door, on_both_databases, own
from tests.live.rest import alice as alice
from tests.live.rest import bob as bob
from tests.live.rest import operator as operator

PATHS = ("/history/trades", "/history/orders", "/positions")


def whole(door: Door, path: str, limit: int) -> list[Any]:
    """The rows of all pages, each of at most `limit` rows."""
    rows: list[Any] = []
    page = door.get(path, limit=limit)
    while True:
        assert len(page["results"]) <= limit
        rows += page["results"]
        if page["next"] is None:
            return rows
        page = door.get(path, limit=limit, cursor=page["next"])


def traded(alice: Door, bob: Door, market: int) -> tuple[int, int]:
    """Alice bids twice, Bob sells into both bids, she cancels the rest: 3 trades. Returns her orders' ids."""
    first = alice.order(market, "BID", "50", "3", client_order_id=f"secret-{market}")["order"]["id"]
    second = alice.order(market, "BID", "49", "2")["order"]["id"]
    bob.order(market, "OFFER", "50", "1")
    bob.order(market, "OFFER", "49", "3")
    alice.ask("DELETE", f"/orders/{second}")
    return first, second


@on_both_databases
def test_all_pages_together_are_the_whole_history(alice: Door, bob: Door) -> None:
    market = alice.market("The whole past")
    first, second = traded(alice, bob, market)
    trades = whole(alice, f"/markets/{market}/history/trades", 1_000)
    assert [(t["price"], t["size"]) for t in trades] == [("50.00", "1.00"), ("50.00", "2.00"), ("49.00", "1.00")]
    assert trades == alice.get(f"/markets/{market}/trades")["results"][::-1]
    changes = whole(alice, f"/markets/{market}/history/orders", 1_000)
    assert [(c["open"], cause(c)) for c in changes if c["order_id"] == first] == [
        ("3.00", "created"),
        ("2.00", trades[0]["id"]),
        ("0.00", trades[1]["id"]),
    ]
    assert [(c["open"], cause(c)) for c in changes if c["order_id"] == second] == [
        ("2.00", "created"),
        ("1.00", trades[2]["id"]),
        ("0.00", "REQUESTED"),
    ]
    assert [c["created"]["account_id"] for c in changes if c["created"]] == [own(alice)] * 2 + [own(bob)] * 2
    held = {own(alice): "4.00", own(bob): "-4.00"}
    positions = whole(bob, f"/markets/{market}/positions", 1_000)
    assert {row["account_id"]: row["position"] for row in positions} == held
    for path, rows in zip(PATHS, (trades, changes, positions), strict=True):
        for limit in (1, 2):
            assert whole(alice, f"/markets/{market}{path}", limit) == rows, path
    assert "secret" not in str(changes), "her own too"


def cause(change: dict[str, Any]) -> Any:
    """The cause of a change: exactly one field is set."""
    (kind,) = [change[name] for name in ("created", "trade_id", "cancelled") if change[name] is not None]
    return "created" if change["created"] else kind


@on_both_databases
def test_hidden_ids_read_0_and_positions_of_others_are_one_sum(alice: Door, bob: Door, operator: Door) -> None:
    market = operator.market("Masked past", hide_account_ids=True)
    traded(alice, bob, market)
    for door in (alice, bob):
        for trade in whole(door, f"/markets/{market}/history/trades", 2):
            assert (trade["buyer_id"], trade["seller_id"]) == (0, 0)
        changes = whole(door, f"/markets/{market}/history/orders", 2)
        assert {c["created"]["account_id"] for c in changes if c["created"]} == {0}
    for limit in (1, 1_000):
        mine, others = {"account_id": own(alice), "position": "4.00"}, {"account_id": 0, "position": "-4.00"}
        assert whole(alice, f"/markets/{market}/positions", limit) == [others, mine]
    plain = {"X-Sudo": "false"}
    stranger = operator.good(operator.ask("GET", f"/markets/{market}/positions", plain))
    assert stranger["results"] == [{"account_id": 0, "position": "0.00"}], "longs and shorts together are nothing"
    seen = {row["account_id"]: row["position"] for row in whole(operator, f"/markets/{market}/positions", 10)}
    assert seen == {own(alice): "4.00", own(bob): "-4.00"}
    assert whole(operator, f"/markets/{market}/history/trades", 10)[0]["buyer_id"] == own(alice)


def test_who_does_not_see_the_book_gets_no_history(alice: Door, bob: Door, operator: Door) -> None:
    market = operator.market("Past of a few", visible_to=[own(alice), own(bob)])
    traded(alice, bob, market)
    operator.good(operator.ask("PATCH", f"/markets/{market}", json={"visible_to": [own(alice)]}))
    assert bob.get(f"/markets/{market}")["name"] == "Past of a few", "the definition stays"
    for path in PATHS:
        assert alice.get(f"/markets/{market}{path}")["results"]
        assert bob.refused("GET", f"/markets/{market}{path}") == (404, "MARKET_NOT_FOUND", None)
        assert bob.refused("GET", f"/markets/987654{path}") == (404, "MARKET_NOT_FOUND", None)
        assert alice.refused("GET", f"/markets/{market}{path}?limit=1001") == (400, "INVALID_FRAME", "limit")
        assert alice.ask("GET", f"/markets/{market}{path}").headers["X-RateLimit-Limit"] == bucket(alice)


def bucket(door: Door) -> str:
    """The size of the bucket for expensive reads."""
    return str(door.ask("GET", "/statement").headers["X-RateLimit-Limit"])
