"""A program: makes the tokens, the session and the staff that the tables need. Runs with the exchange's environment.

Its argument is JSON: user ids by username, and "annex", an account's id. Prints the secrets as JSON.
"""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange.settings")
django.setup()

from allauth.account.models import EmailAddress  # noqa: E402
from django.contrib.auth.hashers import PBKDF2PasswordHasher  # noqa: E402
from django.contrib.auth.models import Group  # noqa: E402

from accounts.models import Account, User  # noqa: E402
from accounts.tokens import create_token  # noqa: E402
from realtime.rights import WITHOUT_SUDO, Scope  # noqa: E402
from tests.live.stale_session import stale_session  # noqa: E402

ROLES = {"Viewer": "viewer", "Market operator": "director", "Administrator": "admin", "superuser": "root"}
SPARES = 20  # tokens of each person, for rows that revoke one


def staff(role: str, name: str) -> User:
    """A user with this role; the password follows tests/live/prepare.py."""
    password = PBKDF2PasswordHasher().encode(f"pass-{name}", "salt", iterations=1)
    user = User.objects.create(username=name, password=password, is_staff=True, is_superuser=role == "superuser")
    user.groups.set(Group.objects.filter(name=role))
    return user


def main() -> None:
    ids = json.loads(sys.argv[1])
    alice, operator = (User.objects.get(pk=ids[name]) for name in ("alice", "operator"))
    scoped = {}
    for scope in Scope:
        person = operator if scope == Scope.SUDO else alice
        scoped[str(scope.name).lower()] = create_token(person, f"for {scope.name}", scopes=scope)
    annex = Account.objects.get(pk=ids["annex"])
    scoped["bound"] = create_token(alice, "for the annex", scopes=WITHOUT_SUDO, account=annex)
    secrets = {name: secret for name, (_, secret) in scoped.items()}
    people = [User.objects.get(pk=id) for name, id in ids.items() if name != "annex"]
    people += [staff(role, name) for role, name in ROLES.items()]
    Group.objects.create(name="Spare")
    EmailAddress.objects.create(user=alice, email="alice@example.com")
    spares = {person.username: [create_token(person, f"spare {n}")[0].pk for n in range(SPARES)] for person in people}
    made = {"tokens": secrets, "session": stale_session(operator), "spares": spares, "roles": ROLES}
    json.dump(made, sys.stdout)


main()
