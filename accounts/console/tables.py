"""Tables of the console: every field of a row that the engine owns is shown, and none can be changed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest
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

# Columns whose field's own name is not for people.
TITLES = {
    "at_us": "time (UTC)",
    "created_us": "created (UTC)",
    "seq": "journal entry",
    "min_settlement": "lowest settlement",
    "max_settlement": "highest settlement",
    "settle_price": "settled at",
    "realised": "realised profit",
}


def entry_link(seq: int) -> SafeString:
    return format_html(
        '<a href="{}" class="text-link">{}</a>', reverse("admin:markets_journalentry_change", args=[seq]), seq
    )


def links(items: Iterable[tuple[str, str]]) -> SafeString:
    """(address, words) side by side."""
    return format_html_join(" · ", '<a href="{}" class="text-link">{}</a>', items)


class Operated(ModelAdmin):
    """Adds the views of `operations` and their buttons, for operators."""

    operations: ClassVar[Sequence[type[Operation]]] = ()
    list_before_template = "admin/buttons.html"  # type: ignore[assignment]  # the theme says None there
    change_form_outer_before_template = "admin/buttons.html"  # type: ignore[assignment]

    class Media:
        css = {"all": (STYLES,)}

    def get_urls(self) -> list[URLPattern]:
        return [*(operation.route(self) for operation in self.operations), *super().get_urls()]

    def buttons(self, request: HttpRequest, row: Any = None) -> list[Button]:
        """Over the table, or over one row of it."""
        if not may_operate(request.user):
            return []
        offered = (one for one in self.operations if one.of_row == (row is not None) and one.offered(row))
        return [operation.button(self.opts, row) for operation in offered]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
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
    """Shows every field of every row to who may see the exchange, in sudo. `written`: how integer units are written."""

    written: ClassVar[Mapping[str, Writer]] = {}
    also: ClassVar[Sequence[str]] = ()  # methods whose answers stand below the fields
    instead: ClassVar[Mapping[str, str]] = {}  # field -> method that shows it
    actions = None
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_form_template = "admin/read_only.html"

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        fields = (field for field in model._meta.concrete_fields if field.name in self.written)
        self._shown: dict[str, Any] = {field.name: _column(field, self.written[field.name]) for field in fields}
        self._shown |= self.instead

    # --- What is shown

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """What its filters ask, and nothing else that an address may ask of Django: some columns are secret."""
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
        """By id, or by a part of a name. Django's own way would compare a million ids as text."""
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
        if request.method not in ("GET", "HEAD"):  # before Django opens the transaction in which it would refuse
            raise PermissionDenied
        # The journal is the history of these rows; Django's own log knows nothing of them.
        return super().changeform_view(request, object_id, form_url, {"show_history": False, **(extra_context or {})})

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        raise PermissionDenied


class EngineOwnedAdmin(ReadOnlyAdmin):
    """Tables that grow without end: nothing counts their rows, and they are read from the newest on."""

    paginator = InfinitePaginator
    ordering = ("-pk",)
    sortable_by = ()
    list_filter_submit = True


def _column(field: "Field[Any, Any]", write: Writer) -> Callable[[Any], str | None]:
    """A field as the console shows it. Its name tells the style sheet what it is: a figure, or a time."""

    @admin.display(description=TITLES.get(field.name, field.verbose_name), ordering=field.name, empty_value="–")
    def column(row: Any) -> str | None:
        value = getattr(row, field.attname)
        return None if value is None else write(value)

    column.__name__ = f"{'time' if write is when else 'figure'}_{field.name}"
    return column
