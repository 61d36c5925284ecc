"""A socket is never closed for being stuck for long, so that a test sees the other rule for slow readers at work."""

from exchange.settings import *  # noqa: F403
from realtime import limits

limits.STALL_SECONDS_MAX = 1e9
