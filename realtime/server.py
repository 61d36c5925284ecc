"""daphne with what it lacks: back-pressure in both directions, background tasks, and an orderly shutdown.

daphne reads as fast as clients send and writes as fast as the application does. On SIGTERM it drops its sockets without
a close code, and CPython 3.11.7 crashes if tasks are left over at exit. This server does not read a connection while
its application lags behind (Inbox), and shows the application whether a client reads what it is sent (TransportOutlet).
Its shutdown has an order: stop accepting, let the batch finish, close the sockets with 1012, end the tasks, close the
loop.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, NamedTuple

import daphne.server  # isort: skip - before Twisted: it installs the asyncio reactor
from autobahn.websocket.protocol import WebSocketProtocol as Autobahn
from daphne.endpoints import build_endpoint_description_strings
from django.conf import settings
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.logger import FilteringLogObserver, LogLevel, LogLevelFilterPredicate, STDLibLogObserver, globalLogBeginner

from realtime import limits
from realtime.connections import ChannelFactory, SocketFactory, Waiting, raise_descriptor_limit
from realtime.errors import CloseCode
from realtime.outbox import OUTLET_EXTENSION

logger = logging.getLogger(__name__)

reactor: Any = installed_reactor  # its declared interfaces lack what the asyncio reactor has

Message = dict[str, Any]
Step = Callable[[], Coroutine[Any, Any, None]]

EXIT_OK = 0
EXIT_FAILED = 1


def serve(
    application: Callable[..., Awaitable[None]],
    host: str,
    port: int,
    *,
    background: Sequence[Step] = (),
    ready: Step | None = None,
    drain: Step | None = None,
    on_ready: Callable[[int], None] | None = None,
) -> int:
    """Serves until SIGTERM or SIGINT. Returns the exit status: os.EX_CONFIG if it cannot listen on the port.

    Call it once in a process, in the main thread. Before it listens, it starts the coroutines of `background` and
    awaits `ready` for up to READY_SECONDS_MAX. If one of `background` ends, the server ends too (status 1). After a
    signal it stops accepting connections, awaits `drain`, and closes the sockets. `on_ready` gets the port that it
    listens on (`port` 0 chooses a free one).
    """
    return Server(application, host, port, Plan(background, ready, drain, on_ready)).serve()


class Plan(NamedTuple):
    """What a server does beside serving; see serve()."""

    background: Sequence[Step]
    ready: Step | None
    drain: Step | None
    on_ready: Callable[[int], None] | None


class Inbox(asyncio.Queue[Message]):
    """The messages that a socket's application has not read yet. While there are too many, the connection is not read
    either."""

    def __init__(self, transport: Any) -> None:
        super().__init__()
        self._transport = transport
        self._bytes = 0
        self._paused = False

    def _put(self, item: Message) -> None:
        super()._put(item)
        self._bytes += _size(item)
        full = self.qsize() >= limits.INPUT_MESSAGES_MAX or self._bytes >= limits.INPUT_BYTES_MAX
        if full and not self._paused:
            self._paused = True
            self._transport.pauseProducing()

    def _get(self) -> Message:
        item = super()._get()
        self._bytes -= _size(item)
        low = self.qsize() <= limits.INPUT_MESSAGES_MAX // 2 and self._bytes <= limits.INPUT_BYTES_MAX // 2
        if low and self._paused:
            self._paused = False
            self._transport.resumeProducing()
        return item


def _size(message: Message) -> int:
    return len(message.get("bytes") or message.get("text") or "")


class Framer:
    """Builds the WebSocket frame of a binary message. It keeps the last frame, because one payload often goes to many
    sockets in a row."""

    def __init__(self) -> None:
        self._payload = b""
        self._frame = b""

    def frame(self, payload: bytes) -> bytes:
        if payload is not self._payload:
            self._payload = payload
            self._frame = _header(len(payload)) + payload
        return self._frame


def _header(size: int) -> bytes:
    """Returns the header of a final, binary, unmasked frame (RFC 6455 section 5.2)."""
    if size < 126:
        return bytes((0x82, size))
    if size < 1 << 16:
        return b"\x82\x7e" + size.to_bytes(2, "big")
    return b"\x82\x7f" + size.to_bytes(8, "big")


class TransportOutlet:
    """An Outlet (outbox.py) over the socket's transport.

    It tries to write at once: a frame that the kernel takes costs neither a copy nor a turn of the loop. It registers
    as the transport's producer, so Twisted calls pauseProducing() when more than TRANSPORT_BYTES_PAUSE wait in the
    transport, and resumeProducing() when it is empty.
    """

    def __init__(self, protocol: Any, framer: Framer, waiting: Waiting) -> None:
        self.writable = True
        self.on_drain: Callable[[], None] = _nothing
        self.on_lost: Callable[[], None] = _nothing
        self._protocol = protocol
        self._framer = framer
        self._waiting = waiting
        self._transport = protocol.transport
        self._transport.bufferSize = limits.TRANSPORT_BYTES_PAUSE
        self._transport.unregisterProducer()  # the HTTP channel, which the WebSocket has replaced
        self._transport.registerProducer(self, True)

    def write(self, payload: bytes) -> None:
        if self._protocol.state != Autobahn.STATE_OPEN:
            return
        frame = self._framer.frame(payload)
        transport = self._transport
        if self.buffered:
            transport.write(frame)
            self.drop_if_flooded()
        else:
            sent = transport.writeSomeData(frame)
            if sent != len(frame):  # an exception object if the connection is lost; then write() cleans up
                transport.write(frame[sent:] if isinstance(sent, int) else frame)

    def close(self, code: int) -> None:
        if self._protocol.state == Autobahn.STATE_OPEN:
            self._protocol.sendCloseFrame(code=int(code))

    def admitted(self) -> None:
        self._waiting.served(self._transport)

    def drop_if_flooded(self) -> None:
        """Drops the connection if more than TRANSPORT_BYTES_MAX wait: the last resort against an application that
        ignores `writable`."""
        if self.buffered > limits.TRANSPORT_BYTES_MAX:
            self._protocol.dropConnection(abort=True)

    @property
    def buffered(self) -> int:
        """Returns the bytes in the transport that the kernel has not taken yet."""
        transport = self._transport
        buffered: int = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        return buffered

    def pauseProducing(self) -> None:
        self.writable = False

    def resumeProducing(self) -> None:
        self.writable = True
        self.on_drain()

    def stopProducing(self) -> None:
        """Does nothing. The server learns that the connection is gone and calls on_lost."""


def _nothing() -> None: ...


class Server(daphne.server.Server):
    """See serve()."""

    def __init__(self, application: Callable[..., Awaitable[None]], host: str, port: int, plan: Plan) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            application,
            endpoints=build_endpoint_description_strings(host=host, port=port),
            ping_interval=limits.PING_SECONDS,
            ping_timeout=limits.PONG_SECONDS_MAX,
            websocket_timeout=limits.SOCKET_SECONDS_MAX,
            websocket_handshake_timeout=limits.HANDSHAKE_SECONDS_MAX,
            websocket_max_message_size=limits.WEBSOCKET_MESSAGE_BYTES_MAX,
            websocket_max_frame_size=limits.WEBSOCKET_MESSAGE_BYTES_MAX,
        )
        self.connections: dict[Any, dict[str, Any]] = {}
        self.waiting = _waiting()
        self._address = f"{host}:{port}"
        self._plan = plan
        self._framer = Framer()
        self._disconnected = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop = reactor._asyncioEventloop

    def serve(self) -> int:
        """Runs the reactor until shutdown. Afterwards nothing is left on its loop."""
        asyncio.set_event_loop(self._loop)
        self._make_factories()
        _log_errors_of_twisted()
        reactor.callLater(1, self.application_checker)
        reactor.callLater(2, self.timeout_checker)
        life = self._loop.create_task(self._live())
        life.add_done_callback(lambda _: reactor.stop())
        reactor.run(installSignalHandlers=False)
        self._close_loop()
        return life.result()

    def _make_factories(self) -> None:
        self.http_factory = ChannelFactory(self)  # type: ignore[no-untyped-call]
        factory: Any = SocketFactory(self, server=self.server_name)  # type: ignore[no-untyped-call]
        self.ws_factory = factory
        factory.setProtocolOptions(
            autoPingTimeout=self.ping_timeout,
            allowNullOrigin=True,  # the consumer refuses it, with a reason
            openHandshakeTimeout=self.websocket_handshake_timeout,
            closeHandshakeTimeout=limits.CLOSE_HANDSHAKE_SECONDS_MAX,
            maxMessagePayloadSize=self.websocket_max_message_size,
            maxFramePayloadSize=self.websocket_max_frame_size,
            failByDrop=False,  # close with 1009, 1002 or 1007 instead
        )

    async def _live(self) -> int:
        """Runs the whole life of the server, from the background tasks to the closed sockets. Returns the exit
        status."""
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, stopped.set)
        signalled = asyncio.create_task(stopped.wait())
        background = [asyncio.create_task(run()) for run in self._plan.background]
        ends = [signalled, *background]  # the server stops when the first of them is done
        if self._plan.ready is not None:
            ready = asyncio.create_task(self._plan.ready())
            await asyncio.wait([ready, *ends], timeout=limits.READY_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
        try:
            port = await self._listen()
        except CannotListenError as error:
            logger.critical("Cannot listen on %s: %s", self._address, error.socketError)
            return os.EX_CONFIG
        if self._plan.on_ready is not None:
            self._plan.on_ready(port.getHost().port)
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        await Deferred.asFuture(port.stopListening(), self._loop)
        drained = await self._drain() if signalled.done() else True
        failed = [task for task in background if task.done()]
        for task in failed:
            logger.critical("A background task ended: %r", task, exc_info=task.exception())
        await self._close_sockets()
        return EXIT_FAILED if failed or not drained else EXIT_OK

    async def _listen(self) -> Any:
        endpoint = serverFromString(reactor, f"{self.endpoints[0]}:backlog={limits.BACKLOG_CONNECTIONS_MAX}")
        return await Deferred.asFuture(endpoint.listen(self.http_factory), self._loop)

    async def _drain(self) -> bool:
        """Awaits the plan's drain. Returns False if that failed or took too long; the sockets are closed all the
        same."""
        try:
            async with asyncio.timeout(limits.STOP_DRAIN_SECONDS_MAX):
                if self._plan.drain is not None:
                    await self._plan.drain()
        except Exception:
            logger.critical("The last batch did not finish.", exc_info=True)
            return False
        return True

    async def _close_sockets(self) -> None:
        """Closes every socket with 1012. Waits up to STOP_SOCKETS_SECONDS_MAX for sockets and running requests to
        end."""
        for details in list(self.connections.values()):
            if "outlet" in details:
                details["outlet"].close(CloseCode.RESTART)
        try:
            async with asyncio.timeout(limits.STOP_SOCKETS_SECONDS_MAX):
                while any("disconnected" not in details for details in self.connections.values()):
                    self._disconnected.clear()
                    await self._disconnected.wait()
        except TimeoutError:
            logger.info("Some connections did not end in %g s.", limits.STOP_SOCKETS_SECONDS_MAX)

    def _close_loop(self) -> None:
        """Ends the remaining tasks, which are applications of clients that did not answer and background tasks, and
        closes the loop."""
        loop = self._loop
        loop.run_until_complete(_end(asyncio.all_tasks(loop)))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    # --- daphne's hooks ----------------------------------------------------------------------------------------------

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> asyncio.Queue[Message] | None:
        """Starts the application of a connection. A WebSocket's gets an Inbox, and an Outlet in its scope."""
        if scope["type"] != "websocket":
            queue: asyncio.Queue[Message] | None = super().create_application(protocol, scope)  # type: ignore[no-untyped-call]
            return queue
        outlet = TransportOutlet(protocol, self._framer, self.waiting)
        inbox = Inbox(protocol.transport)
        application = self.application(
            scope={**scope, "asgi": {"version": "3.0"}, "extensions": {OUTLET_EXTENSION: outlet}},
            receive=inbox.get,
            send=partial(self.handle_reply, protocol),
        )
        self.connections[protocol]["outlet"] = outlet
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(application, loop=self._loop)
        return inbox

    def application_checker(self) -> None:
        """Reaps ended applications and late connections, every second. An error in one must not end the reaping:
        daphne's own call for the next round comes last."""
        try:
            self.waiting.drop_late()
            super().application_checker()  # type: ignore[no-untyped-call]
        except Exception:
            logger.exception("Ended applications could not be reaped.")
            reactor.callLater(1, self.application_checker)

    def timeout_checker(self) -> None:
        """Enforces time-outs and pings, every 2 s; as application_checker()."""
        try:
            super().timeout_checker()  # type: ignore[no-untyped-call]
        except Exception:
            logger.exception("Time-outs could not be checked.")
            reactor.callLater(2, self.timeout_checker)

    async def handle_reply(self, protocol: Any, message: Message) -> None:
        await super().handle_reply(protocol, message)  # type: ignore[no-untyped-call]
        if outlet := self.connections.get(protocol, {}).get("outlet"):
            outlet.drop_if_flooded()

    def protocol_disconnected(self, protocol: Any) -> None:
        super().protocol_disconnected(protocol)  # type: ignore[no-untyped-call]
        if outlet := self.connections[protocol].get("outlet"):
            outlet.on_lost()
        self._disconnected.set()


def _waiting() -> Waiting:
    """The limits on connections. Behind proxies all clients have the addresses of the proxies, which limit them."""
    descriptors = raise_descriptor_limit()
    total = descriptors - min(limits.DESCRIPTORS_RESERVED, descriptors // 2)
    return Waiting(total if settings.TRUSTED_PROXY_COUNT else settings.WAITING_CONNECTIONS_MAX, total)


def _log_errors_of_twisted() -> None:
    """Sends Twisted's errors to logging. Otherwise an error in one of its callbacks is not shown anywhere."""
    log: Any = STDLibLogObserver("twisted")
    errors: Any = LogLevelFilterPredicate(defaultLogLevel=LogLevel.error)
    observer: Any = FilteringLogObserver(log, [errors])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancels the tasks and waits up to STOP_SOCKETS_SECONDS_MAX for their end."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=limits.STOP_SOCKETS_SECONDS_MAX)
