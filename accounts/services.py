"""What people do with accounts, as messages through the one door to the matching queue."""

from accounts.models import Account, User
from accounts.selectors import user_account
from proto.exchange_pb2 import ClientMessage, CreateUserAccount
from realtime import gateway

NAME_MAX = 40  # characters (rules, section 1)


def ensure_user_account(user: User) -> Account:
    """The person's own account; at their first visit it is opened with the starting cash.

    Raises realtime.errors.RequestFailed if the exchange does not answer. Asking twice opens one account.
    """
    account = user_account(user.pk)
    if account is not None:
        return account
    message = ClientMessage(create_user_account=CreateUserAccount(name=account_name(user)))
    reply = gateway.ask_sync(user.pk, message)
    return Account.objects.get(id=reply.account_created.account.id)  # the reply comes after the commit


def account_name(user: User) -> str:
    """The name that a new account of this person asks for: 1 to 40 printable characters, single spaces."""
    wished = user.get_full_name() or user.get_username()
    printable = "".join(character if character.isprintable() else " " for character in wished)
    return " ".join(printable.split())[:NAME_MAX].strip() or f"Trader {user.pk}"
