"""Connections whose clients keep us waiting: they hold nothing for long, and never another client's place.

A client may send a request byte by byte, read its answer as slowly, or open a WebSocket and never sign in. Such a
connection has a deadline. When there are too many of them, from one address or in all, a new connection takes the place
of the one that has waited longest: a client that does what it came for is never that one.
"""

import logging
import resource
import time
from typing import Any

from daphne.http_protocol import HTTPFactory
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet.protocol import connectionDone
from twisted.web.http import HTTPChannel

from realtime import limits
from realtime.addresses import network
from realtime.bodies import LimitedRequest

logger = logging.getLogger(__name__)

NO_DEADLINE = float("inf")


def raise_descriptor_limit() -> int:
    """Raises this process's limit on open files as far as it may, up to DESCRIPTORS_MAX. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = limits.DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, limits.DESCRIPTORS_MAX)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return most if soft == resource.RLIM_INFINITY else soft


class Waiting:
    """The transports that wait for their client, by address, and the number of all open connections.

    At most `per_address` of an address wait, and at most `total` connections are open as long as any of them waits.
    """

    def __init__(self, per_address: int, total: int) -> None:
        self._per_address = per_address
        self._total = total
        self._open = 0
        self._deadlines: dict[str, dict[Any, float]] = {}  # address -> transport -> time.monotonic(), oldest first
        self._dropped = 0  # since the last line of the log

    def opened(self, transport: Any) -> None:
        """A connection was made, and waits for a request. May drop another one."""
        self._open += 1
        self.wait(transport, limits.HEAD_SECONDS_MAX)
        mine = self._deadlines[_address(transport)]
        if len(mine) > self._per_address:
            self._drop(next(iter(mine)))
        elif self._open > self._total:
            largest = max(self._deadlines.values(), key=len)
            self._drop(next(iter(largest)))

    def closed(self, transport: Any) -> None:
        self._open -= 1
        self.served(transport)

    def wait(self, transport: Any, seconds: float) -> None:
        """The connection waits for its client, for so many seconds at most. A wait that has begun keeps its age."""
        self._deadlines.setdefault(_address(transport), {})[transport] = time.monotonic() + seconds

    def served(self, transport: Any) -> None:
        """The connection does not wait: its request is complete, its client has signed in, or it is closed."""
        mine = self._deadlines.get(_address(transport), {})
        mine.pop(transport, None)
        if not mine:
            self._deadlines.pop(_address(transport), None)

    def drop_late(self) -> None:
        """Drops the connections whose deadline has passed. The server calls it every second."""
        now = time.monotonic()
        late = [one for mine in self._deadlines.values() for one, deadline in mine.items() if deadline < now]
        for transport in late:
            self._drop(transport)
        if self._dropped:
            logger.info("Dropped %d connections that kept us waiting.", self._dropped)
            self._dropped = 0

    def _drop(self, transport: Any) -> None:
        self._dropped += 1
        self.served(transport)
        transport.abortConnection()


def _address(transport: Any) -> str:
    return network(transport.getPeer().host)


class Channel(HTTPChannel):
    """Twisted's HTTP connection, which reports when it waits. After an upgrade SocketProtocol takes its place."""

    def connectionMade(self) -> None:
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._waiting.opened(self.transport)

    def allHeadersReceived(self) -> None:
        super().allHeadersReceived()  # type: ignore[no-untyped-call]
        self._waiting.wait(self.transport, limits.BODY_SECONDS_MAX)

    def allContentReceived(self) -> None:
        self._waiting.served(self.transport)
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: Any) -> None:
        self._waiting.wait(self.transport, limits.KEEP_ALIVE_SECONDS_MAX)
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self._waiting.closed(self.transport)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    @property
    def _waiting(self) -> Waiting:
        waiting: Waiting = self.factory.server.waiting
        return waiting


class ChannelFactory(HTTPFactory):
    """daphne's HTTP factory, with our Channel and LimitedRequest."""

    protocol = Channel  # type: ignore[assignment]  # Twisted's own is a wrapper that chooses between HTTP/1 and HTTP/2

    def buildProtocol(self, address: Any) -> Any:
        protocol = super().buildProtocol(address)  # type: ignore[no-untyped-call]
        protocol.requestFactory = LimitedRequest
        return protocol


class SocketProtocol(WebSocketProtocol):
    """daphne's WebSocket, which waits until its client has signed in."""

    def connectionMade(self) -> None:
        super().connectionMade()
        self.factory.server_class.waiting.wait(self.transport, NO_DEADLINE)  # autobahn and the consumer have theirs

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if hasattr(self, "server"):  # else the handshake failed before daphne knew of the socket
            super().onClose(wasClean, code, reason)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self.factory.server_class.waiting.closed(self.transport)
        super().connectionLost(reason)


class SocketFactory(WebSocketFactory):
    protocol = SocketProtocol
