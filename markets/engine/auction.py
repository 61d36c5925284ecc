"""The auction board (rules, section 7). Prices are in 1/10,000 chip."""

from markets.engine.board import Auction
from markets.engine.commands import (
    AuctionStatus,
    BuyAuction,
    CreateAuction,
    EditAuction,
    SettleAuction,
    WithdrawAuction,
)
from markets.engine.credits import spend_credit
from markets.engine.errors import Reason, Rejected
from markets.engine.events import (
    AuctionCreated,
    AuctionEdited,
    AuctionSettled,
    AuctionWithdrawn,
    Event,
    TransferKind,
)
from markets.engine.ledger import Account
from markets.engine.state import AMOUNT_MAX, HOUSE, State
from markets.engine.text import AUCTION_NAME_CHARACTERS_MAX, DESCRIPTION_CHARACTERS_MAX, check_text, chips, tidy_name
from markets.engine.transfers import check_available, move

PICTURE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")  # of a picture's name, before the suffix
PICTURE_STEM, PICTURE_SUFFIX = 32, ".webp"


def create_auction(state: State, account: Account, command: CreateAuction, at_us: int) -> list[Event]:
    """Lists an auction; the acting account is the seller. Rejected INVALID_NAME, INVALID_TEXT, INVALID_AMOUNT."""
    name = tidy_name(command.name, AUCTION_NAME_CHARACTERS_MAX, state.rules)
    description = check_text(command.description, DESCRIPTION_CHARACTERS_MAX, "description")
    picture = _check_picture(command.picture)
    price = None if command.buy_now_price is None else _check_price(command.buy_now_price)
    auction = Auction(
        id=state.next_auction,
        seller=account.id,
        name=name,
        description=description,
        picture=picture,
        buy_now_price=price,
        creator=command.by,
        created_us=at_us,
        seq=state.seq + 1,
    )
    state.next_auction += 1
    state.add_auction(auction)
    return [AuctionCreated(auction.id, account.id, name, description, picture, price, at_us)]


def edit_auction(state: State, account: Account, command: EditAuction, at_us: int) -> list[Event]:
    """Changes what the command sends, for the seller or an operator in sudo.

    Rejected AUCTION_NOT_FOUND, AUCTION_SETTLED, SUDO_REQUIRED, INVALID_NAME, INVALID_TEXT, INVALID_AMOUNT.
    """
    auction = _find_editable(state, account, command)
    name, description, picture, price = auction.name, auction.description, auction.picture, auction.buy_now_price
    if command.name is not None:
        name = tidy_name(command.name, AUCTION_NAME_CHARACTERS_MAX, state.rules)
    if command.description is not None:
        description = check_text(command.description, DESCRIPTION_CHARACTERS_MAX, "description")
    if command.picture is not None:
        picture = _check_picture(command.picture)
    if command.buy_now_price is not None:
        price = _check_price(command.buy_now_price)
    if command.no_buy_now_price:
        price = None
    auction.name, auction.description, auction.picture, auction.buy_now_price = name, description, picture, price
    state.changed.auctions[auction.id] = auction
    return [AuctionEdited(auction.id, name, description, picture, price)]


def withdraw_auction(state: State, account: Account, command: WithdrawAuction, at_us: int) -> list[Event]:
    """Takes an auction off the board for good. Rejected AUCTION_NOT_FOUND, AUCTION_SETTLED, SUDO_REQUIRED."""
    auction = _find_editable(state, account, command)
    auction.status = AuctionStatus.WITHDRAWN
    state.changed.auctions[auction.id] = auction
    return [AuctionWithdrawn(auction.id)]


def buy_auction(state: State, account: Account, command: BuyAuction, at_us: int) -> list[Event]:
    """Sells an auction to the acting account at its buy-it-now price, which must be the price that the buyer saw.

    Whoever buys with the money of several owners spends their own credit. Rejected AUCTION_NOT_FOUND, AUCTION_SETTLED,
    SAME_ACCOUNT, SAME_PERSON, NO_PRICE, PRICE_CHANGED, INSUFFICIENT_FUNDS, SHARED_ACCOUNT_NOT_FLAT,
    INSUFFICIENT_CREDIT.
    """
    auction = _find_open(state, command.auction)
    _check_sides(auction, account)
    if auction.seller in state.reach(command.by):
        seller = state.accounts[auction.seller].name
        raise Rejected(Reason.SAME_PERSON, f"You cannot buy from yourself: you may act as the seller, {seller}.")
    price = auction.buy_now_price
    if price is None:
        raise Rejected(Reason.NO_PRICE, f"You cannot buy {auction.name} now: it has no price.")
    if command.amount != price:
        raise Rejected(Reason.PRICE_CHANGED, f"You saw {chips(command.amount)}, the price is {chips(price)} now.")
    check_available(account, price)
    spent = spend_credit(state, account, command.by, price) if state.rules >= 3 else []
    return [*spent, *_sell(state, auction, account, price, at_us)]


def settle_auction(state: State, account: Account, command: SettleAuction, at_us: int) -> list[Event]:
    """Sells an auction to the buyer and at the price that an operator in sudo names.

    Rejected AUCTION_NOT_FOUND, AUCTION_SETTLED, SUDO_REQUIRED, ACCOUNT_NOT_FOUND, NOT_ALLOWED for the house,
    SAME_ACCOUNT, INVALID_AMOUNT, INSUFFICIENT_FUNDS.
    """
    auction = _find_open(state, command.auction)
    if not command.sudo:
        raise Rejected(Reason.SUDO_REQUIRED, "Only operators in sudo can settle an auction.")
    buyer = state.find_account(command.buyer)
    if buyer.id == HOUSE:
        raise Rejected(Reason.NOT_ALLOWED, "The house cannot buy.")
    _check_sides(auction, buyer)
    price = _check_price(command.amount)
    check_available(buyer, price)
    return _sell(state, auction, buyer, price, at_us)


def _sell(state: State, auction: Auction, buyer: Account, price: int, at_us: int) -> list[Event]:
    """Moves the price, if it is not 0, and marks the auction as sold."""
    events: list[Event] = []
    if price:
        seller = state.accounts[auction.seller]
        events.append(move(state, buyer, seller, price, TransferKind.AUCTION, auction.name, at_us, auction.id))
    auction.status = AuctionStatus.SETTLED
    auction.buyer = buyer.id
    auction.settle_price = price
    state.changed.auctions[auction.id] = auction
    return [*events, AuctionSettled(auction.id, buyer.id, price)]


def _find_open(state: State, id: int) -> Auction:
    """Rejected AUCTION_NOT_FOUND or AUCTION_SETTLED."""
    auction = state.auctions.get(id)
    if auction is None or auction.status == AuctionStatus.WITHDRAWN:
        raise Rejected(Reason.AUCTION_NOT_FOUND, f"There is no auction {id}, or it was withdrawn.")
    if auction.buyer is not None and auction.settle_price is not None:
        buyer, price = state.accounts[auction.buyer].name, chips(auction.settle_price)
        raise Rejected(Reason.AUCTION_SETTLED, f"Sold already: {auction.name} went to {buyer} for {price}.")
    return auction


def _find_editable(state: State, account: Account, command: EditAuction | WithdrawAuction) -> Auction:
    """The open auction, for its seller or an operator in sudo; Rejected SUDO_REQUIRED for all others."""
    auction = _find_open(state, command.auction)
    if not command.sudo and account.id != auction.seller:
        raise Rejected(Reason.SUDO_REQUIRED, "Only the seller or an operator in sudo can change an auction.")
    return auction


def _check_sides(auction: Auction, buyer: Account) -> None:
    if buyer.id == auction.seller:
        raise Rejected(Reason.SAME_ACCOUNT, f"The seller cannot be the buyer: {buyer.name} sells {auction.name}.")


def _check_price(price: int) -> int:
    if not 0 <= price <= AMOUNT_MAX:
        raise Rejected(Reason.INVALID_AMOUNT, f"The price must be from 0 to {chips(AMOUNT_MAX)}, not {chips(price)}.")
    return price


def _check_picture(picture: str) -> str:
    stem, suffix = picture[:PICTURE_STEM], picture[PICTURE_STEM:]
    named = len(stem) == PICTURE_STEM and PICTURE_CHARACTERS.issuperset(stem) and suffix == PICTURE_SUFFIX
    if picture and not named:
        raise Rejected(Reason.INVALID_TEXT, "A picture's name is 32 characters of a-z and 0-9, then .webp.")
    return picture
