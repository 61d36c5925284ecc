"""Answers requests that change nothing: about a connection, for a history, and a hub's resync.

No read ends the process. It has changed nothing, and one reader could end the exchange for all: an exception is logged
and answered INTERNAL.
"""

import logging
from collections.abc import Iterable

from markets.engine.errors import Reason, Rejected
from markets.matching.batch import EXPIRED, is_late, parsed
from markets.matching.history_requests import HistoryRequests
from markets.matching.sessions import Answer, Sessions
from markets.wire import codec
from markets.wire.decoding import Asker
from realtime.frames import encoded
from realtime.messages import HistoryMessage, RequestMessage, ResyncedMessage, ResyncMessage, SessionMessage

logger = logging.getLogger(__name__)

UNREADABLE = Rejected(Reason.INTERNAL, "The exchange could not read this. Nothing changed; ask again.")


class Reads:
    """Call its methods between two batches."""

    def __init__(self, sessions: Sessions, history_requests: HistoryRequests) -> None:
        self._sessions = sessions
        self._history_requests = history_requests

    async def answers(
        self, requests: Iterable[tuple[SessionMessage | HistoryMessage, Asker]], now_us: int
    ) -> list[tuple[RequestMessage, Answer]]:
        """The answers. Those of histories follow later, with HistoryRequests.answers()."""
        found = [(message, await self._answer(message, asker, now_us)) for message, asker in requests]
        return [(message, answer) for message, answer in found if answer is not None]

    async def _answer(self, message: SessionMessage | HistoryMessage, asker: Asker, now_us: int) -> Answer | None:
        request = parsed(message).messages[0]
        if is_late(message, now_us):
            return Answer([encoded(codec.refusal(request.request_id, EXPIRED))], None)
        try:
            if message["type"] == "history":
                return self._history_requests.ask(message, request, asker, now_us)
            return await self._sessions.answer(request, asker, message["subscriptions"], now_us)
        except Exception:
            kind = request.WhichOneof("message")
            logger.exception("A request %s of user %s could not be answered.", kind, asker.user)
            return Answer([encoded(codec.refusal(request.request_id, UNREADABLE))], None)

    async def resync(self, message: ResyncMessage) -> list[ResyncedMessage]:
        """What a hub has missed. Nothing if it cannot be read: the hub asks again."""
        try:
            return await self._sessions.resync(message["streams"])
        except Exception:
            logger.exception("A hub's resync of %d streams could not be answered.", len(message["streams"]))
            return []
