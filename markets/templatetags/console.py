"""Tags for the operator console's home.

Buttons come from the admin site. This module cannot import the theme, because Django loads every tag library while the
theme is still being imported.
"""

from typing import Any

from django import template
from django.contrib import admin
from django.db.models import Model

from accounts.console.rights import may_view
from accounts.models import ApiToken
from markets.console import figures
from markets.models import JournalEntry, Market

register = template.Library()

register.simple_tag(figures.figures, name="exchange_figures")


@register.simple_tag(takes_context=True)
def sees_exchange(context: dict[str, Any]) -> bool:
    """Whether the home shows the exchange's figures. The page itself asks for sudo."""
    return may_view(context["request"].user)


@register.simple_tag(takes_context=True)
def home_buttons(context: dict[str, Any]) -> list[Any]:
    """The buttons of operations that need no row."""
    return [button for model in (Market, ApiToken) for button in _admin(model).buttons(context["request"])]


@register.simple_tag(takes_context=True)
def row_buttons(context: dict[str, Any], row: Model) -> list[Any]:
    """The buttons of this row's operations."""
    buttons: list[Any] = _admin(type(row)).buttons(context["request"], row)
    return buttons


@register.filter
def described(entry: JournalEntry) -> str:
    return figures.described(entry)


def _admin(model: type[Model]) -> Any:
    return admin.site.get_model_admin(model)
