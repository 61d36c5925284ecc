"""Finds errors that are logged during a benchmark, by it or by a server that it starts. They make its figures void."""

import logging
import re
from typing import Self

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"  # the same as in exchange/settings.py
ERROR = re.compile(r"^(\S+ \S+ (ERROR|CRITICAL) |Traceback )", re.MULTILINE)
SHOWN_CHARACTERS = 4_000  # of a log, from its first error on

logger = logging.getLogger(__name__)


class ErrorCounter(logging.Handler):
    """A context manager that counts the records of this process at ERROR or above."""

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
    """Sends warnings and errors to standard error, in FORMAT."""
    logging.basicConfig(format=FORMAT, level=logging.WARNING)


def report(source: str, log: str) -> None:
    """Logs one error here if the log of another process holds an error or a traceback."""
    if error := ERROR.search(log):
        logger.error("%s logged:\n%s", source, log[error.start() :][:SHOWN_CHARACTERS])
