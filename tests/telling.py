"""Describes events as sentences with names and chips, so that a failing test prints something readable."""

from decimal import Decimal

from markets.engine import events as e
from markets.engine.commands import MarketStatus, Side
from markets.engine.engine import Engine
from markets.engine.events import CancelCause, Event, TransferKind


def chips(amount: int) -> str:
    """An amount (1/10,000 chip) in chips."""
    return f"{Decimal(amount).scaleb(-4).normalize():f}"


def hundredths(value: int) -> str:
    """A price or a size (1/100)."""
    return f"{Decimal(value).scaleb(-2).normalize():f}"


class Names:
    """The names of accounts and markets, by id."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def account(self, id: int) -> str:
        return self.engine.accounts[id].name

    def market(self, id: int) -> str:
        return self.engine.markets[id].name


def describe(names: Names, event: Event) -> str:
    match event:
        case e.Traded() | e.OrderCreated() | e.OrderCancelled():
            return describe_order(names, event)
        case e.AccountCreated():
            return f"account {event.name}" + (f" under {names.account(event.owner)}" if event.owner else "")
        case e.Transferred():
            payer, payee = names.account(event.from_account), names.account(event.to_account)
            return f"{payer} pays {payee} {chips(event.amount)} ({TransferKind(event.kind).name})"
        case e.ShareCreated():
            return f"{names.account(event.owner)} owns {names.account(event.account)} too"
        case e.ShareEnded():
            return f"{names.account(event.owner)} no longer owns {names.account(event.account)}"
        case e.CreditRedistributed():
            return f"{names.account(event.owner)}'s credit in {names.account(event.account)} goes to the others"
        case e.CreditsChanged():
            owners = ", ".join(f"{names.account(owner)} {chips(credit)}" for owner, credit in event.credits)
            return f"credit in {names.account(event.account)}: {owners}"
        case e.MarketCreated():
            bounds = f"{hundredths(event.min_settlement)} to {hundredths(event.max_settlement)}"
            return f"market {event.name}, {bounds}, of {names.account(event.owner)}{describe_options(names, event)}"
        case e.MarketEdited():
            return f"market {event.name}{describe_options(names, event)}: {event.description}"
        case e.MarketStatusChanged():
            return f"{names.market(event.market)} is {MarketStatus(event.status).name}"
        case e.MarketSettled():
            return f"{names.market(event.market)} settles at {hundredths(event.price)}"
        case e.AuctionCreated() | e.AuctionEdited() | e.AuctionWithdrawn() | e.AuctionSettled():
            return describe_auction(names, event)
        case e.PaidOut():
            held = f"{hundredths(event.position)} in {names.market(event.market)}"
            return f"{names.account(event.account)} gets {chips(event.amount)} for {held}"


def describe_auction(names: Names, event: e.AuctionEvent) -> str:
    auction = names.engine.auctions[event.auction]
    match event:
        case e.AuctionCreated():
            price = "" if event.buy_now_price is None else f" at {chips(event.buy_now_price)}"
            return f"{names.account(event.seller)} lists {event.name}{price}"
        case e.AuctionEdited():
            price = "no price" if event.buy_now_price is None else chips(event.buy_now_price)
            return f"{event.name}: {event.description}, {event.picture or 'no picture'}, {price}"
        case e.AuctionWithdrawn():
            return f"{auction.name} is withdrawn"
        case e.AuctionSettled():
            return f"{names.account(event.buyer)} gets {auction.name} for {chips(event.amount)}"


def describe_options(names: Names, event: e.MarketCreated | e.MarketEdited) -> str:
    """What operators chose about the market; "" for a market like most."""
    listed = [f"for {', '.join(map(names.account, event.visible_to))}"] if event.visible_to else []
    category = [f"in {event.category}"] if event.category else []
    parts = category + ["pinned"] * event.pinned + listed + ["without ids"] * event.hide_account_ids
    return "".join(f", {part}" for part in parts)


def describe_order(names: Names, event: e.Traded | e.OrderCreated | e.OrderCancelled) -> str:
    match event:
        case e.Traded():
            buyer, seller = names.account(event.buyer), names.account(event.seller)
            what = f"{hundredths(event.size)} @ {hundredths(event.price)}"
            if event.taker_side == Side.BID:
                return f"{buyer} buys {what} from {seller}"
            return f"{seller} sells {what} to {buyer}"
        case e.OrderCreated():
            verb = "bids" if event.side == Side.BID else "offers"
            terms = f"{hundredths(event.size)} @ {hundredths(event.price)}"
            left = f"{hundredths(event.filled)} filled, {hundredths(event.open)} open"
            return f"{names.account(event.account)} {verb} {terms}: {left}"
        case e.OrderCancelled():
            cause = CancelCause(event.cause).name
            left = f"{hundredths(event.size)} cancelled, {hundredths(event.open)} open"
            return f"order {event.order} of {names.account(event.account)}: {left} ({cause})"
