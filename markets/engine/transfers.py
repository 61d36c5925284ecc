"""Money moves between accounts (rules, section 3)."""

from markets.engine.commands import Collect, Gift, MakeTransfer
from markets.engine.credits import move_credit
from markets.engine.errors import Reason, Rejected
from markets.engine.events import AccountKind, Event, TransferKind, Transferred
from markets.engine.ledger import Account
from markets.engine.state import AMOUNT_MAX, HOUSE, ISSUE_MAX, State
from markets.engine.text import NOTE_MAX, check_text, chips


def make_transfer(state: State, acting: Account, command: MakeTransfer, at_us: int) -> list[Event]:
    source, target = _sides(state, command)
    check_amount(command.amount)
    note = check_text(command.note, NOTE_MAX, "note")
    kind = _transfer_kind(state, source, target, command)
    check_available(source, command.amount)
    events: list[Event] = []
    if kind == TransferKind.DEPOSIT:
        events += move_credit(state, target, source.id, command.amount)
    elif kind == TransferKind.WITHDRAWAL:
        events += move_credit(state, source, target.id, -command.amount)
    events.append(move(state, source, target, command.amount, kind, note, at_us))
    return events


def gift(state: State, acting: Account, command: Gift, at_us: int) -> list[Event]:
    if not command.sudo:
        raise Rejected(Reason.SUDO_REQUIRED, "Only operators in sudo give money from the house.")
    target = _other_than_house(state, command.to_account)
    check_amount(command.amount)
    note = check_text(command.note, NOTE_MAX, "note")
    check_issue(state, command.amount)
    return [move(state, state.accounts[HOUSE], target, command.amount, TransferKind.GIFT, note, at_us)]


def collect(state: State, acting: Account, command: Collect, at_us: int) -> list[Event]:
    if not command.sudo:
        raise Rejected(Reason.SUDO_REQUIRED, "Only operators in sudo collect money for the house.")
    source = _other_than_house(state, command.from_account)
    check_amount(command.amount)
    note = check_text(command.note, NOTE_MAX, "note")
    check_available(source, command.amount)
    return [move(state, source, state.accounts[HOUSE], command.amount, TransferKind.COLLECTION, note, at_us)]


def _other_than_house(state: State, account: int) -> Account:
    found = state.known(account)
    if found.id == HOUSE:
        raise Rejected(Reason.SAME_ACCOUNT, "The house neither gives to itself nor takes from itself.")
    return found


def _sides(state: State, command: MakeTransfer) -> tuple[Account, Account]:
    if command.from_account == command.to_account:
        raise Rejected(Reason.SAME_ACCOUNT, "A transfer needs two different accounts.")
    source = state.acting(command.by, command.from_account, command.sudo)
    target = state.known(command.to_account)
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
        Reason.SUDO_REQUIRED,
        "Money moves between user accounts, from an owner to the owned account, and back; anything else needs sudo.",
    )


def check_amount(amount: int) -> None:
    if not 0 < amount <= AMOUNT_MAX:
        raise Rejected(Reason.INVALID_AMOUNT, f"An amount is above 0 and at most {chips(AMOUNT_MAX)}.")


def check_available(account: Account, amount: int) -> None:
    if amount > account.available:
        raise Rejected(
            Reason.INSUFFICIENT_FUNDS,
            f"Needs {chips(amount)}, {account.name} has {chips(account.available)} available.",
        )


def check_issue(state: State, amount: int) -> None:
    owed = amount - state.accounts[HOUSE].cash
    if owed > ISSUE_MAX:
        raise Rejected(Reason.ISSUE_LIMIT, f"The house would owe {chips(owed)}, the most is {chips(ISSUE_MAX)}.")


def move(
    state: State,
    source: Account,
    target: Account,
    amount: int,
    kind: TransferKind,
    note: str,
    at_us: int,
    auction: int = 0,
) -> Event:
    """Moves cash; everything was checked."""
    source.cash -= amount
    target.cash += amount
    event = Transferred(state.next_transfer, source.id, target.id, amount, kind, note, at_us, auction)
    state.next_transfer += 1
    source.transfers.append(event)
    target.transfers.append(event)
    state.changed.accounts[source.id] = source
    state.changed.accounts[target.id] = target
    return event
