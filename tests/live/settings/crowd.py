"""Who is closed has a minute to read the reason. The usual 5 s would make the test a matter of luck: a client that does
not read learns of its end only when it begins to."""

from exchange.settings import *  # noqa: F403
from realtime import limits

limits.CLOSE_HANDSHAKE_SECONDS_MAX = 60
