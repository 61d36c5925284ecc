"""Carol opens a market in the browser, describes it and settles it. Alice and Bob trade there meanwhile."""

import re
from html import unescape
from urllib.parse import urlsplit

from tests.live.exchange import Browser, LiveExchange
from tests.live.raw_socket import signed_in
from tests.live.requests import bid, offer
from tests.live.tables import Tables

CHIP = 10_000
SNOW = {
    "name": "Snow days",
    "description": "In January.",
    "category": "Class",
    "min_settlement": "0",
    "max_settlement": "31",
    "tick_size": "0.5",
    "smallest_size": "1",
}


def hidden(browser: Browser, path: str, testid: str) -> dict[str, str]:
    """The form's hidden fields without its CSRF token, which post() adds. AssertionError if there is no form."""
    page = browser.get(path)
    forms = re.findall(rf'<form [^>]*data-testid="{testid}".*?</form>', page.text, re.DOTALL)
    assert len(forms) == 1, page.text
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', forms[0])
    return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def toasts(text: str) -> list[str]:
    return [unescape(words) for words in re.findall(r'data-testid="toast" data-kind="\w+">([^<]*)<', text)]


async def test_an_own_market_from_the_first_form_to_its_settlement(live: LiveExchange) -> None:
    carol = live.browser("carol")
    opened = carol.post("/markets/new/", **hidden(carol, "/markets/new/", "market-form"), **SNOW)
    assert toasts(opened.text) == ["Snow days is open."]
    place = urlsplit(opened.url).path
    market = int(place.split("/")[2])
    assert "tick 0.50 · smallest size 1 · by carol" in opened.text
    again = carol.post("/markets/new/", **hidden(carol, "/markets/new/", "market-form"), **SNOW)
    assert toasts(again.text) == ["There is a market called Snow days already, or one that looks like it."]
    assert 'value="31"' in again.text

    described = carol.post(
        f"{place}describe/", **hidden(carol, f"{place}describe/", "describe-form"), description="By the gauge."
    )
    assert toasts(described.text) == ["Description saved."]
    assert "By the gauge." in described.text

    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        await alice.ask(create_order=offer(market, 1_000, 500))
        await bob.ask(create_order=bid(market, 1_000, 300))
    assert settled_at(carol, place, "31.01") == ["Settlement price: From 0.00 to 31.00."]
    preview = carol.get(f"{place}settle/?price=12.25").text
    assert "+36.75" in preview
    assert "-36.75" in preview
    assert "Settling cancels 1 open order." in preview
    fields = hidden(carol, f"{place}settle/?price=12.25", "settle-form")
    bob_page = live.browser("bob").post(f"{place}settle/", "/accounts/", **fields)
    assert bob_page.status == 404
    done, again = (carol.post(f"{place}settle/", "/accounts/", **fields) for _ in range(2))
    assert toasts(done.text) == ["Snow days is settled at 12.25."]
    acted_once = "This form was sent before and acted once. This is its first answer again."
    assert toasts(again.text) == [acted_once, "Snow days is settled at 12.25."]
    assert settled_at(carol, place, "13") == ["Snow days is settled."]
    found = Tables(live.env).rows("SELECT cash FROM accounts_account WHERE name = 'bob'")
    assert found == [((10_000 - 30) * CHIP + 36 * CHIP + 7_500,)]
    live.verify()


def settled_at(browser: Browser, place: str, price: str) -> list[str]:
    """Posts this price, whatever the page offers; returns the messages."""
    account = hidden(browser, "/markets/new/", "market-form")["account"]
    return toasts(browser.post(f"{place}settle/", "/accounts/", price=price, account=account).text)


async def test_an_owner_with_a_position_cannot_settle(live: LiveExchange) -> None:
    alice = live.browser("alice")
    fields = hidden(alice, "/markets/new/", "market-form")
    place = urlsplit(alice.post("/markets/new/", **fields, **{**SNOW, "name": "Own snow"}).url).path
    market = int(place.split("/")[2])
    async with (
        signed_in(live.ws_url, live.token("alice")) as buyer,
        signed_in(live.ws_url, live.token("bob")) as seller,
    ):
        await seller.ask(create_order=offer(market, 1_000, 100))
        traded = await buyer.ask(create_order=bid(market, 1_000, 100))
        assert traded.order_created.order.filled == 100
        assert settled_at(alice, place, "12") == ["You hold a position of 1 there through alice."]
        await seller.ask(create_order=bid(market, 1_000, 100))
        await buyer.ask(create_order=offer(market, 1_000, 100))
    assert settled_at(alice, place, "12") == ["Own snow is settled at 12.00."]
    live.verify()
