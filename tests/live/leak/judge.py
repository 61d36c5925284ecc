"""Checks every message of a socket: may its person see it? Every complaint is a leak.

Written from the rules (docs/rules.md sections 1, 4, 7 and 8), not from the exchange's code. A judge knows whose socket
it is and, for each message, whether sudo was on.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from proto import exchange_pb2 as pb
from tests.live.leak.recordings import HISTORIES, Received, Recording, received
from tests.live.leak.truth import Degree, Truth

Rule = Callable[[Received, Any], None]

EXAMPLES = 5  # printed for each kind of complaint

# Kinds of message that anybody who is signed in may see. Every other kind needs a rule (test_completeness.py).
PUBLIC = (
    "authenticated",
    "acting_as",
    "sudo_set",
    "up_to_date",
    "accounts",
    "auctions",
    "auction_created",
    "auction_updated",
    "auction_withdrawn",
    "auction_settled",
)


class Complaints:
    """Counts leaks by kind and keeps some examples."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def add(self, kind: str, example: str) -> None:
        self.counts[kind] += 1
        shown = self.examples.setdefault(kind, [])
        if len(shown) < EXAMPLES:
            shown.append(example)

    def __str__(self) -> str:
        return "\n".join(
            f"{kind}: {count} times\n  " + "\n  ".join(self.examples[kind]) for kind, count in self.counts.items()
        )


def _allow(h: Received, body: Any) -> None:
    """The rule of what everybody may see."""


class Judge:
    def __init__(self, truth: Truth, recording: Recording, complaints: Complaints) -> None:
        self.truth = truth
        self.name = recording.name
        self.user = recording.user
        self.complaints = complaints
        self.judged = 0
        self._recording = recording
        self._here: Received | None = None
        self._had_sudo = False  # at any time so far: then they could see everything once
        self._rules = self.rules()

    def rules(self) -> dict[str, Rule]:
        """Kind of message -> its rule. TextJudge searches the texts of refusals."""
        return {
            **dict.fromkeys(PUBLIC, _allow),
            **dict.fromkeys(("stream_position", "snapshot_begin", "snapshot_end"), _of("stream", self._stream)),
            "subscribed": _each("streams", self._stream),
            "unsubscribed": self._unsubscribed,
            **dict.fromkeys(("market_created", "market_updated", "market_settled"), _of("market", self._definition)),
            "markets": _each("markets", self._definition),
            "market_withdrawn": lambda h, m: self._once_known(h, m.market_id, Degree.KNOWN),
            **dict.fromkeys(("market_summary", "book_cleared"), _of("market_id", self._whole)),
            "orders": _each("orders", self._order),
            "order_created": self._order_created,
            "orders_cancelled": _each("orders", self._cancelled),
            "trades": _each("trades", self._trade),
            "fills": self._fills,
            "portfolio_updated": lambda h, m: self._portfolio(h, m.account_id, m.exposures),
            "account_state": lambda h, m: self._portfolio(h, m.account.id, m.exposures),
            **dict.fromkeys(("account_created", "owners_changed"), self._owners),
            "transfers": _each("transfers", self._transfer),
            "transfer_created": _of("transfer", self._transfer),
            "paid_out": self._paid_out,
            "trade_history": self._trade_history,
            "order_history": self._order_history,
            "market_positions": self._positions,
        }

    def judge(self) -> None:
        for one in received(self._recording):
            self._here = one
            self.judged += 1
            self._had_sudo |= one.sudo
            if not self.user and (one.kind != "refused" or one.message.seq):
                self._complain("something for nobody")
            if one.kind != "refused":
                self._rules[one.kind](one, getattr(one.message, one.kind))

    def _complain(self, kind: str) -> None:
        one = self._here
        assert one is not None
        what = str(one.message)[:400].replace("\n", " ")
        where = f"{self.name} on {one.stream!r} at {one.at} to {one.until}"
        self.complaints.add(kind, f"{where}, sudo {one.sudo}, snapshot {one.snapshot}: {what}")

    # --- Rights

    def _moments(self, h: Received) -> Iterable[int]:
        """The seqs whose rights may apply: ends of batches.

        A history is sent whenever it has been read, so any batch up to `until` counts. Everything else is sent with its
        own batch, or at once.
        """
        first = self.truth.batch_end(h.at)
        last = self.truth.batch_end(h.until) if h.kind in HISTORIES else first
        return range(first, last + 1)

    def _degree(self, h: Received, market: int) -> Degree:
        return max(self.truth.degree(self.user, h.sudo, market, seq) for seq in self._moments(h))

    def _hides(self, h: Received, market: int) -> bool:
        """Whether account ids of the market must read 0."""
        found = self.truth.markets.get(market)
        return found is not None and not h.sudo and all(found.hides.at(seq) for seq in self._moments(h))

    def _may_act_as(self, h: Received, account: int) -> bool:
        return h.sudo or any(account in self.truth.reach(self.user, seq) for seq in self._moments(h))

    def _whole(self, h: Received, market: int) -> None:
        if self._degree(h, market) != Degree.WHOLE:
            self._complain("the book of a market that is not theirs to see")

    def _once_known(self, h: Received, market: int, least: Degree) -> None:
        known = self.truth.ever(self.user, market, 0, self.truth.batch_end(h.at))
        if known < least and not self._had_sudo and market not in self._recording.named:
            self._complain("the end of a market that they never knew")

    # --- Streams and definitions

    def _stream(self, h: Received, stream: str) -> None:
        kind, _, rest = stream.partition(".")
        if kind == "account" and not self._may_act_as(h, int(rest)):
            self._complain("the stream of somebody else's account")
        if kind == "market":
            market, _, form = rest.partition(".")
            self._whole(h, int(market))
            if form == "unmasked" and not h.sudo:
                self._complain("account ids without sudo")

    def _unsubscribed(self, h: Received, body: pb.Unsubscribed) -> None:
        for stream in body.streams:
            kind, _, rest = stream.partition(".")
            if kind == "market":
                self._once_known(h, int(rest.partition(".")[0]), Degree.WHOLE)

    def _definition(self, h: Received, market: pb.Market) -> None:
        degree = self._degree(h, market.id)
        if degree == Degree.NOTHING:
            self._complain("a market that is not there for them")
        if degree != Degree.WHOLE and (market.HasField("last_price") or market.volume):
            self._complain("last price or volume of a market whose book is not theirs")
        if market.visible_to.ids and not h.sudo:
            self._complain("who sees a market, without sudo")
        listed = self.truth.markets[market.id].listed
        if h.stream == "public" and all(listed.at(seq) for seq in self._moments(h)):
            self._complain("a restricted market on public")

    # --- Orders and trades

    def _order(self, h: Received, order: pb.Order) -> None:
        """An order in a snapshot, a reply or a stream, of the own account or of a market."""
        market, account = self.truth.orders[order.id]
        if h.stream.startswith("market."):
            self._whole(h, market)
            if order.client_order_id:
                self._complain("somebody's client_order_id")
            if order.account_id and self._hides(h, market):
                self._complain("whose order it is, in a market that hides it")
        elif not self._may_act_as(h, account) or (h.stream and h.stream != f"account.{account}"):
            self._complain("somebody else's order")

    def _order_created(self, h: Received, body: pb.OrderCreated) -> None:
        self._order(h, body.order)
        for trade in body.trades:
            _, buyer, seller = self.truth.takes[trade.id]
            if not h.message.request_id or self.truth.orders[body.order.id][1] not in (buyer, seller):
                self._complain("somebody else's trade")
            other = trade.seller_id if buyer == body.order.account_id else trade.buyer_id
            if other and other != body.order.account_id and self._hides(h, trade.market_id):
                self._complain("the other side, in a market that hides it")

    def _cancelled(self, h: Received, body: pb.CancelledOrder) -> None:
        market, account = self.truth.orders[body.order_id]
        if h.stream.startswith("market."):
            self._whole(h, market)
        elif not self._may_act_as(h, account) or (h.stream and h.stream != f"account.{account}"):
            self._complain("the end of somebody else's order")

    def _trade(self, h: Received, trade: pb.Trade) -> None:
        self._whole(h, trade.market_id)
        if (trade.buyer_id or trade.seller_id) and self._hides(h, trade.market_id):
            self._complain("who traded, in a market that hides it")

    def _fills(self, h: Received, body: pb.Fills) -> None:
        for fill in body.fills:
            market, *sides = self.truth.takes[fill.trade_id]
            if body.account_id not in sides or h.stream != f"account.{body.account_id}":
                self._complain("somebody else's fill")
            if fill.counterparty_id and self._hides(h, market):
                self._complain("the other side of a fill, in a market that hides it")

    # --- Accounts

    def _portfolio(self, h: Received, account: int, exposures: Iterable[pb.Exposure]) -> None:
        """Portfolios are for those who may act as the account.

        When a restricted market disappears for an account that never traded there, one more message may name it: the
        update of that batch.
        """
        if h.stream != f"account.{account}" or not self._may_act_as(h, account):
            self._complain("somebody else's portfolio")
        for exposure in exposures:
            market = exposure.market_id
            if self.truth.entered.get((market, account), h.at + 1) > h.at and not h.sudo:
                self._complain("a stake in a market where the account never was")
            if self._degree(h, market) == Degree.NOTHING:
                begins = max(h.message.seq - 512, 0)  # the batch begins here at the earliest
                if h.snapshot or not self.truth.list_changed(market, begins, self.truth.batch_end(h.at)):
                    self._complain("a stake in a market that is gone")

    def _owners(self, h: Received, body: pb.AccountCreated | pb.OwnersChanged) -> None:
        """Owners may know an account's owners, even with a token that is bound to an owner and may not act as it."""
        knows = (body.account.id, *(owner.owner_id for owner in body.owners))
        if body.owners and not any(self._may_act_as(h, account) for account in knows):
            self._complain("whose somebody else's account is")

    def _transfer(self, h: Received, transfer: pb.Transfer) -> None:
        sides = (transfer.from_account_id, transfer.to_account_id)
        if not any(self._may_act_as(h, account) for account in sides):
            self._complain("somebody else's transfer")

    def _paid_out(self, h: Received, body: pb.PaidOut) -> None:
        if not self._may_act_as(h, body.account_id):
            self._complain("somebody else's payout")

    # --- Histories

    def _trade_history(self, h: Received, body: pb.TradeHistory) -> None:
        self._whole(h, body.market_id)
        for trade in body.trades:
            self._trade(h, trade)

    def _order_history(self, h: Received, body: pb.OrderHistory) -> None:
        self._whole(h, body.market_id)
        for change in body.changes:
            if change.created.client_order_id:
                self._complain("somebody's client_order_id in a history")
            if change.created.account_id and self._hides(h, body.market_id):
                self._complain("whose order it was, in a market that hides it")

    def _positions(self, h: Received, body: pb.MarketPositions) -> None:
        self._whole(h, body.market_id)
        others = [row.account_id for row in body.positions if row.account_id]
        if self._hides(h, body.market_id) and not all(self._may_act_as(h, account) for account in others):
            self._complain("who holds what, in a market that hides it")


def _of(field: str, rule: Rule) -> Rule:
    return lambda h, body: rule(h, getattr(body, field))


def _each(field: str, rule: Rule) -> Rule:
    def each(h: Received, body: Any) -> None:
        for one in getattr(body, field):
            rule(h, one)

    return each
