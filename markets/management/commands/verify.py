"""Proves that the database is right, also while the exchange runs: audit/verification.py says what that means."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from markets.audit.balances import Difference
from markets.audit.verification import verify


class Command(BaseCommand):
    help = "Prove that the tables are what the journal says. Exit status 0: they are; 1: the first difference is named."

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        try:
            for line in verify():
                self.stdout.write(f"  {line}")
        except Difference as difference:
            raise CommandError(f"The database is not right: {difference}.") from difference
        self.stdout.write(self.style.SUCCESS(f"The database is right ({time.monotonic() - began:.1f} s)."))
