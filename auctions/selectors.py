"""What pages and REST read about auctions. The engine's table is only read here."""

from django.db.models import QuerySet

from auctions.models import Auction, AuctionStatus

SHOWN = 200


def on_the_board() -> QuerySet[Auction]:
    """Open ones and sold ones; what was withdrawn is gone for everybody."""
    return Auction.objects.exclude(status=AuctionStatus.WITHDRAWN)


def board() -> list[Auction]:
    """Open ones first, then what was sold; the newest first. One query."""
    return list(on_the_board().select_related("seller", "buyer").order_by("status", "-id")[:SHOWN])


def auction(auction_id: int, seller_id: int | None = None) -> Auction | None:
    """One that is on the board; with `seller_id` only if it is open and this account's."""
    found = on_the_board().select_related("seller", "buyer").filter(id=auction_id)
    if seller_id is not None:
        found = found.filter(seller_id=seller_id, status=AuctionStatus.OPEN)
    return found.first()
