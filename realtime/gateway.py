"""The one door to the matching queue, from anywhere: sockets, pages, REST, the admin.

A process has one gateway, opened by its hub. ask() and ask_sync() find it by attach().
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
from realtime.errors import RequestFailed, busy, outcome_unknown
from realtime.groups import MATCHING
from realtime.limits import RateClass
from realtime.messages import (
    ChargeMessage,
    CommandMessage,
    DrawMessage,
    MessageLayer,
    Request,
    RequestMessage,
    charge_message,
    command_message,
    draw_message,
    message_layer,
)
from realtime.rights import Rights

logger = logging.getLogger(__name__)

PERSON = Rights()

T = TypeVar("T")


class Gateway:
    """What one process says to the matching queue, and its asks that wait for an answer."""

    def __init__(self) -> None:
        self.process = secrets.token_hex(8)
        self.channel = ""  # the hub's, where answers come
        self.loop: asyncio.AbstractEventLoop | None = None
        self._layer: MessageLayer | None = None
        self._heard_at = float("-inf")  # time.monotonic() of the matcher's last beat
        self._origin = f"{self.process}.ask"
        self._numbers = itertools.count(1)
        self._asks: dict[int, asyncio.Future[bytes]] = {}

    def open(self, layer: BaseChannelLayer, channel: str) -> None:
        self._layer = message_layer(layer)
        self.channel = channel
        self.loop = asyncio.get_running_loop()

    def heard(self) -> None:
        """The matcher is alive."""
        self._heard_at = time.monotonic()

    @property
    def silent(self) -> bool:
        """No beat for BEAT_SECONDS_MAX: what is sent would wait for nobody."""
        return time.monotonic() - self._heard_at > limits.BEAT_SECONDS_MAX

    async def send(self, message: RequestMessage | ChargeMessage | DrawMessage) -> None:
        """Puts a message into the queue. Raises RequestFailed: BUSY if it is full or nobody reads it,
        OUTCOME_UNKNOWN if the layer fails."""
        if self.silent or self._layer is None:
            raise busy("The exchange is not answering at the moment.")
        try:
            await self._layer.send(MATCHING, message)
        except ChannelFull as error:
            raise busy("Too many requests are waiting.") from error
        except Exception as error:  # of the layer's backend, which may have taken it all the same
            logger.exception("The channel layer failed.")
            raise outcome_unknown() from error

    async def charge(self, user: int, sudo: bool, rate_class: RateClass, cost: int) -> None:
        """Takes from a person's rates for what does not go through the queue. Lost if the queue takes nothing."""
        with suppress(RequestFailed):
            await self.send(charge_message(user, sudo, rate_class, cost))

    async def ask(
        self, user: int, message: wire.ClientMessage, account: int, sudo: bool, rights: Rights, limits: bool = False
    ) -> wire.ServerMessage:
        """As the module's ask()."""
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
        return await self._answered(command_message(request, limits=limits))

    async def draw(self, user: int, rate_class: RateClass, sudo: bool, cost: int) -> wire.Limits:
        """As draw_sync()."""
        message = draw_message(
            origin=self._origin,
            number=next(self._numbers),
            reply=self.channel,
            user=user,
            sudo=sudo,
            rate_class=rate_class,
            cost=cost,
        )
        try:
            return (await self._answered(message)).limits
        except RequestFailed as failed:
            if failed.reason == wire.OUTCOME_UNKNOWN:  # nothing else hangs on it
                raise busy("The exchange is not answering at the moment.") from failed
            raise

    async def _answered(self, message: CommandMessage | DrawMessage) -> wire.ServerMessage:
        """Sends the message and returns its reply. Raises RequestFailed as send() does, or as the reply says."""
        number = message["number"]
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asks[number] = answer
        try:
            await self.send(message)
            async with asyncio.timeout(limits.ASK_SECONDS_MAX):
                reply = wire.ServerFrame.FromString(await answer).messages[0]
        except TimeoutError as error:
            raise outcome_unknown() from error
        finally:
            del self._asks[number]
        if reply.HasField("refused"):
            charged = reply.limits if reply.HasField("limits") else None
            raise RequestFailed(reply.refused.code, reply.refused.message, reply.refused.retry_after_ms, charged)
        return reply

    def answer(self, number: int, frame: bytes) -> None:
        """The reply to an ask; dropped if nobody waits any more."""
        if (waiting := self._asks.get(number)) and not waiting.done():
            waiting.set_result(frame)

    def forget(self) -> None:
        """The matcher that was asked is gone, or this process is ending."""
        for waiting in self._asks.values():
            if not waiting.done():
                waiting.set_exception(outcome_unknown())


_attached: Gateway | None = None


def attach(gateway: Gateway) -> None:
    """From now on it is this process's gateway."""
    global _attached
    _attached = gateway


def detach(gateway: Gateway) -> None:
    """Its hub has ended."""
    global _attached
    gateway.forget()
    if _attached is gateway:
        _attached = None


async def ask(
    user: int, message: wire.ClientMessage, *, account: int = 0, sudo: bool = False, rights: Rights = PERSON
) -> wire.ServerMessage:
    """Has the matcher execute one command and returns its reply, which is sent after the commit.

    `user` is the principal, `account` the acted-as account (0: the person's own). Raises RequestFailed with the
    refusal's code; BUSY if it was not taken; OUTCOME_UNKNOWN after ASK_SECONDS_MAX: ask again with the same key.
    Raises RuntimeError inside a database transaction: on SQLite it would hold the lock that the journal waits for.
    """
    _refuse_in_transaction()
    return await _open_gateway().ask(user, message, account, sudo, rights)


def ask_sync(
    user: int,
    message: wire.ClientMessage,
    *,
    account: int = 0,
    sudo: bool = False,
    rights: Rights = PERSON,
    limits: bool = False,
) -> wire.ServerMessage:
    """ask() for the thread of a synchronous view. Raises RuntimeError on the event loop's own thread too. With `limits`
    the reply, and RequestFailed, tell of the bucket that was charged."""
    _refuse_in_transaction()
    gateway = _open_gateway()
    return _wait(gateway, gateway.ask(user, message, account, sudo, rights, limits))


def draw_sync(user: int, rate_class: RateClass, *, sudo: bool = False, cost: int = 1) -> wire.Limits:
    """Takes `cost` tokens of the person's bucket for something that the matcher has no part in, and returns what is
    left. Raises RequestFailed: RATE_LIMITED with the bucket, or as ask_sync()."""
    gateway = _open_gateway()
    return _wait(gateway, gateway.draw(user, rate_class, sudo, cost))


def is_answering() -> bool:
    """Whether this process has heard the matcher lately."""
    return _attached is not None and not _attached.silent


def _wait(gateway: Gateway, asking: Coroutine[Any, Any, T]) -> T:
    """Has the gateway's loop do it, from another thread."""
    assert gateway.loop is not None
    if _in_event_loop():
        asking.close()
        raise RuntimeError("ask_sync() would stop the event loop that has to answer it: await ask().")
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
