"""Django's entry for people, tokens, accounts and transfers."""

from django.apps import AppConfig

from accounts import revocation


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        revocation.listen()
