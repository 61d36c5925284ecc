"""What the auction board remembers (rules, section 7)."""

from markets.engine.commands import AuctionStatus


class Auction:
    """An auction. Prices are in 1/10,000 chip.

    `buy_now_price` is None if there is none; `buyer` and `settle_price` are None until it is settled.
    """

    __slots__ = (
        "buy_now_price",
        "buyer",
        "created_us",
        "creator",
        "description",
        "id",
        "name",
        "picture",
        "seller",
        "seq",
        "settle_price",
        "status",
    )

    def __init__(
        self,
        id: int,
        seller: int,
        name: str,
        description: str,
        picture: str,
        buy_now_price: int | None,
        creator: int,
        created_us: int,
        seq: int,
    ) -> None:
        self.id = id
        self.seller = seller
        self.name = name
        self.description = description
        self.picture = picture
        self.buy_now_price = buy_now_price
        self.status = int(AuctionStatus.OPEN)
        self.buyer: int | None = None
        self.settle_price: int | None = None
        self.creator = creator  # user id
        self.created_us = created_us
        self.seq = seq
