"""REST of a live exchange: idempotency keys, rate limits shared with sockets, pages of lists, past books, ETags."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import signed_in
from tests.live.requests import bid
from tests.live.rest import Door, on_both_databases
from tests.live.rest import alice as alice
from tests.live.rest import bob as bob
from tests.live.rest import operator as operator
from tests.live.tables import Tables

AT_ONCE = 200


# --- One effect


def test_200_simultaneous_requests_with_one_key_act_once(live: LiveExchange, alice: Door, bob: Door) -> None:
    before = alice.get("/portfolio")["cash"]
    to = bob.get("/me")["account_id"]
    body = {"to_account_id": to, "amount": "0.0001", "note": "once"}

    def send(_: int) -> tuple[int, str, bool]:
        answer = alice.ask("POST", "/transfers", {"Idempotency-Key": "two hundred".replace(" ", "-")}, json=body)
        return answer.status_code, answer.text, answer.headers.get("X-Replayed") == "true"

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(send, range(AT_ONCE)))
    assert {answer[:2] for answer in answers} == {(201, answers[0][1])}
    assert [replayed for *_, replayed in answers].count(False) == 1
    made = Tables(live.env).rows("SELECT count(*) FROM accounts_transfer WHERE note = ?", "once")
    assert made == [(1,)]
    assert float(before) - float(alice.get("/portfolio")["cash"]) == pytest.approx(0.0001)


def test_an_orders_key_is_its_client_order_id_in_header_or_body(alice: Door) -> None:
    market = alice.market("Keys")
    terms: dict[str, Any] = {"market_id": market, "side": "BID", "price": "1", "size": "1"}
    first = alice.post("/orders", key="mine", **terms)
    again = alice.post("/orders", **terms, client_order_id="mine")
    assert first == again
    assert alice.get("/orders", client_order_id="mine")["results"] == [first["order"]]
    assert alice.refused("POST", "/orders", headers={"Idempotency-Key": "mine"}, json={**terms, "size": "2"}) == (
        409,
        "KEY_CONFLICT",
        None,
    )
    both = {**terms, "client_order_id": "other"}
    assert alice.refused("POST", "/orders", headers={"Idempotency-Key": "mine"}, json=both)[:2] == (409, "KEY_CONFLICT")
    cancelled = alice.post("/orders/cancel", client_order_id="mine")
    assert [one["order_id"] for one in cancelled["orders"]] == [first["order"]["id"]]
    assert alice.get("/orders", client_order_id="mine", open="true")["results"] == []


# --- Rates


async def test_a_socket_and_rest_share_a_bucket(start_exchange: Any) -> None:
    exchange: LiveExchange = start_exchange(RATE_FACTOR="1")
    carol = Door(exchange, "carol")
    market = carol.market("Buckets")
    async with signed_in(exchange.ws_url, exchange.token("carol")) as socket:
        orders = [pb.ClientMessage(create_order=bid(market, 1, 1)) for _ in range(256)]
        for _ in range(6):
            await socket.send(*orders)  # 1,536 at once: more than the burst of 1,000; refused ones count too
        refused = await socket.until(lambda message: message.refused.code == pb.RATE_LIMITED)
        assert refused.refused.retry_after_ms > 0
        answer = carol.ask("POST", "/orders/out", json={})  # cancels have a bucket of their own
        assert answer.status_code == 200
        assert int(answer.headers["X-RateLimit-Limit"]) == 2_000
        terms = {"market_id": market, "side": "BID", "price": "1", "size": "0.01"}
        answers = [carol.ask("POST", "/orders", json=terms) for _ in range(3)]
    spent = [int(answer.headers["X-RateLimit-Remaining"]) for answer in answers]
    assert max(spent) < 500, "REST begins with what the socket left"
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"1000"}


async def test_a_socket_and_rest_share_the_bucket_of_reads_too(start_exchange: Any) -> None:
    exchange: LiveExchange = start_exchange(RATE_FACTOR="1")
    bob = Door(exchange, "bob")
    assert bob.get("/me")
    async with signed_in(exchange.ws_url, exchange.token("bob")) as socket:
        await socket.send(*(pb.ClientMessage(act_as=pb.ActAs(account_id=999)) for _ in range(200)))
        await socket.ask(act_as=pb.ActAs(account_id=socket.account))
        answer = bob.ask("GET", "/me")
    assert answer.headers["X-RateLimit-Limit"] == "500"
    assert int(answer.headers["X-RateLimit-Remaining"]) < 400, "REST begins with what the socket left"


def test_reads_are_charged_and_refused_with_the_time_to_wait(start_exchange: Any) -> None:
    exchange: LiveExchange = start_exchange(RATE_FACTOR="1")
    carol = Door(exchange, "carol")
    market = carol.market("Past")
    first = carol.ask("GET", f"/markets/{market}/book?at=99")
    assert first.headers["X-RateLimit-Limit"] == "180"
    left = int(first.headers["X-RateLimit-Remaining"])
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: carol.ask("GET", f"/markets/{market}/book?at=99"), range(left + 40)))
    late = [answer for answer in answers if answer.status_code == 429]
    assert late
    assert len(late) < 41
    assert late[0].json()["code"] == "RATE_LIMITED"
    assert int(late[0].headers["Retry-After"]) >= 1
    assert late[0].headers["X-RateLimit-Remaining"] == "0"
    assert carol.ask("GET", f"/markets/{market}/book").status_code == 200, "another bucket"


def test_every_answer_states_a_bucket(live: LiveExchange, alice: Door) -> None:
    nobody = Door(live)
    wrong = Door(live, Authorization="Bearer nonsense")
    asked = [
        (alice, "GET", "/me", 200),
        (alice, "GET", "/nothing", 404),
        (alice, "PUT", "/me", 405),
        (alice, "GET", "/me?x=1", 400),
        (alice, "POST", "/orders", 400),
        (alice, "GET", "/markets/999999", 404),
        (nobody, "GET", "/time", 200),
        (nobody, "GET", "/status", 200),
        (nobody, "GET", "/health", 200),
        (nobody, "GET", "/me", 401),
        (wrong, "GET", "/me", 401),
        (wrong, "POST", "/orders", 401),
        (alice, "OPTIONS", "/orders", 405),
        (alice, "HEAD", "/me", 200),
        (alice, "POST", "/orders", 413),
        (nobody, "POST", "/pictures", 413),
    ]
    etag = alice.ask("GET", "/me").headers["ETag"]
    asked.append((Door(live, "alice", If_None_Match=etag), "GET", "/me", 304))
    for door, method, path, status in asked:
        body: dict[str, Any] = {"json": {}} if method == "POST" else {}
        body = {"data": bytes(7_000_000)} if status == 413 else body
        answer = door.ask(method, path, **body)
        assert answer.status_code == status, (path, answer.text)
        for name in ("Limit", "Remaining", "Reset"):
            assert int(answer.headers[f"X-RateLimit-{name}"]) >= 0, path


def test_failed_sign_ins_are_counted_by_address(start_exchange: Any) -> None:
    exchange: LiveExchange = start_exchange(RATE_FACTOR="1", SIGN_IN_FAILURES_PER_ADDRESS_MAX="10")
    wrong = Door(exchange, Authorization="Bearer nonsense")
    codes = [wrong.refused("GET", "/me")[:2] for _ in range(25)]
    assert codes[0] == (401, "NOT_AUTHENTICATED")
    assert (429, "RATE_LIMITED") in codes[10:]
    assert Door(exchange, "alice").get("/me")["username"] == "alice", "who has a token is not kept out"


# --- Pages


def test_pages_do_not_shift_when_rows_are_added(alice: Door, bob: Door) -> None:
    market = alice.market("Pages")
    for _ in range(7):
        alice.order(market, "BID", "50", "1")
        bob.order(market, "OFFER", "50", "1")
    everything = [trade["id"] for trade in alice.get(f"/markets/{market}/trades")["results"]]
    assert len(everything) == 7
    seen, cursor = [], None
    while True:
        page = alice.get(f"/markets/{market}/trades", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [trade["id"] for trade in page["results"]]
        alice.order(market, "BID", "50", "1")  # one more at the front
        bob.order(market, "OFFER", "50", "1")
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == everything


@on_both_databases
def test_a_statement_adds_up_on_every_page(alice: Door, bob: Door, operator: Door) -> None:
    market = alice.market("Statement")
    alice.order(market, "BID", "40.5", "2.5")
    bob.order(market, "OFFER", "40.5", "2.5")
    alice.post("/transfers", to_account_id=bob.get("/me")["account_id"], amount="1.2345")
    operator.post(f"/markets/{market}/settlement", price="60")
    for person in (alice, bob):
        lines, cursor = [], None
        while True:
            page = person.get("/statement", limit=3, **({"cursor": cursor} if cursor else {}))
            lines += page["results"]
            cursor = page["next"]
            if cursor is None:
                break
        assert lines[0]["balance"] == person.get("/portfolio")["cash"]
        for newer, older in pairwise(lines):
            assert units(newer["balance"]) - units(newer["amount"]) == units(older["balance"])
        assert lines[-1]["amount"] == lines[-1]["balance"]
        assert lines[0]["kind"] == "PAYOUT"
        assert {line["kind"] for line in lines} == {"TRANSFER", "TRADE", "PAYOUT"}


@on_both_databases
@pytest.mark.parametrize("path", ["/accounts", "/markets", "/orders", "/transfers", "/portfolio", "/status"])
def test_lists_and_details_are_answered(alice: Door, path: str) -> None:
    alice.get(path)


def units(amount: str) -> int:
    return int(amount.replace(".", ""))


# --- The past


@on_both_databases
def test_the_book_at_a_seq_is_the_book_of_that_time(alice: Door, bob: Door) -> None:
    market = alice.market("Then and now")
    then: list[Any] = []
    for n in range(12):
        if n % 3 == 2:
            bob.order(market, "OFFER", "50", "1.5")
        elif n % 4 == 3:
            alice.post("/orders/out", market_id=market)
        else:
            alice.order(market, "BID", str(50 - n % 2), "1")
        then.append(alice.get(f"/markets/{market}/book"))
    assert len({str(book["bids"]) for book in then}) > 4
    for book in then:
        assert alice.get(f"/markets/{market}/book", at=book["seq"]) == book
    before_it = alice.ask("GET", f"/markets/{market}/book", params={"at": 1})
    assert before_it.json()["code"] == "MARKET_NOT_FOUND"


@on_both_databases
def test_the_book_and_its_events_make_the_later_book(alice: Door, bob: Door) -> None:
    market = alice.market("From then on")
    alice.order(market, "BID", "50", "3")
    start = alice.get(f"/markets/{market}/book")
    resting = {order["id"]: units(order["open"]) for order in alice.get(f"/markets/{market}/orders")["results"]}
    bob.order(market, "OFFER", "50", "1")
    second = alice.order(market, "BID", "49", "2")["order"]["id"]
    alice.order(market, "BID", "48", "2")
    alice.ask("DELETE", f"/orders/{second}")
    after = start["seq"]
    for _ in range(10):
        page = alice.get(f"/markets/{market}/events", after=after, limit=1)
        for event in page["events"]:
            match event["type"]:
                case "order_created":
                    resting[event["order_id"]] = units(event["open"])
                case "trade":
                    resting[event["maker_order_id"]] = units(event["maker_open"])
                case "order_cancelled":
                    resting[event["order_id"]] = units(event["open"])
        after = page["after"]
        if not page["more"]:
            break
    now = {order["id"]: units(order["open"]) for order in alice.get(f"/markets/{market}/orders")["results"]}
    assert {id: open for id, open in resting.items() if open} == now
    assert alice.get(f"/markets/{market}/book")["seq"] == after


# --- ETag


def test_an_unchanged_answer_is_not_sent_again(alice: Door) -> None:
    market = alice.market("Tags")
    for path in (f"/markets/{market}", f"/markets/{market}/book", f"/markets/{market}/trades", "/portfolio"):
        first = alice.ask("GET", path)
        same = alice.ask("GET", path, {"If-None-Match": first.headers["ETag"]})
        assert (same.status_code, same.content) == (304, b""), path
        assert same.headers["X-RateLimit-Limit"]
    tag = alice.ask("GET", f"/markets/{market}/book").headers["ETag"]
    alice.order(market, "BID", "1", "1")
    assert alice.ask("GET", f"/markets/{market}/book", {"If-None-Match": tag}).status_code == 200
