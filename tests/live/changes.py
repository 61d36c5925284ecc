"""Random changes by operators, owners and sellers while others trade: shared accounts, markets, auctions."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from proto import exchange_pb2 as pb
from tests.live.raw_socket import RawSocket
from tests.live.tables import Row, Tables

Request = dict[str, Any]
USER, ALT = 2, 3  # as in accounts_account.kind
OPEN, SETTLED = pb.Auction.OPEN, pb.SETTLED


class Changes:
    """A socket in sudo. For each change it reads the tables and acts as the account that the change needs.

    `done` counts accepted requests by kind. Others trade in the markets `traded`, so these are never closed.
    """

    def __init__(self, socket: RawSocket, tables: Tables, rng: random.Random, traded: Sequence[int]) -> None:
        self.done: Counter[str] = Counter()
        self._socket, self._tables, self._rng, self._traded = socket, tables, rng, traded
        self._number = 0
        self._kinds: tuple[Callable[[], Awaitable[Request]], ...] = (
            self._share,
            self._leave,
            self._revoke,
            self._redistribute,
            self._deposit,
            self._alt,
            self._gift,
            self._collect,
            self._edit_market,
            self._show_market,
            self._set_status,
            self._list,
            self._edit_auction,
            self._withdraw,
            self._buy,
            self._sell,
        )

    async def make_one(self) -> None:
        """Sends one random request. It may be refused: an account is not flat, a market is closed, money is short."""
        try:
            request = await self._rng.choice(self._kinds)()
        except IndexError:  # nothing to choose from yet
            return
        reply = await self._socket.ask(**request)
        self.done[next(iter(request))] += not reply.HasField("refused")

    # --- Choosing

    def _one(self, query: str, *values: object) -> Row:
        return self._rng.choice(self._tables.rows(query, *values))

    def _person(self) -> int:
        return int(self._one("SELECT id FROM accounts_account WHERE kind = ?", USER)[0])

    def _owned(self) -> tuple[int, int]:
        """An alt and a user account that owns it."""
        account, owner = self._one(
            "SELECT account_id, owner_id FROM accounts_ownership"
            " JOIN accounts_account ON accounts_account.id = owner_id WHERE kind = ?",
            USER,
        )
        return account, owner

    def _market(self) -> int:
        """A market; half of the time one where others trade."""
        others = self._tables.rows("SELECT id FROM markets_market WHERE status <> ?", SETTLED)
        return self._rng.choice(
            [*self._traded, *(int(row[0]) for row in self._rng.sample(others, min(2, len(others))))]
        )

    def _auction(self) -> Row:
        """(id, seller, buy-now price)."""
        return self._one("SELECT id, seller_id, buy_now_price FROM auctions_auction WHERE status = ?", OPEN)

    def _name(self, what: str) -> str:
        self._number += 1
        return f"{what} {self._number}"

    async def _as(self, account: int) -> None:
        assert (await self._socket.ask(act_as=pb.ActAs(account_id=account))).HasField("acting_as")

    # --- Accounts

    async def _share(self) -> Request:
        account, owner = self._owned()
        await self._as(owner)
        return {"share_account": pb.ShareAccount(account_id=account, receiver_id=self._person())}

    async def _leave(self) -> Request:
        account, owner = self._owned()
        await self._as(owner)
        return {"leave_account": pb.LeaveAccount(account_id=account)}

    async def _revoke(self) -> Request:
        account, owner = self._owned()
        return {"revoke_share": pb.RevokeShare(account_id=account, owner_id=owner)}

    async def _redistribute(self) -> Request:
        account, owner = self._owned()
        return {"redistribute": pb.Redistribute(account_id=account, owner_id=owner)}

    async def _deposit(self) -> Request:
        account, owner = self._owned()
        await self._as(owner)
        amount = self._rng.randint(1, 50_000)
        return {"make_transfer": pb.MakeTransfer(from_account_id=owner, to_account_id=account, amount=amount)}

    async def _alt(self) -> Request:
        """Creates an alt below an account that is owned, so that the alt has the same owner through it."""
        account, _ = self._owned()
        return {"create_account": pb.CreateAccount(name=self._name("Below"), owner_id=account)}

    async def _gift(self) -> Request:
        (account,) = self._one("SELECT id FROM accounts_account WHERE kind IN (?, ?)", USER, ALT)
        return {"gift": pb.Gift(to_account_id=account, amount=self._rng.randint(1, 50_000))}

    async def _collect(self) -> Request:
        account, available = self._one("SELECT id, available FROM accounts_account WHERE kind = ? AND cash > 0", ALT)
        return {"collect": pb.Collect(from_account_id=account, amount=max(1, available // 2))}

    # --- Markets

    async def _edit_market(self) -> Request:
        edit = pb.EditMarket(market_id=self._market())
        rng = self._rng
        if rng.random() < 0.5:
            edit.name = self._name("Renamed")
        if rng.random() < 0.5:
            edit.description = self._name("Described")
        if rng.random() < 0.5:
            edit.category = rng.choice(("", "metals", "weather"))
        if rng.random() < 0.5:
            edit.pinned = rng.random() < 0.5
        if rng.random() < 0.5:
            edit.hide_account_ids = rng.random() < 0.5
        return {"edit_market": edit}

    async def _show_market(self) -> Request:
        """Restricts a market to some accounts, or shows it to everybody again."""
        people = [row[0] for row in self._tables.rows("SELECT id FROM accounts_account WHERE kind = ?", USER)]
        shown = self._rng.sample(people, self._rng.randint(0, len(people) - 1))
        return {"edit_market": pb.EditMarket(market_id=self._market(), visible_to=pb.AccountIds(ids=shown))}

    async def _set_status(self) -> Request:
        market = self._market()
        statuses = [pb.OPEN, pb.CANCEL_ONLY, pb.PAUSED, *([] if market in self._traded else [pb.CLOSED])]
        return {"set_market_status": pb.SetMarketStatus(market_id=market, status=self._rng.choice(statuses))}

    # --- Auctions

    async def _list(self) -> Request:
        await self._as(self._person())
        listed = pb.CreateAuction(name=self._name("Lamp"), description="Brass", buy_now_price=self._rng.randint(0, 900))
        return {"create_auction": listed}

    async def _edit_auction(self) -> Request:
        auction, _, _ = self._auction()
        edit = pb.EditAuction(auction_id=auction, name=self._name("Lamp"))
        if self._rng.random() < 0.5:
            edit.no_buy_now_price = True
        else:
            edit.buy_now_price = self._rng.randint(0, 900)
        return {"edit_auction": edit}

    async def _withdraw(self) -> Request:
        return {"withdraw_auction": pb.WithdrawAuction(auction_id=self._auction()[0])}

    async def _buy(self) -> Request:
        auction, _, price = self._auction()
        await self._as(self._person())
        return {"buy_auction": pb.BuyAuction(auction_id=auction, price=price or 0)}

    async def _sell(self) -> Request:
        auction, _, _ = self._auction()
        settled = pb.SettleAuction(auction_id=auction, buyer_id=self._person(), price=self._rng.randint(0, 900))
        return {"settle_auction": settled}
