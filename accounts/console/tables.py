"""The console's tables. They show every field of the rows that the engine owns. Nobody can change a row."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from accounts.console.operations import Button, Operation
from accounts.console.rights import may_operate, may_view
from accounts.console.words import when
from accounts.selectors import typed_id
from accounts.sudo import is_recent

Writer = Callable[[int], str]

STYLES = "accounts/console.css"

# Titles of columns that many tables have.
TITLES = {"at_us": "time (UTC)", "created_us": "created (UTC)", "seq": "journal entry"}


def entry_link(seq: int) -> SafeString:
    """The number of a journal entry, as a link to its page."""
    return link(reverse(settings.ENTRY_PAGE, args=[seq]), seq)


def link(address: str, text: object) -> SafeString:
    return format_html('<a href="{}" class="text-link">{}</a>', address, text)


def links(items: Iterable[tuple[str, str]]) -> SafeString:
    """Links side by side, of pairs (address, text)."""
    return format_html_join(" · ", '<a href="{}" class="text-link">{}</a>', items)


TOO_LARGE = re.compile(r"\s*[+-]?\d{19,}\s*")  # no id has as many digits, and SQLite cannot compare with them


class Operated(ModelAdmin):
    """A table with operations: their views, and their buttons for operators."""

    operations: ClassVar[Sequence[type[Operation]]] = ()
    list_before_template = "admin/buttons.html"  # type: ignore[assignment]  # the theme says None there
    change_form_outer_before_template = "admin/buttons.html"  # type: ignore[assignment]

    class Media:
        css = {"all": (STYLES,)}

    def get_urls(self) -> list[URLPattern]:
        return [*(operation.route(self) for operation in self.operations), *super().get_urls()]

    def buttons(self, request: HttpRequest, row: Any = None) -> list[Button]:
        """The buttons above the table, or above the page of one row."""
        if not may_operate(request.user):
            return []
        offered = (one for one in self.operations if one.of_row == (row is not None) and one.offered(row))
        return [operation.button(self.opts, row) for operation in offered]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        texts = {"q", *(getattr(one, "parameter_name", "") for one in self.list_filter)}
        if any(TOO_LARGE.fullmatch(str(value)) for lookup, value in request.GET.items() if lookup not in texts):
            return HttpResponseRedirect(f"{request.path}?e=1")  # as Django answers other lookups that cannot be
        shown: dict[str, Any] = {"buttons": self.buttons(request), **(extra_context or {})}
        return super().changelist_view(request, shown)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        row = self.get_object(request, object_id) if object_id else None
        buttons = self.buttons(request, row) if row else []
        return super().changeform_view(request, object_id, form_url, {"buttons": buttons, **(extra_context or {})})


class ReadOnlyAdmin(Operated):
    """Shows every field of every row to people who may see the exchange and have sudo."""

    written: ClassVar[Mapping[str, Writer]] = {}  # field -> function that formats its value
    instead: ClassVar[Mapping[str, str]] = {}  # field -> method that shows it
    also: ClassVar[Sequence[str]] = ()  # methods whose results stand below the fields
    titles: ClassVar[Mapping[str, str]] = {}  # field of `written` -> title, where its own name is not for people
    account_link: ClassVar[str] = ""  # text of the link from an account's page to this table, filtered by ?account=
    actions = None
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_form_template = "admin/read_only.html"

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        titles = {**TITLES, **self.titles}
        self._shown: dict[str, Any] = {
            field.name: _column(field, titles.get(field.name), self.written[field.name])
            for field in model._meta.concrete_fields
            if field.name in self.written
        }
        self._shown |= self.instead

    @property
    def address(self) -> str:
        """Of the table's page."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    # --- What is shown

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only the lookups of its filters. Django allows more in an address, but some columns are secret."""
        asked = {getattr(one, "parameter_name", one) for one in self.list_filter}
        return lookup.removesuffix("__exact") in asked

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [self._shown.get(name, name) for name in super().get_list_display(request)]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        names = [field.name for field in self.opts.concrete_fields if field.name not in (self.exclude or ())]
        return [*(self._shown.get(name, name) for name in names), *self.also]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return self.get_fields(request, obj)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Finds by id, or by a part of a name. Django would compare a million ids as text."""
        text = search_term.strip()
        if not text:
            return queryset, False
        wanted = Q(pk=typed_id(text))
        for name in self.search_fields:
            if name != "id":
                wanted |= Q(**{f"{name}__icontains": text})
        return queryset.filter(wanted), False

    # --- What is not possible

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_view(request.user) and is_recent(request.session, request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if request.method not in ("GET", "HEAD"):  # Django would refuse too, but inside a transaction
            raise PermissionDenied
        # The journal is the history of these rows. Django's log does not contain them.
        return super().changeform_view(request, object_id, form_url, {"show_history": False, **(extra_context or {})})

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        raise PermissionDenied


class EngineOwnedAdmin(ReadOnlyAdmin):
    """A table that grows without end: it shows the newest rows first and never counts them all."""

    paginator = InfinitePaginator
    ordering = ("-pk",)
    sortable_by = ()
    list_filter_submit = True


def _column(field: "Field[Any, Any]", title: str | None, write: Writer) -> Callable[[Any], str | None]:
    """The function that shows a field. The style sheet reads from its name whether it is a figure or a time."""

    @admin.display(description=title or field.verbose_name, ordering=field.name, empty_value="–")
    def column(row: Any) -> str | None:
        value = getattr(row, field.attname)
        return None if value is None else write(value)

    column.__name__ = f"{'time' if write is when else 'figure'}_{field.name}"
    return column
