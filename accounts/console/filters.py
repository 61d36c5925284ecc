"""Filters with a text field. A list of every account to choose from would not fit on a page."""

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import TextFilter

from accounts.models import User
from accounts.selectors import account_named, typed_id

TEMPLATE = "admin/typed_filter.html"


class TypedFilter(TextFilter):
    """Takes an id or a name, and finds the rows that have it in one of `fields`."""

    template = TEMPLATE
    fields: ClassVar[tuple[str, ...]]

    def named(self, name: str) -> int | None:
        """The id of what has this name."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        text = (self.value() or "").strip()
        if not text:
            return queryset
        if not text.isprintable():  # PostgreSQL refuses to compare with a NUL
            return queryset.none()
        written = typed_id(text)
        id = self.named(text) if written is None else written
        return queryset.none() if id is None else self.narrowed(queryset, id)

    def narrowed(self, queryset: QuerySet[Any], id: int) -> QuerySet[Any]:
        wanted = Q()
        for field in self.fields:
            wanted |= Q(**{field: id})
        return queryset.filter(wanted)


class AccountFilter(TypedFilter):
    title = "account (name or id)"
    parameter_name = "account"
    fields: ClassVar[tuple[str, ...]] = ("account_id",)

    def named(self, name: str) -> int | None:
        account = account_named(name)
        return None if account is None else account.pk


class PersonFilter(TypedFilter):
    title = "person (username or id)"
    parameter_name = "person"
    fields = ("principal",)

    def named(self, name: str) -> int | None:
        return User.objects.filter(username__iexact=name).values_list("pk", flat=True).first()
