"""Auctions over REST: pictures, listing, sale; edits change only the fields sent; buyers pay the price they saw."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from auctions.pictures import UPLOAD_BYTES_MAX
from tests.auctions.pictures import bomb, encoded, near, opened, red_left
from tests.live.exchange import LiveExchange
from tests.live.rest import Door, on_both_databases, own
from tests.live.rest import alice as alice
from tests.live.rest import bob as bob
from tests.live.rest import operator as operator
from tests.live.test_rest_rights import make_keys
from tests.patience import STEP_SECONDS_MAX

PNG = {"Content-Type": "image/png"}


def cash(door: Door) -> int:
    """1/10,000 chip."""
    return int(door.get("/portfolio")["cash"].replace(".", ""))


def patch(door: Door, auction: int, **body: Any) -> Any:
    return door.good(door.ask("PATCH", f"/auctions/{auction}", json=body))["auction"]


def listed(door: Door, name: str, **more: Any) -> int:
    return int(door.post("/auctions", name=name, **more)["auction"]["id"])


def upload(door: Door, **how: Any) -> requests.Response:
    return door.ask("POST", "/pictures", **how)


# --- The board


@on_both_databases
def test_an_auction_from_its_listing_to_its_sale(live: LiveExchange, alice: Door, bob: Door) -> None:
    made = alice.ask("POST", "/auctions", json={"name": " A  lamp ", "buy_now_price": "30"})
    auction = made.json()["auction"]
    at = made.headers["Location"].removeprefix("/api/v1")
    assert alice.get(at) == auction == bob.get("/auctions", limit=1)["results"][0]
    assert (auction["name"], auction["buy_now_price"], auction["status"]) == ("A lamp", "30.0000", "OPEN")
    assert (auction["seller_id"], auction["buyer_id"], auction["settle_price"]) == (own(alice), None, None)
    before = cash(alice), cash(bob)
    patch(alice, auction["id"], buy_now_price="40")
    assert bob.refused("POST", f"{at}/purchase", json={"price": "30"}) == (409, "PRICE_CHANGED", None)
    first, again = (bob.ask("POST", f"{at}/purchase", {"Idempotency-Key": "lamp"}, json={"price": "40"}) for _ in "12")
    assert first.json() == again.json()
    assert (first.headers.get("X-Replayed"), again.headers.get("X-Replayed")) == (None, "true")
    sold = first.json()["auction"]
    assert (sold["status"], sold["buyer_id"], sold["settle_price"]) == ("SETTLED", own(bob), "40.0000")
    assert sold == alice.get(at)
    assert (cash(alice) - before[0], cash(bob) - before[1]) == (400_000, -400_000)
    paid = alice.get("/transfers", limit=1)["results"][0]
    assert (paid["kind"], paid["amount"], paid["auction_id"]) == ("AUCTION", "40.0000", sold["id"])
    assert bob.refused("POST", f"{at}/purchase", json={"price": "40"}) == (409, "AUCTION_SETTLED", None)
    assert sold["id"] in [one["id"] for one in bob.get("/auctions", status="SETTLED")["results"]]
    assert sold["id"] not in [one["id"] for one in bob.get("/auctions", status="OPEN")["results"]]
    live.verify()


def test_an_edit_changes_only_the_fields_sent_and_null_removes_the_price(alice: Door, bob: Door) -> None:
    auction = listed(alice, "Chair", description="Oak", buy_now_price="0")
    known = alice.get(f"/auctions/{auction}")
    assert known["buy_now_price"] == "0.0000", "free is a price"
    assert patch(alice, auction, name="Old chair") == {**known, "name": "Old chair"}
    assert patch(alice, auction, description="") == {**known, "name": "Old chair", "description": ""}
    assert patch(alice, auction, buy_now_price=None)["buy_now_price"] is None
    assert patch(alice, auction, name="Chair")["buy_now_price"] is None, "left alone, not set"
    assert bob.refused("POST", f"/auctions/{auction}/purchase", json={"price": "0"}) == (409, "NO_PRICE", None)
    assert patch(alice, auction, buy_now_price="12.5")["buy_now_price"] == "12.5000"
    refused = alice.refused("POST", f"/auctions/{auction}/purchase", json={"price": "12.5"})
    assert refused == (409, "SAME_ACCOUNT", None)
    assert bob.ask("PATCH", f"/auctions/{auction}", json={"name": "Mine"}).status_code in (403, 409)
    for body, code, field in (
        ({"buy_now_price": 12}, "INVALID_AMOUNT", "buy_now_price"),
        ({"name": ""}, "INVALID_NAME", "name"),
        ({"colour": "red"}, "INVALID_FRAME", "colour"),
    ):
        assert alice.refused("PATCH", f"/auctions/{auction}", json=body) == (400, code, field)


def test_a_withdrawn_auction_is_not_found(alice: Door, bob: Door) -> None:
    auction = listed(alice, "Vase", buy_now_price="5")
    at = f"/auctions/{auction}"
    assert bob.refused("DELETE", at)[0] in (403, 409)
    assert alice.good(alice.ask("DELETE", at))["auction"]["status"] == "WITHDRAWN"
    for method, path, body in (
        ("GET", at, None),
        ("PATCH", at, {"name": "Back"}),
        ("DELETE", at, None),
        ("POST", f"{at}/purchase", {"price": "5"}),
        ("GET", "/auctions/987654", None),
    ):
        assert alice.refused(method, path, json=body) == (404, "AUCTION_NOT_FOUND", None), (method, path)
    assert auction not in [one["id"] for one in alice.get("/auctions")["results"]]


def test_operators_in_sudo_settle(live: LiveExchange, alice: Door, bob: Door, operator: Door) -> None:
    auction = listed(alice, "By hand")
    at = f"/auctions/{auction}/settlement"
    sale: dict[str, Any] = {"buyer_id": own(bob), "price": "7.5"}
    assert alice.refused("POST", at, json=sale)[:2] == (403, "NOT_ALLOWED")
    assert Door(live, "operator").refused("POST", at, json=sale)[:2] == (403, "SUDO_REQUIRED")
    before = cash(bob)
    sold = operator.post(at, **sale)["auction"]
    assert (sold["buyer_id"], sold["settle_price"]) == (own(bob), "7.5000")
    assert before - cash(bob) == 75_000


def test_of_twenty_simultaneous_buyers_one_pays(live: LiveExchange, alice: Door, bob: Door) -> None:
    auction, before = listed(alice, "Only one", buy_now_price="7"), cash(bob)

    def buy(_: int) -> int:
        return bob.ask("POST", f"/auctions/{auction}/purchase", json={"price": "7"}).status_code

    with ThreadPoolExecutor(20) as threads:
        assert sorted(threads.map(buy, range(20))) == [200] + [409] * 19
    assert before - cash(bob) == 70_000


# --- Pictures


@on_both_databases
def test_a_picture_sent_in_a_form_or_alone_is_encoded_again_and_shown(live: LiveExchange, alice: Door) -> None:
    data = encoded(red_left()) + b"<script>"
    in_form = upload(alice, files={"picture": ("../../x.svg", data)})
    alone = upload(alice, data=data, headers=PNG)
    assert (in_form.status_code, alone.status_code) == (201, 201)
    names = [answer.json()["picture"] for answer in (in_form, alone)]
    auction = listed(alice, "Painting", picture=names[0])
    browser = live.browser("alice")
    shown = requests.get(
        f"{live.url}/pictures/{names[0]}", headers={"Cookie": browser.cookie_header()}, timeout=STEP_SECONDS_MAX
    ).content
    assert b"script" not in shown
    assert opened(shown).size == (40, 20)
    assert near(opened(shown).getpixel((5, 5)), (200, 30, 30))
    assert kept(live) >= set(names)
    assert patch(alice, auction, name="Still painted")["picture"] == names[0]
    assert patch(alice, auction, picture=names[1])["picture"] == names[1]
    assert names[0] not in kept(live), "what nothing shows any more goes"
    assert patch(alice, auction, picture="")["picture"] == ""
    assert names[1] not in kept(live)


def test_a_file_that_is_no_picture_is_refused_and_not_kept(live: LiveExchange, alice: Door) -> None:
    before = kept(live)
    for data in (b"GIF89a", b"<svg/>", bomb(30_000, 30_000), bytes(UPLOAD_BYTES_MAX + 1)):
        assert alice.refused("POST", "/pictures", data=data, headers=PNG) == (409, "INVALID_FRAME", "picture")
    assert alice.refused("POST", "/pictures", headers=PNG) == (400, "INVALID_FRAME", "picture"), "nothing was sent"
    for files in ({"photo": ("x.png", b"1")}, {"picture": (None, "text")}):
        assert alice.refused("POST", "/pictures", files=files)[:2] == (400, "INVALID_FRAME")
    twice = [("picture", ("x.png", encoded(red_left())))] * 2
    assert alice.refused("POST", "/pictures", files=twice) == (400, "INVALID_FRAME", "picture")
    many = {f"field{n}": (None, "1") for n in range(1_500)}
    assert alice.refused("POST", "/pictures", files=many)[:2] == (400, "INVALID_FRAME")
    broken = {"Content-Type": "multipart/form-data"}
    assert alice.refused("POST", "/pictures", data=b"x", headers=broken)[:2] == (400, "INVALID_FRAME")
    assert alice.refused("POST", "/pictures", json={})[:2] == (415, "INVALID_FRAME")
    assert kept(live) == before
    assert alice.refused("POST", "/auctions", json={"name": "No", "picture": "x.png"}) == (409, "INVALID_TEXT", None)
    assert "Traceback" not in live.log.read_text()


def test_a_picture_needs_a_token_with_the_right_scope(live: LiveExchange, alice: Door) -> None:
    account = alice.post("/accounts", name="For pictures")["account"]["id"]
    trader = Door(live, Authorization=f"Bearer {make_keys(live, account)['trade']}")
    before = kept(live)
    for door, expected in ((trader, (403, "NOT_ALLOWED")), (Door(live), (401, "NOT_AUTHENTICATED"))):
        assert door.refused("POST", "/pictures", data=encoded(red_left()), headers=PNG)[:2] == expected
    assert kept(live) == before


def kept(live: LiveExchange) -> set[str]:
    folder = live.folder / "pictures"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()
