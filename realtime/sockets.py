"""One socket with the person behind it: what it follows, and what it has in the matching queue."""

import asyncio
from collections.abc import Hashable
from typing import NamedTuple

from proto import exchange_pb2 as wire
from realtime import limits
from realtime.errors import outcome_unknown
from realtime.frames import encoded
from realtime.messages import SocketControl, SocketSubscriptions
from realtime.outbox import Outbox, Outlet, Turn
from realtime.rights import Rights


class Principal(NamedTuple):
    """Who signed in. `credential` names the session or token that let them in, and is looked up again every 5 s."""

    user: int
    name: str
    credential: Hashable
    rights: Rights = Rights()


class Pending(NamedTuple):
    """A layer message whose reply is awaited. `data` is its ClientFrame, for the ids if there is no reply in time."""

    data: bytes
    commands: int
    deadline: float  # loop time
    done: asyncio.Future[SocketControl | None] | None  # of a session message


class Person:
    """All sockets of one user in this process."""

    def __init__(self, user: int) -> None:
        self.user = user
        self.sockets: set[Socket] = set()
        self.commands = 0  # in the matching queue
        self.answered = asyncio.Event()  # something has left the queue, or a socket has gone

    @property
    def subscribed(self) -> int:
        """How many subscriptions all sockets have together."""
        return sum(len(socket.subscribed) for socket in self.sockets)


class Socket(Outbox):
    """An outbox with an origin (the matcher's name for it) and, once signed in, a person."""

    def __init__(self, origin: str, outlet: Outlet, turn: Turn) -> None:
        super().__init__(outlet, turn)
        self.origin = origin
        self.person: Person | None = None  # None: not signed in
        self.credential: Hashable = None
        self.rights = Rights()
        self.sudo = False
        self.sudo_ends = False  # by itself, and the matcher has not answered yet
        self.ready = False  # the matcher has let it in
        self.account = 0  # acted as
        self.streams: set[str] = set()
        self.left: set[str] = set()  # unsubscribed from: an entitlement that is repeated does not bring them back
        self.all_markets = False
        self.all_summaries = False
        self.subscribed: set[int] = set()  # market ids, ALL_MARKETS and SUMMARIES
        self.up_to_date_at = float("-inf")  # loop time of the last UpToDate
        self._number = 0  # of the last layer message
        self._commands = 0  # in the matching queue
        self._pending: dict[int, Pending] = {}

    @property
    def subscriptions(self) -> SocketSubscriptions:
        """What a session message tells the matcher."""
        return {
            "streams": sorted(self.streams),
            "left": sorted(self.left),
            "all_markets": self.all_markets,
            "all_summaries": self.all_summaries,
        }

    def expect(self, data: bytes, commands: int, done: asyncio.Future[SocketControl | None] | None = None) -> int:
        """A layer message is about to be sent. Returns its number, to which the reply will refer."""
        assert self.person is not None
        self._number += 1
        self._commands += commands
        self.person.commands += commands
        deadline = self._loop.time() + limits.REPLY_SECONDS_MAX
        self._pending[self._number] = Pending(data, commands, deadline, done)
        return self._number

    def settle(self, number: int, control: SocketControl | None = None) -> bool:
        """The reply is there, or will not come. False if nothing waits for it: late, or delivered twice."""
        pending = self._pending.pop(number, None)
        if pending is None:
            return False
        self._release(pending.commands)
        if pending.done is not None and not pending.done.done():
            pending.done.set_result(control)
        return True

    async def room(self, commands: int) -> None:
        """Returns when so many commands may join the queue, or when the socket is closed."""
        person = self.person
        assert person is not None
        while not self.closed and (
            self._commands + commands > limits.SOCKET_COMMANDS_MAX
            or person.commands + commands > limits.PERSON_COMMANDS_MAX
        ):
            person.answered.clear()
            await person.answered.wait()

    def tick(self) -> None:
        """Once a second: what got no answer in time is told so, who does not read is closed."""
        now = self._loop.time()
        while self._pending:
            number, pending = next(iter(self._pending.items()))
            if pending.deadline > now:
                break
            self.settle(number)
            for message in wire.ClientFrame.FromString(pending.data).messages:
                self.push(encoded(outcome_unknown().reply(message.request_id)))
        self.check_stall()

    def lost(self) -> None:
        """Whoever waits for a reply or for room is let go."""
        super().lost()
        self.forget_pending()
        if self.person is not None:
            self.person.answered.set()

    def forget_pending(self) -> None:
        """No reply will be passed on any more."""
        for number in list(self._pending):
            self.settle(number)

    def _release(self, commands: int) -> None:
        assert self.person is not None
        self._commands -= commands
        self.person.commands -= commands
        self.person.answered.set()
