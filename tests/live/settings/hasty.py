"""Who says nothing is closed after a second, so that a test need not wait 10."""

from exchange.settings import *  # noqa: F403
from realtime import limits

limits.AUTHENTICATE_SECONDS_MAX = 1.0
