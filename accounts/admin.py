"""The operator console's tables of people, tokens, accounts, shares and transfers."""

from typing import Any, ClassVar

from allauth.account.admin import EmailAddressAdmin as AllauthEmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.socialaccount import admin as _  # noqa: F401 - registers the tables that are unregistered below
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import AnonymousUser, Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import money
from accounts.console.filters import AccountFilter
from accounts.console.operations import Button
from accounts.console.rights import may_manage, may_operate
from accounts.console.tables import EngineOwnedAdmin, Operated, ReadOnlyAdmin, entry_link, link, links
from accounts.console.words import person, when
from accounts.models import Account, ApiToken, Ownership, Transfer, User
from accounts.operations import Collect, Gift, MakeToken, RedistributeCredit, RevokeShare, RevokeToken
from accounts.selectors import owners_above, possessions, tree
from accounts.sudo import is_recent

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")
ROLE = ("is_staff", "groups")  # the rights that Administrators give

admin.site.unregister([Group, EmailAddress])
admin.site.unregister([SocialAccount, SocialApp, SocialToken])  # environment variables configure the one provider


@admin.register(User)
class UserAdmin(Operated, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """Administrators create people, deactivate them, set their passwords, and give roles within their own permissions.

    Only superusers give other rights, and change other staff. Operators may see everybody.
    """

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    readonly_fields = ("last_login", "date_joined")
    actions = None
    list_per_page = 50

    def buttons(self, request: HttpRequest, row: Any = None) -> list[Button]:
        if row is None or not may_operate(request.user):
            return []
        account = Account.objects.filter(user=row).first()
        page = reverse("admin:accounts_account_change", args=[account.pk]) if account else ""
        buttons = [Button(page, "Account", "account_balance_wallet")] if page else []
        if row == request.user or may_manage(request.user, row, "accounts.add_apitoken"):
            make = MakeToken.button(ApiToken._meta)
            buttons.append(make._replace(url=f"{make.url}?person={row.get_username()}"))
        return buttons

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        if request.user.is_superuser:
            return self.readonly_fields
        may_give_roles = obj is not None and not obj.groups.exclude(pk__in=_groups_within(request.user)).exists()
        return (*self.readonly_fields, *(right for right in RIGHTS if not may_give_roles or right not in ROLE))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if db_field.name == "groups" and not request.user.is_superuser:
            field.queryset = Group.objects.filter(pk__in=_groups_within(request.user))
        return field

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return may_operate(request.user) or super().has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_operate(request.user) or super().has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_operate(request.user) and request.user.has_perm("accounts.add_user")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is None:
            return may_operate(request.user) and request.user.has_perm("accounts.change_user")
        return may_manage(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # the journal refers to people for ever: deactivate them instead


def _groups_within(user: User | AnonymousUser) -> list[int]:
    """The groups that somebody may give: those with no permission that they lack."""
    own = user.get_all_permissions()
    return [
        group.pk
        for group in Group.objects.prefetch_related("permissions__content_type")
        if {f"{one.content_type.app_label}.{one.codename}" for one in group.permissions.all()} <= own
    ]


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Django's own table, in the console's theme."""


@admin.register(EmailAddress)
class EmailAddressAdmin(AllauthEmailAddressAdmin, ModelAdmin):  # type: ignore[misc]
    """allauth's own table, in the console's theme."""


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    operations = (MakeToken, RevokeToken)
    list_display = ("name", "user", "prefix", "may", "account", "state", "created_at", "last_used_at", "expires_at")
    list_select_related = ("user", "account")
    search_fields = ("name", "user__username", "prefix")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [*self.list_display, "revoked_at"]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[ApiToken]":
        """Administrators see all tokens, other operators their own."""
        found: QuerySet[ApiToken] = super().get_queryset(request)
        return found if request.user.has_perm("accounts.view_apitoken") else found.filter(user=request.user.pk)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_operate(request.user) and is_recent(request.session, request.user)

    @admin.display(description="may")
    def may(self, token: ApiToken) -> str:
        return ", ".join(token.scope_names)

    @display(label={"active": "success", "revoked": "danger", "expired": "warning", "person inactive": "warning"})
    def state(self, token: ApiToken) -> str:
        if token.revoked_at is not None:
            return "revoked"
        if token.expires_at is not None and token.expires_at <= timezone.now():
            return "expired"
        return "active" if token.user.is_active else "person inactive"


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    operations = (Gift, Collect)
    list_display = ("id", "name", "kind", "user", "cash", "available")
    list_filter = ("kind",)
    list_select_related = ("user",)
    list_display_links = ("id", "name")
    search_fields = ("id", "name", "user__username")
    written: ClassVar = {"cash": money.cash, "available": money.cash, "creator": person, "seq": entry_link}
    also = ("owned_by", "owns", "see")

    @admin.display(description="owners")
    def owned_by(self, account: Account) -> SafeString | str:
        """Everybody who may act as it, its owners' owners included."""
        owners = owners_above(account)[1:]
        return render_to_string("admin/owners.html", {"owners": owners}) if owners else "nobody"

    @admin.display(description="owns")
    def owns(self, account: Account) -> SafeString | str:
        """The accounts below it, and who owns the money in them."""
        owned = possessions(tree(account)[1:], account)
        return render_to_string("admin/owned.html", {"owned": owned}) if owned else "nothing"

    @admin.display(description="see also")
    def see(self, account: Account) -> SafeString:
        """Links to every table that can be filtered by an account."""
        tables = (table for table in self.admin_site._registry.values() if isinstance(table, ReadOnlyAdmin))
        found = sorted((table.account_link, table.address) for table in tables if table.account_link)
        return links((f"{address}?account={account.pk}", text) for text, address in found)


class EitherOwner(AccountFilter):
    fields = ("owner_id", "account_id")


@admin.register(Ownership)
class OwnershipAdmin(EngineOwnedAdmin):
    operations = (RevokeShare, RedistributeCredit)
    list_display = ("account", "owner", "credit")
    list_filter = (EitherOwner,)
    list_select_related = ("account", "owner")
    raw_id_fields = ("account", "owner")
    written: ClassVar = {"credit": money.cash}


def auction_link(id: int) -> str:
    return link(reverse(settings.AUCTION_PAGE, args=[id]), id) if id else "–"


class EitherSide(AccountFilter):
    fields = ("from_account_id", "to_account_id")


@admin.register(Transfer)
class TransferAdmin(EngineOwnedAdmin):
    account_link = "transfers"
    list_display = ("id", "at_us", "kind", "from_account", "to_account", "amount", "auction", "note")
    list_filter = (EitherSide, "kind")
    list_select_related = ("from_account", "to_account")
    raw_id_fields = ("from_account", "to_account")
    search_fields = ("id",)
    written: ClassVar = {"amount": money.cash, "at_us": when, "auction": auction_link, "seq": entry_link}
