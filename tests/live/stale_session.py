"""A program: prints the key of a session that is signed in, but whose password was not entered lately.

Its argument is the user id. It runs with the environment of a live exchange.
"""

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
    """A session without a time of authentication, which counts as long ago."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


if __name__ == "__main__":
    sys.stdout.write(stale_session(User.objects.get(pk=int(sys.argv[1]))))
