"""Context that every template gets."""

from typing import Any

from django.http import HttpRequest

from realtime import limits


def input_limits(request: HttpRequest) -> dict[str, Any]:
    """`input_limits`: the constants of realtime/limits.py by name, for maxlength attributes."""
    return {"input_limits": vars(limits)}
