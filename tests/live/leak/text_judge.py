"""Searches text (pages, REST answers, refusal messages) for what its reader may not see."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from tests.live.leak.judge import Complaints
from tests.live.leak.participants import BAND, BAND_BEGINS
from tests.live.leak.truth import Degree, Truth

REST = "/api/v1"

TOKEN = re.compile(r"[ZD]x(\d+)q")
CLIENT_ORDER_ID = re.compile(r"\bco\d+t\b")
NOTE = re.compile(r"\bNo\d+t\b")
ACCOUNT_NAME = re.compile(r"\b(?:Al|Va)\d+t\b")
MARKET_LINK = re.compile(r"/markets/(\d+)/")
OF_MARKET = re.compile(rf"(?:{REST})?/markets/(\d+)(.*)")
# "512,345.67" on pages, "512345.67" in REST, "51234567" in data for scripts; not part of a longer number.
PRICE = re.compile(r"(?<![\d.,])(?:(\d{3}(?:,\d{3})*\.\d\d)|(\d{6}\.\d\d)|(\d{8}))(?![\d.,]*\d)")
# Addresses that show prices and hardly any other amounts. Cash and profit can equal a price by chance.
OF_PRICES = re.compile(rf"/|/markets/(?!\d+/settle/).*|/admin/.*|/sign-in/.*|{REST}/markets.*|refusal")
WHOSE = ("account_id", "buyer_id", "seller_id")
OF_PREVIEW = re.compile(r"/markets/(\d+)/settle/.*")
PREVIEWED = re.compile(r'data-testid="(?:holders|orders-count)"')
OF_ACCOUNT = re.compile(rf"{REST}/accounts/(\d+)/.*")
OF_ORDERS = re.compile(rf"{REST}/orders\b.*")
OF_STATEMENT = re.compile(rf"{REST}/statement\b.*")
OF_ALL = re.compile(r"/(?:book|orders|trades|events|history).*")  # in a market that hides ids, own ids read 0 here too


@dataclass
class Text:
    """One answer as text, read while the journal's head went from `before` to `after`. `user` 0: not signed in."""

    name: str
    user: int
    sudo: bool
    where: str
    before: int
    after: int
    status: int
    text: str


class TextJudge:
    def __init__(self, truth: Truth, complaints: Complaints) -> None:
        self.truth = truth
        self.complaints = complaints
        self._accounts = {name: id for id, name in truth.names.items()}

    @cached_property
    def _by_number(self) -> dict[int, int]:
        """Number in the name -> market."""
        named = ((id, TOKEN.search(name)) for id, market in self.truth.markets.items() for name in market.names)
        return {int(match[1]): id for id, match in named if match}

    def judge(self, text: Text) -> None:
        if text.sudo and text.user:
            return
        for number in {int(match[1]) for match in TOKEN.finditer(text.text)}:
            self._there(text, self._by_number[number], f"x{number}q")
        for id in {match[0] for match in CLIENT_ORDER_ID.finditer(text.text)}:
            if self.truth.client_order_ids[id] not in self._mine(text):
                self._complain("somebody's client_order_id", text, id)
        for note in {match[0] for match in NOTE.finditer(text.text)}:
            if not self.truth.notes[note] & self._mine(text):
                self._complain("somebody else's transfer", text, note)
        if OF_PRICES.fullmatch(text.where):
            self._judge_prices(text)
        if text.where.startswith(REST):
            self._judge_rest(text)
        elif text.where != "refusal":
            self._judge_page(text)

    def _judge_prices(self, text: Text) -> None:
        for shown in {match[0] for match in PRICE.finditer(text.text)}:
            price = int(shown.replace(",", "").replace(".", ""))
            market = self._market_at(price)
            if market is None or self._degree(text, market) == Degree.WHOLE:
                continue
            truth, mine = self.truth.markets[market], self._mine(text)
            own = {price for account in mine & truth.own.keys() for price in truth.own[account]}
            if price in truth.prices and price not in own and price != truth.settled_at:
                self._complain("a price of a book that is not theirs", text, shown)

    def _judge_page(self, text: Text) -> None:
        if text.where.startswith("/admin/") and text.status == 200:
            self._complain("a page of the console", text, "<h1")
        here, asked = OF_MARKET.fullmatch(text.where), MARKET_LINK.search(unquote(text.where))
        for market in {int(match[1]) for match in MARKET_LINK.finditer(text.text)}:
            if asked is None or market != int(asked[1]):
                self._there(text, market, f"/markets/{market}/")
        if here is None or text.status != 200 or not text.user:  # the sign-in page
            return
        self._there(text, int(here[1]), "<h1")
        known = self._mine(text) | {self.truth.markets[int(here[1])].owner}
        for name in {match[0] for match in ACCOUNT_NAME.finditer(text.text)}:
            if self._accounts[name] not in known and self._hides(text, int(here[1])):
                self._complain("whose it is, in a market that hides it", text, name)
        if OF_PREVIEW.fullmatch(text.where):
            self._judge_preview(text, int(here[1]), known)

    def _judge_preview(self, text: Text, market: int, known: set[int]) -> None:
        """A preview of payouts is for those who see book and ids. Names are searched: amounts prove nothing."""
        if self._degree(text, market) == Degree.WHOLE and not self._hides(text, market):
            return
        if shown := PREVIEWED.search(text.text):
            self._complain("who gets what, which is not theirs to see", text, shown[0])
        for name, account in self._accounts.items():
            if account not in known and f">{name}<" in text.text:
                self._complain("who holds something, which is not theirs to see", text, f">{name}<")

    # --- REST

    def _judge_rest(self, text: Text) -> None:
        if not text.user and text.status == 200:
            self._complain("something for nobody", text, "")
        if text.status != 200:
            return
        here = OF_MARKET.fullmatch(text.where)
        if here is not None:
            needed = Degree.WHOLE if here[2] else Degree.KNOWN
            if self._degree(text, int(here[1])) < needed:
                self._complain("a market that is not theirs to see", text, "")
        known = set() if here and OF_ALL.fullmatch(here[2]) else self._mine(text)
        content = json.loads(text.text)
        account = OF_ACCOUNT.fullmatch(text.where)
        for thing in _things(content):
            self._judge_thing(text, thing, int(here[1]) if here else 0, known)
            self._judge_account(text, thing, int(account[1] if account else content.get("account_id") or 0))

    def _judge_account(self, text: Text, thing: dict[str, Any], account: int) -> None:
        """Cash, credits, transfers, orders and statements. `account`: the account whose owners are shown."""
        mine = self._mine(text)
        if "from_account_id" in thing and not mine & {int(thing["from_account_id"]), int(thing["to_account_id"])}:
            self._complain("somebody else's transfer", text, f'"id":{thing["id"]}')
        if ("cash" in thing or "available" in thing) and int(thing.get("account_id") or 0) not in mine:
            self._complain("somebody else's portfolio", text, "")
        if ("credit" in thing or thing.get("owners")) and account not in mine:
            self._complain("whose somebody else's account is", text, "")
        is_order = "client_order_id" in thing and OF_ORDERS.fullmatch(text.where)
        if is_order and self.truth.orders[int(thing["id"])][1] not in mine:
            self._complain("somebody else's order", text, "")
        if OF_STATEMENT.fullmatch(text.where) and "balance" in thing and not mine & self._sides(thing):
            self._complain("a line of somebody else's statement", text, "")

    def _sides(self, line: dict[str, Any]) -> set[int]:
        """The accounts whose statements may have this line."""
        if line["transfer_id"]:
            return set(self.truth.transfers[int(line["transfer_id"])])
        if line["order_id"]:
            return {self.truth.orders[int(line["order_id"])][1]}
        if line["trade_id"]:
            return set(self.truth.takes[int(line["trade_id"])][1:])
        return set(self.truth.markets[int(line["market_id"])].traded)

    def _judge_thing(self, text: Text, thing: dict[str, Any], here: int, known: set[int]) -> None:
        """`known`: accounts that may be named even if the market hides ids."""
        market = int(thing.get("market_id") or here)
        if market:
            self._there(text, market, f'"market_id":{market}')
        others = {int(thing.get(name) or 0) for name in WHOSE} - {0} - known
        if market and others and self._hides(text, market):
            self._complain("whose it is, in a market that hides it", text, "")
        if thing.get("visible_to"):
            self._complain("who sees a market, without sudo", text, '"visible_to"')
        if "restricted" in thing:
            self._there(text, int(thing["id"]), thing["name"])
            content = thing.get("last_price") is not None or float(thing.get("volume") or 0) != 0
            if content and self._degree(text, int(thing["id"])) != Degree.WHOLE:
                self._complain("last price or volume of a market whose book is not theirs", text, thing["name"])

    # --- Rights

    def _there(self, text: Text, market: int, what: str) -> None:
        if self._degree(text, market) == Degree.NOTHING:
            self._complain("a market that is not there for them", text, what)

    def _market_at(self, price: int) -> int | None:
        return self._by_number.get((price - BAND_BEGINS) // (2 * BAND)) if price >= BAND_BEGINS else None

    def _degree(self, text: Text, market: int) -> Degree:
        return self.truth.ever(text.user, market, text.before, text.after)

    def _hides(self, text: Text, market: int) -> bool:
        return all(self.truth.markets[market].hides.between(text.before, text.after))

    def _mine(self, text: Text) -> set[int]:
        """The accounts that they could act as at any time between `before` and `after`."""
        course = self.truth.reaches.get(text.user)
        return set().union(*course.between(text.before, text.after)) if course else set()

    def _complain(self, kind: str, text: Text, what: str) -> None:
        place = max(text.text.find(what), 0)
        around = " ".join(text.text[max(0, place - 80) : place + 80].split())
        self.complaints.add(
            f"{kind}, in text", f"{text.name} at {text.where}, {text.before} to {text.after}: ...{around}..."
        )


def _things(content: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in it, nested ones too."""
    if isinstance(content, dict):
        yield content
    for part in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        yield from _things(part)
