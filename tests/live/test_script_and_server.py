"""What the script draws is what the server would draw: each page as text, with and without scripts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from exchange_client import BID, OFFER, Exchange
from exchange_client.exchange_pb2 import CANCEL_ONLY, CLOSED, PAUSED
from playwright.async_api import Page, async_playwright, expect

from accounts import money
from tests.live.exchange import LiveExchange
from tests.live.test_browser import FLAGS, WAIT_MS, signed_in

pytestmark = pytest.mark.browser

PLAIN_PAGES = ("/statement/", "/accounts/", "/auctions/", "/auctions/new/", "/keys/", "/markets/new/")
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# The text that a reader sees. Without the fields that need scripts, and the ticket's line: it follows what is typed.
SEEN = """() => {
    const moving = "[data-filter], [data-keys], [data-slot=uses], [data-light]";
    for (const one of document.querySelectorAll(moving)) one.remove();
    return document.body.innerText.replace(/[ \\t]+/g, " ");
}"""


@pytest.fixture
def exchange(live: LiveExchange) -> LiveExchange:
    expect.set_options(timeout=WAIT_MS)
    return live


@asynccontextmanager
async def two_readers(exchange: LiveExchange, chromium_path: str) -> AsyncIterator[tuple[Page, Page]]:
    """Bob's browser with scripts, and one without that has the same cookies."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        scripted = await signed_in(browser, exchange, "bob")
        session = await scripted.context.storage_state()
        plain = await browser.new_context(storage_state=session, java_script_enabled=False)
        yield scripted, await plain.new_page()
        await browser.close()


async def agree(scripted: Page, plain: Page, address: str) -> str:
    """Opens a page in both browsers and compares what they show. Returns it."""
    await scripted.goto(address)
    await expect(scripted.get_by_test_id("connection")).to_have_text("live")
    await scripted.evaluate(DRAWN)
    await plain.goto(address)
    drawn, served = await scripted.evaluate(SEEN), await plain.evaluate(SEEN)
    assert drawn == served
    return str(served)


async def act_as(page: Page, name: str) -> None:
    await page.get_by_test_id("acting-as").click()
    await page.get_by_test_id("act-as-option").filter(has_text=name).click()
    await expect(page.get_by_test_id("acting-as")).to_contain_text(name)


async def markets_of_every_kind(operator: Exchange, bot: Exchange) -> list[str]:
    """Addresses of markets: the bot holds and bids, closed, settled, paused, and open to the bot's own account only."""
    rain = (await operator.create_market("Rain", "0", "100", category="Weather")).body.market.id
    await operator.place(rain, OFFER, "60", "5")
    await bot.place(rain, BID, "60", "2")
    await bot.place(rain, BID, "40.25", "1.5")
    await bot.place(rain, OFFER, "70", "1")
    closed = (await operator.create_market("Snow", "0", "10")).body.market.id
    await operator.place(closed, OFFER, "6", "1")
    await bot.place(closed, BID, "6", "1")
    await operator.set_market_status(closed, CLOSED)
    settled = (await operator.create_market("Hail", "0", "10")).body.market.id
    await operator.place(settled, BID, "4", "3")
    await bot.place(settled, OFFER, "4", "3")
    await operator.settle_market(settled, "2.50")
    paused = (await operator.create_market("Fog", "0", "10")).body.market.id
    await operator.set_market_status(paused, PAUSED)
    listed = [bot.account_id, operator.account_id]
    club = (await operator.create_market("Club", "0", "10", visible_to=listed)).body.market.id
    await operator.place(club, OFFER, "6", "1")
    return [f"/markets/{market}/" for market in (rain, closed, settled, paused, club)]


async def test_every_page_reads_the_same_with_and_without_scripts(exchange: LiveExchange, chromium_path: str) -> None:
    async with (
        Exchange.connect(exchange.ws_url, token=exchange.token("operator")) as operator,
        Exchange.connect(exchange.ws_url, token=exchange.token("bob")) as bot,
        two_readers(exchange, chromium_path) as (scripted, plain),
    ):
        await operator.set_sudo(on=True)
        markets = await markets_of_every_kind(operator, bot)
        alt = (await bot.create_account("Bob's alt")).body.account.id
        await bot.make_transfer(bot.account_id, alt, "12.5", note="To play with")
        for path in ("/", "/portfolio/", "/transfers/", *PLAIN_PAGES, *markets):
            await agree(scripted, plain, exchange.url + path)
        await operator.set_market_status(int(markets[3].split("/")[2]), CANCEL_ONLY)
        assert "You can only cancel orders now." in await agree(scripted, plain, exchange.url + markets[3])

        await act_as(scripted, "Bob's alt")  # the session's, so of both readers
        assert "This market is not open to Bob's alt." in await agree(scripted, plain, exchange.url + markets[4])
        assert await scripted.get_by_test_id("ticket-submit").is_disabled()
        for path in ("/", "/portfolio/", *markets):
            await agree(scripted, plain, exchange.url + path)


async def test_the_top_bar_is_live_on_every_page(exchange: LiveExchange, chromium_path: str) -> None:
    async with (
        Exchange.connect(exchange.ws_url, token=exchange.token("bob")) as bot,
        two_readers(exchange, chromium_path) as (page, _),
    ):
        alt = (await bot.create_account("Purse")).body.account.id
        for path in PLAIN_PAGES:
            await page.goto(exchange.url + path)
            await expect(page.get_by_test_id("connection")).to_have_text("live")
            before = bot.portfolio().available
            sent = await bot.make_transfer(bot.account_id, alt, "1", note="For the bar")
            await bot.until_heard(sent)
            assert bot.portfolio().available == before - 10_000
            await expect(page.get_by_test_id("available")).to_have_text(money.cash(before - 10_000))
            assert await page.locator("[data-stale]").count() == 0
