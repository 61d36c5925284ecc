"""Opens user accounts through the matching queue, keeps the operator role in step with the provider, ends sessions."""

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import Account, User
from accounts.selectors import user_account
from proto.exchange_pb2 import ClientMessage, CreateUserAccount
from realtime import gateway
from realtime.limits import ACCOUNT_NAME_CHARACTERS_MAX

ADMINISTRATORS = "Administrator"
MARKET_OPERATORS = "Market operator"  # both are groups; a migration creates them
CLEARED_AT_ONCE = 500  # sessions


def clear_sessions() -> None:
    """Removes expired browser sessions, CLEARED_AT_ONCE in a statement: a writer of SQLite waits for one."""
    while True:
        expired = Session.objects.filter(expire_date__lt=timezone.now())
        keys = list(expired.values_list("pk", flat=True)[:CLEARED_AT_ONCE])
        if not keys:
            return
        Session.objects.filter(pk__in=keys).delete()


def ensure_user_account(user: User) -> Account:
    """The person's own account. Opens it with the starting cash if there is none; two calls open one account.

    Raises realtime.errors.RequestFailed if the exchange refuses or does not answer.
    """
    account = user_account(user.pk)
    if account is not None:
        return account
    message = ClientMessage(create_user_account=CreateUserAccount(name=account_name(user)))
    reply = gateway.ask_sync(user.pk, message)
    return Account.objects.get(id=reply.account_created.account.id)  # the reply comes after the commit


def account_name(user: User) -> str:
    """A name for this person's new account: printable, single spaces, 1 to ACCOUNT_NAME_CHARACTERS_MAX characters."""
    name = user.get_full_name() or user.get_username()
    printable = "".join(character if character.isprintable() else " " for character in name)
    return " ".join(printable.split())[:ACCOUNT_NAME_CHARACTERS_MAX].strip() or f"Trader {user.pk}"


def follow_operator_role(user: User, named: bool) -> None:
    """Gives the user the role Market operator if `named`, else takes it away. Other permissions stay.

    Does nothing without settings.OIDC_OPERATOR_ROLE.
    """
    if not settings.OIDC_OPERATOR_ROLE:
        return
    if named:
        group, made = Group.objects.get_or_create(name=MARKET_OPERATORS)
        if made:  # an administrator had deleted the group
            app, _, codename = settings.OPERATOR_PERMISSION.partition(".")
            group.permissions.add(Permission.objects.get(codename=codename, content_type__app_label=app))
        user.groups.add(group)
        user.is_staff = True
        user.save(update_fields=["is_staff"])
    elif held := user.groups.filter(name=MARKET_OPERATORS).first():
        user.groups.remove(held)
        fresh = User.objects.get(pk=user.pk)  # the user object caches its permissions
        user.is_staff = fresh.is_superuser or fresh.get_all_permissions() != set()
        user.save(update_fields=["is_staff"])
