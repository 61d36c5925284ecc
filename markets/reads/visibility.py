"""Who may see which market, from the tables: for pages, REST and the operator console.

Degrees and masks are those of engine/visibility.py. A test compares both.
"""

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from accounts.models import Account
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
    """A market with its `degree`. None if there is none, or if the viewer may see NOTHING of it."""
    return known(viewer).filter(pk=market_id).first()


def may_trade(market: Market, account: Account) -> bool:
    """Whether the market is open to everybody or lists this account."""
    listed = set(MarketVisibility.objects.filter(market=market).values_list("account_id", flat=True))
    return not listed or account.id in listed


def _whole(viewer: Viewer) -> Q:
    """Markets that list nobody, or an account that the viewer may act as."""
    listed = MarketVisibility.objects.filter(market=OuterRef("pk"))
    return ~Q(Exists(listed)) | Q(Exists(listed.filter(account__in=viewer.accounts)))


def _known(viewer: Viewer) -> Q:
    """Markets of which the viewer's accounts are the owner, or in which they traded, even if not listed."""
    traded = Exposure.objects.filter(market=OuterRef("pk"), account__in=viewer.accounts, traded=True)
    return Q(owner__in=viewer.accounts) | Q(Exists(traded))
