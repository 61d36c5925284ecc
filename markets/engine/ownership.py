"""Accounts, who owns them, whose the money in them is, and transfers (rules, sections 1 to 3)."""

from collections.abc import Iterator

from markets.engine.commands import CreateAccount, CreateHouse, CreateUserAccount, Gift, MakeTransfer
from markets.engine.errors import Reason, Rejected, Repeated
from markets.engine.events import AccountCreated, AccountKind, CreditsChanged, Event, TransferKind, Transferred
from markets.engine.ledger import Account
from markets.engine.state import AMOUNT_MAX, HOUSE, ISSUE_MAX, State
from markets.engine.text import ACCOUNT_NAME_MAX, NOTE_MAX, check_text, free_name, name_key, tidy_name

Credits = dict[int, dict[int, int]]  # account id -> owner id -> credit


def chips(amount: int) -> str:
    """1/10,000 chip in words of the pages: 1,234.5."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    fraction = f"{amount % 10_000:04}".rstrip("0")
    return f"{sign}{amount // 10_000:,}" + (f".{fraction}" if fraction else "")


# --- Accounts


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
        _check_amount(command.starting_cash)
        _check_issue(state, command.starting_cash)
    name = free_name(command.name, state.names)
    events: list[Event] = [_open_account(state, name, AccountKind.USER, command.by, command.by, 0)]
    if command.starting_cash:
        account = state.accounts[state.people[command.by]]
        house = state.accounts[HOUSE]
        events.append(_move(state, house, account, command.starting_cash, TransferKind.STARTING_CASH, "", at_us))
    return events


def create_account(state: State, acting: Account, command: CreateAccount, at_us: int) -> list[Event]:
    owner = state.acting(command.by, command.owner or acting.id, command.sudo)
    name = tidy_name(command.name, ACCOUNT_NAME_MAX)
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


# --- Transfers


def make_transfer(state: State, acting: Account, command: MakeTransfer, at_us: int) -> list[Event]:
    source, target = _sides(state, command)
    _check_amount(command.amount)
    note = check_text(command.note, NOTE_MAX, "note")
    kind = _transfer_kind(state, source, target, command)
    if command.amount > source.available:
        raise Rejected(
            Reason.INSUFFICIENT_FUNDS,
            f"Needs {chips(command.amount)}, {source.name} has {chips(source.available)} available.",
        )
    events: list[Event] = []
    if kind == TransferKind.DEPOSIT:
        events += _move_credit(state, target, source.id, command.amount)
    elif kind == TransferKind.WITHDRAWAL:
        events += _move_credit(state, source, target.id, -command.amount)
    events.append(_move(state, source, target, command.amount, kind, note, at_us))
    return events


def gift(state: State, acting: Account, command: Gift, at_us: int) -> list[Event]:
    if not command.sudo:
        raise Rejected(Reason.NOT_ALLOWED, "Only operators in sudo give money from the house.")
    target = state.accounts.get(command.to_account)
    if target is None:
        raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"There is no account {command.to_account}.")
    if target.id == HOUSE:
        raise Rejected(Reason.SAME_ACCOUNT, "The house cannot give to itself.")
    _check_amount(command.amount)
    note = check_text(command.note, NOTE_MAX, "note")
    _check_issue(state, command.amount)
    return [_move(state, state.accounts[HOUSE], target, command.amount, TransferKind.GIFT, note, at_us)]


def _sides(state: State, command: MakeTransfer) -> tuple[Account, Account]:
    if command.from_account == command.to_account:
        raise Rejected(Reason.SAME_ACCOUNT, "A transfer needs two different accounts.")
    source = state.acting(command.by, command.from_account, command.sudo)
    target = state.accounts.get(command.to_account)
    if target is None:
        raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"There is no account {command.to_account}.")
    if target.id == HOUSE:
        raise Rejected(Reason.NOT_ALLOWED, "The house is never a side of a transfer.")
    return source, target


def _transfer_kind(state: State, source: Account, target: Account, command: MakeTransfer) -> TransferKind:
    """The table of section 3: deposit, withdrawal, payment; anything else needs sudo."""
    if source.id in target.owners:
        return TransferKind.DEPOSIT
    if target.id in source.owners:
        return TransferKind.WITHDRAWAL
    between_people = source.kind == target.kind == AccountKind.USER and state.people.get(command.by) == source.id
    if between_people or command.sudo:
        return TransferKind.PAYMENT
    raise Rejected(
        Reason.NOT_ALLOWED,
        "Money moves between user accounts, from an owner to the owned account, and back; anything else needs sudo.",
    )


def _check_amount(amount: int) -> None:
    if not 0 < amount <= AMOUNT_MAX:
        raise Rejected(Reason.INVALID_AMOUNT, f"An amount is above 0 and at most {chips(AMOUNT_MAX)}.")


def _check_issue(state: State, amount: int) -> None:
    owed = amount - state.accounts[HOUSE].cash
    if owed > ISSUE_MAX:
        raise Rejected(Reason.ISSUE_LIMIT, f"The house would owe {chips(owed)}, the most is {chips(ISSUE_MAX)}.")


def _move(
    state: State, source: Account, target: Account, amount: int, kind: TransferKind, note: str, at_us: int
) -> Event:
    """Moves cash; everything was checked."""
    source.cash -= amount
    target.cash += amount
    event = Transferred(state.next_transfer, source.id, target.id, amount, kind, note, at_us)
    state.next_transfer += 1
    source.transfers.append(event)
    target.transfers.append(event)
    state.changed.accounts[source.id] = source
    state.changed.accounts[target.id] = target
    return event


# --- Credits


def _move_credit(state: State, account: Account, owner: int, amount: int) -> list[Event]:
    """Rebalances what is flat below the account, then the account, then moves the owner's credit by `amount`."""
    shared = len(account.owners) > 1
    if shared and not _is_flat(state, account):
        raise Rejected(
            Reason.SHARED_ACCOUNT_NOT_FLAT, f"{account.name} has several owners and still holds a position or an order."
        )
    planned = _rebalanced(state, account)
    credits = dict(planned.get(account.id, account.owners))
    if shared and credits[owner] + amount < 0:
        raise Rejected(
            Reason.INSUFFICIENT_CREDIT,
            f"Needs {chips(-amount)}, {state.accounts[owner].name} has {chips(credits[owner])} of credit there.",
        )
    events = [_set_credits(state, state.accounts[id], owners) for id, owners in planned.items()]
    credits[owner] = max(credits[owner] + amount, 0)
    if credits != account.owners:
        events.append(_set_credits(state, account, credits))
    return events


def _set_credits(state: State, account: Account, credits: dict[int, int]) -> Event:
    account.owners = credits
    state.changed.owners[account.id] = account
    state.changed.accounts[account.id] = account
    return CreditsChanged(account.id, tuple(sorted(credits.items())))


def _rebalanced(state: State, account: Account) -> Credits:
    """The credits that change when every flat account below, deepest first, and then the account are rebalanced."""
    planned: Credits = {}
    for id in _deepest_first(state, account):
        one = state.accounts[id]
        if _is_flat(state, one):
            worth = one.cash + sum(_credits(state, planned, child)[id] for child in one.owned)
            credits = pro_rata(one.owners, worth)
            if credits != one.owners:
                planned[id] = credits
    return planned


def _credits(state: State, planned: Credits, account: int) -> dict[int, int]:
    return planned.get(account, state.accounts[account].owners)


def pro_rata(credits: dict[int, int], worth: int) -> dict[int, int]:
    """The credits scaled so that they sum to worth; all 0: evenly.

    Floored to 1/10,000; the units left over go one each by largest fraction, then lowest id (rules, section 2).
    """
    total = sum(credits.values())
    weights = credits if total else dict.fromkeys(credits, 1)
    total = total or len(credits)
    scaled = {owner: worth * weight // total for owner, weight in weights.items()}
    left = worth - sum(scaled.values())
    by_fraction = sorted(weights, key=lambda owner: (-(worth * weights[owner] % total), owner))
    for owner in by_fraction[:left]:
        scaled[owner] += 1
    return scaled


def _is_flat(state: State, account: Account) -> bool:
    return all(_holds_nothing(state.accounts[id]) for id in (account.id, *state.below(account.id)))


def _holds_nothing(account: Account) -> bool:
    return not any(exposure.position or exposure.orders for exposure in account.exposures.values())


def _deepest_first(state: State, account: Account) -> Iterator[int]:
    """The account and all below it: those with the longest way down from it first, then the lowest id."""
    depth = {account.id: 0}
    waiting = [account.id]
    while waiting:
        parent = waiting.pop()
        for child in state.accounts[parent].owned:
            if depth.get(child, -1) < depth[parent] + 1:
                depth[child] = depth[parent] + 1
                waiting.append(child)
    yield from sorted(depth, key=lambda id: (-depth[id], id))
