"""Who may see which market, from the tables: for pages, REST and the operator console.

Degrees and masks are those of engine/visibility.py. A test compares both.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from markets.engine.visibility import KNOWN, WHOLE
from markets.models import Exposure, Market, MarketVisibility


class Viewer(NamedTuple):
    """The accounts that somebody may act as, the account acted as, and whether sudo is on."""

    accounts: Collection[int]
    account: int
    sudo: bool = False


def known(viewer: Viewer) -> QuerySet[Market]:
    """The markets of which the viewer may see more than NOTHING, each with its `degree`."""
    markets = Market.objects.select_related("owner")
    if viewer.sudo:
        return markets.annotate(degree=Value(WHOLE))  # type: ignore[no-redef]
    shown = markets.filter(_whole(viewer) | _known(viewer))
    return shown.annotate(degree=Case(When(_whole(viewer), then=WHOLE), default=KNOWN))  # type: ignore[no-redef]


def market(viewer: Viewer, market_id: int) -> Market | None:
    """A market with its `degree` and `may_trade`. None if there is none, or if the viewer may see NOTHING of it."""
    found = Market.objects.select_related("owner").filter(pk=market_id)
    return next(iter(seen(viewer, list(found))), None)


def seen(viewer: Viewer, markets: Sequence[Market]) -> list[Market]:
    """Those of these markets of which the viewer may see more than NOTHING.

    Each gets its `degree`, and `may_trade` of the account acted as. It is the rule of known(), for few markets: Django
    takes longer to write that query than the database to answer these. One query; two more if one has a list.
    """
    lists = _lists(viewer, markets)
    for market in markets:
        listed = lists.get(market.pk)
        market.may_trade = listed is None or viewer.account in listed
        whole = viewer.sudo or listed is None or not listed.isdisjoint(viewer.accounts)
        market.degree = WHOLE if whole else KNOWN
    others = [market.pk for market in markets if market.degree < WHOLE and market.owner_id not in viewer.accounts]
    traded = Exposure.objects.filter(market__in=others, account__in=viewer.accounts, traded=True)
    unknown = set(others).difference(traded.values_list("market_id", flat=True)) if others else set()
    return [market for market in markets if market.pk not in unknown]


def _lists(viewer: Viewer, markets: Sequence[Market]) -> dict[int, set[int]]:
    """Those of the markets that list accounts, each with the viewer's accounts on its list."""
    listed = MarketVisibility.objects.filter(market__in=[market.pk for market in markets])
    found: dict[int, set[int]] = {id: set() for id in listed.values_list("market_id", flat=True).distinct()}
    if found:
        mine = listed.filter(account__in={*viewer.accounts, viewer.account})
        for id, account in mine.values_list("market_id", "account_id"):
            found[id].add(account)
    return found


def _whole(viewer: Viewer) -> Q:
    """Markets that list nobody, or an account that the viewer may act as."""
    listed = MarketVisibility.objects.filter(market=OuterRef("pk"))
    return ~Q(Exists(listed)) | Q(Exists(listed.filter(account__in=viewer.accounts)))


def _known(viewer: Viewer) -> Q:
    """Markets of which the viewer's accounts are the owner, or in which they traded, even if not listed."""
    traded = Exposure.objects.filter(market=OuterRef("pk"), account__in=viewer.accounts, traded=True)
    return Q(owner__in=viewer.accounts) | Q(Exists(traded))
