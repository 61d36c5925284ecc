"""The oracle's auction board (docs/rules.md, section 7)."""

import re
from dataclasses import dataclass

from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.commands import AuctionStatus
from markets.engine.errors import Reason
from markets.engine.events import Event, TransferKind
from tests.naive_money import HOUSE
from tests.naive_shape import LARGEST_AMOUNT, RESTRICTED, Refused, bad_text, refuse, tidy, valid_name
from tests.naive_shares import NaiveShares


@dataclass(slots=True)
class NaiveAuction:
    id: int
    seller: int
    name: str
    description: str
    picture: str
    buy_now_price: int | None
    creator: int
    at_us: int
    seq: int
    withdrawn: bool = False
    sold: tuple[int, int] | None = None  # buyer and price

    @property
    def status(self) -> AuctionStatus:
        if self.withdrawn:
            return AuctionStatus.WITHDRAWN
        return AuctionStatus.OPEN if self.sold is None else AuctionStatus.SETTLED


def bad_price(price: int | None) -> set[Reason]:
    return set() if price is None or 0 <= price <= LARGEST_AMOUNT else {Reason.INVALID_AMOUNT}


def bad_picture(name: str) -> set[Reason]:
    return set() if re.match(r"^([a-z0-9]{32}\.webp)?\Z", name) else {Reason.INVALID_TEXT}


def bad_auction_name(name: str) -> set[Reason]:
    return set() if valid_name(name, 80) else {Reason.INVALID_NAME}


class NaiveAuctions(NaiveShares):
    def __init__(self) -> None:
        super().__init__()
        self.auctions: dict[int, NaiveAuction] = {}

    def create_auction(self, command: c.CreateAuction, at_us: int) -> list[Event]:
        broken = bad_auction_name(command.name) | bad_text(command.description)
        refuse(broken | bad_picture(command.picture) | bad_price(command.buy_now_price))
        id, name = len(self.auctions) + 1, tidy(command.name)
        definition = (name, command.description, command.picture, command.buy_now_price)
        self.auctions[id] = NaiveAuction(id, command.account, *definition, command.by, at_us, self.seq + 1)
        return [e.AuctionCreated(id, command.account, *definition, at_us)]

    def edit_auction(self, command: c.EditAuction, at_us: int) -> list[Event]:
        auction, broken = self.find_auction(command.auction)
        broken |= self.bad_editor(auction, command) | bad_price(command.buy_now_price)
        if command.name is not None:
            broken |= bad_auction_name(command.name)
        if command.description is not None:
            broken |= bad_text(command.description)
        if command.picture is not None:
            broken |= bad_picture(command.picture)
        refuse(broken)
        if command.name is not None:
            auction.name = tidy(command.name)
        if command.description is not None:
            auction.description = command.description
        if command.picture is not None:
            auction.picture = command.picture
        if command.buy_now_price is not None or command.no_buy_now_price:
            auction.buy_now_price = None if command.no_buy_now_price else command.buy_now_price
        definition = (auction.name, auction.description, auction.picture, auction.buy_now_price)
        return [e.AuctionEdited(auction.id, *definition)]

    def withdraw_auction(self, command: c.WithdrawAuction, at_us: int) -> list[Event]:
        auction, broken = self.find_auction(command.auction)
        refuse(broken | self.bad_editor(auction, command))
        auction.withdrawn = True
        return [e.AuctionWithdrawn(auction.id)]

    def buy_auction(self, command: c.BuyAuction, at_us: int) -> list[Event]:
        auction, broken = self.find_auction(command.auction)
        if command.account == auction.seller:
            broken.add(Reason.SAME_ACCOUNT)
        if auction.seller in self.may_act_as(command.by, False):
            broken.add(Reason.SAME_PERSON)
        if auction.buy_now_price is None:
            broken.add(Reason.NO_PRICE)
        elif auction.buy_now_price != command.amount:
            broken.add(Reason.PRICE_CHANGED)
        elif auction.buy_now_price > self.available(command.account):
            broken.add(Reason.INSUFFICIENT_FUNDS)
        refuse(broken)
        credits = self.spend_credit(command.account, command.by, command.amount)
        return [*credits, *self.sell(auction, command.account, command.amount, at_us)]

    def settle_auction(self, command: c.SettleAuction, at_us: int) -> list[Event]:
        auction, broken = self.find_auction(command.auction)
        broken |= bad_price(command.amount)
        if not command.sudo or command.buyer == HOUSE:
            broken |= RESTRICTED
        if command.buyer not in self.accounts:
            raise Refused(broken | {Reason.ACCOUNT_NOT_FOUND})
        if command.buyer == auction.seller:
            broken.add(Reason.SAME_ACCOUNT)
        if command.amount > self.available(command.buyer):
            broken.add(Reason.INSUFFICIENT_FUNDS)
        refuse(broken)
        return self.sell(auction, command.buyer, command.amount, at_us)

    def spend_credit(self, account: int, by: int, price: int) -> list[Event]:
        """The credit part of a purchase as an account that several people own, or as one below it (section 7).

        The price is the person's own withdrawal from the shared account, and leaves every account down to the buyer.
        """
        down: list[int] = []
        while len(self.accounts[account].owners) == 1:
            down.append(account)
            (account,) = self.accounts[account].owners
        mine = self.may_act_as(by, False) & set(self.accounts[account].owners)
        if not mine or not price:
            return []
        (owner,) = mine
        events = self.move_credit(account, owner, -price)
        for one in down:
            ((above, credit),) = self.accounts[one].owners.items()
            events += self.set_credits(one, {above: credit - price})
        return events

    def sell(self, auction: NaiveAuction, buyer: int, price: int, at_us: int) -> list[Event]:
        auction.sold = (buyer, price)
        settled = e.AuctionSettled(auction.id, buyer, price)
        if not price:
            return [settled]
        paid = self.transfer(buyer, auction.seller, price, TransferKind.AUCTION, auction.name, at_us, auction.id)
        return [paid, settled]

    def find_auction(self, id: int) -> tuple[NaiveAuction, set[Reason]]:
        """The auction, and AUCTION_SETTLED if it is sold. AUCTION_NOT_FOUND is right whatever else is wrong."""
        if id not in self.auctions or self.auctions[id].withdrawn:
            raise Refused({Reason.AUCTION_NOT_FOUND, *RESTRICTED})
        auction = self.auctions[id]
        return auction, {Reason.AUCTION_SETTLED} if auction.sold else set()

    def bad_editor(self, auction: NaiveAuction, command: c.EditAuction | c.WithdrawAuction) -> frozenset[Reason]:
        return frozenset() if command.sudo or command.account == auction.seller else RESTRICTED
