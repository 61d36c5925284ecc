"""Run beside a live exchange, with its environment: prints the key of a session of the person with this user id, who
is signed in but has not shown lately who they are."""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange.settings")
django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402

from accounts.models import User  # noqa: E402
from exchange import settings  # noqa: E402


def stale_session(user: User) -> str:
    """Signed in, but without a word on when they showed who they are: so not lately."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


if __name__ == "__main__":
    sys.stdout.write(stale_session(User.objects.get(pk=int(sys.argv[1]))))
