"""The filters that write amounts in templates: accounts/money.py under the same names. What is no int is a dash: a
figure that is not there, and the rows that the script fills."""

from collections.abc import Callable

from django import template

from accounts import money

register = template.Library()

EMPTY = "–"


def _or_empty(write: Callable[[int], str]) -> Callable[[object], str]:
    def written(units: object) -> str:
        return write(units) if isinstance(units, int) else EMPTY

    return written


for _name in ("price", "size", "cash", "chips", "signed_cash", "signed_size", "clock", "moment"):
    register.filter(_name, _or_empty(getattr(money, _name)))
