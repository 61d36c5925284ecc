"""Transfers between accounts (rules, section 3). Amounts are in 1/10,000 chip."""

from markets.engine.commands import Collect, Gift, MakeTransfer
from markets.engine.credits import move_credit
from markets.engine.errors import Reason, Rejected
from markets.engine.events import AccountKind, Event, TransferKind, Transferred
from markets.engine.ledger import Account
from markets.engine.state import AMOUNT_MAX, HOUSE, ISSUE_MAX, State
from markets.engine.text import NOTE_CHARACTERS_MAX, check_text, chips


def make_transfer(state: State, acting: Account, command: MakeTransfer, at_us: int) -> list[Event]:
    """Makes a payment, deposit or withdrawal; the latter two also move credit (rules, section 2).

    Rejected SAME_ACCOUNT, ACCOUNT_NOT_FOUND, NOT_ALLOWED for the house, INVALID_AMOUNT, INVALID_TEXT, SUDO_REQUIRED,
    INSUFFICIENT_FUNDS, SHARED_ACCOUNT_NOT_FLAT, INSUFFICIENT_CREDIT.
    """
    source, target = _find_sides(state, command)
    check_amount(command.amount)
    note = check_text(command.note, NOTE_CHARACTERS_MAX, "note")
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
    """Moves money from the house to any other account. Touches no credit.

    Rejected SUDO_REQUIRED, ACCOUNT_NOT_FOUND, SAME_ACCOUNT, INVALID_AMOUNT, INVALID_TEXT, ISSUE_LIMIT.
    """
    if not command.sudo:
        raise Rejected(Reason.SUDO_REQUIRED, "Only operators in sudo can give money from the house.")
    target = _find_other_side(state, command.to_account)
    check_amount(command.amount)
    note = check_text(command.note, NOTE_CHARACTERS_MAX, "note")
    check_issue(state, command.amount)
    return [move(state, state.accounts[HOUSE], target, command.amount, TransferKind.GIFT, note, at_us)]


def collect(state: State, acting: Account, command: Collect, at_us: int) -> list[Event]:
    """Moves money from any other account to the house. Touches no credit.

    Rejected SUDO_REQUIRED, ACCOUNT_NOT_FOUND, SAME_ACCOUNT, INVALID_AMOUNT, INVALID_TEXT, INSUFFICIENT_FUNDS.
    """
    if not command.sudo:
        raise Rejected(Reason.SUDO_REQUIRED, "Only operators in sudo can collect money for the house.")
    source = _find_other_side(state, command.from_account)
    check_amount(command.amount)
    note = check_text(command.note, NOTE_CHARACTERS_MAX, "note")
    check_available(source, command.amount)
    return [move(state, source, state.accounts[HOUSE], command.amount, TransferKind.COLLECTION, note, at_us)]


def _find_other_side(state: State, account: int) -> Account:
    """The account that is not the house. Rejected ACCOUNT_NOT_FOUND, or SAME_ACCOUNT for the house."""
    found = state.find_account(account)
    if found.id == HOUSE:
        raise Rejected(Reason.SAME_ACCOUNT, "The house cannot give to itself or collect from itself.")
    return found


def _find_sides(state: State, command: MakeTransfer) -> tuple[Account, Account]:
    """The accounts that pay and receive. Rejected SAME_ACCOUNT, ACCOUNT_NOT_FOUND, NOT_ALLOWED for the house."""
    if command.from_account == command.to_account:
        raise Rejected(Reason.SAME_ACCOUNT, "A transfer needs two different accounts.")
    source = state.find_acting_account(command.by, command.from_account, command.sudo)
    target = state.find_account(command.to_account)
    if target.id == HOUSE:
        raise Rejected(Reason.NOT_ALLOWED, "The house cannot pay or receive an ordinary transfer.")
    return source, target


def _transfer_kind(state: State, source: Account, target: Account, command: MakeTransfer) -> TransferKind:
    """DEPOSIT, WITHDRAWAL or PAYMENT, by the table of section 3. Anything else needs sudo: Rejected SUDO_REQUIRED."""
    if source.id in target.owners:
        return TransferKind.DEPOSIT
    if target.id in source.owners:
        return TransferKind.WITHDRAWAL
    between_people = source.kind == target.kind == AccountKind.USER and state.people.get(command.by) == source.id
    if between_people or command.sudo:
        return TransferKind.PAYMENT
    raise Rejected(
        Reason.SUDO_REQUIRED,
        "You can pay from your user account to another one, or between an owner and what it owns; other transfers "
        "need an operator in sudo.",
    )


def check_amount(amount: int) -> None:
    """Rejected INVALID_AMOUNT unless above 0 and at most AMOUNT_MAX."""
    if not 0 < amount <= AMOUNT_MAX:
        raise Rejected(
            Reason.INVALID_AMOUNT, f"The amount must be above 0 and at most {chips(AMOUNT_MAX)}, not {chips(amount)}."
        )


def check_available(account: Account, amount: int) -> None:
    """Rejected INSUFFICIENT_FUNDS if the amount exceeds the available balance."""
    if amount > account.available:
        raise Rejected(
            Reason.INSUFFICIENT_FUNDS,
            f"Needs {chips(amount)}, {account.name} has {chips(account.available)} available.",
        )


def check_issue(state: State, amount: int) -> None:
    """Rejected ISSUE_LIMIT if the house would owe more than ISSUE_MAX after issuing the amount."""
    owed = amount - state.accounts[HOUSE].cash
    if owed > ISSUE_MAX:
        raise Rejected(Reason.ISSUE_LIMIT, f"The house would owe {chips(owed)}, the limit is {chips(ISSUE_MAX)}.")


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
    """Moves cash without any check. `auction` is the id of the auction that it pays for, 0 for none."""
    source.cash -= amount
    target.cash += amount
    event = Transferred(state.next_transfer, source.id, target.id, amount, kind, note, at_us, auction)
    state.next_transfer += 1
    source.transfers.append(event)
    target.transfers.append(event)
    state.changed.accounts[source.id] = source
    state.changed.accounts[target.id] = target
    return event
