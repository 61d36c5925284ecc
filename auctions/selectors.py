"""Queries about auctions, for pages and REST. They only read: the engine owns the table."""

from django.db.models import QuerySet

from auctions.models import Auction, AuctionStatus

SHOWN = 60  # auctions on a page of the board


def on_the_board() -> QuerySet[Auction]:
    """Open and sold auctions. Nobody sees a withdrawn one."""
    return Auction.objects.exclude(status=AuctionStatus.WITHDRAWN)


def board(page: int) -> tuple[list[Auction], bool]:
    """A page of the board, from 1, and whether there are more: open before sold, newest first. One query."""
    start = (page - 1) * SHOWN
    found = on_the_board().select_related("seller", "buyer").order_by("status", "-id")[start : start + SHOWN + 1]
    return list(found)[:SHOWN], len(found) > SHOWN


def auction(auction_id: int, seller_id: int | None = None) -> Auction | None:
    """The auction if it is on the board. With `seller_id`, only if it is open and this account sells it."""
    found = on_the_board().select_related("seller", "buyer").filter(id=auction_id)
    if seller_id is not None:
        found = found.filter(seller_id=seller_id, status=AuctionStatus.OPEN)
    return found.first()
