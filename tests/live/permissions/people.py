"""Run beside a live exchange, with its environment: makes the tokens and the sessions that the cast of the table needs.

Reads user ids by username, and "annex", an account's id, from its argument as JSON; prints the secrets as JSON.
"""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange.settings")
django.setup()

from accounts.models import Account, User  # noqa: E402
from accounts.tokens import create_token  # noqa: E402
from realtime.rights import WITHOUT_SUDO, Scope  # noqa: E402
from tests.live.stale_session import stale_session  # noqa: E402

SPARES = 20  # tokens of each person, to be revoked


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
    spares = {person.username: [create_token(person, f"spare {n}")[0].pk for n in range(SPARES)] for person in people}
    json.dump({"tokens": secrets, "session": stale_session(operator), "spares": spares}, sys.stdout)


main()
