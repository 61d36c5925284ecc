"""`manage.py runserver` refuses: it would start neither the matcher nor the hub, so no order would match."""

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Not for the exchange: use `make run` or `manage.py runexchange`."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("args", nargs="*")

    def handle(self, *args: str, **options: object) -> None:
        raise CommandError("The exchange does not run under runserver: use `make run` or `manage.py runexchange`.")
