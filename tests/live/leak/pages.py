"""People who read pages, one after the other."""

import asyncio
import random
from dataclasses import dataclass

from tests.live.exchange import Browser, LiveExchange
from tests.live.leak.crowd import Town
from tests.live.leak.texts import Text
from tests.live.tables import Tables

PLACES = ("/", "/portfolio/", "/accounts/", "/keys/", "/auctions/")
PAUSE_SECONDS = (0.05, 0.3)


@dataclass
class Reader:
    """`name` "": nobody has signed in."""

    live: LiveExchange
    town: Town
    name: str
    rng: random.Random

    def __post_init__(self) -> None:
        self.texts: list[Text] = []
        self.tables = Tables(self.live.env)
        self.user = int(self.live.people[self.name]["id"]) if self.name else 0

    async def read(self) -> None:
        """Until cancelled."""
        browser = await asyncio.to_thread(self.live.browser, self.name)
        while True:
            await asyncio.to_thread(self._look, browser, self._place())
            await asyncio.sleep(self.rng.uniform(*PAUSE_SECONDS))

    def _place(self) -> str:
        if self.town.markets and self.rng.random() < 0.5:
            return f"/markets/{self.rng.choice(list(self.town.markets))}/"
        return self.rng.choice(PLACES)

    def _look(self, browser: Browser, place: str) -> None:
        if self.name and self.rng.random() < 0.1:
            browser.post("/act-as/", page="/accounts/", account=self.rng.choice(self.town.some_accounts(self.rng)))
        before = self.tables.head
        page = browser.get(place)
        assert page.status in (200, 404), page.text
        prices = place == "/" or place.startswith("/markets/")
        text = Text(self.name, self.user, False, place, before, self.tables.head, page.status, page.text, prices)
        self.texts.append(text)
