"""Who sees which market, as the tables say it: for pages, REST and the admin. The engine's word is in
engine/visibility.py, and a test holds both to each other."""

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet, Value

from markets.models import Exposure, Market, MarketVisibility


class Viewer(NamedTuple):
    """Who looks: the accounts that they may act as, the one acted as, and whether an operator's rights are on."""

    accounts: Collection[int]
    account: int
    sudo: bool = False

    def masked(self, market: Market) -> bool:
        """Whether account ids in the market's orders, trades and positions read 0 to them."""
        return market.hide_account_ids and not self.sudo


def known(viewer: Viewer) -> QuerySet[Market]:
    """The markets that exist for the viewer. with_book is false where they see only the definition, the settlement and
    their own rows."""
    markets = Market.objects.select_related("owner")
    if viewer.sudo:
        return markets.annotate(with_book=Value(True, BooleanField()))  # type: ignore[no-redef]
    shown = markets.filter(_sees_book(viewer) | _kept(viewer))
    return shown.annotate(with_book=_sees_book(viewer))  # type: ignore[no-redef]


def seen(viewer: Viewer) -> QuerySet[Market]:
    """Those that they see whole."""
    return known(viewer) if viewer.sudo else known(viewer).filter(_sees_book(viewer))


def market(viewer: Viewer, market_id: int) -> Market | None:
    """None alike if there is no such market and if it is not there for the viewer. It has `with_book`."""
    return known(viewer).filter(pk=market_id).first()


def _sees_book(viewer: Viewer) -> Q:
    listed = MarketVisibility.objects.filter(market=OuterRef("pk"))
    return ~Q(Exists(listed)) | Q(Exists(listed.filter(account__in=viewer.accounts)))


def _kept(viewer: Viewer) -> Q:
    traded = Exposure.objects.filter(market=OuterRef("pk"), account__in=viewer.accounts, traded=True)
    return Q(owner__in=viewer.accounts) | Q(Exists(traded))
