"""A person in a real browser signs in, trades with a bot, watches the list of markets and sees a settlement."""

import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
from exchange_client import BID, OFFER, Exchange
from exchange_client.exchange_pb2 import OPEN, PAUSED
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from proto import exchange_pb2 as pb
from tests.live import raw_socket
from tests.live.exchange import LiveExchange
from tests.live.requests import new_market

pytestmark = pytest.mark.browser

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 20_000


@pytest.fixture
def exchange(live: LiveExchange) -> LiveExchange:
    expect.set_options(timeout=WAIT_MS)
    return live


async def signed_in(browser: Browser, exchange: LiveExchange, name: str) -> Page:
    page = await (await browser.new_context()).new_page()
    page.set_default_timeout(WAIT_MS)
    await page.goto(f"{exchange.url}/sign-in/")
    await page.fill("input[name=login]", name)
    await page.fill("input[name=password]", f"pass-{name}")
    await page.press("input[name=password]", "Enter")
    await expect(page.get_by_test_id("connection")).to_contain_text("live")
    return page


async def test_two_people_see_a_trade_and_its_settlement(exchange: LiveExchange, chromium_path: str) -> None:
    async with (
        Exchange.connect(exchange.ws_url, token=exchange.token("bob")) as bot,
        async_playwright() as playwright,
    ):
        created = await bot.create_market("Rain days", "0", "100")
        market = created.body.market.id
        await bot.place(market, OFFER, "50", "5")
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        page = await signed_in(browser, exchange, "alice")
        await page.get_by_role("link", name="Rain days").click()
        await expect(page.get_by_test_id("connection")).to_contain_text("live")
        await expect(page.get_by_test_id("available")).to_have_text(re.compile(r"10,000"))
        await page.evaluate("window.theSamePage = true")
        await buys(page)
        await bot.place(market, BID, "40", "1")
        await expect(page.get_by_test_id("bids")).to_contain_text("40.00")
        await settles(browser, exchange, market)
        await expect(page.get_by_test_id("status")).to_have_text("settled")
        # 10,000 - 2 x 50 + 2 x 70
        await expect(page.get_by_test_id("available")).to_have_text(re.compile(r"10,040"))
        assert await page.evaluate("window.theSamePage") is True
        await browser.close()
    exchange.verify()


async def buys(page: Page) -> None:
    """Buys two at 50 of the bot's five, then places one that rests and cancels it."""
    await page.get_by_test_id("ticket-side-bid").check(force=True)
    await page.get_by_test_id("ticket-price").fill("50")
    await page.get_by_test_id("ticket-size").fill("2")
    await expect(page.get_by_test_id("ticket-uses")).to_contain_text("100")
    await page.get_by_test_id("ticket-submit").click()
    await expect(page.get_by_test_id("position")).to_have_text("+2")
    await expect(page.get_by_test_id("available")).to_have_text(re.compile(r"9,900"))
    await expect(page.get_by_test_id("toast").first).to_be_visible()
    await page.get_by_test_id("ticket-price").fill("30")
    await page.get_by_test_id("ticket-size").fill("1")
    await page.get_by_test_id("ticket-submit").click()
    await expect(page.get_by_test_id("own-orders")).to_contain_text("30.00")
    await page.get_by_test_id("cancel-all").click()
    await expect(page.get_by_test_id("own-orders")).not_to_contain_text("30.00")


async def settles(browser: Browser, exchange: LiveExchange, market: int) -> None:
    """The operator settles in the admin: asks for a price, previews the payouts, confirms."""
    operator = await signed_in(browser, exchange, "operator")
    await operator.goto(f"{exchange.url}/admin/markets/market/{market}/settle/")
    await operator.fill("input[name=price]", "70")
    await operator.get_by_role("button", name="Preview").click()
    preview = operator.get_by_test_id("preview")
    await expect(preview).to_contain_text("alice")
    await expect(preview).to_contain_text("140")
    await preview.locator("input[name=reason]").fill("The dice fell.")
    await preview.get_by_role("button").first.click()
    await expect(operator.locator("body")).to_contain_text(re.compile("settled at 70", re.IGNORECASE))


async def test_the_page_tells_when_the_account_is_lost_and_its_form_no_longer_posts_for_it(
    exchange: LiveExchange, chromium_path: str
) -> None:
    """Bob's bot leaves the account that his browser acts as."""
    async with (
        raw_socket.signed_in(exchange.ws_url, exchange.token("alice")) as alice,
        raw_socket.signed_in(exchange.ws_url, exchange.token("bob")) as bobs_bot,
        async_playwright() as playwright,
    ):
        market = await new_market(alice)
        team = (await alice.ask(create_account=pb.CreateAccount(name="Team"))).account_created.account.id
        await alice.ask(share_account=pb.ShareAccount(account_id=team, receiver_id=bobs_bot.account))
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        page = await signed_in(browser, exchange, "bob")
        await page.goto(f"{exchange.url}/markets/{market}/")
        await page.get_by_test_id("acting-as").click()
        await page.get_by_test_id("act-as-option").filter(has_text="Team").click()
        await expect(page.get_by_test_id("acting-as")).to_contain_text("Team")
        await expect(page.get_by_test_id("connection")).to_contain_text("live")
        left = await bobs_bot.ask(leave_account=pb.LeaveAccount(account_id=team))
        assert left.HasField("owners_changed"), left
        toast = page.get_by_test_id("toast").filter(has_text="You may no longer act as Team. You now act as yourself.")
        await expect(toast).to_be_visible()
        await expect(page.get_by_test_id("acting-as")).not_to_contain_text("Team")
        await expect(page.get_by_test_id("connection")).to_contain_text("live")
        posting = await page.locator("input[name=account]").evaluate_all("found => found.map(one => one.value)")
        assert set(posting) == {str(bobs_bot.account)}
        await browser.close()


def row(page: Page, name: str) -> Locator:
    return page.get_by_test_id("market-row").filter(has_text=name)


async def reads(row: Locator, *cells: str) -> None:
    """Status, bid, offer, last price, volume and position; not the settlement bounds."""
    found = row.locator("td")
    for index, text in zip((0, 1, 2, 3, 4, 6), cells, strict=True):
        await expect(found.nth(index)).to_have_text(text)


class Day(NamedTuple):
    """An operator in sudo, Carol's bot, and the list of markets in her browser."""

    operator: Exchange
    bot: Exchange
    page: Page


@asynccontextmanager
async def day(exchange: LiveExchange, chromium_path: str) -> AsyncIterator[Day]:
    async with (
        Exchange.connect(exchange.ws_url, token=exchange.token("operator")) as operator,
        Exchange.connect(exchange.ws_url, token=exchange.token("carol")) as bot,
        async_playwright() as playwright,
    ):
        await operator.set_sudo(on=True)
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        yield Day(operator, bot, await signed_in(browser, exchange, "carol"))
        await browser.close()


async def test_the_list_and_the_portfolio_show_prices_as_they_change(
    exchange: LiveExchange, chromium_path: str
) -> None:
    async with day(exchange, chromium_path) as (operator, bot, page):
        await page.evaluate("window.theSamePage = true")
        snow = (await operator.create_market("Snow days", "0", "100")).body.market.id
        await reads(row(page, "Snow days"), "open", "–", "–", "–", "0", "0")
        await operator.place(snow, OFFER, "60", "5")
        await operator.place(snow, BID, "40", "1")
        await bot.place(snow, BID, "60", "2")
        await reads(row(page, "Snow days"), "open", "40.00", "60.00", "60.00", "2", "+2")
        await operator.set_market_status(snow, PAUSED)
        await expect(row(page, "Snow days").get_by_test_id("status")).to_have_text("paused")
        assert await page.evaluate("window.theSamePage") is True

        await operator.set_market_status(snow, OPEN)
        await page.goto(f"{exchange.url}/portfolio/")
        await expect(page.get_by_test_id("connection")).to_contain_text("live")
        mark = page.get_by_test_id("holding-row").filter(has_text="Snow days").locator("[data-slot=mark]")
        await expect(mark).to_have_text("50.00")
        await operator.place(snow, BID, "50", "1")
        await expect(mark).to_have_text("55.00")


async def test_markets_appear_in_the_list_and_disappear(exchange: LiveExchange, chromium_path: str) -> None:
    """A market is created, renamed, pinned, hidden and shown again; the search stays."""
    async with day(exchange, chromium_path) as (operator, bot, page):
        await page.evaluate("window.theSamePage = true")
        fog = (await operator.create_market("Fog", "0", "10")).body.market.id
        await expect(row(page, "Fog").get_by_role("link")).to_have_attribute("href", f"/markets/{fog}/")
        search = page.get_by_placeholder("Find a market")
        await search.fill("hail")
        await expect(row(page, "Fog")).to_be_hidden()
        hail = (await operator.create_market("Hail", "0", "10", category="Weather")).body.market.id
        await expect(row(page, "Hail")).to_be_visible()
        await expect(row(page, "Fog")).to_be_hidden()
        await search.fill("")
        headings = page.get_by_test_id("market-group").locator("[data-heading]")
        await expect(headings).to_have_text(["Weather", "Markets"])
        await operator.edit_market(hail, name="Hailstones", pinned=True)
        await expect(headings).to_have_text(["Pinned", "Markets"])
        await expect(row(page, "Hailstones")).to_contain_text("Weather")
        await operator.edit_market(hail, visible_to=[operator.account_id])
        await expect(row(page, "Hail")).to_have_count(0)
        await expect(headings).to_have_text(["Markets"])
        await operator.edit_market(hail, visible_to=[operator.account_id, bot.account_id])
        await reads(row(page, "Hailstones"), "open", "–", "–", "–", "0", "0")
        assert await page.evaluate("window.theSamePage") is True


async def test_a_past_trader_keeps_the_markets_line_without_prices(exchange: LiveExchange, chromium_path: str) -> None:
    async with day(exchange, chromium_path) as (operator, bot, page):
        club = (await operator.create_market("Chess club", "0", "100")).body.market.id
        await operator.place(club, OFFER, "60", "5")
        await bot.place(club, BID, "60", "2")
        await reads(row(page, "Chess club"), "open", "–", "60.00", "60.00", "2", "+2")
        await operator.edit_market(club, visible_to=[operator.account_id])
        await reads(row(page, "Chess club"), "open", "–", "–", "–", "–", "+2")
        await operator.set_market_status(club, PAUSED)
        await reads(row(page, "Chess club"), "paused", "–", "–", "–", "–", "+2")


async def test_own_trades_are_marked_where_account_ids_are_hidden(exchange: LiveExchange, chromium_path: str) -> None:
    """Live from fills; from the tables when the page is loaded again."""
    async with day(exchange, chromium_path) as (operator, bot, page):
        market = (await operator.create_market("Poker", "0", "100", hide_account_ids=True)).body.market.id
        await operator.place(market, OFFER, "50", "5")
        await page.goto(f"{exchange.url}/markets/{market}/")
        await expect(page.get_by_test_id("connection")).to_contain_text("live")
        await bot.place(market, BID, "50", "1")
        async with Exchange.connect(exchange.ws_url, token=exchange.token("bob")) as bob:
            await bob.place(market, BID, "50", "2")
        tape = page.get_by_test_id("tape-row")
        for _ in range(2):
            await expect(tape).to_have_count(2)
            await expect(tape.nth(0)).not_to_have_class("mine")
            await expect(tape.nth(1)).to_have_class("mine")
            await page.reload()
            await expect(page.get_by_test_id("connection")).to_contain_text("live")
        await bot.place(market, BID, "50", "1")
        await expect(tape).to_have_count(3)
        await expect(tape.nth(0)).to_have_class("mine")
        await expect(tape.nth(2)).to_have_class("mine")


async def test_a_page_turns_grey_by_itself_while_the_exchange_hangs(exchange: LiveExchange, chromium_path: str) -> None:
    async with day(exchange, chromium_path) as (operator, _, page):
        market = (await operator.create_market("Frost", "0", "100")).body.market.id
        await page.goto(f"{exchange.url}/markets/{market}/")
        light, book = page.get_by_test_id("connection"), page.get_by_test_id("book")
        await expect(light).to_have_text("live")
        await expect(book).to_have_css("opacity", "1")
        assert exchange.process is not None
        exchange.process.send_signal(signal.SIGSTOP)
        try:
            await expect(light).to_have_text("not answering")
            await expect(book).to_have_css("opacity", "0.6")
        finally:
            exchange.process.send_signal(signal.SIGCONT)
        await expect(light).to_have_text("live")
        await expect(book).to_have_css("opacity", "1")
