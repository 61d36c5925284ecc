"""Accounts, who owns them, and shares (rules, sections 1 and 2)."""

from markets.engine.commands import (
    CreateAccount,
    CreateHouse,
    CreateUserAccount,
    LeaveAccount,
    Redistribute,
    RevokeShare,
    ShareAccount,
)
from markets.engine.credits import (
    apply_credits,
    check_flat,
    plan_rebalancing,
    redistribute_credit,
    set_credits,
)
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
from markets.engine.text import ACCOUNT_NAME_CHARACTERS_MAX, chips, pick_free_name, tidy_name
from markets.engine.transfers import check_amount, check_issue, move

# --- New accounts


def create_house(state: State, command: CreateHouse, at_us: int) -> list[Event]:
    """Opens the house as the first account. Rejected NOT_ALLOWED if there are accounts already."""
    if state.accounts:
        raise Rejected(Reason.NOT_ALLOWED, "This exchange already has its house.")
    return [_open_account(state, "House", AccountKind.HOUSE, 0, command.by, 0)]


def create_user_account(state: State, command: CreateUserAccount, at_us: int) -> list[Event]:
    """Opens the user account of `by` and pays its starting cash from the house.

    A name that is taken gets a number. Repeated if the person has a user account. Rejected NOT_AUTHENTICATED,
    INVALID_AMOUNT, ISSUE_LIMIT.
    """
    opened = state.people.get(command.by)
    if opened is not None:
        raise Repeated(state.accounts[opened].seq, same_body=False)
    if command.by <= 0:
        raise Rejected(Reason.NOT_AUTHENTICATED, "Only a person who signs in can have a user account.")
    if command.starting_cash:
        check_amount(command.starting_cash)
        check_issue(state, command.starting_cash)
    name = pick_free_name(command.name, state.is_name_taken, state.rules)
    events: list[Event] = [_open_account(state, name, AccountKind.USER, command.by, command.by, 0)]
    if command.starting_cash:
        account = state.accounts[state.people[command.by]]
        house = state.accounts[HOUSE]
        events.append(move(state, house, account, command.starting_cash, TransferKind.STARTING_CASH, "", at_us))
    return events


def create_account(state: State, acting: Account, command: CreateAccount, at_us: int) -> list[Event]:
    """Opens an alt. Rejected ACCOUNT_NOT_FOUND for its owner, INVALID_NAME, NAME_TAKEN, TOO_MANY_ACCOUNTS."""
    owner = state.find_acting_account(command.by, command.owner or acting.id, command.sudo)
    name = tidy_name(command.name, ACCOUNT_NAME_CHARACTERS_MAX, state.rules)
    if state.is_name_taken(name):
        raise Rejected(Reason.NAME_TAKEN, f"There is an account called {name} already, or one that looks like it.")
    made = state.alts_made.get(command.by, 0)
    if made >= command.accounts_max and not command.sudo:
        raise Rejected(
            Reason.TOO_MANY_ACCOUNTS, f"You have opened {made} accounts, the limit is {command.accounts_max}."
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
    """Makes a user account another owner, after rebalancing; the new credit is 0.

    Rejected ACCOUNT_NOT_FOUND, NOT_ALLOWED if the acting account is no user account or no direct owner, NOT_A_USER,
    ALREADY_OWNER, SHARED_ACCOUNT_NOT_FLAT.
    """
    shared = _find_owned(state, acting, command.shared)
    if acting.kind != AccountKind.USER:
        raise Rejected(Reason.NOT_ALLOWED, "Only a user account can share: act as your own user account.")
    receiver = state.find_account(command.receiver)
    if receiver.kind != AccountKind.USER:
        raise Rejected(Reason.NOT_A_USER, f"Only user accounts can get a share: nobody signs in as {receiver.name}.")
    if receiver.id in shared.owners:
        raise Rejected(Reason.ALREADY_OWNER, f"There is nothing to share: {receiver.name} already owns {shared.name}.")
    check_flat(state, shared)
    events = apply_credits(state, plan_rebalancing(state, shared))
    state.add_owner(shared, receiver.id, 0)
    return [*events, ShareCreated(shared.id, receiver.id)]


def leave_account(state: State, acting: Account, command: LeaveAccount, at_us: int) -> list[Event]:
    """Ends the acting account's own share.

    Rejected ACCOUNT_NOT_FOUND, NOT_ALLOWED if it is no direct owner or the last one, SHARED_ACCOUNT_NOT_FLAT,
    CREDIT_REMAINS.
    """
    return _end_share(state, _find_owned(state, acting, command.left), acting)


def revoke_share(state: State, acting: Account, command: RevokeShare, at_us: int) -> list[Event]:
    """Ends a user account's share, for an operator in sudo.

    Rejected SUDO_REQUIRED, ACCOUNT_NOT_FOUND, NOT_A_USER, NOT_ALLOWED for the last owner, SHARED_ACCOUNT_NOT_FLAT,
    CREDIT_REMAINS.
    """
    shared, owner = _find_share(state, command)
    if owner.kind != AccountKind.USER:
        raise Rejected(
            Reason.NOT_A_USER, f"Only a user account's share can be revoked: nobody signs in as {owner.name}."
        )
    return _end_share(state, shared, owner)


def redistribute(state: State, acting: Account, command: Redistribute, at_us: int) -> list[Event]:
    """Gives an owner's credit to the other owners, for an operator in sudo (rules, section 2, Redistribute).

    Rejected SUDO_REQUIRED, ACCOUNT_NOT_FOUND, NOT_ALLOWED for the only owner, SHARED_ACCOUNT_NOT_FLAT.
    """
    shared, owner = _find_share(state, command)
    if len(shared.owners) == 1:
        raise Rejected(Reason.NOT_ALLOWED, f"Nobody else could take the credit: {owner.name} alone owns {shared.name}.")
    check_flat(state, shared)
    planned = plan_rebalancing(state, shared)
    credits = redistribute_credit(planned.get(shared.id, shared.owners), owner.id)
    events = [*apply_credits(state, planned), *set_credits(state, shared, credits)]
    return [*events, CreditRedistributed(shared.id, owner.id)]


def _find_owned(state: State, acting: Account, account: int) -> Account:
    """An account that the acting account owns directly.

    Rejected NOT_ALLOWED if it owns the account only through another one, else ACCOUNT_NOT_FOUND, as for an unknown one.
    """
    found = state.accounts.get(account)
    if found is not None and acting.id in found.owners:
        return found
    if found is not None and account in state.below(acting.id):
        raise Rejected(Reason.NOT_ALLOWED, f"Only a direct owner can do this: {acting.name} is none of {found.name}.")
    raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"There is no account {account} that {acting.name} owns.")


def _find_share(state: State, command: RevokeShare | Redistribute) -> tuple[Account, Account]:
    """The account and the owner that an operator names. Rejected SUDO_REQUIRED, ACCOUNT_NOT_FOUND."""
    if not command.sudo:
        raise Rejected(Reason.SUDO_REQUIRED, "Only operators in sudo can change what others own.")
    shared, owner = state.find_account(command.shared), state.find_account(command.owner)
    if owner.id not in shared.owners:
        raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"There is no such share: {owner.name} does not own {shared.name}.")
    return shared, owner


def _end_share(state: State, shared: Account, owner: Account) -> list[Event]:
    """Rebalances and removes the owner. Rejected NOT_ALLOWED, SHARED_ACCOUNT_NOT_FLAT, CREDIT_REMAINS."""
    if len(shared.owners) == 1:
        raise Rejected(Reason.NOT_ALLOWED, f"The last owner cannot leave: {owner.name} alone owns {shared.name}.")
    check_flat(state, shared)
    planned = plan_rebalancing(state, shared)
    credit = planned.get(shared.id, shared.owners)[owner.id]
    if credit:
        raise Rejected(
            Reason.CREDIT_REMAINS,
            f"The credit must be 0 to end a share: {owner.name} has {chips(credit)} in {shared.name}.",
        )
    events = apply_credits(state, planned)
    state.remove_owner(shared, owner.id)
    return [*events, ShareEnded(shared.id, owner.id)]
