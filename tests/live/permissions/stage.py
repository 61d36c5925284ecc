"""The people of the table, and the things that they ask about."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import requests

from proto import exchange_pb2 as pb
from tests.auctions.pictures import encoded, red_left
from tests.live.exchange import ROOT, LiveExchange
from tests.live.permissions.doors import Person, Socket
from tests.live.requests import bid, hundred
from tests.live.tables import Tables
from tests.patience import STEP_SECONDS_MAX

NOWHERE = 987_654_321  # an id that nothing has
HOUSE = 1
CHIP = 10_000
PICTURE = encoded(red_left())
ALICE_SCOPES = ("read", "trade", "transfer", "manage")  # of Alice's tokens, one scope each

_numbers = itertools.count(1)


@dataclass
class Scene:
    """What one request is about. `id`: the thing. `account`: the account that owns it, which is Alice's and Bob's."""

    stage: "Stage"
    account: int
    who: Person
    id: int = 0

    @property
    def name(self) -> str:
        """A new name each time."""
        return f"Name {next(_numbers)}"


class Stage:
    def __init__(self, exchange: LiveExchange) -> None:
        self.exchange = exchange
        self.tables = Tables(exchange.env)
        self.names: dict[int, str] = {}  # alt -> its name
        self.socket = Socket(exchange)
        every = {name: Person(name, name, exchange.token(name)) for name in ("alice", "bob", "carol", "student0")}
        self.alice, self.bob, self.carol, self.dave = (self.socket.fresh(one) for one in every.values())
        self.director = self.socket.fresh(Person("operator", "operator", exchange.token("operator")))
        self.director.good(set_sudo=pb.SetSudo(on=True))
        lines = {"alice": self.alice, "bob": self.bob, "carol": self.carol, "operator": self.director}
        for name, line in lines.items():
            exchange.people[name]["account"] = line.account
        self.annex = self._alt(self.alice.account)
        self.daves = self._alt(self.dave.account)
        self.director.good(gift=pb.Gift(to_account_id=self.daves, amount=10 * CHIP))
        self.flat, self.trading = self.account(), self.account()
        self._day()
        self.cast = self._cast()
        self.client_order_ids: dict[int, str] = {NOWHERE: "nothing"}  # order -> its client_order_id
        self.pictures: dict[int, str] = {NOWHERE: "0" * 32}  # number -> name of the file without ".webp"

    def _day(self) -> None:
        """Trades and settles once, so that every table has a row."""
        market = self.market([self.alice.account, self.dave.account], self.director.account)
        for line, side in ((self.alice, pb.BID), (self.dave, pb.OFFER)):
            line.act_as(line.account)
            line.good(create_order=pb.CreateOrder(market_id=market, side=side, price=0, size=100))
        self.director.good(settle_market=pb.SettleMarket(market_id=market, price=0))

    def _cast(self) -> list[Person]:
        names = ("alice", "bob", "carol", "operator", "student0")
        ids = {name: self.exchange.people[name]["id"] for name in names} | {"annex": self.annex}
        self.exchange.browser("operator")  # the first sign-in hashes the password again, which ends older sessions
        made = subprocess.run(
            [sys.executable, "-m", "tests.live.permissions.people", json.dumps(ids)],
            cwd=ROOT,
            env={**os.environ, **self.exchange.env},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        secrets = json.loads(made.stdout)
        self.spares: dict[str, list[int]] = secrets["spares"]
        self.roles = [Person(role, name) for role, name in secrets["roles"].items()]
        token = self.exchange.token
        self.deputy = Person("in sudo, as it", "operator", token("operator"), sudo=True)
        return [
            Person("nobody"),
            Person("stranger", "carol", token("carol")),
            Person("owner", "alice", token("alice")),
            Person("co-owner", "bob", token("bob")),
            Person("alt's owner", "alice", token("alice")),
            Person("operator", "operator", token("operator"), session=secrets["session"]),
            Person("in sudo", "operator", token("operator"), sudo=True),
            *(Person(scope, "alice", secrets["tokens"][scope], pages=False) for scope in ALICE_SCOPES),
            Person("sudo", "operator", secrets["tokens"]["sudo"], sudo=True, pages=False),
            Person("bound", "alice", secrets["tokens"]["bound"], pages=False),
        ]

    def acting(self, who: Person, account: int) -> int:
        """The account that this kind of person acts as; 0 for their own user account."""
        if who.kind in ("owner", "co-owner", "in sudo, as it", "read", "trade", "transfer", "manage"):
            return account
        return self.annex if who.kind == "bound" else 0

    # --- Things

    def account(self, money: int = 10 * CHIP) -> int:
        """A new account of Alice and Bob, who each own half of the money."""
        made = self._alt(self.alice.account)
        self.alice.act_as(self.alice.account)
        self.alice.good(share_account=pb.ShareAccount(account_id=made, receiver_id=self.bob.account))
        if money:
            self.director.good(gift=pb.Gift(to_account_id=made, amount=money))
        return made

    def _alt(self, owner: int) -> int:
        create = pb.CreateAccount(name=f"Account-{next(_numbers)}", owner_id=owner)
        made = self.director.good(create_account=create).account_created.account
        self.names[made.id] = made.name
        return made.id

    def market(self, visible_to: list[int], owner: int) -> int:
        create = hundred(f"Market {next(_numbers)}")
        create.visible_to.ids.extend(visible_to)
        self.director.act_as(owner)
        return self.director.good(create_market=create).market_created.market.id

    def order(self, account: int) -> int:
        market = self.market([], self.director.account)
        self.director.act_as(account)
        order = bid(market, 0, 100, client_order_id=f"bid {next(_numbers)}")
        id = self.director.good(create_order=order).order_created.order.id
        self.client_order_ids[id] = order.client_order_id
        return id

    def filled_order(self, account: int) -> int:
        """Dave sells to it, and the market is settled at the price: nobody is left with a position."""
        id = self.order(account)
        market = self.tables.rows("SELECT market_id FROM markets_order WHERE id = ?", id)[0][0]
        self.dave.act_as(self.dave.account)
        self.dave.good(create_order=pb.CreateOrder(market_id=market, side=pb.OFFER, price=0, size=100))
        self.director.good(settle_market=pb.SettleMarket(market_id=market, price=0))
        return id

    def cancelled_order(self, account: int) -> int:
        id = self.order(account)
        self.director.good(cancel_order=pb.CancelOrder(order_id=id))
        return id

    def auction(self, seller: int, withdrawn: bool = False) -> int:
        self.director.act_as(seller)
        create = pb.CreateAuction(name=f"Lamp {next(_numbers)}", buy_now_price=0)
        id = self.director.good(create_auction=create).auction_created.auction.id
        if withdrawn:
            self.director.good(withdraw_auction=pb.WithdrawAuction(auction_id=id))
        return id

    def picture(self) -> int:
        """Dave uploads a picture. Returns its key in `pictures`."""
        headers = {"Authorization": f"Bearer {self.exchange.token('student0')}", "Content-Type": "image/png"}
        kept = requests.post(f"{self.exchange.url}/api/v1/pictures", PICTURE, headers=headers, timeout=STEP_SECONDS_MAX)
        number = next(_numbers)
        self.pictures[number] = kept.json()["picture"].removesuffix(".webp")
        return number

    def share(self, account: int) -> int:
        """The id of the row of Bob's share; NOWHERE if he has none."""
        found = "SELECT id FROM accounts_ownership WHERE account_id = ? AND owner_id = ?"
        ids = [id for (id,) in self.tables.rows(found, account, self.bob.account)]
        return ids[0] if ids else NOWHERE

    def newest(self, table: str) -> int:
        """The key of the newest row, as in the console's addresses."""
        key = "seq" if table == "markets_journalentry" else "id"
        ((found,),) = self.tables.rows(f"SELECT max({key}) FROM {table}")
        assert found, f"{table} is empty"
        return int(found)

    def role(self, name: str) -> int:
        return int(self.tables.rows("SELECT id FROM auth_group WHERE name = ?", name)[0][0])

    def person(self, name: str) -> int:
        return int(self.exchange.people[name]["id"])

    def close(self) -> None:
        for line in (self.alice, self.bob, self.carol, self.dave, self.director):
            line.close()
        self.socket.close()


# The things that rows are about -> how each is made.
THINGS: dict[str, Callable[[Scene], int]] = {
    "-": lambda it: 0,
    "the account": lambda it: it.account,
    "another's account": lambda it: it.stage.daves,
    "the house": lambda it: HOUSE,
    "no account": lambda it: NOWHERE,
    "a market for everybody": lambda it: it.stage.market([], it.account),
    "one for the account only": lambda it: it.stage.market([it.account], it.account),
    "the account's own, for others": lambda it: it.stage.market([it.stage.dave.account], it.account),
    "one for others": lambda it: it.stage.market([it.stage.dave.account], it.stage.dave.account),
    "no market": lambda it: NOWHERE,
    "the account's order": lambda it: it.stage.order(it.account),
    "the account's filled order": lambda it: it.stage.filled_order(it.account),
    "the account's cancelled order": lambda it: it.stage.cancelled_order(it.account),
    "another's order": lambda it: it.stage.order(it.stage.daves),
    "another's filled order": lambda it: it.stage.filled_order(it.stage.daves),
    "no order": lambda it: NOWHERE,
    "the account's auction": lambda it: it.stage.auction(it.account),
    "another's auction": lambda it: it.stage.auction(it.stage.daves),
    "a withdrawn auction": lambda it: it.stage.auction(it.account, withdrawn=True),
    "no auction": lambda it: NOWHERE,
    "a picture": lambda it: it.stage.picture(),
    "no picture": lambda it: NOWHERE,
    "one's own token": lambda it: it.stage.spares[it.who.name or "alice"].pop(),
    "another's token": lambda it: it.stage.spares["student0"][0],
    "no token": lambda it: NOWHERE,
}
NO_THINGS = frozenset({"no account", "no market", "no order", "no auction", "no picture", "no token"})
