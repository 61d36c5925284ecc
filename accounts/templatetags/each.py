"""Tags that render rows, each once as long as it stays the same, whoever looks at it."""

from collections.abc import Iterable
from functools import lru_cache

from django import template
from django.template.loader import get_template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

ROWS_KEPT = 20_000  # of all lists and everybody together, about 1 KB each
PLAIN = (str, int, type(None))

Row = tuple[object, ...]


@register.simple_tag
def each(name: str, item: str, rows: Iterable[Row], **more: str) -> SafeString:
    """Renders the template `name` for each row, which it gets as `item`, and joins them.

    A row is a NamedTuple of plain values. The template gets it and `more`, and nothing of the page, its person or the
    request. So what was rendered for one person can be shown to the next whose row is equal: it holds nothing else.
    """
    same = tuple(more.items())
    return mark_safe("".join(_rendered(name, item, row, same) for row in rows))  # noqa: S308 - templates escape


@register.simple_tag
def blank(name: str, item: str, **more: str) -> SafeString:
    """Renders the template `name` without a row, for the page's script to fill."""
    return _rendered(name, item, None, tuple(more.items()))


@lru_cache(ROWS_KEPT)
def _rendered(name: str, item: str, row: Row | None, more: tuple[tuple[str, str], ...]) -> SafeString:
    if row is not None and not _is_plain(row):
        raise TypeError(f"{name}: a row of plain values is wanted, because equal rows must look the same, not {row!r}")
    return mark_safe(get_template(name).render({item: row, **dict(more)}))  # noqa: S308 - templates escape


def _is_plain(row: Row) -> bool:
    """Whether all values are plain. What Django marks as safe equals what is not, but is rendered otherwise."""
    return all(
        _is_plain(value) if isinstance(value, tuple) else isinstance(value, PLAIN) and not isinstance(value, SafeString)
        for value in row
    )
