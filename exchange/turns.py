"""Lets requests take few places in turn, so that whoever asks for much waits for itself and for nobody else."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# How many requests may wait or run. A browser asks for a whole auction board at once over HTTP/2: 60 pictures.
SESSION_MAX = 128
# Of all sessions of an address, and without one: a class behind one address opens its first page with all its files.
ADDRESS_MAX = 4_096


class TooMany(Exception):
    """The session or its address has as many requests here as it may. Nothing was done."""


class Turns:
    """Addresses take turns, whatever sessions they name; so do the sessions of an address. "" stands for no session."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: dict[str, dict[str, deque[asyncio.Future[None]]]] = {}  # by address and session, next ones first
        self._count: Counter[tuple[str, ...]] = Counter()  # by address, and by address and session

    @asynccontextmanager
    async def place(self, address: str, session: str) -> AsyncIterator[None]:
        """Waits for a place, and gives it back at the end. Raises TooMany at once."""
        if self._count[address,] >= ADDRESS_MAX or (session and self._count[address, session] >= SESSION_MAX):
            raise TooMany
        keys = (address,), (address, session)
        self._count.update(keys)
        try:
            await self._take(address, session)
            try:
                yield
            finally:
                self._give()
        finally:
            for key in keys:
                self._count[key] -= 1
                if not self._count[key]:
                    del self._count[key]

    async def _take(self, address: str, session: str) -> None:
        if self._free:
            self._free -= 1
            return
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, {}).setdefault(session, deque()).append(given)
        try:
            await given
        except asyncio.CancelledError:
            if not given.cancelled():  # it was given in the same turn of the loop
                self._give()
            raise

    def _give(self) -> None:
        """Gives a place to the next that still waits."""
        while self._waiting:
            following = self._next()
            if not following.cancelled():
                following.set_result(None)
                return
        self._free += 1

    def _next(self) -> asyncio.Future[None]:
        """Takes out the first request of the first session of the first address, and puts both behind the others."""
        address = next(iter(self._waiting))
        sessions = self._waiting.pop(address)
        session = next(iter(sessions))
        requests = sessions.pop(session)
        following = requests.popleft()
        if requests:
            sessions[session] = requests
        if sessions:
            self._waiting[address] = sessions
        return following
