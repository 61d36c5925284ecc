"""Accounts and who owns them (rules, section 1)."""

from markets.engine.commands import (
    CreateAccount,
    CreateHouse,
    CreateUserAccount,
    LeaveAccount,
    Redistribute,
    RevokeShare,
    ShareAccount,
)
from markets.engine.credits import apply, check_flat, rebalanced, redistributed, set_credits
from markets.engine.errors import Reason, Rejected, Repeated
from markets.engine.events import (
    AccountCreated,
    AccountKind,
    CreditRedistributed,
    Event,
    ShareCreated,
    ShareEnded,
    TransferKind,
)
from markets.engine.ledger import Account
from markets.engine.state import HOUSE, State
from markets.engine.text import ACCOUNT_NAME_MAX, chips, free_name, name_key, tidy_name
from markets.engine.transfers import check_amount, check_issue, move

# --- New accounts


def create_house(state: State, command: CreateHouse, at_us: int) -> list[Event]:
    if state.accounts:
        raise Rejected(Reason.NOT_ALLOWED, "This exchange has its house already.")
    return [_open_account(state, "House", AccountKind.HOUSE, 0, command.by, 0)]


def create_user_account(state: State, command: CreateUserAccount, at_us: int) -> list[Event]:
    known = state.people.get(command.by)
    if known is not None:
        raise Repeated(state.accounts[known].seq, same_body=False)
    if command.by <= 0:
        raise Rejected(Reason.NOT_AUTHENTICATED, "A user account belongs to somebody who signs in.")
    if command.starting_cash:
        check_amount(command.starting_cash)
        check_issue(state, command.starting_cash)
    name = free_name(command.name, state.names, state.rules)
    events: list[Event] = [_open_account(state, name, AccountKind.USER, command.by, command.by, 0)]
    if command.starting_cash:
        account = state.accounts[state.people[command.by]]
        house = state.accounts[HOUSE]
        events.append(move(state, house, account, command.starting_cash, TransferKind.STARTING_CASH, "", at_us))
    return events


def create_account(state: State, acting: Account, command: CreateAccount, at_us: int) -> list[Event]:
    owner = state.acting(command.by, command.owner or acting.id, command.sudo)
    name = tidy_name(command.name, ACCOUNT_NAME_MAX, state.rules)
    if name_key(name) in state.names:
        raise Rejected(Reason.NAME_TAKEN, f"There is an account called {name} already.")
    made = state.alts_made.get(command.by, 0)
    if made >= command.accounts_max and not command.sudo:
        raise Rejected(
            Reason.TOO_MANY_ACCOUNTS, f"You made {made} accounts already, the most is {command.accounts_max}."
        )
    return [_open_account(state, name, AccountKind.ALT, 0, command.by, owner.id)]


def _open_account(state: State, name: str, kind: int, user: int, creator: int, owner: int) -> Event:
    account = Account(state.next_account, name, kind, user, creator, state.seq + 1)
    state.next_account += 1
    state.add_account(account)
    if owner:
        state.add_owner(account, owner, 0)
    return AccountCreated(account.id, name, kind, user, owner)


# --- Shares


def share_account(state: State, acting: Account, command: ShareAccount, at_us: int) -> list[Event]:
    shared = _owned(state, acting, command.shared)
    if acting.kind != AccountKind.USER:
        raise Rejected(Reason.NOT_ALLOWED, "Shares are given by people: act as your own user account.")
    receiver = state.known(command.receiver)
    if receiver.kind != AccountKind.USER:
        raise Rejected(Reason.NOT_A_USER, f"Nobody signs in as {receiver.name}: only user accounts get shares.")
    if receiver.id in shared.owners:
        raise Rejected(Reason.ALREADY_OWNER, f"Already an owner of {shared.name}: {receiver.name}.")
    check_flat(state, shared)
    events = apply(state, rebalanced(state, shared))
    state.add_owner(shared, receiver.id, 0)
    return [*events, ShareCreated(shared.id, receiver.id)]


def leave_account(state: State, acting: Account, command: LeaveAccount, at_us: int) -> list[Event]:
    return _end_share(state, _owned(state, acting, command.left), acting)


def revoke_share(state: State, acting: Account, command: RevokeShare, at_us: int) -> list[Event]:
    shared, owner = _share(state, command)
    if owner.kind != AccountKind.USER:
        raise Rejected(Reason.NOT_A_USER, f"Nobody signs in as {owner.name}: its part in {shared.name} is no share.")
    return _end_share(state, shared, owner)


def redistribute(state: State, acting: Account, command: Redistribute, at_us: int) -> list[Event]:
    shared, owner = _share(state, command)
    if len(shared.owners) == 1:
        raise Rejected(Reason.NOT_ALLOWED, f"No other owner of {shared.name} could take the credit.")
    check_flat(state, shared)
    planned = rebalanced(state, shared)
    credits = redistributed(planned.get(shared.id, shared.owners), owner.id)
    events = [*apply(state, planned), *set_credits(state, shared, credits)]
    return [*events, CreditRedistributed(shared.id, owner.id)]


def _owned(state: State, acting: Account, account: int) -> Account:
    """An account that the acting account owns itself. Rejected as if unknown if it is not even below it."""
    found = state.accounts.get(account)
    if found is not None and acting.id in found.owners:
        return found
    if found is not None and account in state.below(acting.id):
        raise Rejected(Reason.NOT_ALLOWED, f"Through another account only does {acting.name} own {found.name}.")
    raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"No account {account} is owned by {acting.name}.")


def _share(state: State, command: RevokeShare | Redistribute) -> tuple[Account, Account]:
    """The account and its owner that an operator names."""
    if not command.sudo:
        raise Rejected(Reason.SUDO_REQUIRED, "Only operators in sudo change what others own.")
    shared, owner = state.known(command.shared), state.known(command.owner)
    if owner.id not in shared.owners:
        raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"No part of {shared.name} is owned by {owner.name}.")
    return shared, owner


def _end_share(state: State, shared: Account, owner: Account) -> list[Event]:
    if len(shared.owners) == 1:
        raise Rejected(Reason.NOT_ALLOWED, f"The last owner of {shared.name} stays: {owner.name}.")
    check_flat(state, shared)
    planned = rebalanced(state, shared)
    credit = planned.get(shared.id, shared.owners)[owner.id]
    if credit:
        raise Rejected(Reason.CREDIT_REMAINS, f"Credit is left in {shared.name}: {owner.name} has {chips(credit)}.")
    events = apply(state, planned)
    state.remove_owner(shared, owner.id)
    return [*events, ShareEnded(shared.id, owner.id)]
