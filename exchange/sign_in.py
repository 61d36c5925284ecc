"""What allauth asks us: may a stranger sign up?"""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class Adapter(DefaultAccountAdapter):
    """Named in settings.ACCOUNT_ADAPTER."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Closed unless the operator opened it: every new user brings starting cash into the market."""
        return bool(settings.SIGN_UP_OPEN)
