"""An iterator of updates, for programs that want each as it happens rather than the state that results."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

from exchange_client.errors import ExchangeError, SlowConsumer
from exchange_client.state import Update

QUEUE_UPDATES = 10_000


class Updates(AsyncIterator[Update]):
    """Iterates over what happens from now on, on the named streams or on all.

    When `limit` updates wait to be read, it raises SlowConsumer and ends. When the connection is given up, it raises
    that error after the last update. When the connection is closed, it just ends.
    """

    def __init__(self, streams: Iterable[str], limit: int = QUEUE_UPDATES) -> None:
        self._streams = frozenset(streams)
        self._limit = limit
        self._queue: deque[Update] = deque()
        self._news = asyncio.Event()
        self._error: ExchangeError | None = None
        self.closed = False

    def put(self, update: Update) -> None:
        """Adds an update to the queue, unless it is of another stream or the iterator has ended."""
        if self.closed or (self._streams and update.stream not in self._streams):
            return
        if len(self._queue) >= self._limit:
            self._queue.clear()
            self.close(SlowConsumer(f"{self._limit} updates waited to be read"))
            return
        self._queue.append(update)
        self._news.set()

    def close(self, error: ExchangeError | None = None) -> None:
        """Ends the iterator, with an error or without, after the updates that wait are read."""
        if not self.closed:
            self.closed = True
            self._error = error
            self._news.set()

    async def __anext__(self) -> Update:
        while not self._queue:
            if self.closed:
                error, self._error = self._error, None
                raise error or StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._queue.popleft()
