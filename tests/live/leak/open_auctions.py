"""Random requests about auctions. Everybody sees open auctions; only seller and buyer see the payment."""

import itertools
import random
from typing import Any

from proto import exchange_pb2 as pb

PRICE_MAX = 10**8  # 1/10,000 chip: far below the price of any market

Request = tuple[str, Any]


class OpenAuctions:
    """The open auctions, learnt from replies."""

    def __init__(self) -> None:
        self.open: dict[int, pb.Auction] = {}
        self.sold = 0
        self._numbers = itertools.count(1)

    def record(self, reply: pb.ServerMessage) -> None:
        match reply.WhichOneof("message"):
            case "auction_created" | "auction_updated" as kind:
                auction = getattr(reply, kind).auction
                self.open[auction.id] = auction
            case "auction_settled":
                self.sold += 1
                self.open.pop(reply.auction_settled.auction.id, None)
            case "auction_withdrawn":
                self.open.pop(reply.auction_withdrawn.auction.id, None)

    def request(self, rng: random.Random, seller: int) -> Request:
        """A random request of the person who acts as `seller`."""
        mine = [auction.id for auction in self.open.values() if auction.seller_id == seller]
        others = [auction for auction in self.open.values() if auction.seller_id != seller]
        dice = rng.random()
        if mine and dice < 0.2:
            return "edit_auction", pb.EditAuction(auction_id=rng.choice(mine), buy_now_price=self._price(rng))
        if mine and dice < 0.3:
            return "withdraw_auction", pb.WithdrawAuction(auction_id=rng.choice(mine))
        if others and dice < 0.7:
            auction = rng.choice(others)
            return "buy_auction", pb.BuyAuction(auction_id=auction.id, price=auction.buy_now_price)
        create = pb.CreateAuction(name=f"Lot {next(self._numbers)}")
        if rng.random() < 0.8:
            create.buy_now_price = self._price(rng)
        return "create_auction", create

    def settle(self, rng: random.Random, buyers: list[int]) -> list[Request]:
        """An operator's settlement of a random auction; empty if none is open."""
        if not self.open:
            return []
        auction, buyer = rng.choice(list(self.open)), rng.choice(buyers)
        return [("settle_auction", pb.SettleAuction(auction_id=auction, buyer_id=buyer, price=self._price(rng)))]

    def _price(self, rng: random.Random) -> int:
        return rng.randint(0, PRICE_MAX)
