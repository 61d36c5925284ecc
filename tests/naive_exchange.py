"""The oracle: docs/rules.md over plain lists. Every figure is counted anew each time somebody asks for it.

apply() returns the events that a command must cause, or raises Repeated, or Refused with the codes that are right. For
an order these are the codes of the first broken step of section 5; for other commands, those of every broken rule.

docs/rules.md sets the order of events only for orders; agreement.py sorts those of other commands. The oracle expects
commands as the codec makes them: with sides, times in force and self-trade modes that exist, and keys of at most 36
printable characters.
"""

from collections.abc import Callable

from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.commands import Command, MarketStatus, Side, TimeInForce
from markets.engine.errors import Reason, Repeated
from markets.engine.events import AccountKind, CancelCause, Event, TransferKind
from tests.naive_auctions import NaiveAuctions
from tests.naive_book import NaiveMarket, NaiveOrder, cancel, enter, would_fill_whole
from tests.naive_money import ALL_MONEY, HOUSE, NaiveAccount
from tests.naive_shape import (
    RESTRICTED,
    Refused,
    as_name,
    bad_amount,
    bad_note,
    bad_shape,
    bad_status,
    refuse,
    tidy,
    valid_name,
)
from tests.naive_visibility import NaiveVisibility

LARGEST_STAKE = 10**17
ORDERS_PER_MARKET = 1_000
FOUNDING = (c.CreateHouse, c.CreateUserAccount)  # commands that need no account to act as


class NaiveExchange(NaiveAuctions, NaiveVisibility):
    """The whole oracle. `house_name` is the only thing that docs/rules.md does not say."""

    def __init__(self, house_name: str) -> None:
        super().__init__()
        self.house_name = house_name
        self.orders = 0
        self.trades = 0
        self.handlers: dict[type, Callable[..., list[Event]]] = {
            c.CreateHouse: self.create_house,
            c.CreateUserAccount: self.create_user_account,
            c.CreateAccount: self.create_account,
            c.ShareAccount: self.share_account,
            c.LeaveAccount: self.leave_account,
            c.RevokeShare: self.revoke_share,
            c.Redistribute: self.redistribute,
            c.MakeTransfer: self.make_transfer,
            c.Gift: self.gift,
            c.Collect: self.collect,
            c.CreateMarket: self.create_market,
            c.EditMarket: self.edit_market,
            c.SetMarketStatus: self.set_market_status,
            c.SettleMarket: self.settle_market,
            c.CreateOrder: self.create_order,
            c.CancelOrder: self.cancel_order,
            c.Out: self.out,
            c.CreateAuction: self.create_auction,
            c.EditAuction: self.edit_auction,
            c.WithdrawAuction: self.withdraw_auction,
            c.BuyAuction: self.buy_auction,
            c.SettleAuction: self.settle_auction,
        }

    def apply(self, command: Command, at_us: int) -> list[Event]:
        """Rights to the acting account first, then the key, then the command's own rules."""
        if type(command) not in FOUNDING:
            if command.account not in self.may_act_as(command.by, command.sudo):
                raise Refused({Reason.ACCOUNT_NOT_FOUND})
            seq = self.find_key(command.account, command.key)
            if seq:
                raise Repeated(seq)
        events = self.handlers[type(command)](command, at_us)
        self.seq += 1
        if type(command) not in FOUNDING:
            self.remember_key(command.account, command.key)
        return events

    # --- Accounts

    def create_house(self, command: c.CreateHouse, at_us: int) -> list[Event]:
        if self.accounts:
            raise Refused(Reason)
        self.accounts[HOUSE] = NaiveAccount(HOUSE, self.house_name, AccountKind.HOUSE, 0, 0, 1)
        return [e.AccountCreated(HOUSE, self.house_name, AccountKind.HOUSE, 0, 0)]

    def create_user_account(self, command: c.CreateUserAccount, at_us: int) -> list[Event]:
        for account in self.accounts.values():
            if account.user == command.by:
                raise Repeated(account.seq)
        broken = bad_amount(command.starting_cash) if command.starting_cash else set()
        if command.by <= 0:
            broken.add(Reason.NOT_AUTHENTICATED)
        if command.starting_cash - self.cash(HOUSE) > ALL_MONEY:
            broken.add(Reason.ISSUE_LIMIT)
        refuse(broken)
        name = self.pick_free_name(as_name(command.name))
        new = self.add_account(name, AccountKind.USER, command.by, command.by)
        events: list[Event] = [e.AccountCreated(new.id, name, AccountKind.USER, command.by, 0)]
        if command.starting_cash:
            cash = command.starting_cash
            events.append(self.transfer(HOUSE, new.id, cash, TransferKind.STARTING_CASH, "", at_us))
        return events

    def create_account(self, command: c.CreateAccount, at_us: int) -> list[Event]:
        broken = {Reason.INVALID_NAME} if not valid_name(command.name, 40) else self.name_taken(command.name)
        owner = command.owner or command.account
        if owner not in self.may_act_as(command.by, command.sudo):
            broken.add(Reason.ACCOUNT_NOT_FOUND)
        made = sum(a.kind == AccountKind.ALT and a.creator == command.by for a in self.accounts.values())
        if made >= command.accounts_max and not command.sudo:
            broken.add(Reason.TOO_MANY_ACCOUNTS)
        refuse(broken)
        new = self.add_account(tidy(command.name), AccountKind.ALT, 0, command.by)
        new.owners[owner] = 0
        return [e.AccountCreated(new.id, new.name, AccountKind.ALT, 0, owner)]

    # --- Transfers

    def make_transfer(self, command: c.MakeTransfer, at_us: int) -> list[Event]:
        payer, payee, amount = command.from_account, command.to_account, command.amount
        known = set(self.accounts)
        broken = bad_amount(amount) | bad_note(command.note)
        if payer == payee:
            broken.add(Reason.SAME_ACCOUNT)
        if HOUSE in (payer, payee):
            broken |= RESTRICTED | {Reason.ACCOUNT_NOT_FOUND}
        if payer not in self.may_act_as(command.by, command.sudo) or payee not in known:
            broken.add(Reason.ACCOUNT_NOT_FOUND)
        if broken & {Reason.ACCOUNT_NOT_FOUND, Reason.SAME_ACCOUNT}:
            raise Refused(broken | RESTRICTED)
        kind = self.kind_of_transfer(command)
        if kind is None:
            broken |= RESTRICTED
        if amount > self.available(payer):
            broken.add(Reason.INSUFFICIENT_FUNDS)
        refuse(broken)
        assert kind is not None
        credits: list[Event] = []
        if kind == TransferKind.DEPOSIT:
            credits = self.move_credit(payee, payer, amount)
        if kind == TransferKind.WITHDRAWAL:
            credits = self.move_credit(payer, payee, -amount)
        return [*credits, self.transfer(payer, payee, amount, kind, command.note, at_us)]

    def kind_of_transfer(self, command: c.MakeTransfer) -> TransferKind | None:
        """The kind of transfer; None if it takes an operator in sudo."""
        payer, payee = self.accounts[command.from_account], self.accounts[command.to_account]
        if payer.id in payee.owners:
            return TransferKind.DEPOSIT
        if payee.id in payer.owners:
            return TransferKind.WITHDRAWAL
        between_users = payer.kind == payee.kind == AccountKind.USER
        return TransferKind.PAYMENT if command.sudo or (between_users and payer.user == command.by) else None

    def gift(self, command: c.Gift, at_us: int) -> list[Event]:
        broken = bad_amount(command.amount) | bad_note(command.note)
        if not command.sudo:
            broken |= RESTRICTED
        if command.to_account not in self.accounts or command.to_account == HOUSE:
            broken |= {Reason.ACCOUNT_NOT_FOUND, Reason.SAME_ACCOUNT, *RESTRICTED}
        if command.amount - self.cash(HOUSE) > ALL_MONEY:
            broken.add(Reason.ISSUE_LIMIT)
        refuse(broken)
        return [self.transfer(HOUSE, command.to_account, command.amount, TransferKind.GIFT, command.note, at_us)]

    def collect(self, command: c.Collect, at_us: int) -> list[Event]:
        broken = bad_amount(command.amount) | bad_note(command.note)
        if not command.sudo:
            broken |= RESTRICTED
        if command.from_account not in self.accounts or command.from_account == HOUSE:
            raise Refused(broken | {Reason.ACCOUNT_NOT_FOUND, Reason.SAME_ACCOUNT, *RESTRICTED})
        if command.amount > self.available(command.from_account):
            broken.add(Reason.INSUFFICIENT_FUNDS)
        refuse(broken)
        kind = TransferKind.COLLECTION
        return [self.transfer(command.from_account, HOUSE, command.amount, kind, command.note, at_us)]

    # --- Markets

    def set_market_status(self, command: c.SetMarketStatus, at_us: int) -> list[Event]:
        market = self.market_known(command)
        broken: set[Reason] = set()
        if not command.sudo:
            broken |= RESTRICTED
        if command.status not in (1, 2, 3, 4):
            broken |= {Reason.INVALID_FRAME, Reason.INVALID_MARKET, *RESTRICTED}
        broken |= bad_status(market)
        refuse(broken)
        market.status = command.status
        emptied = self.empty(market, CancelCause.BY_CLOSE) if market.status == MarketStatus.CLOSED else []
        return [*emptied, e.MarketStatusChanged(market.id, command.status)]

    def settle_market(self, command: c.SettleMarket, at_us: int) -> list[Event]:
        market = self.market_known(command)
        broken: set[Reason] = set()
        if not command.sudo and command.account != market.owner:
            broken |= RESTRICTED
        if not command.sudo and any(market.position(one) for one in self.may_act_as(command.by, False)):
            broken.add(Reason.SETTLER_HAS_POSITION)
        if not market.low <= command.price <= market.high:
            broken.add(Reason.INVALID_PRICE)
        if market.status == MarketStatus.SETTLED:
            broken.add(Reason.MARKET_SETTLED)
        refuse(broken)
        return self.settle(market, command.price)

    def settle(self, market: NaiveMarket, price: int) -> list[Event]:
        emptied = self.empty(market, CancelCause.BY_SETTLEMENT)
        paid: list[Event] = []
        for account in sorted(market.accounts()):
            position = market.position(account)
            self.accounts[account].gain(market.cash_from_trades(account) + position * price)
            if position:
                paid.append(e.PaidOut(market.id, account, position, price, position * price))
        market.status, market.settle_price = MarketStatus.SETTLED, price
        self.running.remove(market.id)
        return [*emptied, *paid, e.MarketSettled(market.id, price)]

    def empty(self, market: NaiveMarket, cause: CancelCause) -> list[Event]:
        cancelled: list[Event] = [cancel(order, order.open, cause) for order in market.orders]
        market.orders = []
        return cancelled

    # --- Orders

    def create_order(self, command: c.CreateOrder, at_us: int) -> list[Event]:
        """The checks of section 5 in their order; apply() has checked the rights."""
        market = self.market_to_trade(command.account, command.market)
        refuse(bad_status(market))
        refuse({Reason.MARKET_PAUSED} if market.status != MarketStatus.OPEN else ())
        refuse(bad_shape(market, command))
        refuse(self.beyond_limits(market, command))
        order = NaiveOrder(
            id=self.orders + 1,
            market=market.id,
            account=command.account,
            side=command.side,
            price=command.price,
            size=command.size,
            time_in_force=command.time_in_force,
            post_only=command.post_only,
            client_order_id=command.key,
            at_us=at_us,
            seq=self.seq + 1,
        )
        if command.post_only:
            refuse({Reason.POST_ONLY_WOULD_TRADE} if market.facing(order) else ())
        if command.time_in_force == TimeInForce.FOK:
            refuse(() if would_fill_whole(market, order, command.self_trade) else {Reason.FOK_NOT_FILLABLE})
        return self.try_out(market, order, command.self_trade)

    def try_out(self, market: NaiveMarket, order: NaiveOrder, self_trade: int) -> list[Event]:
        """Enters the order into a copy of the market. Keeps the copy if the account can afford the result."""
        tried = market.copy()
        events = enter(tried, order, self_trade, first_trade=self.trades + 1)
        self.markets[market.id] = tried
        if self.available(order.account) < 0:
            self.markets[market.id] = market
            raise Refused({Reason.INSUFFICIENT_FUNDS})
        self.orders += 1
        self.trades += len(tried.trades) - len(market.trades)
        return events

    def beyond_limits(self, market: NaiveMarket, command: c.CreateOrder) -> set[Reason]:
        broken = set()
        rests = command.time_in_force == TimeInForce.GTC
        if rests and len(market.orders_of(command.account)) >= ORDERS_PER_MARKET:
            broken.add(Reason.TOO_MANY_ORDERS)
        now = market.stake(command.account)
        bids = now.bid_size + command.size * (command.side == Side.BID)
        offers = now.offer_size + command.size * (command.side == Side.OFFER)
        here = max(abs(market.low), abs(market.high)) * max(abs(now.position + bids), abs(now.position - offers))
        others = self.notional(command.account) - now.largest
        if abs(self.cash(command.account)) + others + here > LARGEST_STAKE:
            broken.add(Reason.POSITION_LIMIT)
        return broken

    def cancel_order(self, command: c.CancelOrder, at_us: int) -> list[Event]:
        for order in self.open_orders(command.account):
            by_key = not command.order and command.client_order_id and order.client_order_id == command.client_order_id
            if order.id == command.order or by_key:
                market = self.markets[order.market]
                refuse({Reason.MARKET_PAUSED} if market.status == MarketStatus.PAUSED else ())
                return self.cancel_all(market, [order])
        raise Refused({Reason.ORDER_NOT_FOUND})

    def out(self, command: c.Out, at_us: int) -> list[Event]:
        broken: set[Reason] = set()
        if command.side not in (0, Side.BID, Side.OFFER):
            broken |= {Reason.INVALID_FRAME, Reason.INVALID_ORDER}
        if command.market and self.market_to_trade(command.account, command.market).status == MarketStatus.PAUSED:
            broken.add(Reason.MARKET_PAUSED)
        refuse(broken)
        events: list[Event] = []
        for market in self.unsettled():
            if command.market in (0, market.id) and market.status != MarketStatus.PAUSED:
                mine = market.orders_of(command.account)
                events += self.cancel_all(market, [o for o in mine if command.side in (0, o.side)])
        return events

    def cancel_all(self, market: NaiveMarket, orders: list[NaiveOrder]) -> list[Event]:
        events: list[Event] = [cancel(order, order.open, CancelCause.REQUESTED) for order in orders]
        market.orders = [o for o in market.orders if o.open]
        return events
