"""A writer waits DATABASE_WAIT_SECONDS for a locked database, so that a test need not wait 30 s."""

import os

from exchange.settings import *  # noqa: F403
from exchange.settings import SQLITE_OPTIONS

SQLITE_OPTIONS["timeout"] = float(os.environ["DATABASE_WAIT_SECONDS"])
