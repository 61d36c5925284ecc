"""Gives forms their keys, and what was typed into them before."""

from typing import Any

from django import template

from accounts.typed import new_key, take

register = template.Library()


@register.simple_tag(takes_context=True)
def typed(context: dict[str, Any], address: str) -> dict[str, Any]:
    """The fields of the form of this address: as it was sent, if it came back, else nothing but a new key."""
    request = context.get("request")
    fields = None if request is None else take(request, address)
    return {"key": new_key(), **(fields.dict() if fields else {})}
