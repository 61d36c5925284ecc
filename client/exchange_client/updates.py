"""The stream of updates, for those who want each as it happens rather than the state it leads to."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

from exchange_client.errors import ExchangeError, SlowConsumer
from exchange_client.state import Update

QUEUE_UPDATES = 10_000


class Updates(AsyncIterator[Update]):
    """Iterate to hear what happens from now on, on the named streams or on all.

    Who falls `limit` updates behind gets SlowConsumer once, and then the end. When the connection is given up, its
    error comes after the last update; when it is closed, just the end.
    """

    def __init__(self, streams: Iterable[str], limit: int = QUEUE_UPDATES) -> None:
        self._streams = frozenset(streams)
        self._limit = limit
        self._queue: deque[Update] = deque()
        self._news = asyncio.Event()
        self._error: ExchangeError | None = None
        self.closed = False

    def put(self, update: Update) -> None:
        """Nothing, if the update is of other streams or nobody listens any more."""
        if self.closed or (self._streams and update.stream not in self._streams):
            return
        if len(self._queue) >= self._limit:
            self._queue.clear()
            self.close(SlowConsumer(f"{self._limit} updates waited to be read"))
            return
        self._queue.append(update)
        self._news.set()

    def close(self, error: ExchangeError | None = None) -> None:
        """What waits is still read; then comes the error, if there is one, and the end."""
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
