"""The Django app: installs the journal's triggers after every migrate, and registers the system checks."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from markets import checks as checks  # the import registers the checks
from markets.journal import triggers


class MarketsConfig(AppConfig):
    name = "markets"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(triggers.install, sender=self)
