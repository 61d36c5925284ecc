"""The URL converter `id`, for the ids of rows."""

from django.urls import register_converter

from realtime.limits import INT64_MAX


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
