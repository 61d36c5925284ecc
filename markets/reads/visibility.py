"""Who may see which market, from the tables: for pages, REST and the operator console.

Degrees and masks are those of engine/visibility.py. A test compares both.
"""

from collections.abc import Collection
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
    """A market with its `degree`, and with `may_trade` of the account acted as. None if there is none, or if the
    viewer may see NOTHING of it.

    The rule of known(), for one market: the database takes longer to plan that query than to answer these.
    """
    found = Market.objects.select_related("owner").filter(pk=market_id).first()
    if found is None:
        return None
    listed = set(MarketVisibility.objects.filter(market=market_id).values_list("account_id", flat=True))
    found.may_trade = not listed or viewer.account in listed
    found.degree = WHOLE if viewer.sudo or not listed or not listed.isdisjoint(viewer.accounts) else KNOWN
    return found if found.degree == WHOLE or _knows(viewer, found) else None


def _knows(viewer: Viewer, market: Market) -> bool:
    traded = Exposure.objects.filter(market=market, account__in=viewer.accounts, traded=True)
    return market.owner_id in viewer.accounts or traded.exists()


def _whole(viewer: Viewer) -> Q:
    """Markets that list nobody, or an account that the viewer may act as."""
    listed = MarketVisibility.objects.filter(market=OuterRef("pk"))
    return ~Q(Exists(listed)) | Q(Exists(listed.filter(account__in=viewer.accounts)))


def _known(viewer: Viewer) -> Q:
    """Markets of which the viewer's accounts are the owner, or in which they traded, even if not listed."""
    traded = Exposure.objects.filter(market=OuterRef("pk"), account__in=viewer.accounts, traded=True)
    return Q(owner__in=viewer.accounts) | Q(Exists(traded))
