"""Every operation of the console against a running exchange on SQLite.

A view inside a transaction would hold the lock that the journal needs to commit the command: a deadlock.
"""

import asyncio
import re
import threading
from html import unescape

import pytest
from django.contrib import admin

from accounts.console.tables import Operated
from proto import exchange_pb2 as pb
from tests.live.exchange import Browser, LiveExchange, Page
from tests.live.raw_socket import raw_socket, signed_in
from tests.live.requests import bid, offer
from tests.live.tables import Tables
from tests.patience import STEP_SECONDS_MAX

CREATE = "/admin/markets/market/create/"
CHIP = 10_000
WAIT_SECONDS = STEP_SECONDS_MAX


def key_of(page: Page) -> str:
    """The idempotency key of the form on the page."""
    found = re.search(r'name="key" value="([0-9a-f]{32})"', page.text)
    assert found is not None, page.text[-3000:]
    return found[1]


class Console:
    """The operator's browser. Remembers which operations were posted."""

    def __init__(self, live: LiveExchange) -> None:
        self.browser = live.browser("operator")
        self.posted: set[str] = set()

    def do(self, path: str, **fields: str | int) -> Page:
        """Opens the form and posts it."""
        form = path + (f"?price={fields['price']}" if "price" in fields else "")
        page = self.browser.post(path, form, key=key_of(self.browser.get(form)), reason="as agreed", **fields)
        self.posted.add(re.sub(r"\d+/", "", path))
        return page

    def done(self, path: str, **fields: str | int) -> str:
        """Posts the form; returns the success message of the next page. Fails if the form comes back."""
        page = self.do(path, **fields)
        found = re.search(r"bg-green-100[^>]*>([^<]+)<", page.text)
        assert found is not None, page.text[-5000:]
        return unescape(found[1]).strip()


BOUNDS = {"min_settlement": "0", "max_settlement": "100", "tick_size": "0.5", "smallest_size": "1"}


@pytest.fixture
def console(live: LiveExchange) -> Console:
    return Console(live)


@pytest.fixture
def tables(live: LiveExchange) -> Tables:
    return Tables(live.env)


def refusal(page: Page) -> str:
    found = re.search(r'console-refused" role="alert">([^<]+)<', page.text)
    assert found is not None, page.text[-3000:]
    return unescape(found[1])


async def test_every_operation_of_a_market_from_its_creation_to_its_settlement(
    live: LiveExchange, console: Console, tables: Tables
) -> None:
    market = await asyncio.to_thread(created, console, tables, "Rain")
    path = f"/admin/markets/market/{market}/"
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        await alice.ask(create_order=bid(market, 4_000, 500))
        await bob.ask(create_order=offer(market, 4_000, 500))
        await alice.ask(create_order=bid(market, 3_000, 100))
        steps = (("pause", pb.MARKET_PAUSED), ("resume", 0), ("cancel-only", pb.MARKET_PAUSED))
        for slug, code in steps:
            notice = await asyncio.to_thread(console.done, f"{path}{slug}/")
            assert notice.startswith("Rain is ")
            assert (await bob.ask(create_order=bid(market, 1_000, 100))).refused.code == code
        edit = {"initial-name": "Rain", "name": "Rainfall", "initial-description": "a\r\nb", "description": "a\r\nb"}
        assert (await asyncio.to_thread(lambda: console.done(f"{path}edit/", **edit))).startswith("Rainfall is saved")
        preview = (await asyncio.to_thread(console.browser.get, f"{path}settle/?price=70")).text
        for words in ("alice", "+350.00", "bob", "-350.00", "Settling cancels 2 open orders"):
            assert words in preview
        cash = {name: cash for name, cash, _ in tables.accounts().values()}
        assert (await asyncio.to_thread(console.done, f"{path}close/")).startswith("Rainfall is closed")
        notice = await asyncio.to_thread(lambda: console.done(f"{path}settle/", price="70"))
        settled = await alice.until(lambda message: message.HasField("paid_out"))

    assert notice == f"Rainfall is settled at 70.00: entry {settled.seq}."
    assert settled.paid_out.amount == 350 * CHIP
    after = {name: cash for name, cash, _ in tables.accounts().values()}
    assert after == {**cash, "alice": cash["alice"] + 350 * CHIP, "bob": cash["bob"] - 350 * CHIP}
    assert tables.rows("SELECT name, description, status, settle_price FROM markets_market WHERE id = ?", market) == [
        ("Rainfall", "a\nb", 5, 7_000)
    ]
    assert console.posted == offered("markets")
    assert "entries" in live.verify()


def created(console: Console, tables: Tables, name: str) -> int:
    notice = console.done(CREATE, name=name, description="a\r\nb", **BOUNDS)
    ((id, seq),) = tables.rows("SELECT id, seq FROM markets_market WHERE name = ?", name)
    assert notice == f"{name} is open: entry {seq}."
    return int(id)


def offered(*labels: str) -> set[str]:
    """Every operation that the console offers on tables of these apps."""
    return {
        f"/admin/{model._meta.app_label}/{model._meta.model_name}/{operation.slug}/"
        for model, shown in admin.site._registry.items()
        if isinstance(shown, Operated) and model._meta.app_label in labels
        for operation in shown.operations
    }


async def test_every_operation_on_auctions(console: Console, tables: Tables, live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("alice")) as alice:
        for name in ("Lamp", "Chair"):
            await alice.ask(create_auction=pb.CreateAuction(name=name, buy_now_price=5 * CHIP))
    await asyncio.to_thread(live.browser("bob").get, "/")  # his first page opens his account
    await asyncio.to_thread(operate_on_auctions, console, tables)
    assert console.posted == offered("auctions")
    live.verify()


def operate_on_auctions(console: Console, tables: Tables) -> None:
    ids: dict[str, int] = dict(tables.rows("SELECT name, id FROM auctions_auction"))
    lamp, chair = (f"/admin/auctions/auction/{ids[name]}" for name in ("Lamp", "Chair"))
    assert "Settle" in console.browser.get(f"{lamp}/change/").text
    begun = {"initial-name": "Lamp", "initial-price": "5"}
    notice = console.done(f"{lamp}/edit/", name="Brass lamp", description="", price="", **begun)
    assert notice == f"Brass lamp is saved: entry {tables.head}."
    assert tables.rows("SELECT buy_now_price FROM auctions_auction WHERE name = 'Brass lamp'") == [(None,)]
    assert console.done(f"{chair}/withdraw/") == f"Chair is withdrawn: entry {tables.head}."
    to_the_seller = refusal(console.do(f"{lamp}/settle/", buyer="alice", price="1"))
    assert to_the_seller == "The seller cannot be the buyer: alice sells Brass lamp."
    assert "available" in refusal(console.do(f"{lamp}/settle/", buyer="bob", price="1,000,000"))
    notice = console.done(f"{lamp}/settle/", buyer="BOB", price="12.5")
    assert notice == f"Brass lamp is sold for 12.5 chips: entry {tables.head}."
    assert tables.rows("SELECT amount, auction FROM accounts_transfer WHERE kind = 7") == [(125_000, ids["Lamp"])]
    assert "console-buttons" not in console.browser.get(f"{lamp}/change/").text


async def test_every_operation_on_accounts(console: Console, tables: Tables, live: LiveExchange) -> None:
    ownership = await a_share_of_bobs(live, tables)
    await asyncio.to_thread(operate_on_accounts, console, tables, live, ownership)
    assert console.posted == offered("accounts")
    live.verify()


async def a_share_of_bobs(live: LiveExchange, tables: Tables) -> int:
    """Shares an account of Alice's with Bob, 10 chips of it his; returns the id of the share's row."""
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        made = await alice.ask(create_account=pb.CreateAccount(name="Team of the console"))
        team = made.account_created.account.id
        await alice.ask(share_account=pb.ShareAccount(account_id=team, receiver_id=bob.account))
        paid = pb.MakeTransfer(from_account_id=bob.account, to_account_id=team, amount=10 * CHIP)
        await bob.ask(make_transfer=paid)
        ((ownership,),) = tables.rows(
            "SELECT id FROM accounts_ownership WHERE account_id = ? AND owner_id = ?", team, bob.account
        )
        return int(ownership)


def operate_on_accounts(console: Console, tables: Tables, live: LiveExchange, ownership: int) -> None:
    share = f"/admin/accounts/ownership/{ownership}"
    assert "Redistribute the credit" in console.browser.get(f"{share}/change/").text
    assert refusal(console.do(f"{share}/revoke/")) == (
        "The credit must be 0 to end a share: bob has 10 in Team of the console."
    )
    notice = console.done(f"{share}/redistribute/")
    assert notice == f"bob's credit in Team of the console went to the other owners: entry {tables.head}."
    assert console.done(f"{share}/revoke/") == f"bob no longer owns Team of the console: entry {tables.head}."
    live.browser("carol").get("/")  # her first page opens her account
    ((carol, cash),) = tables.rows("SELECT id, cash FROM accounts_account WHERE name = 'carol'")
    notice = console.done(f"/admin/accounts/account/{carol}/gift/", amount="1000.0005", note="for luck")
    assert notice == f"1,000.0005 chips went to carol: entry {tables.head}."
    notice = console.done(f"/admin/accounts/account/{carol}/collect/", amount="1000", note="")
    assert notice == f"1,000 chips came from carol: entry {tables.head}."
    assert tables.rows("SELECT cash FROM accounts_account WHERE id = ?", carol) == [(cash + 5,)]
    console.do("/admin/accounts/apitoken/make/", person="carol", name="spare", days=0)
    ((token,),) = tables.rows("SELECT id FROM accounts_apitoken WHERE name = 'spare'")
    assert console.done(f"/admin/accounts/apitoken/{token}/revoke/") == "“spare” of carol is revoked."


async def test_a_token_opens_a_socket_until_it_is_revoked(live: LiveExchange, console: Console, tables: Tables) -> None:
    made = await asyncio.to_thread(
        lambda: console.do("/admin/accounts/apitoken/make/", person="carol", name="laptop", days=1)
    )
    secret = re.search(r'data-testid="secret">([^<]+)<', made.text)
    assert secret is not None
    ((token,),) = tables.rows("SELECT id FROM accounts_apitoken WHERE name = 'laptop'")
    async with signed_in(live.ws_url, secret[1]) as carol:
        notice = await asyncio.to_thread(console.done, f"/admin/accounts/apitoken/{token}/revoke/")
        assert notice == "“laptop” of carol is revoked."
        async with asyncio.timeout(WAIT_SECONDS):
            assert await carol.closed() == 4001
    async with raw_socket(live.ws_url) as again:
        assert (await again.sign_in(secret[1]))[-1].refused.code == pb.NOT_AUTHENTICATED


def test_a_refusal_is_shown_and_changes_nothing(console: Console, tables: Tables) -> None:
    market = created(console, tables, "Snow")
    console.done(f"/admin/markets/market/{market}/close/")
    before = tables.digest()
    assert "closed" in refusal(console.do(f"/admin/markets/market/{market}/pause/"))
    assert (
        refusal(console.do(CREATE, name="snow", **BOUNDS))
        == "There is a market called snow already, or one that looks like it."
    )
    assert "multiples" in refusal(console.do(CREATE, name="Hail", **{**BOUNDS, "max_settlement": "0.75"}))
    assert tables.digest() == before


def test_two_clicks_at_once_act_once(live: LiveExchange, console: Console, tables: Tables) -> None:
    key = key_of(console.browser.get(CREATE))
    pages: list[Page] = []

    def click(browser: Browser) -> None:
        pages.append(browser.post(CREATE, key=key, reason="hail", name="Hail", description="", **BOUNDS))

    threads = [threading.Thread(target=click, args=(live.browser("operator"),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    assert len(pages) == 4
    notice = [re.findall(r"Hail is open: entry \d+[^<.]*\.", page.text) for page in pages]
    assert sorted(len(words) for words in notice) == [1, 1, 1, 1]
    assert sum("sent twice and done once" not in words for (words,) in notice) == 1
    assert tables.rows("SELECT count(*) FROM markets_market WHERE name = 'Hail'") == [(1,)]


def test_an_operator_makes_a_person_while_the_exchange_runs(live: LiveExchange, console: Console) -> None:
    """Django writes its own tables in its own transactions, beside the journal."""
    secret = "a long enough pass phrase"
    page = console.browser.post(
        "/admin/accounts/user/add/", username="dora", password1=secret, password2=secret, usable_password="true"
    )
    assert page.url.endswith("/change/"), page.text[-3000:]
    dora = Browser(live.url)
    dora.sign_in("dora", secret)
    assert "dora" in dora.get("/").text


def test_the_console_home_shows_all_operations(console: Console, tables: Tables) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", console.browser.get("/admin/").text).split())
    assert f"Journal head {tables.head} " in text
    assert "Sum of all cash 0.00 balanced" in text
