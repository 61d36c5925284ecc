"""What people do with accounts, as messages through the one door to the matching queue; and who operates."""

from django.conf import settings
from django.contrib.auth.models import Group, Permission

from accounts.models import Account, User
from accounts.selectors import user_account
from proto.exchange_pb2 import ClientMessage, CreateUserAccount
from realtime import gateway
from realtime.limits import ACCOUNT_NAME_CHARACTERS_MAX

ADMINISTRATORS = "Administrator"
MARKET_OPERATORS = "Market operator"  # these roles are groups that a migration makes


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
    return " ".join(printable.split())[:ACCOUNT_NAME_CHARACTERS_MAX].strip() or f"Trader {user.pk}"


def follow_operator_role(user: User, named: bool) -> None:
    """Gives the role Market operator to whom the provider names one, and takes it back. All else that was given here
    stays."""
    if not settings.OIDC_OPERATOR_ROLE:
        return
    if named:
        group, made = Group.objects.get_or_create(name=MARKET_OPERATORS)
        if made:  # somebody had removed it
            app, _, codename = settings.OPERATOR_PERMISSION.partition(".")
            group.permissions.add(Permission.objects.get(codename=codename, content_type__app_label=app))
        user.groups.add(group)
        user.is_staff = True
        user.save(update_fields=["is_staff"])
    elif held := user.groups.filter(name=MARKET_OPERATORS).first():
        user.groups.remove(held)
        fresh = User.objects.get(pk=user.pk)  # permissions are remembered per object
        user.is_staff = fresh.is_superuser or fresh.get_all_permissions() != set()
        user.save(update_fields=["is_staff"])
