"""What the log says of requests that clients got wrong."""

import logging


class OutsidersInOneLine(logging.Filter):
    """Logs a suspicious request, such as one with a foreign Host, as a warning in one line. Django logs an error with a
    traceback, with which every stranger could fill the log and call an operator."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security."):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.exc_info = record.exc_text = None
        return True
