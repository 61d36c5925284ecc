"""What the operator console reads about the exchange as a whole, and about the journal's entries.

Units: price and size 1/100, cash and amount 1/10,000 chip.
"""

from dataclasses import dataclass

from django.db.models import F, OuterRef, QuerySet, Subquery

from accounts.models import Account, AccountKind, User
from markets.console.entry_text import summary
from markets.engine.state import HOUSE
from markets.journal.entries import decode_command
from markets.models import JournalEntry, Market, MarketStatus, Order
from markets.reads.selectors import NO_PRICES, Best, best_prices
from markets.reads.sums import exact_sum

ENTRIES_SHOWN = 10
MARKETS_SHOWN = 20
ORDERS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """`cash` is the sum over all accounts, the house included. If it is not 0, money has appeared or vanished."""

    entries: list[JournalEntry]
    markets: list[tuple[Market, Best]]
    markets_unsettled: int
    people: int
    alts: int
    issued: int
    cash: int
    orders_open: int


def figures() -> Figures:
    unsettled = Market.objects.exclude(status=MarketStatus.SETTLED)
    markets = list(unsettled.order_by("-id")[:MARKETS_SHOWN])
    prices = best_prices(market.id for market in markets)
    house = Account.objects.filter(id=HOUSE).first()
    return Figures(
        entries=list(named_entries().order_by("-seq")[:ENTRIES_SHOWN]),
        markets=[(market, prices.get(market.id, NO_PRICES)) for market in markets],
        markets_unsettled=unsettled.count(),
        people=Account.objects.filter(kind=AccountKind.USER).count(),
        alts=Account.objects.filter(kind=AccountKind.ALT).count(),
        issued=-house.cash if house else 0,
        cash=exact_sum(Account.objects.all(), F("cash")),
        orders_open=Order.objects.filter(open__gt=0).count(),
    )


def named_entries() -> QuerySet[JournalEntry]:
    """Entries with `person_name` and `account_name`. The events are deferred, because they may be large."""
    people = User.objects.filter(pk=OuterRef("principal")).values("username")
    accounts = Account.objects.filter(pk=OuterRef("account")).values("name")
    named = JournalEntry.objects.annotate(person_name=Subquery(people[:1]), account_name=Subquery(accounts[:1]))
    return named.defer("events", "hash")


def described(entry: JournalEntry) -> str:
    """What an entry's command asked for, in one line."""
    try:
        return summary(decode_command(entry.kind, bytes(entry.command)))
    except ValueError:
        return "a command that this version does not know"
