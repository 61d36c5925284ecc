"""Pages and REST: whatever text comes back is searched for what it may not tell."""

import re
from dataclasses import dataclass
from functools import cached_property

from tests.live.leak.crowd import BAND, BAND_BEGINS
from tests.live.leak.judge import Complaints
from tests.live.leak.truth import Degree, Truth

TOKEN = re.compile(r"[ZD]x(\d+)q")
CLIENT_ORDER_ID = re.compile(r"\bco(\d+)o\d+")
# "512,345.67" of pages, "512345.67" of REST, "51234567" of data for scripts; nothing longer.
PRICE = re.compile(r"(?<![\d.,])(?:(\d{3}(?:,\d{3})*\.\d\d)|(\d{6}\.\d\d)|(\d{8}))(?![\d.,]*\d)")


@dataclass
class Text:
    """What somebody was told between two seqs of the journal's head. `user` 0: nobody has signed in."""

    name: str
    user: int
    sudo: bool
    where: str
    before: int
    after: int
    status: int
    text: str
    prices: bool = True  # whether other amounts than prices are so rare that they can be told apart


class TextJudge:
    def __init__(self, truth: Truth, complaints: Complaints) -> None:
        self.truth = truth
        self.complaints = complaints

    @cached_property
    def _by_number(self) -> dict[int, int]:
        """The market with the number."""
        named = ((id, TOKEN.search(name)) for id, market in self.truth.markets.items() for name in market.names)
        return {int(match[1]): id for id, match in named if match}

    def judge(self, text: Text) -> None:
        for number in {int(match[1]) for match in TOKEN.finditer(text.text)}:
            if self._degree(text, self._by_number[number]) == Degree.NOTHING:
                self._complain("a market that is not there for them", text, f"x{number}q")
        for account in {int(match[1]) for match in CLIENT_ORDER_ID.finditer(text.text)}:
            if account not in self._mine(text):
                self._complain("somebody's client_order_id", text, f"co{account}o")
        if text.prices:
            self._judge_prices(text)

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

    def _market_at(self, price: int) -> int | None:
        number = (price - BAND_BEGINS) // (2 * BAND)
        return self._by_number.get(number) if price >= BAND_BEGINS else None

    def _degree(self, text: Text, market: int) -> Degree:
        if text.sudo and text.user:
            return Degree.WHOLE
        return self.truth.ever(text.user, market, text.before, text.after)

    def _mine(self, text: Text) -> set[int]:
        """What they could act as at any time while they were answered."""
        course = self.truth.reaches.get(text.user)
        return set().union(*course.between(text.before, text.after)) if course else set()

    def _complain(self, kind: str, text: Text, what: str) -> None:
        place = text.text.find(what)
        around = " ".join(text.text[max(0, place - 80) : place + 80].split())
        who = f"{text.name}{' in sudo' if text.sudo else ''}"
        self.complaints.add(f"{kind}, in text", f"{who} at {text.where}, {text.before} to {text.after}: ...{around}...")
