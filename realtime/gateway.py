"""The only way into the matching queue: for sockets, pages, REST and the admin.

A process has one gateway. Its hub opens it and attaches it; ask() and ask_sync() use the attached one.
"""

import asyncio
import itertools
import logging
import secrets
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer
from django.db import connections

from proto import exchange_pb2 as wire
from realtime import limits
from realtime.errors import Outdated, RequestFailed, busy, outcome_unknown
from realtime.groups import MATCHING
from realtime.limits import RateClass
from realtime.messages import (
    ChargeMessage,
    CommandMessage,
    DrawMessage,
    MessageLayer,
    Request,
    RequestMessage,
    RevokedMessage,
    charge_message,
    command_message,
    draw_message,
    message_layer,
    revoked_message,
)
from realtime.rights import Rights

logger = logging.getLogger(__name__)

PERSON = Rights()

T = TypeVar("T")


class Gateway:
    """Sends this process's messages to the matching queue, and keeps the asks that wait for a reply."""

    def __init__(self) -> None:
        self.process = secrets.token_hex(8)
        self.channel = ""  # the hub's channel, where replies arrive
        self.loop: asyncio.AbstractEventLoop | None = None
        self._layer: MessageLayer | None = None
        self._failing = False  # the layer did not take the last message; an outage is logged once
        self._beat_at = float("-inf")  # time.monotonic() of the matcher's last beat
        self._revocations = 0  # that the last beat told of
        self._origin = f"{self.process}.ask"
        self._numbers = itertools.count(1)
        self._asks: dict[int, asyncio.Future[bytes]] = {}

    def open(self, layer: BaseChannelLayer, channel: str) -> None:
        """Connects the gateway to the layer, on the running event loop."""
        self._layer = message_layer(layer)
        self.channel = channel
        self.loop = asyncio.get_running_loop()

    def beat(self, revocations: int) -> None:
        """Notes that the matcher is alive, and how many revocations it has heard of."""
        self._beat_at = time.monotonic()
        self._revocations = revocations

    @property
    def revocations(self) -> int | None:
        """The count of the last beat. None while the matcher is silent."""
        return None if self.silent else self._revocations

    @property
    def silent(self) -> bool:
        """Whether no beat has come for BEAT_SECONDS_MAX: probably nobody reads the queue."""
        return time.monotonic() - self._beat_at > limits.BEAT_SECONDS_MAX

    async def send(self, message: RequestMessage | ChargeMessage | DrawMessage | RevokedMessage) -> None:
        """Puts a message into the queue. Raises RequestFailed: BUSY if the queue is full or the matcher is silent,
        OUTCOME_UNKNOWN if the layer fails."""
        if self.silent or self._layer is None:
            raise busy("The exchange is not answering at the moment.")
        try:
            await self._layer.send(MATCHING, message)
        except ChannelFull as error:
            raise busy("Too many requests are waiting.") from error
        except Exception as error:  # from the layer's backend, which may have taken the message all the same
            if not self._failing:
                logger.exception("The channel layer failed.")
            self._failing = True
            raise outcome_unknown() from error
        self._failing = False

    async def charge(self, user: int, sudo: bool, rate_class: RateClass, cost: int) -> None:
        """Takes tokens from a person's rates for a message that this process refused itself. The charge is lost if the
        queue does not take it."""
        with suppress(RequestFailed):
            await self.send(charge_message(user, sudo, rate_class, cost))

    async def ask(
        self,
        user: int,
        message: wire.ClientMessage,
        account: int,
        sudo: bool,
        rights: Rights,
        limits: bool = False,
        as_of: int | None = None,
    ) -> wire.ServerMessage:
        """See the module's ask()."""
        request: Request = {
            "origin": self._origin,
            "number": next(self._numbers),
            "reply": self.channel,
            "user": user,
            "account": account,
            "sudo": sudo,
            "rights": rights,
            "received_us": time.time_ns() // 1000,
            "count": 1,
            "data": wire.ClientFrame(messages=[message]).SerializeToString(),
        }
        return await self._answered(command_message(request, limits=limits, as_of=as_of))

    async def draw(
        self, user: int, rate_class: RateClass, sudo: bool, cost: int, as_of: int | None = None
    ) -> wire.Limits:
        """See the module's draw()."""
        message = draw_message(
            origin=self._origin,
            number=next(self._numbers),
            reply=self.channel,
            user=user,
            sudo=sudo,
            rate_class=rate_class,
            cost=cost,
            as_of=as_of,
        )
        try:
            return (await self._answered(message)).limits
        except RequestFailed as failed:
            if failed.reason == wire.OUTCOME_UNKNOWN:  # a draw has no other effect: the caller may try again
                raise busy("The exchange is not answering at the moment.") from failed
            raise

    async def revoked(self) -> None:
        """See the module's revoked_sync()."""
        message = revoked_message(origin=self._origin, number=next(self._numbers), reply=self.channel)
        await self._answered(message)

    async def _answered(self, message: CommandMessage | DrawMessage | RevokedMessage) -> wire.ServerMessage:
        """Sends the message and returns its reply. Raises RequestFailed as send() does, OUTCOME_UNKNOWN after
        ASK_SECONDS_MAX, or the refusal in the reply; Outdated if the reply has no frame."""
        number = message["number"]
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asks[number] = answer
        try:
            await self.send(message)
            async with asyncio.timeout(limits.ASK_SECONDS_MAX):
                frame = await answer
        except TimeoutError as error:
            raise outcome_unknown() from error
        finally:
            del self._asks[number]
        if not frame:
            raise Outdated
        reply = wire.ServerFrame.FromString(frame).messages[0]
        if reply.HasField("refused"):
            charged = reply.limits if reply.HasField("limits") else None
            raise RequestFailed(reply.refused.code, reply.refused.message, reply.refused.retry_after_ms, charged)
        return reply

    def answer(self, number: int, frame: bytes) -> None:
        """Hands the reply to the ask with this number. Drops it if nobody waits any more."""
        if (waiting := self._asks.get(number)) and not waiting.done():
            waiting.set_result(frame)

    def forget(self) -> None:
        """Ends all waiting asks with OUTCOME_UNKNOWN: the matcher that got them is gone, or this process is ending."""
        for waiting in self._asks.values():
            if not waiting.done():
                waiting.set_exception(outcome_unknown())


_attached: Gateway | None = None


def attach(gateway: Gateway) -> None:
    """Makes it this process's gateway."""
    global _attached
    _attached = gateway


def detach(gateway: Gateway) -> None:
    """Ends the gateway with its hub."""
    global _attached
    gateway.forget()
    if _attached is gateway:
        _attached = None


async def ask(
    user: int,
    message: wire.ClientMessage,
    *,
    account: int = 0,
    sudo: bool = False,
    rights: Rights = PERSON,
    limits: bool = False,
    as_of: int | None = None,
) -> wire.ServerMessage:
    """Has the matcher execute one command. Returns its reply, which is sent after the commit.

    `user` is the principal, `account` the acted-as account (0: the person's own). Raises RequestFailed: with the code
    of the refusal; BUSY if the command was not taken; OUTCOME_UNKNOWN after ASK_SECONDS_MAX (the caller may ask again
    with the same key). Raises RuntimeError inside a database transaction: on SQLite the transaction would hold the lock
    that the journal waits for. With `limits`, the reply or the RequestFailed holds the bucket that was charged.
    `as_of` is the count of revocations() when the sender's credential was looked up, if that was for an earlier
    request. Raises Outdated if there are others now.
    """
    _refuse_in_transaction()
    return await _open_gateway().ask(user, message, account, sudo, rights, limits, as_of)


def ask_sync(
    user: int,
    message: wire.ClientMessage,
    *,
    account: int = 0,
    sudo: bool = False,
    rights: Rights = PERSON,
    limits: bool = False,
) -> wire.ServerMessage:
    """ask() for the thread of a synchronous view. Also raises RuntimeError on the thread of the event loop."""
    _refuse_in_transaction()
    gateway = _open_gateway()
    return _wait(gateway, gateway.ask(user, message, account, sudo, rights, limits))


async def draw(
    user: int, rate_class: RateClass, *, sudo: bool = False, cost: int = 1, as_of: int | None = None
) -> wire.Limits:
    """Takes `cost` tokens from the person's bucket for work that needs no matcher, and returns what is left. Raises
    RequestFailed: RATE_LIMITED with the bucket, or BUSY if the matcher does not answer. `as_of` is that of ask()."""
    return await _open_gateway().draw(user, rate_class, sudo, cost, as_of)


def draw_sync(user: int, rate_class: RateClass, *, sudo: bool = False, cost: int = 1) -> wire.Limits:
    """draw() for the thread of a synchronous view."""
    gateway = _open_gateway()
    return _wait(gateway, gateway.draw(user, rate_class, sudo, cost))


def revoked_sync() -> None:
    """Has the matcher refuse, from now on, requests of processes that remember credentials as they were before. Call it
    after the commit, on any thread but the event loop's. Raises RequestFailed if it is not heard."""
    gateway = _open_gateway()
    _wait(gateway, gateway.revoked())


def revocations() -> int | None:
    """How many revocations this process knows of. None: the matcher is not heard, so what is remembered may be old."""
    return _attached.revocations if _attached is not None else None


def is_answering() -> bool:
    """Whether the matcher has sent this process a beat lately."""
    return _attached is not None and not _attached.silent


def _wait(gateway: Gateway, asking: Coroutine[Any, Any, T]) -> T:
    """Runs the coroutine on the gateway's loop and waits for its result on this thread."""
    assert gateway.loop is not None
    if _in_event_loop():
        asking.close()
        raise RuntimeError("ask_sync() would block the event loop that has to answer it: await ask().")
    asked = asyncio.run_coroutine_threadsafe(asking, gateway.loop)
    try:
        return asked.result(2 * limits.ASK_SECONDS_MAX)  # longer than ask() takes, unless the loop has ended
    except TimeoutError as error:
        raise outcome_unknown() from error


def _open_gateway() -> Gateway:
    if _attached is None or _attached.loop is None:
        raise busy("The exchange is not running.")
    return _attached


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _refuse_in_transaction() -> None:
    if any(connection.in_atomic_block for connection in connections.all(initialized_only=True)):
        raise RuntimeError("The matcher must not be asked inside a database transaction.")
