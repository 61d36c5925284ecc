"""The API's page in a real browser: "Try it out" of a change works with the session of who is signed in."""

import re

import pytest
from playwright.async_api import async_playwright, expect

from tests.live.exchange import LiveExchange
from tests.live.test_browser import FLAGS, signed_in

pytestmark = pytest.mark.browser


async def test_a_signed_in_person_tries_a_change(live: LiveExchange, chromium_path: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        page = await signed_in(browser, live, "alice")
        await page.get_by_role("link", name="API", exact=True).click()
        operation = page.locator(".opblock-post", has_text=re.compile("/orders/out"))
        await operation.locator(".opblock-summary").click()
        await operation.get_by_role("button", name="Try it out").click()
        await operation.locator("textarea").fill("{}")
        await operation.get_by_role("button", name="Execute").click()
        status = operation.locator(".live-responses-table .response .response-col_status")
        await expect(status).to_contain_text("200")
        await browser.close()
