"""Limits the body of an HTTP request.

Twisted parses every form in memory and daphne passes the whole body on at once. Neither has a limit: a body of 100 MB
would cost several times that. This module reads a body that is too long but does not keep it. The request goes on with
an empty body and TOO_LONG_HEADER, so that the view can answer 413 in its own format.
"""

from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any

from daphne.http_protocol import WebRequest

from realtime import limits

# The first is our own mark. With the second daphne would let every client move the site to another path. We speak no
# subprotocol; daphne's reader fails on other characters than ASCII in the last two.
NOT_FROM_CLIENTS = (limits.TOO_LONG_HEADER, "Daphne-Root-Path", "Sec-WebSocket-Protocol")

IN_MEMORY_BYTES = 100_000  # of a body; a longer one takes a file, and so a descriptor


class LimitedRequest(WebRequest):
    """A request whose body is at most REQUEST_BODY_BYTES_MAX."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]
        self._parsePOSTFormSubmission = False  # Django parses the form; Twisted's constructor sets True
        self._received = 0  # bytes

    @property
    def _is_too_long(self) -> bool:
        return self._received > limits.REQUEST_BODY_BYTES_MAX

    def gotLength(self, length: int | None) -> None:
        """Gets the announced Content-Length. If it is too long, no part of the body is kept."""
        # Twisted opens a file before a byte of the body is there.
        self.content = SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - the channel closes it
        if length is not None and length > limits.REQUEST_BODY_BYTES_MAX:
            self._received = limits.REQUEST_BODY_BYTES_MAX + 1

    def handleContentChunk(self, data: bytes) -> None:
        """Keeps the chunk, drops it (too long), or aborts the connection (more than REQUEST_BODY_BYTES_READ)."""
        self._received += len(data)
        if self._received > limits.REQUEST_BODY_BYTES_READ:
            self.channel.forceAbortClient()
        elif not self._is_too_long:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def process(self) -> Any:
        """Passes the request on, with a correct Content-Length and without headers that clients may not send."""
        for name in NOT_FROM_CLIENTS:
            self.requestHeaders.removeHeader(name)
        if self._is_too_long:
            self.content = BytesIO()
            self.requestHeaders.setRawHeaders(limits.TOO_LONG_HEADER, ["yes"])
            self.requestHeaders.setRawHeaders("Content-Length", ["0"])
        elif self.requestHeaders.hasHeader("Transfer-Encoding"):  # chunked; Django and DRF need a length
            self.requestHeaders.setRawHeaders("Content-Length", [str(self._received)])
        return super().process()
