"""Closes sockets that do not sign in after 1 s, so that a test need not wait 10 s."""

from exchange.settings import *  # noqa: F403
from realtime import limits

limits.AUTHENTICATE_SECONDS_MAX = 1.0
