"""Limits the database to DATABASE_PAGES_MAX pages. Beyond, SQLite fails as on a full disk."""

import os

from exchange.settings import *  # noqa: F403
from exchange.settings import SQLITE_OPTIONS

SQLITE_OPTIONS["init_command"] += f"; PRAGMA max_page_count={int(os.environ['DATABASE_PAGES_MAX'])}"
