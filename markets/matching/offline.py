"""Runs commands while no exchange runs: the same messages go through a Matcher of this process, under its lock."""

import asyncio
import itertools
from collections.abc import Mapping
from types import TracebackType
from typing import Self, cast

from channels.layers import BaseChannelLayer

from markets.journal.journal import Journal
from markets.matching.matcher import Matcher, utc_us
from markets.matching.process import load_matcher
from proto.exchange_pb2 import ClientFrame, ClientMessage, ServerFrame, ServerMessage
from realtime.errors import RequestFailed
from realtime.messages import RepliesMessage, Request, command_message
from realtime.rights import Rights


class OfflineExchange:
    """`with OfflineExchange() as exchange:` holds the lock. Raises journal.lock.MatcherRuns if an exchange runs."""

    def __init__(self) -> None:
        self._layer = _Recorder()
        self._numbers = itertools.count()

    def __enter__(self) -> Self:
        self._journal = Journal()
        try:
            self._journal.take_lock()
            self._matcher: Matcher = load_matcher(self._layer, self._journal)
        except BaseException:
            self._journal.close()
            raise
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._matcher.create_house())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.close()
        self._journal.close()

    def ask(self, user: int, message: ClientMessage, *, account: int = 0, sudo: bool = False) -> ServerMessage:
        """Returns the reply after the commit, like realtime.gateway.ask_sync(). RequestFailed if it was refused."""
        request: Request = {
            "origin": "offline",
            "number": next(self._numbers),
            "reply": "offline",
            "user": user,
            "account": account,
            "sudo": sudo,
            "rights": Rights(),
            "received_us": utc_us(),
            "count": 1,
            "data": ClientFrame(messages=[message]).SerializeToString(),
        }
        self._loop.run_until_complete(self._matcher.step([command_message(request)]))
        reply = ServerFrame.FromString(self._layer.last).messages[0]
        if reply.HasField("refused"):
            raise RequestFailed(reply.refused.code, reply.refused.message, reply.refused.retry_after_ms)
        return reply


class _Recorder(BaseChannelLayer):
    """A layer without hubs. It keeps the last reply."""

    last = b""

    async def send(self, channel: str, message: Mapping[str, object]) -> None:
        ((_, _, frames, _),) = cast(RepliesMessage, message)["items"]
        self.last = b"".join(frames)

    async def group_send(self, group: str, message: Mapping[str, object]) -> None:
        """Drops the message: there is no hub."""
