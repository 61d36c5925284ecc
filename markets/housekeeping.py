"""Removes what nobody needs any more, every hour, in the one process that runs the matcher (docs/growth.md).

The journal and the engine's tables are kept for ever. This is about sessions, tokens and pictures.
"""

import asyncio
import logging

from django.db import DatabaseError, InterfaceError, connection

from accounts.services import clear_sessions
from accounts.tokens import remove_dead_tokens
from auctions.pictures import sweep

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 3_600.0
TASKS = (clear_sessions, remove_dead_tokens, sweep)


async def keep_house() -> None:
    """Does the tasks one after the other, again and again, until cancelled.

    A database or a disk that does not take one is tried again an hour later. Any other exception is raised: then the
    process must end.
    """
    while True:
        await asyncio.to_thread(clean_up)
        await asyncio.sleep(PAUSE_SECONDS)


def clean_up() -> None:
    """Does each task once."""
    try:
        for task in TASKS:
            try:
                task()
            except (DatabaseError, InterfaceError, OSError):
                logger.warning("%s failed, and is tried again in an hour.", task.__name__, exc_info=True)
    finally:
        connection.close()
