"""One conversation with the exchange, over as many sockets as it takes.

A task holds the socket: connect, authenticate (resuming where the state stands), send again what was not answered, then
read into the state, the answers and the iterators of updates until the socket ends; wait; begin again.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.uri import parse_uri

from exchange_client import exchange_pb2 as pb
from exchange_client.backoff import Backoff
from exchange_client.errors import ConnectionLost, ExchangeError, Refused, refusal
from exchange_client.frames import pack
from exchange_client.pending import Pending
from exchange_client.requests import Reply, Request
from exchange_client.state import State, is_reply
from exchange_client.updates import Updates

HELLO_ID = "hello"  # request id of Authenticate; all others are numbers
HELLO_SECONDS = 20.0  # from the open socket to "ready", snapshots included
HELD_SECONDS = 5.0  # a connection that lived so long was a success
SILENCE_SECONDS = 20.0  # the exchange says every 5 s that we are up to date
FRAME_BYTES_MAX = 16 * 1024 * 1024  # what one batch says on one stream comes in one frame, however much it is
LONG_ATTEMPTS = 3  # an outage that lasts so many is worth a warning, and one is enough
CLOSE_SECONDS = 2.0  # for the other side to answer our closing
ANSWER_SECONDS = 30.0
ABNORMAL = 1006  # WebSocket close code: no close frame came
LOOPBACK = ("127.0.0.1", "::1", "localhost")
# Answers to Authenticate after which trying again can help.
PASSING = (pb.RATE_LIMITED, pb.BUSY, pb.EXPIRED, pb.OUTCOME_UNKNOWN, pb.INTERNAL)

log = logging.getLogger("exchange_client")


@dataclass(slots=True)
class Settings:
    url: str
    token: str = field(repr=False)
    act_as: int = 0
    markets: set[int] = field(default_factory=set)  # followed: grows and shrinks with Subscribe and Unsubscribe
    all_markets: bool = False
    frames_per_second: int = 0
    answer_seconds: float = ANSWER_SECONDS
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        parse_uri(self.url)  # InvalidURI now rather than at each attempt


@dataclass(frozen=True, slots=True)
class _Loss:
    """How a connection ended."""

    code: int
    why: str
    wait: float = 0.0  # seconds that the exchange asked for


class Session:
    """`state`, and the requests on their way. `connected`: requests can be sent now."""

    def __init__(self, settings: Settings) -> None:
        self.state = State()
        self._settings = settings
        self._pending = Pending(settings.answer_seconds)
        self._outgoing: asyncio.Queue[bytes] | None = None
        self._switch: asyncio.Future[Reply[Any]] | None = None  # the answer to the last ActAs
        self._listeners: list[Updates] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._end: ExchangeError | None = None
        self._closing = False

    @property
    def connected(self) -> bool:
        return self._outgoing is not None

    async def start(self) -> None:
        """Returns when the first connection is ready; raises what makes it impossible."""
        self._task = asyncio.create_task(self._run())
        try:
            await self.until(lambda: self.connected)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def send(self, requests: Sequence[Request[Any]]) -> list[asyncio.Future[Reply[Any]]]:
        """In as few frames as they fit, in order. If this raises, nothing was sent."""
        if self._outgoing is None:
            raise ConnectionLost("not connected") from self._end
        self._check_who_commands(requests)
        self._pending.room_for(len(requests))
        ids = [self._pending.next_id() for _ in requests]
        for frame in list(pack(map(Request.message, requests, ids))):
            self._outgoing.put_nowait(frame)
        return list(map(self._expect, ids, requests))

    def listen(self, updates: Updates) -> None:
        self._listeners.append(updates)
        if self._end is not None:
            updates.close(self._end)

    async def until(self, met: Callable[[], bool]) -> None:
        """Waits for something to be so; looked at after each frame. Raises the session's end, if that comes first."""
        while not met():
            if self._end is not None:
                raise self._end
            change = asyncio.get_running_loop().create_future()
            self._waiting.append(change)
            await change

    def _check_who_commands(self, requests: Sequence[Request[Any]]) -> None:
        """A command belongs to the account acted as, and while that changes nobody knows which one it is."""
        if self._switch is not None and not self._switch.done():
            raise ExchangeError("act_as is under way: await its answer before the next command")
        if len(requests) > 1 and any(isinstance(request.body, pb.ActAs) for request in requests):
            raise ExchangeError("act_as goes alone: await its answer before the next command")

    def _expect(self, request_id: str, request: Request[Any]) -> asyncio.Future[Reply[Any]]:
        answer = self._pending.add(request_id, request, self.state.account_id)
        if isinstance(request.body, pb.ActAs):
            self._switch = answer
        return answer

    # --- The task

    async def _run(self) -> None:
        end: ExchangeError = ConnectionLost("closed")
        try:
            while True:
                await self._pause(await self._live())
        except ExchangeError as error:
            end = error
        except Exception as error:
            log.exception("the client failed")
            end = ConnectionLost(f"the client failed: {error!r}")
        finally:
            self._finish(end)

    async def _pause(self, loss: _Loss) -> None:
        wait = self._settings.backoff.wait_after(loss.code)
        if wait is None:
            raise ConnectionLost(f"gave up connecting to {self._settings.url}: {loss.why}")
        wait = max(wait, loss.wait)
        level = logging.WARNING if self._settings.backoff.failed == LONG_ATTEMPTS else logging.INFO
        log.log(level, "no connection to %s (%s); again in %.1f s", self._settings.url, loss.why, wait)
        await asyncio.sleep(wait)

    def _finish(self, end: ExchangeError) -> None:
        self._end = end
        self._pending.give_up(str(end))
        for updates in self._listeners:
            updates.close(None if self._closing else end)
        self._wake()

    async def _live(self) -> _Loss:
        """One connection, from its opening to its end. Raises Refused if the exchange will not have us."""
        try:
            async with connect(
                self._settings.url,
                compression=None,
                max_size=FRAME_BYTES_MAX,
                proxy=None if urlsplit(self._settings.url).hostname in LOOPBACK else True,
                close_timeout=CLOSE_SECONDS,
            ) as socket:
                async with asyncio.timeout(HELLO_SECONDS):
                    await self._hello(socket)
                return await self._converse(socket)
        except Refused as error:
            if error.code not in PASSING:
                raise
            return _Loss(ABNORMAL, str(error), error.retry_after)
        except ConnectionClosed as error:
            return _Loss(error.rcvd.code if error.rcvd else ABNORMAL, str(error))
        except (OSError, WebSocketException, DecodeError) as error:  # TimeoutError is an OSError
            return _Loss(ABNORMAL, str(error) or type(error).__name__)

    async def _hello(self, socket: ClientConnection) -> None:
        """Authenticate, and read until the exchange says "ready"."""
        settings = self._settings
        hello = self.state.hello(
            settings.token,
            act_as=self.state.account_id or settings.act_as,
            markets=sorted(settings.markets),
            all_markets=settings.all_markets,
            frames_per_second=settings.frames_per_second,
        )
        message = pb.ClientMessage(request_id=HELLO_ID, authenticate=hello)
        await socket.send(pb.ClientFrame(messages=[message]).SerializeToString())
        while not self.state.ready:
            self._hear(await socket.recv())

    async def _converse(self, socket: ClientConnection) -> _Loss:
        self._outgoing = asyncio.Queue()  # bounded by what may be pending
        for frame in pack(self._pending.to_repeat(self.state.account_id)):
            self._outgoing.put_nowait(frame)
        writer = asyncio.create_task(self._write(socket, self._outgoing))
        begun = asyncio.get_running_loop().time()
        self._wake()
        try:
            while not self.state.stuck:
                async with asyncio.timeout(SILENCE_SECONDS):
                    data = await socket.recv()
                self._hear(data)
            return _Loss(ABNORMAL, "a gap that the exchange does not fill")
        finally:
            if asyncio.get_running_loop().time() - begun >= HELD_SECONDS:
                self._settings.backoff.reset()
            self._outgoing = None
            self._pending.disconnected()
            writer.cancel()
            self._wake()

    async def _write(self, socket: ClientConnection, outgoing: asyncio.Queue[bytes]) -> None:
        with suppress(ConnectionClosed):  # the reader hears of it too
            while True:
                await socket.send(await outgoing.get())

    # --- Reading

    def _hear(self, data: str | bytes) -> None:
        if isinstance(data, str):
            raise DecodeError("a text message, where frames are binary")
        frame = pb.ServerFrame.FromString(data)
        for update in self.state.feed(frame):
            for updates in self._listeners:
                updates.put(update)
        self._listeners = [updates for updates in self._listeners if not updates.closed]
        for message in frame.messages:
            if is_reply(message, message.WhichOneof("message") or ""):
                self._answered(message)
        self._wake()

    def _answered(self, message: pb.ServerMessage) -> None:
        if message.request_id not in ("", HELLO_ID):
            request = self._pending.answer(message)
            if request is not None:
                self._follow(request.body)
        elif message.HasField("refused"):
            error = refusal(message.refused)
            if not self.state.ready:
                raise error
            log.warning("the exchange refused a frame: %s", error)

    def _follow(self, body: object) -> None:
        """What was subscribed to is subscribed to again by the next connection."""
        settings = self._settings
        match body:
            case pb.Subscribe():
                settings.markets |= {item.market_id for item in body.subscriptions if item.market_id}
                settings.all_markets |= any(item.all_markets for item in body.subscriptions)
            case pb.Unsubscribe():
                settings.markets -= {item.market_id for item in body.subscriptions}
                settings.all_markets &= not any(item.all_markets for item in body.subscriptions)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for change in waiting:
            if not change.done():
                change.set_result(None)
