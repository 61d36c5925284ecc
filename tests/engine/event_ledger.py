"""Cash, credits, positions, open orders and auctions, kept from events alone.

The ledger knows no rule and no command. A reader of all events must arrive at the engine's figures.
"""

from collections import defaultdict
from typing import NamedTuple

from markets.engine import events as e
from markets.engine.commands import AuctionStatus, MarketStatus, Side
from markets.engine.engine import Engine
from markets.engine.events import Event
from markets.engine.state import Changed

HOUSE = 1


class OpenOrder(NamedTuple):
    """What the events say of an open order."""

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
        self.positions: dict[int, dict[int, int]] = {}  # market -> account -> position, of unsettled markets
        self.statuses: dict[int, int] = {}
        self.orders: dict[int, OpenOrder] = {}
        self.listed: dict[int, int] = {}  # open auction -> seller
        self.paid: dict[int, tuple[int, int, int]] = {}  # auction -> (payer, payee, amount)
        self.issued = 0
        self.traded = 0

    def add(self, events: list[Event]) -> None:
        for event in events:
            self.add_event(event)

    def add_event(self, event: Event) -> None:
        match event:
            case e.Traded():
                self.add_trade(event)
            case e.OrderCreated():
                terms = (event.market, event.account, event.side, event.price)
                if event.open:
                    self.orders[event.order] = OpenOrder(*terms, event.size, event.open)
            case e.OrderCancelled():
                self.set_open(event.order, event.open)
            case e.Transferred():
                self.cash[event.from_account] -= event.amount
                self.cash[event.to_account] += event.amount
                self.issued += event.amount * ((event.from_account == HOUSE) - (event.to_account == HOUSE))
                self.add_auction_event(event)
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
                assert self.credits[event.account].pop(event.owner) == 0, "an owner leaves without credit"
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
                self.add_auction_event(event)

    def add_auction_event(self, event: Event) -> None:
        """Keeps the board. The buyer of a sold auction has paid its price in the same command."""
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

    def add_trade(self, event: e.Traded) -> None:
        maker = self.orders[event.maker_order]
        assert event.price == maker.price, "at the resting price"
        assert event.buyer != event.seller, "nobody trades with oneself"
        self.cash[event.buyer] -= event.price * event.size
        self.cash[event.seller] += event.price * event.size
        self.positions[event.market][event.buyer] += event.size
        self.positions[event.market][event.seller] -= event.size
        assert event.maker_open == maker.open - event.size
        assert maker.account == (event.seller if event.taker_side == Side.BID else event.buyer)
        self.set_open(event.maker_order, event.maker_open)
        self.traded += event.size

    def set_open(self, order: int, open: int) -> None:
        """Sets what is open of a resting order. An incoming order is not known yet: its OrderCreated comes last."""
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
            known = self.orders.get(id)
            assert (known.open if known else 0) == order.open, f"order {id}: open"
        for account, market in changed.exposures:
            position = self.positions.get(market, {}).get(account, 0)
            assert position == engine.accounts[account].exposures[market].position, (
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
            o.id: OpenOrder(o.market, o.account, o.side, o.price, o.size, o.open) for o in engine.orders.values()
        }
        positions = {(m, a): size for m, sizes in self.positions.items() for a, size in sizes.items() if size}
        exposures = [(x.market.id, a.id, x.position) for a in engine.accounts.values() for x in a.exposures.values()]
        assert positions == {(market, account): position for market, account, position in exposures if position}
