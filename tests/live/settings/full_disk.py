"""The database may have DATABASE_PAGES_MAX pages: beyond, SQLite says what it says when the disk is full."""

import os

from exchange.settings import *  # noqa: F403
from exchange.settings import SQLITE_OPTIONS

SQLITE_OPTIONS["init_command"] += f"; PRAGMA max_page_count={int(os.environ['DATABASE_PAGES_MAX'])}"
