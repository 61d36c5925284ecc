"""People who read pages and REST. Each answer is kept with the journal's head before and after it."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tests.live.exchange import ROOT, Browser, LiveExchange
from tests.live.leak.participants import AROUND, MIDDLE, World, band
from tests.live.leak.text_judge import REST, Text
from tests.live.rest import Door
from tests.live.tables import Tables

PAGES = (
    "/",
    "/",
    "/portfolio/",
    "/portfolio/",
    "/accounts/",
    "/keys/",
    "/auctions/",
    "/transfers/",
    "/transfers/",
    "/statement/",
    "/statement/",
    "/statement.csv",
)
MARKET_PAGES = ("", "", "", "describe/", "settle/?price={price}", "settle/?price={price}")
CONSOLE = (
    "",
    "markets/market/",
    "markets/market/{market}/",
    "markets/market/{market}/settle/?price={price}",
    "markets/order/",
    "markets/trade/",
    "markets/exposure/",
    "markets/journalentry/",
    "auctions/auction/",
    "accounts/account/",
    "accounts/ownership/",
    "accounts/transfer/",
)
LISTS = (
    "/markets",
    "/orders",
    "/orders?open=true",
    "/portfolio",
    "/statement",
    "/transfers",
    "/transfers",
    "/accounts",
    "/accounts?mine=true",
    "/me",
    "/auctions",
)
OF_ONE = ("/accounts/{account}", "/accounts/{account}/owners", "/accounts/{account}/owners", "/orders/{order}")
OF_MARKET = (
    "",
    "/book",
    "/orders",
    "/trades",
    "/events",
    "/book?at={seq}",
    "/events?after={seq}",
    "/history/trades",
    "/history/orders",
    "/positions",
)
ORDERS_LATELY = 100
PAUSE_SECONDS = (0.05, 0.3)


Answer = tuple[str, int, str]  # address, status and text


@dataclass
class Reader:
    """One person who reads. `name` "": not signed in. `operates`: turns sudo on and off."""

    live: LiveExchange
    world: World
    name: str
    rng: random.Random
    operates: bool = False

    def __post_init__(self) -> None:
        self.texts: list[Text] = []
        self.tables = Tables(self.live.env)
        self.user = int(self.live.people[self.name]["id"]) if self.name else 0
        self.sudo = False

    async def read(self) -> None:
        """Reads at random until cancelled."""
        while True:
            await asyncio.to_thread(self._look, self._ask)
            await asyncio.sleep(self.rng.uniform(*PAUSE_SECONDS))

    def sign_in(self) -> None:
        """Readers sign in one after the other.

        At a person's first sign-in Django hashes the test password again, which ends the person's other sessions.
        """
        raise NotImplementedError

    def last_round(self) -> None:
        """Reads every address that does not belong to a market, so that none depends on chance."""
        for door in self._doors():
            self._look(door)

    def _look(self, ask: Callable[[], Answer]) -> None:
        before = self.tables.head
        where, status, text = ask()
        self.texts.append(Text(self.name, self.user, self.sudo, where, before, self.tables.head, status, text))

    def _ask(self) -> Answer:
        raise NotImplementedError

    def _doors(self) -> Iterator[Callable[[], Answer]]:
        raise NotImplementedError

    def _market(self) -> int:
        return self.rng.choice(list(self.world.markets))

    def _account(self) -> int:
        return self.world.some_accounts(self.rng, most=1)[0]

    def _price(self, market: int) -> str:
        """A price in the market's band at which nobody trades."""
        return f"{(band(self.world.markets[market]) + self.rng.randint(1, MIDDLE - 2 * AROUND)) / 100:.2f}"


class PageReader(Reader):
    """Reads pages. `consoles`: also tries the console, which must refuse. Not so an operator who just signed in."""

    browser: Browser

    @property
    def consoles(self) -> bool:
        return self.name != "operator"

    def sign_in(self) -> None:
        self.browser = self.live.browser(self.name)

    def _ask(self) -> Answer:
        if self.name and self.rng.random() < 0.1:
            self.browser.post("/act-as/", page="/accounts/", account=self._account())
        if self.operates and self.rng.random() < 0.1:
            self.sudo = not self.sudo
            page = self.browser.post("/sudo/", page="/accounts/", **{"on" if self.sudo else "off": 1})
            assert page.status == 200, (page.status, page.url, page.text)
        return self._open(self._place())

    def _doors(self) -> Iterator[Callable[[], Answer]]:
        """All pages, and previews of settling their own markets, acting as their own account."""
        own = self.world.users.get(self.name, 0)
        if own:
            self.browser.post("/act-as/", page="/accounts/", account=own)
        made = [market for market, owner in self.world.owners.items() if owner == own and market not in self.world.over]
        settling = [f"/markets/{market}/settle/?price={self._price(market)}" for market in made]
        return (partial(self._open, place) for place in (*sorted(set(PAGES)), *settling))

    def _open(self, place: str) -> Answer:
        page = self.browser.get(place)
        assert page.status in ((200, 403, 404) if self.consoles else (200, 404)), (place, page.status, page.text)
        return page.url.removeprefix(self.live.url), page.status, page.text

    def _place(self) -> str:
        dice, market = self.rng.random(), self._market()
        if dice < 0.5:
            return f"/markets/{market}/{self.rng.choice(MARKET_PAGES).format(price=self._price(market))}"
        if dice < 0.6 and self.consoles:
            return f"/admin/{self.rng.choice(CONSOLE).format(market=market, price=self._price(market))}"
        return self.rng.choice(PAGES)


class StaleReader(PageReader):
    """An operator who entered the password too long ago for the console."""

    consoles = True

    def sign_in(self) -> None:
        arguments = [sys.executable, "-m", "tests.live.stale_session", str(self.user)]
        env = {**os.environ, **self.live.env}
        made = subprocess.run(arguments, cwd=ROOT, env=env, stdout=subprocess.PIPE, check=True, text=True)
        self.browser = Browser(self.live.url)
        self.browser.resume(made.stdout)


class RestReader(Reader):
    """Reads REST. `trades`: also places orders."""

    door: Door
    trades = False

    def sign_in(self) -> None:
        self.door = Door(self.live, self.name)

    def _ask(self) -> Answer:
        headers = {"X-Act-As": str(self._account())} if self.name and self.rng.random() < 0.2 else {}
        self.sudo = self.operates and self.rng.random() < 0.5
        if self.sudo:
            headers["X-Sudo"] = "true"
        if self.trades and self.rng.random() < 0.5:
            return self._order(headers)
        if self.rng.random() < 0.7:
            seq = self.rng.randint(1, max(1, self.world.seq))
            return self._open(f"/markets/{self._market()}{self.rng.choice(OF_MARKET).format(seq=seq)}", headers)
        return self._open(self._of_one(self.rng.choice((*LISTS, *OF_ONE))), headers)

    def _doors(self) -> Iterator[Callable[[], Answer]]:
        """Every address twice: with own ids as themselves, and with random ids acting as a random account."""
        own = self.world.users.get(self.name) or self._account()
        order = next((id for id, account in self.world.orders.items() if account == own), 1)
        for place in sorted({*LISTS, *OF_ONE}):
            yield partial(self._open, place.format(account=own, order=order), {})
            yield partial(self._open, self._of_one(place), {"X-Act-As": str(self._account())})

    def _of_one(self, place: str) -> str:
        return place.format(account=self._account(), order=self._order_id())

    def _open(self, place: str, headers: dict[str, str]) -> Answer:
        answer = self.door.ask("GET", place, headers)
        assert answer.status_code in (200, 401, 404), answer.text
        return f"{REST}{place}", answer.status_code, answer.text

    def _order_id(self) -> int:
        return self.rng.choice(list(self.world.orders)[-ORDERS_LATELY:] or [1])

    def _order(self, headers: dict[str, str]) -> Answer:
        market = self.world.lately(self.rng)
        price = band(self.world.markets[market]) + MIDDLE + self.rng.randint(-AROUND, AROUND)
        order = {"side": self.rng.choice(("BID", "OFFER")), "price": f"{price / 100:.2f}", "size": "0.05"}
        answer = self.door.ask("POST", "/orders", headers, json={"market_id": market, **order})
        assert answer.status_code in (201, 404, 409), answer.text
        return f"{REST}/orders", 200 if answer.ok else answer.status_code, answer.text


class RestTrader(RestReader):
    trades = True
