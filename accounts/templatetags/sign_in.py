"""What the sign-in page offers besides a password."""

from typing import Any

from django import template
from django.conf import settings

from accounts import demo

register = template.Library()


@register.simple_tag(takes_context=True)
def demo_people(context: dict[str, Any]) -> list[tuple[str, str]]:
    """(username, words) of the demo's one-click buttons; none unless this very request may press them."""
    request = context.get("request")
    return demo.people() if request is not None and demo.is_open(request) else []


@register.simple_tag
def sign_up_open() -> bool:
    return bool(settings.SIGN_UP_OPEN)


@register.simple_tag
def provider_name() -> str:
    """Of the OpenID Connect provider; "" if there is none."""
    return settings.OIDC_NAME if settings.OIDC_ISSUER else ""
