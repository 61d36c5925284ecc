"""Pages of lists. A cursor is an id, and ids never change, so new rows do not shift a page."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer

from accounts.rest.bodies import written
from accounts.rest.fields import Strict, WholeText

LIMIT_DEFAULT = 100
LIMIT_MAX = 1_000
CURSOR = "The `next` of the page before."

M = TypeVar("M", bound=Model)


class PageQuery(Strict):
    limit = WholeText(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT, help_text="Rows per page.")
    cursor = WholeText(required=False, help_text=CURSOR)


class PageSerializer(Serializer[Any]):
    """`next` is null on the last page."""

    next = CharField(allow_null=True)


@cache
def page_of(serializer: type[Serializer[Any]], name: str) -> type[PageSerializer]:
    """The serializer of a page of these, for the description."""
    return type(name, (PageSerializer,), {"results": serializer(many=True), "__doc__": PageSerializer.__doc__})


def page(
    serializer: type[Serializer[Any]],
    rows: QuerySet[M],
    query: dict[str, Any],
    write: Callable[[Sequence[M]], Sequence[Any]] | None = None,
    newest_first: bool = True,
) -> Response:
    """The page that the query asks for. `write` turns its rows into what the serializer reads, if they are not that."""
    cursor, limit = query.get("cursor"), query["limit"]
    if cursor is not None:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": cursor})
    found = list(rows.order_by("-pk" if newest_first else "pk")[: limit + 1])
    shown = found[:limit]
    more = str(shown[-1].pk) if len(found) > limit else None
    results = [written(serializer, one) for one in (write(shown) if write else shown)]
    return Response({"results": results, "next": more})
