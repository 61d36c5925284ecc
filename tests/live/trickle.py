"""People who each send one request after another while something is away, whatever is answered."""

import asyncio
import time
from collections.abc import Sequence

from proto import exchange_pb2 as pb
from tests.live.load import Person
from tests.live.raw_socket import WAIT_SECONDS, RawSocket

PAUSE_SECONDS = 0.02  # between two requests of a person


class Trickle:
    def __init__(self, people: Sequence[Person], markets: Sequence[int]) -> None:
        self.people = people
        self._markets = markets
        self._asked_at: dict[str, float] = {}
        self._answered = asyncio.Event()

    async def until_answered(self, since: float) -> float:
        """Waits until each person has an acknowledged request that was sent after that moment. Returns the seconds."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not all(
                any(self._asked_at.get(key, 0) > since for key in reversed(person.acknowledged))
                for person in self.people
            ):
                self._answered.clear()
                await self._answered.wait()
        return time.monotonic() - since

    async def send(self, person: Person, socket: RawSocket) -> None:
        accounts = [other.account for other in self.people if other is not person]
        while True:
            request = person.request(self._markets, accounts)
            self._asked_at[request.request_id] = time.monotonic()
            await socket.send(request)
            await asyncio.sleep(PAUSE_SECONDS)

    async def read(self, person: Person, socket: RawSocket) -> None:
        while True:
            for message in await socket.receive():
                if message.refused.code != pb.OUTCOME_UNKNOWN:
                    person.record(message)
            socket.received.clear()
            self._answered.set()
