"""One session with the exchange, over as many sockets as it takes.

A task holds the socket. It connects, authenticates (resuming where the state stands), turns sudo on again if it was on,
and sends again what was not answered. Then it reads frames into the state, the replies and the iterators of updates,
until the socket ends. It waits and begins again.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.uri import parse_uri

from exchange_client import exchange_pb2 as pb
from exchange_client.backoff import Backoff
from exchange_client.errors import ConnectionLost, ExchangeError, Refused, refusal
from exchange_client.frames import pack
from exchange_client.messages import Reply, Request
from exchange_client.pending import Pending
from exchange_client.requests import subscriptions
from exchange_client.state import State, is_reply
from exchange_client.streams import market_stream
from exchange_client.updates import Updates
from exchange_client.version import VERSION

HELLO_ID = "hello"  # request id of Authenticate; those of users are numbers
# Request ids of what is sent together after it, to turn sudo on again.
SUDO_ID, AGAIN_ID, ACT_AS_ID = "sudo", "again", "act as"
OPENING_IDS = ("", HELLO_ID, SUDO_ID, AGAIN_ID, ACT_AS_ID)
HELLO_SECONDS = 20.0  # from the open socket to "ready", snapshots included
HELD_SECONDS = 5.0  # a connection that lasted so long was a success
SILENCE_SECONDS = 20.0  # the exchange sends UpToDate every 5 s
FRAME_BYTES_MAX = 16 * 1024 * 1024  # one command with many events may make a long frame
LONG_ATTEMPTS = 3  # after so many failures in a row there is one warning
CLOSE_SECONDS = 2.0  # for the exchange to answer the close frame
ANSWER_SECONDS = 30.0
ABNORMAL = 1006  # WebSocket close code: no close frame came
LOOPBACK = ("127.0.0.1", "::1", "localhost")
# HTTP statuses of a server that is there and busy; those from 500 on are of a proxy whose exchange is away.
PASSING_STATUSES = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
# Refusals of the opening after which trying again can help.
PASSING = (pb.RATE_LIMITED, pb.BUSY, pb.EXPIRED, pb.OUTCOME_UNKNOWN, pb.INTERNAL)

log = logging.getLogger("exchange_client")


@dataclass(slots=True)
class Settings:
    """How to open the next connection. What is subscribed to, and sudo, change as commands are answered."""

    url: str
    token: str = field(repr=False)
    act_as: int = 0
    markets: set[int] = field(default_factory=set)
    all_markets: bool = False
    summaries: bool = False
    sudo: bool = False
    frames_per_second: int = 0
    answer_seconds: float = ANSWER_SECONDS
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        parse_uri(self.url)  # InvalidURI now rather than at each attempt

    def follow(self, body: object) -> None:
        """Notes a Subscribe or Unsubscribe that was answered."""
        match body:
            case pb.Subscribe():
                self.markets |= {item.market_id for item in body.subscriptions if item.market_id}
                self.all_markets |= any(item.all_markets for item in body.subscriptions)
                self.summaries |= any(item.market_summary for item in body.subscriptions)
            case pb.Unsubscribe():
                self.markets -= {item.market_id for item in body.subscriptions}
                self.all_markets &= not any(item.all_markets for item in body.subscriptions)
                self.summaries &= not any(item.market_summary for item in body.subscriptions)


@dataclass(frozen=True, slots=True)
class _Loss:
    """How a connection ended."""

    code: int
    why: str
    wait: float = 0.0  # seconds that the exchange asked for


class Session:
    """The state, the requests that wait for replies, and the task that holds the socket."""

    def __init__(self, settings: Settings) -> None:
        self.state = State()
        self._settings = settings
        self._pending = Pending(settings.answer_seconds)
        self._outgoing: asyncio.Queue[bytes] | None = None
        self._switch: asyncio.Future[Reply[Any]] | None = None  # the reply to the last ActAs
        self._listeners: list[Updates] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._end: ExchangeError | None = None
        self._closing = False

    @property
    def connected(self) -> bool:
        """Requests can be sent now."""
        return self._outgoing is not None

    async def start(self) -> None:
        """Returns when the first connection is ready. Raises Refused or ConnectionLost if there will be none."""
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
        """Sends them in order, in as few frames as possible. If this raises, nothing was sent."""
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
        """Waits until `met()` is true; it is called after each frame. Raises the session's error if it ends first."""
        while not met():
            if self._end is not None:
                raise self._end
            change = asyncio.get_running_loop().create_future()
            self._waiting.append(change)
            await change

    def _check_who_commands(self, requests: Sequence[Request[Any]]) -> None:
        """A command belongs to the account acted as. While that account changes, it is not known which one it is."""
        if self._switch is not None and not self._switch.done():
            raise ExchangeError("act_as is on its way: await its reply before the next command")
        if len(requests) > 1 and any(isinstance(request.body, pb.ActAs) for request in requests):
            raise ExchangeError("act_as goes alone: await its reply before the next command")

    def _expect(self, request_id: str, request: Request[Any]) -> asyncio.Future[Reply[Any]]:
        answer = self._pending.add(request_id, request, self.state.account_id)
        if isinstance(request.body, pb.ActAs):
            self._switch = answer
        elif isinstance(request.body, pb.SetSudo):
            self.state.switch()
            answer.add_done_callback(lambda _: self.state.switched())
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
        """One connection, from its opening to its end. Raises Refused or ConnectionLost if trying again cannot help."""
        try:
            async with connect(
                self._settings.url,
                compression=None,
                user_agent_header=f"exchange-client/{VERSION}",
                max_size=FRAME_BYTES_MAX,
                proxy=None if urlsplit(self._settings.url).hostname in LOOPBACK else True,
                close_timeout=CLOSE_SECONDS,
            ) as socket:
                async with asyncio.timeout(HELLO_SECONDS):
                    await self._open(socket)
                return await self._converse(socket)
        except Refused as error:
            if error.code not in PASSING:
                raise
            return _Loss(ABNORMAL, str(error), error.retry_after)
        except ConnectionClosed as error:
            return _Loss(error.rcvd.code if error.rcvd else ABNORMAL, str(error))
        except (OSError, WebSocketException, DecodeError) as error:  # TimeoutError is an OSError
            if not self._settings.backoff.was_connected and (wrong := wrong_address(self._settings.url, error)):
                raise ConnectionLost(wrong) from error
            return _Loss(ABNORMAL, str(error) or type(error).__name__)

    async def _open(self, socket: ClientConnection) -> None:
        """Authenticates, and turns sudo on again: commands that are sent again may need it."""
        account = self._settings.act_as
        if not self._settings.sudo:
            self._settings.markets -= self.state.lost
            await self._hello(socket, account)
            return
        await self._hello(socket, 0)  # without sudo the account may not be ours to act as
        await self._regain_sudo(socket, account)

    async def _hello(self, socket: ClientConnection, account: int) -> None:
        """Authenticates, and reads until the first snapshots are here."""
        settings = self._settings
        hello = self.state.hello(
            settings.token,
            act_as=account,
            markets=sorted(settings.markets),
            all_markets=settings.all_markets,
            summaries=settings.summaries,
            frames_per_second=settings.frames_per_second,
        )
        if settings.sudo:
            self.state.switch()
        await send_now(socket, pb.ClientMessage(request_id=HELLO_ID, authenticate=hello))
        while not self.state.ready:
            self._read(await socket.recv())

    async def _regain_sudo(self, socket: ClientConnection, account: int) -> None:
        """Sudo, the markets that are visible only with it, and the account acted as.

        An operator whose rights have ended meanwhile continues without. Raises Refused if trying again can help.
        """
        hidden = [id for id in self._settings.markets if not self.state.follows(market_stream(id))]
        requests = [pb.ClientMessage(request_id=SUDO_ID, set_sudo=pb.SetSudo(on=True))]
        if hidden:
            again = pb.Subscribe(subscriptions=subscriptions(sorted(hidden), False, False))
            requests.append(pb.ClientMessage(request_id=AGAIN_ID, subscribe=again))
        if account != self.state.account_id:
            requests.append(pb.ClientMessage(request_id=ACT_AS_ID, act_as=pb.ActAs(account_id=account)))
        await send_now(socket, *requests)
        waits_for = {request.request_id for request in requests}
        while waits_for:
            waits_for.difference_update(message.request_id for message in self._read(await socket.recv()).messages)
        self.state.switched()

    async def _converse(self, socket: ClientConnection) -> _Loss:
        self._settings.backoff.connected()
        self._outgoing = asyncio.Queue()  # no longer than Pending allows
        for frame in pack(self._pending.to_repeat(self.state.account_id)):
            self._outgoing.put_nowait(frame)
        writer = asyncio.create_task(self._write(socket, self._outgoing))
        begun = asyncio.get_running_loop().time()
        self._wake()
        try:
            while not self.state.stuck:
                async with asyncio.timeout(SILENCE_SECONDS):
                    data = await socket.recv()
                self._read(data)
            return _Loss(ABNORMAL, "a gap that the exchange does not fill")
        finally:
            if asyncio.get_running_loop().time() - begun >= HELD_SECONDS:
                self._settings.backoff.reset()
            self._outgoing = None
            self._settings.act_as = self.state.account_id
            self._pending.disconnected()
            writer.cancel()
            self._wake()

    async def _write(self, socket: ClientConnection, outgoing: asyncio.Queue[bytes]) -> None:
        try:
            while True:
                await socket.send(await outgoing.get())
        except ConnectionClosed:
            pass  # the reader gets it too
        except Exception:
            log.exception("requests cannot be sent; connecting again")
            await socket.close()  # ends the reader

    # --- Reading

    def _read(self, data: str | bytes) -> pb.ServerFrame:
        if isinstance(data, str):
            raise DecodeError("a text message, where frames are binary")
        frame = pb.ServerFrame.FromString(data)
        for update in self.state.feed(frame):
            for updates in self._listeners:
                updates.put(update)
        self._listeners = [updates for updates in self._listeners if not updates.closed]
        for message in frame.messages:
            if is_reply(message, message.WhichOneof("message") or ""):
                self._apply_reply(message)
        self._wake()
        return frame

    def _apply_reply(self, message: pb.ServerMessage) -> None:
        if message.HasField("sudo_set"):  # the exchange may also end it by itself
            self._settings.sudo = message.sudo_set.on
        if message.request_id not in OPENING_IDS:
            request = self._pending.answer(message)
            if request is not None:
                self._settings.follow(request.body)
        elif message.HasField("refused"):
            self._refused(message.request_id, refusal(message.refused))

    def _refused(self, request_id: str, error: Refused) -> None:
        """A request of the opening was refused, or a whole frame."""
        if not self.state.ready or (request_id in OPENING_IDS[1:] and error.code in PASSING):
            raise error
        if request_id == SUDO_ID:
            self._settings.sudo = False
        log.warning("the exchange refused %s: %s", request_id or "a frame", error)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for change in waiting:
            if not change.done():
                change.set_result(None)


async def send_now(socket: ClientConnection, *messages: pb.ClientMessage) -> None:
    await socket.send(pb.ClientFrame(messages=messages).SerializeToString())


def wrong_address(url: str, error: Exception) -> str:
    """Why no exchange will ever answer at this address, as a sentence; "" if it may only be away."""
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return f"{url} does not speak TLS or cannot be trusted: {error}. Without TLS the address begins with ws://."
    if not isinstance(error, InvalidStatus):
        return ""
    status = error.response.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in PASSING_STATUSES:
        return ""
    return f"{url} is not an exchange's socket: the server answered HTTP {status}. The path of the socket is /ws."
