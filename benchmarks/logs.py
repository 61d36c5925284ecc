"""Errors that are logged during a benchmark, by it or by a server that it starts: no figure counts beside one."""

import logging
import re
from typing import Self

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"  # that of exchange/settings.py
ERROR = re.compile(r"^(\S+ \S+ (ERROR|CRITICAL) |Traceback )", re.MULTILINE)
SHOWN_CHARACTERS = 4_000  # of a log, from its first error on

logger = logging.getLogger(__name__)


class ErrorCounter(logging.Handler):
    """Counts what is logged in this process at ERROR or above, as a context."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def __enter__(self) -> Self:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def configure() -> None:
    """Warnings and errors go to standard error, in FORMAT."""
    logging.basicConfig(format=FORMAT, level=logging.WARNING)


def report(source: str, log: str) -> None:
    """Logs an error here if there is one, or a traceback, in the log of another process."""
    if error := ERROR.search(log):
        logger.error("%s logged:\n%s", source, log[error.start() :][:SHOWN_CHARACTERS])
