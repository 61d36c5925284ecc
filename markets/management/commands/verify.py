"""`manage.py verify`: proves that the database is right, also while the exchange runs (audit/verification.py)."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from markets.audit.balances import Difference
from markets.audit.verification import verify


class Command(BaseCommand):
    help = (
        "Prove that the tables follow from the journal. Exit status 0 if they do, 1 with the first difference if not."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        try:
            for line in verify():
                self.stdout.write(f"  {line}")
        except Difference as difference:
            raise CommandError(f"The database is not right: {difference}.") from difference
        except DatabaseError as error:
            raise CommandError(f"The database cannot be read: {error}.") from error
        self.stdout.write(self.style.SUCCESS(f"The database is right ({time.monotonic() - began:.1f} s)."))
