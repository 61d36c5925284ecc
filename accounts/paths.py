"""Ids in addresses."""

from django.urls import register_converter

from realtime.limits import INT64_MAX


class IdConverter:
    """One that no row can have is no address of ours."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        if int(value) > INT64_MAX:
            raise ValueError
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(IdConverter, "id")
