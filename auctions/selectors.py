"""What pages read about auctions. The engine's table is only read here."""

from django.db.models import Q

from auctions.models import Auction, AuctionStatus

SHOWN = 200


def board() -> list[Auction]:
    """Open ones first, then what was sold; the newest first. One query."""
    shown = Auction.objects.exclude(status=AuctionStatus.WITHDRAWN).select_related("seller", "buyer")
    return list(shown.order_by("status", "-id")[:SHOWN])


def auction(auction_id: int, seller_id: int | None = None) -> Auction | None:
    """One that is on the board; with `seller_id` only if it is open and this account's."""
    wanted = Q(id=auction_id) & ~Q(status=AuctionStatus.WITHDRAWN)
    if seller_id is not None:
        wanted &= Q(seller_id=seller_id, status=AuctionStatus.OPEN)
    return Auction.objects.select_related("seller", "buyer").filter(wanted).first()
