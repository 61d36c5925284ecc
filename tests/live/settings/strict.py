"""Short deadlines for requests, so that a test need not wait a minute."""

from exchange.settings import *  # noqa: F403
from realtime import limits

limits.HEAD_SECONDS_MAX = limits.BODY_SECONDS_MAX = limits.KEEP_ALIVE_SECONDS_MAX = 1.0
limits.AUTHENTICATE_SECONDS_MAX = 1.0
