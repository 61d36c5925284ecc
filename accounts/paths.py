"""What addresses carry: the URL converter `id`, for the ids of rows, and the page of a list."""

import re

from django.http import Http404, HttpRequest
from django.urls import register_converter

from realtime.limits import INT64_MAX

PAGE = re.compile(r"[1-9][0-9]{0,5}")


class IdConverter:
    """An integer id. An id above INT64_MAX matches no address, since no row can have it."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        if int(value) > INT64_MAX:
            raise ValueError
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(IdConverter, "id")


def page_number(request: HttpRequest) -> int:
    """The page of a list that the address asks for, from 1. Raises Http404 for anything but a page's number."""
    wanted = request.GET.get("page", "1")
    if PAGE.fullmatch(wanted) is None:
        raise Http404
    return int(wanted)
