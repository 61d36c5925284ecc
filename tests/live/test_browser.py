"""A person in a real browser: signs in, trades with a bot, watches the operator settle. No page is loaded again."""

import re

import pytest
from exchange_client import BID, OFFER, Exchange
from playwright.async_api import Browser, Page, async_playwright, expect

from proto import exchange_pb2 as pb
from tests.live import raw_socket
from tests.live.exchange import LiveExchange
from tests.live.wishes import new_market

pytestmark = pytest.mark.browser

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
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


async def test_a_trade_and_a_settlement_as_two_people_see_them(exchange: LiveExchange, chromium_path: str) -> None:
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
    """Two at 50 from the bot's five, then one more that rests and is taken back."""
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
    """The operator in the admin: a price, what it would pay to whom, and the deed."""
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


async def test_an_account_that_is_taken_away_is_told_and_the_form_posts_for_it_no_more(
    exchange: LiveExchange, chromium_path: str
) -> None:
    """Bob's bot gives up what the browser acts as."""
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
        told = page.get_by_test_id("toast").filter(has_text="You no longer act as Team; you act as yourself again.")
        await expect(told).to_be_visible()
        await expect(page.get_by_test_id("acting-as")).not_to_contain_text("Team")
        await expect(page.get_by_test_id("connection")).to_contain_text("live")
        posting = await page.locator("input[name=account]").evaluate_all("found => found.map(one => one.value)")
        assert set(posting) == {str(bobs_bot.account)}
        await browser.close()
