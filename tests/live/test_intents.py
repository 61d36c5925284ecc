"""In a browser one intent has one effect: with scripts, without them, and while the exchange hangs."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from exchange_client import Exchange
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.live.exchange import LiveExchange
from tests.live.test_browser import FLAGS, WAIT_MS, signed_in
from tests.live.test_browser import exchange as exchange  # a fixture

pytestmark = pytest.mark.browser


@asynccontextmanager
async def browser_of(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        yield browser
        await browser.close()


async def without_scripts(browser: Browser, exchange: LiveExchange, name: str) -> Page:
    page = await (await browser.new_context(java_script_enabled=False)).new_page()
    page.set_default_timeout(WAIT_MS)
    await page.goto(f"{exchange.url}/sign-in/")
    await page.fill("input[name=login]", name)
    await page.fill("input[name=password]", f"pass-{name}")
    await page.press("input[name=password]", "Enter")
    await expect(page.get_by_test_id("acting-as")).to_be_visible()
    return page


async def new_market(exchange: LiveExchange, name: str) -> int:
    async with Exchange.connect(exchange.ws_url, token=exchange.token("bob")) as bob:
        created: int = (await bob.create_market(name, "0", "100")).body.market.id
        return created


async def fill(page: Page, price: str, size: str = "1") -> None:
    await page.get_by_test_id("ticket-price").fill(price)
    await page.get_by_test_id("ticket-size").fill(size)


async def rest(page: Page, *prices: str) -> None:
    """The account's open orders, newest first. Orders are matched in turn, so none is still on its way before them."""
    await expect(page.get_by_test_id("own-order").locator("[data-slot=price]")).to_have_text([*prices])


async def held(page: Page, selector: str) -> None:
    """Holds Enter until it has repeated 5 times."""
    await page.get_by_test_id(selector).focus()
    for _ in range(6):
        await page.keyboard.down("Enter")
    await page.keyboard.up("Enter")


async def test_a_double_click_and_a_held_key_place_one_order(exchange: LiveExchange, chromium_path: str) -> None:
    market = await new_market(exchange, "Rain")
    async with browser_of(chromium_path) as browser:
        page = await signed_in(browser, exchange, "alice")
        await page.goto(f"{exchange.url}/markets/{market}/")
        await expect(page.get_by_test_id("connection")).to_have_text("live")
        await fill(page, "10")
        await page.get_by_test_id("ticket-submit").dblclick()
        await rest(page, "10.00")
        await fill(page, "11")
        await held(page, "ticket-price")
        await rest(page, "11.00", "10.00")
        await fill(page, "12")
        await held(page, "ticket-submit")
        await rest(page, "12.00", "11.00", "10.00")
        await fill(page, "13")
        await page.get_by_test_id("ticket-submit").click()
        await rest(page, "13.00", "12.00", "11.00", "10.00")
        await page.get_by_test_id("cancel-order").first.dblclick()
        await rest(page, "12.00", "11.00", "10.00")
        await expect(page.locator('[data-testid=toast][data-kind="error"]')).to_have_count(0)
    exchange.verify()


async def test_without_scripts_a_form_acts_once_and_a_refused_ticket_comes_back(
    exchange: LiveExchange, chromium_path: str
) -> None:
    market = await new_market(exchange, "Snow")
    async with browser_of(chromium_path) as browser:
        page = await without_scripts(browser, exchange, "alice")
        await page.goto(f"{exchange.url}/markets/{market}/")
        await fill(page, "10,5")
        await page.get_by_test_id("ticket-submit").dblclick()
        await rest(page, "10.50")
        await fill(page, "1,500")
        await page.get_by_test_id("ticket-time-in-force").select_option("IOC")
        await page.get_by_test_id("ticket-side-offer").check(force=True)
        await page.get_by_test_id("ticket-post-only").check()
        for why in ("“1,500” can mean both", "must be from 0 to 100 and"):
            await page.get_by_test_id("ticket-submit").click()
            await expect(page.get_by_test_id("toast")).to_contain_text(why)
            await expect(page.get_by_test_id("ticket-size")).to_have_value("1")
            await expect(page.get_by_test_id("ticket-time-in-force")).to_have_value("IOC")
            await expect(page.get_by_test_id("ticket-post-only")).to_be_checked()
            await expect(page.get_by_test_id("ticket-side-offer")).to_be_checked()
            await page.get_by_test_id("ticket-price").fill("1500")
        await rest(page, "10.50")
        await page.get_by_test_id("cancel-order").dblclick()
        await rest(page)
        await expect(page.locator('[data-testid=toast][data-kind="error"]')).to_have_count(0)
    exchange.verify()


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_double_click_pays_once(exchange: LiveExchange, chromium_path: str, scripts: bool) -> None:
    async with Exchange.connect(exchange.ws_url, token=exchange.token("alice")) as alice:
        team: Any = (await alice.create_account(f"Team {scripts}")).body.account
    async with browser_of(chromium_path) as browser:
        page = await (signed_in if scripts else without_scripts)(browser, exchange, "alice")
        await page.goto(f"{exchange.url}/transfers/")
        form = page.get_by_test_id("transfer-form")
        paid = page.get_by_test_id("transfers").locator("tr").filter(has_text=team.name).locator("[data-slot=amount]")
        for amount, shown in (("0,125", ["-0.125"]), ("2", ["-2.00", "-0.125"])):
            await form.locator("[name=to]").fill(team.name)
            await form.locator("[name=amount]").fill(amount)
            await form.get_by_role("button").dblclick()
            await expect(paid).to_have_text(shown)
        await page.reload()
        await expect(paid).to_have_text(["-2.00", "-0.125"])
    exchange.verify()


async def test_while_the_exchange_hangs_forms_are_locked_and_what_was_sent_is_not_sent_twice(
    exchange: LiveExchange, chromium_path: str
) -> None:
    market = await new_market(exchange, "Fog")
    async with browser_of(chromium_path) as browser:
        page = await signed_in(browser, exchange, "alice")
        await page.goto(f"{exchange.url}/markets/{market}/")
        light, ticket = page.get_by_test_id("connection"), page.get_by_test_id("ticket")
        submit = page.get_by_test_id("ticket-submit")
        await expect(light).to_have_text("live")
        await expect(submit).to_be_enabled()
        await fill(page, "10")
        key = ticket.locator("[name=key]")
        sent = await key.input_value()
        assert exchange.process is not None
        exchange.process.send_signal(signal.SIGSTOP)
        try:
            await page.get_by_test_id("ticket-price").press("Enter")
            await expect(submit).to_be_disabled()
            await expect(light).to_have_text("not answering")
            for button in (submit, page.get_by_test_id("cancel-all")):
                await expect(button).to_be_disabled()
                await expect(button).to_have_attribute(
                    "title", "The exchange is not answering. Nothing is sent until it does."
                )
            await expect(ticket).to_contain_text("The exchange is not answering.")
            await expect(page.get_by_test_id("toast")).to_contain_text("No answer arrived")
        finally:
            exchange.process.send_signal(signal.SIGCONT)
        await expect(light).to_have_text("live")
        await expect(submit).to_be_enabled()
        await expect(ticket).not_to_contain_text("The exchange is not answering.")
        assert await key.input_value() == sent
        await page.get_by_test_id("ticket-price").press("Enter")
        await expect(page.get_by_test_id("ticket-answer")).to_contain_text("Bid 1 @ 10.00")
        await expect(key).not_to_have_value(sent)
        await fill(page, "11")
        await page.get_by_test_id("ticket-price").press("Enter")
        await rest(page, "11.00", "10.00")
    exchange.verify()
