"""A program, run once per test session on an empty database: migrates it and makes the people of the live tests.

Prints their user ids and API tokens as JSON. Passwords are "pass-<name>".
"""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange.settings")
django.setup()

from django.contrib.auth.hashers import PBKDF2PasswordHasher  # noqa: E402
from django.contrib.auth.models import Permission  # noqa: E402
from django.core.management import call_command  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.tokens import create_token  # noqa: E402
from realtime.rights import EVERYTHING  # noqa: E402

NAMES = ("alice", "bob", "carol", "operator", *(f"student{n}" for n in range(20)))


def main() -> None:
    call_command("migrate", verbosity=0)
    people = {}
    for name in NAMES:
        # One round instead of a million: hashing two dozen passwords would take longer than a test that needs one.
        password = PBKDF2PasswordHasher().encode(f"pass-{name}", "salt", iterations=1)
        user = User.objects.create(username=name, password=password, is_staff=name == "operator")
        if user.is_staff:
            labels = ("accounts", "markets", "auctions")
            user.user_permissions.set(Permission.objects.filter(content_type__app_label__in=labels))
        # Students get scope sudo too. It has no effect: sudo also takes the permission.
        people[name] = {"id": user.pk, "token": create_token(user, "live test", scopes=EVERYTHING)[1]}
    json.dump(people, sys.stdout)


main()
