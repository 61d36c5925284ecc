"""Cash, positions and open orders kept from events alone.

It knows no rule and no command: whoever hears every event must come to the engine's figures.
"""

from collections import defaultdict
from typing import NamedTuple

from markets.engine import events as e
from markets.engine.commands import AuctionStatus, MarketStatus, Side
from markets.engine.engine import Engine
from markets.engine.events import Event
from markets.engine.state import Changed

HOUSE = 1


class Heard(NamedTuple):
    """An open order."""

    market: int
    account: int
    side: int
    price: int
    size: int
    open: int


class EventLedger:
    def __init__(self) -> None:
        self.cash: dict[int, int] = {}
        self.credits: dict[int, dict[int, int]] = {}
        self.positions: dict[int, dict[int, int]] = {}  # market -> account -> size, unsettled markets
        self.statuses: dict[int, int] = {}
        self.orders: dict[int, Heard] = {}
        self.listed: dict[int, int] = {}  # open auction -> seller
        self.paid: dict[int, tuple[int, int, int]] = {}  # auction -> by whom, to whom, how much
        self.issued = 0
        self.traded = 0

    def hear(self, events: list[Event]) -> None:
        for event in events:
            self.hear_one(event)

    def hear_one(self, event: Event) -> None:
        match event:
            case e.Traded():
                self.hear_trade(event)
            case e.OrderCreated():
                terms = (event.market, event.account, event.side, event.price)
                if event.open:
                    self.orders[event.order] = Heard(*terms, event.size, event.open)
            case e.OrderCancelled():
                self.leave_open(event.order, event.open)
            case e.Transferred():
                self.cash[event.from_account] -= event.amount
                self.cash[event.to_account] += event.amount
                self.issued += event.amount * ((event.from_account == HOUSE) - (event.to_account == HOUSE))
                self.hear_auction(event)
            case e.PaidOut():
                assert self.positions[event.market].pop(event.account) == event.position
                assert event.amount == event.position * event.price
                self.cash[event.account] += event.amount
            case e.AccountCreated():
                self.cash[event.account] = 0
                self.credits[event.account] = {event.owner: 0} if event.owner else {}
            case e.ShareCreated():
                self.credits[event.account][event.owner] = 0
            case e.ShareEnded():
                assert self.credits[event.account].pop(event.owner) == 0, "who leaves takes no credit along"
            case e.CreditRedistributed():
                assert self.credits[event.account][event.owner] == 0
            case e.CreditsChanged():
                self.credits[event.account] = dict(event.credits)
            case e.MarketCreated():
                self.positions[event.market] = defaultdict(int)
                self.statuses[event.market] = MarketStatus.OPEN
            case e.MarketStatusChanged():
                self.statuses[event.market] = event.status
            case e.MarketSettled():
                self.statuses[event.market] = MarketStatus.SETTLED
                assert not any(self.positions.pop(event.market).values()), "a holder was not paid"
            case _ if type(event) is not e.MarketEdited:
                self.hear_auction(event)

    def hear_auction(self, event: Event) -> None:
        """What is sold was paid for, by who got it, in the same breath."""
        match event:
            case e.Transferred():
                if event.auction:
                    self.paid[event.auction] = (event.from_account, event.to_account, event.amount)
            case e.AuctionCreated():
                self.listed[event.auction] = event.seller
            case e.AuctionEdited():
                assert event.auction in self.listed
            case e.AuctionWithdrawn():
                del self.listed[event.auction]
            case e.AuctionSettled():
                seller = self.listed.pop(event.auction)
                assert event.buyer not in (seller, HOUSE)
                paid = self.paid.pop(event.auction, None)
                assert paid == ((event.buyer, seller, event.amount) if event.amount else None)
            case _:
                raise AssertionError(f"what is {event}?")

    def hear_trade(self, event: e.Traded) -> None:
        maker = self.orders[event.maker_order]
        assert event.price == maker.price, "at the resting price"
        assert event.buyer != event.seller, "nobody trades with oneself"
        self.cash[event.buyer] -= event.price * event.size
        self.cash[event.seller] += event.price * event.size
        self.positions[event.market][event.buyer] += event.size
        self.positions[event.market][event.seller] -= event.size
        assert event.maker_open == maker.open - event.size
        assert maker.account == (event.seller if event.taker_side == Side.BID else event.buyer)
        self.leave_open(event.maker_order, event.maker_open)
        self.traded += event.size

    def leave_open(self, order: int, open: int) -> None:
        """The incoming order's own events come before it is heard of: those it tells itself, in its OrderCreated."""
        if order in self.orders:
            if open:
                self.orders[order] = self.orders[order]._replace(open=open)
            else:
                del self.orders[order]

    # --- Compared with the engine

    def check_batch(self, engine: Engine, changed: Changed) -> None:
        assert sum(self.cash.values()) == 0
        assert self.cash[HOUSE] == -self.issued, "the house owes what it issued"
        for id in changed.accounts:
            assert self.cash[id] == engine.accounts[id].cash, f"account {id}: cash"
        for id in changed.owners:
            assert self.credits[id] == engine.accounts[id].owners, f"account {id}: credits"
        for id, order in changed.orders.items():
            heard = self.orders.get(id)
            assert (heard.open if heard else 0) == order.open, f"order {id}: open"
        for account, market in changed.exposures:
            said = self.positions.get(market, {}).get(account, 0)
            assert said == engine.accounts[account].exposures[market].position, (
                f"account {account} in {market}: position"
            )

    def check_all(self, engine: Engine) -> None:
        assert sum(self.cash.values()) == 0
        assert self.cash == {a.id: a.cash for a in engine.accounts.values()}
        assert self.credits == {a.id: a.owners for a in engine.accounts.values()}
        assert self.listed == {a.id: a.seller for a in engine.auctions.values() if a.status == AuctionStatus.OPEN}
        assert not self.paid, "something was paid for that was not sold"
        assert self.statuses == {m.id: m.status for m in engine.markets.values()}
        assert self.orders == {
            o.id: Heard(o.market, o.account, o.side, o.price, o.size, o.open) for o in engine.orders.values()
        }
        held = {(m, a): size for m, sizes in self.positions.items() for a, size in sizes.items() if size}
        exposures = [(x.market.id, a.id, x.position) for a in engine.accounts.values() for x in a.exposures.values()]
        assert held == {(market, account): position for market, account, position in exposures if position}
