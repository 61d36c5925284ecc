"""Auctions through real sockets and pages: many buyers race for one lamp, and uploads have every size."""

import asyncio
import re
import urllib.error
import urllib.request
from contextlib import AsyncExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from exchange_client import Exchange, Refused

from proto import exchange_pb2 as pb
from tests.auctions.pictures import encoded, opened, red_left
from tests.live.exchange import Browser, LiveExchange
from tests.live.raw_socket import signed_in
from tests.live.tables import Tables
from tests.patience import STEP_SECONDS_MAX

PROTOCOL = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
CHIP = 10_000
RACERS = 12
MIB = 1024 * 1024
BOUNDARY = "a-boundary-of-the-test"


async def test_an_auction_from_its_listing_to_its_sale(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        made = await alice.ask(create_auction=pb.CreateAuction(name=" A  lamp ", buy_now_price=30 * CHIP))
        auction = made.auction_created.auction
        assert (auction.name, auction.seller_id, auction.status) == ("A lamp", alice.account, pb.Auction.OPEN)
        (created,) = [m for m in await bob.until_received("public", made.seq) if m.HasField("auction_created")]
        assert created.auction_created.auction == auction
        edit = pb.EditAuction(auction_id=auction.id, buy_now_price=40 * CHIP, description="brass")
        edited = (await alice.ask(edit_auction=edit)).auction_updated.auction
        assert (edited.buy_now_price, edited.description, edited.name) == (40 * CHIP, "brass", "A lamp")
        buy = pb.BuyAuction(auction_id=auction.id, price=30 * CHIP)
        assert (await bob.ask(buy_auction=buy)).refused.code == pb.PRICE_CHANGED
        bought = await bob.ask(buy_auction=pb.BuyAuction(auction_id=auction.id, price=40 * CHIP, key="mine"))
        sold = bought.auction_settled.auction
        assert (sold.status, sold.buyer_id, sold.settle_price) == (pb.Auction.SETTLED, bob.account, 40 * CHIP)
        again = await bob.ask(buy_auction=pb.BuyAuction(auction_id=auction.id, price=40 * CHIP, key="mine"))
        assert again.replayed
        assert again.auction_settled == bought.auction_settled
        for socket in (alice, bob):
            received = await socket.until_received(f"account.{socket.account}", bought.seq)
            (paid,) = [m.transfer_created.transfer for m in received if m.HasField("transfer_created")]
            assert (paid.kind, paid.auction_id, paid.amount) == (pb.AUCTION, auction.id, 40 * CHIP)
            received = await socket.until_received("public", bought.seq)
            assert any(m.auction_settled.auction == sold for m in received)
        gone = await alice.ask(create_auction=pb.CreateAuction(name="chair"))
        withdraw = pb.WithdrawAuction(auction_id=gone.auction_created.auction.id)
        withdrawn = await alice.ask(withdraw_auction=withdraw)
        assert withdrawn.auction_withdrawn.auction.status == pb.Auction.WITHDRAWN
        settle = pb.SettleAuction(auction_id=auction.id, buyer_id=bob.account, price=1)
        assert (await bob.ask(settle_auction=settle)).refused.code == pb.AUCTION_SETTLED
        open_one = await alice.ask(create_auction=pb.CreateAuction(name="vase"))
        settle = pb.SettleAuction(auction_id=open_one.auction_created.auction.id, buyer_id=bob.account)
        assert (await bob.ask(settle_auction=settle)).refused.code == pb.NOT_ALLOWED
    async with signed_in(live.ws_url, live.token("carol")) as carol:
        shown = {one.name: one.status for m in carol.received for one in m.auctions.auctions}
        assert shown == {"A lamp": pb.Auction.SETTLED, "vase": pb.Auction.OPEN}, "a snapshot has no withdrawn ones"
    live.verify()


async def test_an_edit_clears_the_price_or_leaves_it(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("alice")) as alice:
        made = await alice.ask(create_auction=pb.CreateAuction(name="free", buy_now_price=0))
        auction = made.auction_created.auction
        assert auction.HasField("buy_now_price")
        kept = await alice.ask(edit_auction=pb.EditAuction(auction_id=auction.id, name="still free"))
        assert kept.auction_updated.auction.HasField("buy_now_price")
        cleared = await alice.ask(edit_auction=pb.EditAuction(auction_id=auction.id, no_buy_now_price=True))
        assert not cleared.auction_updated.auction.HasField("buy_now_price")
        odd = await alice.ask(edit_auction=pb.EditAuction(auction_id=auction.id, no_buy_now_price=False))
        assert odd.refused.code == pb.INVALID_FRAME


async def test_of_many_simultaneous_buyers_one_gets_it(live: LiveExchange) -> None:
    """Bob and Carol buy at the same moment from many sockets."""
    async with AsyncExitStack() as stack:
        seller = await stack.enter_async_context(Exchange.connect(live.ws_url, live.token("alice")))
        racers = [
            await stack.enter_async_context(Exchange.connect(live.ws_url, live.token(("bob", "carol")[n % 2])))
            for n in range(RACERS)
        ]
        for _ in range(5):
            listed = await seller.create_auction("Only one", buy_now_price="7")
            id = listed.body.auction.id
            before = {one.account_id: one.portfolio().cash for one in (seller, *racers)}
            answers = await asyncio.gather(*(one.buy_auction(id, "7") for one in racers), return_exceptions=True)
            won = [answer for answer in answers if not isinstance(answer, BaseException)]
            lost = [answer for answer in answers if isinstance(answer, Refused)]
            assert (len(won), len(lost)) == (1, RACERS - 1)
            assert {int(one.code) for one in lost} == {int(pb.AUCTION_SETTLED)}
            buyer = won[0].body.auction.buyer_id
            for one in (seller, *racers):
                change = 7 * CHIP * ((one is seller) - (one.account_id == buyer))
                await until_told(one, id, buyer, before[one.account_id] + change)
    live.verify()


async def until_told(one: Exchange, auction: int, buyer: int, cash: int) -> None:
    await one.until(lambda: one.state.public.auctions[auction].buyer_id == buyer)
    await one.until(lambda: one.portfolio().cash == cash)


async def test_the_example_on_the_protocol_page_works(live: LiveExchange) -> None:
    """The same messages as on the page."""
    (example,) = re.findall(r"```python\n(.*?)```", PROTOCOL.read_text(), re.DOTALL)
    body = "".join(f"    {line}\n" for line in example.splitlines())
    known: dict[str, Any] = {"Refused": Refused}
    exec(f"async def example(alice, bob):\n{body}    return bob.state.public.auctions[lamp]", known)
    async with (
        Exchange.connect(live.ws_url, live.token("alice")) as alice,
        Exchange.connect(live.ws_url, live.token("bob")) as bob,
    ):
        cash = bob.portfolio().cash
        sold = await known["example"](alice, bob)
        assert (sold.name, sold.buyer_id, sold.settle_price) == ("Desk lamp", bob.account_id, 25 * CHIP)
        assert bob.portfolio().cash == cash - 25 * CHIP


# --- Uploads


def multipart(fields: dict[str, str], name: str, data: bytes) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="{name}"\r\n\r\n'
    return ("".join(parts) + head).encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def form_fields(browser: Browser, path: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', browser.get(path).text)
    return dict(found)


def send(browser: Browser, body: bytes) -> tuple[int, str, str]:
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Cookie": browser.cookie_header(),
        "Referer": f"{browser.url}/auctions/new/",
    }
    request = urllib.request.Request(f"{browser.url}/auctions/new/", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=STEP_SECONDS_MAX) as response:
            return response.status, response.url, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.url or "", error.read().decode()


def test_a_picture_is_uploaded_shown_and_refused(live: LiveExchange, tmp_path: Path) -> None:
    browser = live.browser("alice")
    fields = {**form_fields(browser, "/auctions/new/"), "name": "Painting", "description": "", "price": "5"}
    status, url, _ = send(browser, multipart(fields, "../../x.svg", encoded(red_left()) + b"<script>"))
    assert status == 200
    assert re.search(r"/auctions/\d+/$", url)
    ((name,),) = Tables(live.env).rows("SELECT picture FROM auctions_auction WHERE name = 'Painting'")
    assert [path.name for path in (live.folder / "pictures").iterdir()] == [name]
    request = urllib.request.Request(f"{live.url}/pictures/{name}", headers={"Cookie": browser.cookie_header()})
    with urllib.request.urlopen(request) as response:
        assert response.headers["Content-Type"] == "image/webp"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert opened(response.read()).size == (40, 20)
    fields |= {"key": "another", "price": "9,999,999,999"}
    status, _, page = send(browser, multipart(fields, "x.png", encoded(red_left())))
    assert status == 200
    assert "The price must be from 0 to 1,000,000,000, not 9,999,999,999." in page
    assert len(list((live.folder / "pictures").iterdir())) == 1, "that of the refused one is gone"


def test_a_hundred_megabytes_are_refused_and_not_kept_in_memory(live: LiveExchange) -> None:
    browser = live.browser("alice")
    fields = {**form_fields(browser, "/auctions/new/"), "name": "Huge", "description": "", "price": ""}
    peak_before = peak(live)
    status, _, page = send(browser, multipart(fields, "huge.png", bytes(100 * MIB)))
    assert status == 413
    assert "more than 6 MiB" in page
    assert peak(live) - peak_before < 20 * MIB
    status, _, page = send(browser, multipart(fields, "large.png", bytes(5_500_000)))
    assert status == 200
    assert "A picture has at most 5 MB, this one has 5.5 MB. Nothing was sent." in page
    print(f"peak of the exchange: {peak(live) / MIB:.0f} MiB")
    assert peak(live) < 200 * MIB


def test_a_body_without_a_length_is_refused_too(live: LiveExchange) -> None:
    connection = HTTPConnection("127.0.0.1", live.port, timeout=STEP_SECONDS_MAX)
    peak_before = peak(live)
    connection.request("POST", "/sign-in/", (bytes(MIB) for _ in range(50)), encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
    assert peak(live) - peak_before < 20 * MIB


def peak(live: LiveExchange) -> int:
    """Peak resident memory of the process, in bytes."""
    assert live.process is not None
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{live.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024
