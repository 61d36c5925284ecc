"""Engine.apply: one command in, its events or a refusal out. Deterministic: no clock, no random, no float, no IO.

apply() makes all checks before the first change; after the last check nothing can fail. The caller owns the clock,
writes the journal and publishes the events. The same commands through an empty engine lead to the same state.
"""

from collections.abc import Callable

from markets.engine.auction import buy_auction, create_auction, edit_auction, settle_auction, withdraw_auction
from markets.engine.commands import (
    BuyAuction,
    CancelOrder,
    Collect,
    Command,
    CreateAccount,
    CreateAuction,
    CreateHouse,
    CreateMarket,
    CreateOrder,
    CreateUserAccount,
    EditAuction,
    EditMarket,
    Gift,
    LeaveAccount,
    MakeTransfer,
    Out,
    Redistribute,
    RevokeShare,
    SetMarketStatus,
    SettleAuction,
    SettleMarket,
    ShareAccount,
    WithdrawAuction,
)
from markets.engine.errors import Repeated
from markets.engine.events import Event
from markets.engine.listing import create_market, edit_market
from markets.engine.orders import cancel_order, create_order, out
from markets.engine.ownership import (
    create_account,
    create_house,
    create_user_account,
    leave_account,
    redistribute,
    revoke_share,
    share_account,
)
from markets.engine.settlement import set_market_status, settle_market
from markets.engine.state import State
from markets.engine.transfers import collect, gift, make_transfer

# Commands given as an account: handler(state, acting account, command, at_us).
HANDLERS: dict[type, Callable[..., list[Event]]] = {
    CreateAccount: create_account,
    ShareAccount: share_account,
    LeaveAccount: leave_account,
    RevokeShare: revoke_share,
    Redistribute: redistribute,
    MakeTransfer: make_transfer,
    Gift: gift,
    Collect: collect,
    CreateMarket: create_market,
    EditMarket: edit_market,
    SetMarketStatus: set_market_status,
    SettleMarket: settle_market,
    CreateOrder: create_order,
    CancelOrder: cancel_order,
    Out: out,
    CreateAuction: create_auction,
    EditAuction: edit_auction,
    WithdrawAuction: withdraw_auction,
    BuyAuction: buy_auction,
    SettleAuction: settle_auction,
}

# Commands that need no account to act as: handler(state, command, at_us).
FOUNDERS: dict[type, Callable[..., list[Event]]] = {CreateHouse: create_house, CreateUserAccount: create_user_account}


class Engine(State):
    """All state of the exchange, and the only way to change it."""

    def apply(self, command: Command, at_us: int) -> list[Event]:
        """Executes the command and returns its events. An accepted command gets the next `seq`.

        `at_us` is in UTC microseconds and never goes backwards. Raises Rejected if the rules refuse the command, and
        Repeated if the acting account has used the key for an accepted command; either way nothing changes.
        Rejected ACCOUNT_NOT_FOUND if `by` may not act as the account (rules, section 1).
        """
        handler = HANDLERS.get(type(command))
        if handler is None:
            events = FOUNDERS[type(command)](self, command, at_us)
        else:
            account = self.accounts.get(command.account)
            if account is None or command.account not in self._reach.get(command.by, ()):
                account = self.find_acting_account(command.by, command.account, command.sudo)
            key = command.key
            if key:
                seq = account.seq_of(key)
                if seq is not None:
                    raise Repeated(seq)
            events = handler(self, account, command, at_us)
            if key:
                account.remember(key, self.seq + 1)
        self.seq += 1
        self.at_us = at_us
        return events

    def is_repeat(self, command: Command) -> bool:
        """Whether apply() would not execute the command because an accepted one had its key, or opened the same user
        account. The asker may still be refused."""
        if isinstance(command, CreateUserAccount):
            return command.by in self.people
        account = self.accounts.get(command.account)
        return account is not None and bool(command.key) and account.seq_of(command.key) is not None
