"""Lists, page by page, by an id that never changes: what comes meanwhile moves nothing."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, CharField, Serializer

from accounts.rest.fields import Strict, WholeText

LIMIT_DEFAULT = 100
LIMIT_MAX = 1_000
CURSOR = "The `next` of the page before."

M = TypeVar("M", bound=Model)


class PageQuery(Strict):
    limit = WholeText(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT, help_text="Rows of a page.")
    cursor = WholeText(required=False, help_text=CURSOR)


class Page(Serializer[Any]):
    """`next` is null on the last page."""

    next = CharField(allow_null=True)


@cache
def page_of(told: type[BaseSerializer[Any]], name: str) -> type[Page]:
    """A page of these, for the description."""
    return type(name, (Page,), {"results": told(many=True), "__doc__": Page.__doc__})


def page(
    told: type[BaseSerializer[Any]],
    rows: QuerySet[M],
    query: dict[str, Any],
    write: Callable[[Sequence[M]], Sequence[Any]] | None = None,
    newest_first: bool = True,
) -> Response:
    """The page that the query asks for; `write` makes what is told of its rows."""
    cursor, limit = query.get("cursor"), query["limit"]
    if cursor is not None:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": cursor})
    found = list(rows.order_by("-pk" if newest_first else "pk")[: limit + 1])
    shown = found[:limit]
    more = str(shown[-1].pk) if len(found) > limit else None
    return Response({"results": told(write(shown) if write else shown, many=True).data, "next": more})
