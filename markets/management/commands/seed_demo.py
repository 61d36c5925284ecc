"""`manage.py seed_demo`: makes the demo class with its people, house bots, markets and auctions.

It can run again and again: every command carries its own key, so what exists is not made twice.
"""

import json
import os
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand

from accounts.models import ApiToken, User
from accounts.services import ADMINISTRATORS
from accounts.tokens import create_token, revoke_token
from auctions.demo import AUCTIONS, picture_of
from markets import checks
from markets.demo import TOKENS_FILE
from markets.journal.lock import MatcherRuns
from markets.matching.offline import OfflineExchange
from proto.exchange_pb2 import (
    AccountIds,
    BuyAuction,
    ClientMessage,
    CreateAccount,
    CreateAuction,
    CreateMarket,
    CreateUserAccount,
    EditMarket,
    Gift,
    MakeTransfer,
    ShareAccount,
)
from realtime.errors import RequestFailed

PEOPLE = {"alice": "Alice", "bob": "Bob", "carol": "Carol", "operator": "Olivia Operator"}
BOTS = {"maker": "Market Maker", "noise": "Noise Trader", "momentum": "Momentum Trader"}
TEAM = "Team Lighthouse"
TEAM_DEPOSITS = {"alice": 300, "bob": 100}  # chips, as in Example 2.5 of the rules
BOT_GIFT = 100_000 * 10_000  # 1/10,000 chip
CHIP = 10_000

# name, description, minimum, maximum, tick: 1/100 chip
MARKETS = (
    ("Coin flips", "How many of 100 flips of the class's coin come up heads?", 0, 10_000, 10),
    ("Rain days", "Days of rain this month, counted by the class's gauge.", 0, 3_100, 5),
    ("Teacher's age", "In years, on the last day of the course. Ask nicely.", 2_000, 7_000, 10),
    ("Sum of three dice", "Rolled at the end of the lesson, in front of everybody.", 300, 1_800, 1),
    (
        "Temperature at noon",
        "Degrees Celsius on the school's roof, tomorrow. May be negative.",
        -2_000,
        4_000,
        10,
    ),
)
# One per market, given by an edit: an older demo class has markets from before there were categories.
CATEGORIES = ("Class", "Class", "Class", "Just for fun", "Class")
PINNED = "Coin flips"
MASKED = CreateMarket(
    name="Blind auction of a chocolate bar",
    description="What will it cost in the shop on Monday? Nobody sees whose an order or a trade is.",
    max_settlement=500,
    tick_size=5,
    smallest_size=100,
    category="Just for fun",
    hide_account_ids=True,
    key="demo-masked",
)
CLUB = CreateMarket(
    name="Lighthouse club",
    description="How many ships will pass on Sunday? Only Team Lighthouse and Alice trade it; nobody else sees it.",
    max_settlement=4_000,
    tick_size=10,
    smallest_size=100,
    category="Practice",
    key="demo-club",
)


class Command(BaseCommand):
    help = "Create the demo class, or what is missing of it. Does nothing while an exchange runs on this database."

    def handle(self, *args: Any, **options: Any) -> None:
        self.check(tags=[checks.TAG], databases=["default"], include_deployment_checks=True)
        try:
            with OfflineExchange() as exchange:
                people = {username: _person(username, name) for username, name in (PEOPLE | BOTS).items()}
                _allow_to_operate(people["operator"])
                club = _open_accounts(exchange, people)
                _open_markets(exchange, people["operator"], club)
                _list_auctions(exchange, people)
        except MatcherRuns as running:
            self.stdout.write(f"{running} The demo class is left as it is.")
            return
        _write_tokens({bot: people[bot] for bot in BOTS})


def _person(username: str, name: str) -> User:
    user, made = User.objects.get_or_create(username=username, defaults={"first_name": name})
    if made:
        user.set_unusable_password()
        user.save()
    return user


def _allow_to_operate(user: User) -> None:
    """Makes the user staff with the role Administrator."""
    if not user.is_staff:
        user.is_staff = True
        user.save()
    user.groups.add(Group.objects.get(name=ADMINISTRATORS))


def _open_accounts(exchange: OfflineExchange, people: dict[str, User]) -> list[int]:
    """Opens all accounts. Returns those of the Lighthouse club: the team's and Alice's."""
    accounts = {}
    for username, user in people.items():
        request = ClientMessage(create_user_account=CreateUserAccount(name=user.first_name))
        accounts[username] = exchange.ask(user.pk, request).account_created.account.id
    for bot in BOTS:
        gift = Gift(to_account_id=accounts[bot], amount=BOT_GIFT, note="To trade with", key=f"demo-gift-{bot}")
        exchange.ask(people["operator"].pk, ClientMessage(gift=gift), sudo=True)
    alice = people["alice"].pk
    alt = _alt(exchange, alice, "Alice's bot", "demo-alt")
    _deposit(exchange, alice, accounts["alice"], alt, 2_000, "Try your first bot with this", "demo-deposit")
    team = _alt(exchange, alice, TEAM, "demo-team")
    share = ShareAccount(account_id=team, receiver_id=accounts["bob"], key="demo-team-share")
    exchange.ask(alice, ClientMessage(share_account=share))
    for owner, chips in TEAM_DEPOSITS.items():
        _deposit(exchange, people[owner].pk, accounts[owner], team, chips, "My part of the team", "demo-team-part")
    return [team, accounts["alice"]]


def _alt(exchange: OfflineExchange, user: int, name: str, key: str) -> int:
    made = exchange.ask(user, ClientMessage(create_account=CreateAccount(name=name, key=key)))
    return made.account_created.account.id


def _deposit(exchange: OfflineExchange, user: int, owner: int, owned: int, chips: int, note: str, key: str) -> None:
    deposit = MakeTransfer(from_account_id=owner, to_account_id=owned, amount=chips * CHIP, note=note, key=key)
    exchange.ask(user, ClientMessage(make_transfer=deposit))


def _open_markets(exchange: OfflineExchange, operator: User, club: list[int]) -> None:
    def make(market: CreateMarket) -> int:
        made = exchange.ask(operator.pk, ClientMessage(create_market=market), sudo=True)
        return made.market_created.market.id

    for number, (name, description, low, high, tick) in enumerate(MARKETS):
        market = CreateMarket(
            name=name,
            description=description,
            min_settlement=low,
            max_settlement=high,
            tick_size=tick,
            smallest_size=100,
            key=f"demo-market-{number}",
        )
        edit = EditMarket(
            market_id=make(market),
            category=CATEGORIES[number],
            pinned=name == PINNED,
            key=f"demo-category-{number}",
        )
        exchange.ask(operator.pk, ClientMessage(edit_market=edit), sudo=True)
    make(MASKED)
    restricted = CreateMarket()
    restricted.CopyFrom(CLUB)
    restricted.visible_to.CopyFrom(AccountIds(ids=club))
    make(restricted)


def _list_auctions(exchange: OfflineExchange, people: dict[str, User]) -> None:
    """Lists the auctions. A picture that does not exist yet is painted first, because the command names it."""
    for number, lot in enumerate(AUCTIONS):
        create = CreateAuction(
            name=lot.name,
            description=lot.description,
            picture=picture_of(number, lot),
            buy_now_price=lot.price and lot.price * CHIP,
            key=f"demo-auction-{number}",
        )
        seller = people[lot.seller].pk
        listed = exchange.ask(seller, ClientMessage(create_auction=create)).auction_created.auction
        if lot.buyer:
            buy = BuyAuction(auction_id=listed.id, price=listed.buy_now_price, key=f"demo-sale-{number}")
            with suppress(RequestFailed):  # the buyer of an older class may have spent the money: it stays for sale
                exchange.ask(people[lot.buyer].pk, ClientMessage(buy_auction=buy))


def _write_tokens(bots: dict[str, User]) -> None:
    """Makes a new token for each bot and revokes the old ones, whose secrets are not stored."""
    secrets = {}
    for bot, user in bots.items():
        for old in ApiToken.objects.filter(user=user, revoked_at__isnull=True):
            revoke_token(old)
        _, secrets[bot] = create_token(user, "house bot")
    path = settings.VAR_DIR / TOKENS_FILE
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(secrets, file)
