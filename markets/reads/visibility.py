"""Who may see which market, as the tables say it: for pages, REST and the admin. Degrees and masks are those of
engine/visibility.py, and a test holds both to each other."""

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from accounts.models import Account
from markets.engine.visibility import KNOWN, WHOLE
from markets.models import Exposure, Market, MarketVisibility


class Viewer(NamedTuple):
    """Who looks: the accounts that they may act as, the one acted as, and whether an operator's rights are on."""

    accounts: Collection[int]
    account: int
    sudo: bool = False


def known(viewer: Viewer) -> QuerySet[Market]:
    """The markets of which the viewer sees more than NOTHING, each with its `degree`."""
    markets = Market.objects.select_related("owner")
    if viewer.sudo:
        return markets.annotate(degree=Value(WHOLE))  # type: ignore[no-redef]
    shown = markets.filter(_whole(viewer) | _known(viewer))
    return shown.annotate(degree=Case(When(_whole(viewer), then=WHOLE), default=KNOWN))  # type: ignore[no-redef]


def market(viewer: Viewer, market_id: int) -> Market | None:
    """With its `degree`; None if there is no such market and if the viewer sees NOTHING of it."""
    return known(viewer).filter(pk=market_id).first()


def may_trade(market: Market, account: Account) -> bool:
    """Whether the market is for everybody, or the account itself is listed."""
    listed = set(MarketVisibility.objects.filter(market=market).values_list("account_id", flat=True))
    return not listed or account.id in listed


def _whole(viewer: Viewer) -> Q:
    listed = MarketVisibility.objects.filter(market=OuterRef("pk"))
    return ~Q(Exists(listed)) | Q(Exists(listed.filter(account__in=viewer.accounts)))


def _known(viewer: Viewer) -> Q:
    """Listed or not."""
    traded = Exposure.objects.filter(market=OuterRef("pk"), account__in=viewer.accounts, traded=True)
    return Q(owner__in=viewer.accounts) | Q(Exists(traded))
