"""Socket: one connection with its person, the streams that it follows, and its requests in the matching queue."""

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
    """Who signed in. `credential` identifies the session or token that they used; it is looked up again every 5 s."""

    user: int
    name: str
    credential: Hashable
    rights: Rights = Rights()


class Pending(NamedTuple):
    """A layer message that has no reply yet. `data` is its ClientFrame: it holds the request ids, in case no reply
    comes in time."""

    data: bytes
    commands: int
    deadline: float  # loop time
    done: asyncio.Future[SocketControl | None] | None  # only of a session message


class Person:
    """All sockets of one user in this process."""

    def __init__(self, user: int) -> None:
        self.user = user
        self.sockets: set[Socket] = set()
        self.commands = 0  # in the matching queue
        self.answered = asyncio.Event()  # set when commands have left the queue, or a socket is gone

    @property
    def subscribed(self) -> int:
        """Returns how many subscriptions all sockets of the person have together."""
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
        self.sudo_ends = False  # the hub is turning sudo off, and the matcher has not replied yet
        self.ready = False  # the matcher has admitted it
        self.account = 0  # acted as
        self.streams: set[str] = set()  # that it follows
        self.left: set[str] = set()  # streams unsubscribed from; a repeated entitlement must not start them again
        self.all_markets = False
        self.all_summaries = False
        self.subscribed: set[int] = set()  # market ids, ALL_MARKETS and SUMMARIES
        self.up_to_date_at = float("-inf")  # loop time of the last UpToDate
        self._number = 0  # of the last layer message
        self._commands = 0  # in the matching queue
        self._pending: dict[int, Pending] = {}

    @property
    def subscriptions(self) -> SocketSubscriptions:
        """Returns what a session message tells the matcher about the socket."""
        return {
            "streams": sorted(self.streams),
            "left": sorted(self.left),
            "all_markets": self.all_markets,
            "all_summaries": self.all_summaries,
        }

    def expect(self, data: bytes, commands: int, done: asyncio.Future[SocketControl | None] | None = None) -> int:
        """Registers a layer message that is about to be sent. Returns its number, which the reply will carry."""
        assert self.person is not None
        self._number += 1
        self._commands += commands
        self.person.commands += commands
        deadline = self._loop.time() + limits.REPLY_SECONDS_MAX
        self._pending[self._number] = Pending(data, commands, deadline, done)
        return self._number

    def expect_within(self, seconds: float) -> None:
        """Gives the messages that are pending no more than so long."""
        latest = self._loop.time() + seconds
        for number, pending in self._pending.items():
            self._pending[number] = pending._replace(deadline=min(pending.deadline, latest))

    def settle(self, number: int, control: SocketControl | None = None) -> bool:
        """Removes a pending message: its reply has come, or will not come. Returns False if there is none with this
        number, because the reply is late or came twice."""
        pending = self._pending.pop(number, None)
        if pending is None:
            return False
        self._release(pending.commands)
        if pending.done is not None and not pending.done.done():
            pending.done.set_result(control)
        return True

    async def room(self, commands: int) -> None:
        """Waits until so many more commands may join the queue, or until the socket is closed."""
        person = self.person
        assert person is not None
        while not self.closed and (
            self._commands + commands > limits.SOCKET_COMMANDS_MAX
            or person.commands + commands > limits.PERSON_COMMANDS_MAX
        ):
            person.answered.clear()
            await person.answered.wait()

    def tick(self) -> None:
        """Runs every TICK_SECONDS. Replies OUTCOME_UNKNOWN to requests without a reply in time, and closes the socket
        of a client that does not read."""
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
        """Marks the socket closed, and wakes the tasks that wait for a reply or for room."""
        super().lost()
        self.forget_pending()
        if self.person is not None:
            self.person.answered.set()

    def forget_pending(self) -> None:
        """Removes all pending messages. No reply to them will be passed on."""
        for number in list(self._pending):
            self.settle(number)

    def _release(self, commands: int) -> None:
        assert self.person is not None
        self._commands -= commands
        self.person.commands -= commands
        self.person.answered.set()
