"""What every template may use."""

from typing import Any

from django.http import HttpRequest

from realtime import limits


def input_limits(request: HttpRequest) -> dict[str, Any]:
    """`input_limits`, for maxlength: those of realtime/limits.py, by their names."""
    return {"input_limits": vars(limits)}
