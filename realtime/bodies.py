"""What comes with an HTTP request, within limits.

Twisted parses every form in memory, daphne hands the whole body on at once, and neither has a limit: a body of 100 MB
would cost several times that. Here what is too long is read and not kept, and the request goes on without it under
TOO_LONG_HEADER, so that its sender hears why in the words of the door: 413.
"""

from io import BytesIO
from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest

from realtime import limits


class LimitedRequest(WebRequest):
    """A request whose body is at most REQUEST_BODY_BYTES_MAX."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]
        self._parsePOSTFormSubmission = False  # Django reads the form; Twisted has just said True of every request
        self._received = 0  # bytes

    @property
    def _is_too_long(self) -> bool:
        return self._received > limits.REQUEST_BODY_BYTES_MAX

    def gotLength(self, length: int | None) -> None:
        """Twisted keeps what is announced as short in memory, and believes the announcement."""
        super().gotLength(length)  # type: ignore[no-untyped-call]
        if length is not None and length > limits.REQUEST_BODY_BYTES_MAX:
            self._received = limits.REQUEST_BODY_BYTES_MAX + 1

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > limits.REQUEST_BODY_BYTES_READ:
            self.channel.forceAbortClient()
        elif not self._is_too_long:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def process(self) -> Any:
        self.requestHeaders.removeHeader(limits.TOO_LONG_HEADER)
        if self._is_too_long:
            self.content = BytesIO()
            self.requestHeaders.setRawHeaders(limits.TOO_LONG_HEADER, ["yes"])
            self.requestHeaders.setRawHeaders("Content-Length", ["0"])
        elif self.requestHeaders.hasHeader("Transfer-Encoding"):  # in chunks; Django and DRF go by a length
            self.requestHeaders.setRawHeaders("Content-Length", [str(self._received)])
        return super().process()


class LimitedFactory(HTTPFactory):
    def buildProtocol(self, address: Any) -> Any:
        protocol = super().buildProtocol(address)  # type: ignore[no-untyped-call]
        protocol.requestFactory = LimitedRequest
        return protocol
